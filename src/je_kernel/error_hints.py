"""Add a hint to an error that a cell shows: how to get a missing module, how to free memory.

`install` replaces the shell's ``showtraceback`` as the kernel starts. What only a hint needs is
imported when there is an error.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from je_kernel import memory_limit, runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["hint_for", "install", "uninstall"]

# Compiled, and not part of a site; pandas reads Parquet, Feather and ORC with either.
_PARQUET_ENGINES = frozenset({"fastparquet", "pyarrow"})
_NEEDS_A_SCREEN = frozenset({"curses", "idlelib", "tkinter", "turtledemo"})


def install(shell: InteractiveShell) -> None:
    """Add hints to the errors that a shell shows. Idempotent.

    The note is added when the error is about to be shown, so code that catches
    an ImportError sees the error as it was raised.

    Parameters
    ----------
    shell
        The IPython shell.
    """
    own = vars(shell).get("showtraceback")
    if hasattr(own, "je_kernel_replaced"):
        return
    show = shell.showtraceback

    def showtraceback(exc_tuple: Any = None, *args: Any, **kwargs: Any) -> Any:
        error = exc_tuple[1] if exc_tuple else sys.exc_info()[1]
        if isinstance(error, MemoryError):
            return _show_without_memory(error, shell, lambda: show(exc_tuple, *args, **kwargs))
        if isinstance(error, (ImportError, AttributeError)):
            _add_hint(error)
        elif isinstance(error, memory_limit.TOO_LARGE):
            _add_note(error, memory_limit.explain(error, shell.user_ns))
        return show(exc_tuple, *args, **kwargs)

    showtraceback.je_kernel_replaced = own  # type: ignore[attr-defined]
    shell.showtraceback = showtraceback  # type: ignore[method-assign]


def uninstall(shell: InteractiveShell) -> None:
    """Undo `install`.

    Parameters
    ----------
    shell
        The IPython shell.
    """
    ours: Any = vars(shell).get("showtraceback")
    if not hasattr(ours, "je_kernel_replaced"):
        return
    del shell.showtraceback
    if ours.je_kernel_replaced is not None:
        shell.showtraceback = ours.je_kernel_replaced  # type: ignore[method-assign]


def _add_hint(error: ImportError | AttributeError) -> None:
    try:
        from je_kernel.compatibility import package_of_module
        from je_kernel.imports.shadowing import shadowing_hint

        site_modules = package_of_module()
        hint = shadowing_hint(error, site_modules)
        if hint is None and isinstance(error, ImportError):
            hint = hint_for(
                error,
                can_wait=runtime.can_run_sync(),
                neighbours=_neighbours(error),
                site_modules=site_modules,
            )
    except Exception:
        # A failing hint must not hide the error itself.
        return
    _add_note(error, hint)


def _add_note(error: BaseException, note: str | None) -> None:
    if note is not None and note not in getattr(error, "__notes__", ()):
        error.add_note(note)


def _show_without_memory(
    error: MemoryError, shell: InteractiveShell, show: Callable[[], Any]
) -> Any:
    """Free the memory reserve, show the error, and fill the reserve again."""
    memory_limit.free_reserve()
    try:
        _add_note(error, memory_limit.explain(error, shell.user_ns))
        return show()
    finally:
        memory_limit.free_frames(error)
        memory_limit.keep_reserve()


def _neighbours(error: ImportError) -> list[str]:
    """Return the modules in the notebook's folder, without the missing one."""
    from pathlib import Path

    return [path.stem for path in Path.cwd().glob("*.py") if path.stem != error.name]


def hint_for(
    error: ImportError,
    *,
    can_wait: bool,
    neighbours: Collection[str] = (),
    site_modules: Collection[str] = (),
    imported: Collection[str] = sys.modules,
) -> str | None:
    """Return what to do about a failed import.

    The site's own packages load by the import itself. What remains are other packages,
    standard modules that a browser cannot have, and misspelt names.

    Parameters
    ----------
    error
        The error.
    can_wait
        Whether `je_kernel.install` works here.
    neighbours
        The modules in the notebook's folder.
    site_modules
        The modules of the site's packages.
    imported
        The modules that are imported already: an installation does not add a
        missing part of these.

    Returns
    -------
    str or None
        Sentences for a student; None if there is no hint.

    Examples
    --------
    >>> error = ModuleNotFoundError("No module named 'docx'", name="docx")
    >>> print(hint_for(error, can_wait=True))
    If it is a published package, this installs it:
    <BLANKLINE>
        je_kernel.install("python-docx")
    >>> error = ModuleNotFoundError("No module named 'Pandas'", name="Pandas")
    >>> print(hint_for(error, can_wait=True, site_modules=["pandas"], imported=[]))
    Did you mean: import pandas
    """
    from je_kernel.errors import PackageNotLoadedError
    from je_kernel.package_install import PUBLISHED_AS
    from je_kernel.stand_ins.advice import advice_for

    if isinstance(error, PackageNotLoadedError):
        return None
    if isinstance(error.__cause__, PackageNotLoadedError):
        return str(error.__cause__)
    if "could not load dynamic lib" in str(error):
        return (
            "A compiled part of this package was made for another system or another version of"
            " Python than this browser's. Ask whoever runs the site for a version that fits."
        )
    if (error.name or "").startswith("google."):  # a part that the stand-in lacks
        return advice_for("google")
    missing = _missing_module(error)
    if missing is None or missing in imported:
        return None
    if missing in _NEEDS_A_SCREEN:
        return (
            f"{missing} draws windows on a computer's screen; a notebook in the browser has none."
            " For pictures use matplotlib, for buttons and sliders the widgets of je_kernel."
        )
    if missing in sys.stdlib_module_names:
        return f"{missing} is a part of Python that cannot work in a browser."
    advice = advice_for(missing)
    if advice is not None:
        return advice
    if missing in _PARQUET_ENGINES:
        return (
            f"Tables in the formats Parquet, Feather and ORC are read by {missing}, which this site"
            " does not bring and which cannot be installed here. Look for the same data as CSV or"
            " JSON, or ask whoever runs the site to add it."
        )
    if near := _nearest(missing, neighbours):
        return f"Beside this notebook lies {near}.py. Did you mean: import {near}"
    if near := _nearest(missing, site_modules):
        return f"Did you mean: import {near}"
    package = PUBLISHED_AS.get(missing, missing)
    return f"If it is a published package, this installs it:\n\n{_line(package, can_wait)}"


def _nearest(missing: str, names: Collection[str]) -> str | None:
    import difflib

    spellings = {name.lower(): name for name in names}
    near = difflib.get_close_matches(missing.lower(), spellings, 1, 0.7)
    return spellings[near[0]] if near else None


def _line(package: str, can_wait: bool) -> str:
    return f'    je_kernel.install("{package}")' if can_wait else f"    %pip install {package}"


def _missing_module(error: ImportError) -> str | None:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return error.name.partition(".")[0]
    import re

    # As pandas writes it: "... Use pip or conda to install the xlrd package."
    match = re.search(r"\bpip\b[^.]{0,60}? install (?:the )?[`'\"]?([A-Za-z0-9_-]+)", str(error))
    return match[1] if match else None
