"""Makes errors say what to do next, in an IPython shell: failed imports, and a lack of memory.

This is the part that starts with the kernel, and no more: what there is to say is in
`je_kernel.memory_limit`, and in `je_kernel.imports.missing_modules`, loaded when an import fails.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from je_kernel import memory_limit, runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["hint_imports", "unhint_imports"]


def hint_imports(shell: InteractiveShell) -> None:
    """Have errors say what to do next; doing it twice does no harm.

    The note is added when the error is about to be shown, so code that catches
    an ImportError sees the error as it was raised.

    Parameters
    ----------
    shell
        The IPython shell whose tracebacks are meant.
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


def unhint_imports(shell: InteractiveShell) -> None:
    """Take back what `hint_imports` has done.

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
        from je_kernel.imports.missing_modules import hint_for
        from je_kernel.imports.shadowing import shadowing_hint
        from je_kernel.imports.site_packages import module_owners

        brought = module_owners()
        hint = shadowing_hint(error, brought)
        if hint is None and isinstance(error, ImportError):
            hint = hint_for(
                error,
                can_wait=runtime.can_run_sync(),
                neighbours=_neighbours(error),
                brought=brought,
            )
    except Exception:
        # Nothing may stand between a student and the error itself.
        return
    _add_note(error, hint)


def _add_note(error: BaseException, note: str | None) -> None:
    if note is not None and note not in getattr(error, "__notes__", ()):
        error.add_note(note)


def _show_without_memory(
    error: MemoryError, shell: InteractiveShell, show: Callable[[], Any]
) -> Any:
    """Show an error that takes more memory to be shown than there is."""
    memory_limit.free_reserve()
    try:
        _add_note(error, memory_limit.explain(error, shell.user_ns))
        return show()
    finally:
        memory_limit.free_frames(error)
        memory_limit.keep_reserve()


def _neighbours(error: ImportError) -> list[str]:
    """Return the modules beside the notebook that are called otherwise than what is missing."""
    from pathlib import Path

    return [path.stem for path in Path.cwd().glob("*.py") if path.stem != error.name]
