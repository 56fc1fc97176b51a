"""What a failed import says: the one line that installs what is missing.

What the site brings is loaded by the import itself. What is left are packages of
others, modules that are missing from Python in a browser, and misspelt names.
"""

from __future__ import annotations

import difflib
import re
import sys
from typing import TYPE_CHECKING

from je_kernel.errors import PackageNotLoadedError
from je_kernel.package_install import PUBLISHED_AS
from je_kernel.stand_ins.advice import advice_for

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["hint_for"]

# Compiled, and not among what sites bring; each reads the same kinds of tables for pandas.
_PARQUET_ENGINES = frozenset({"fastparquet", "pyarrow"})
_NEEDS_A_SCREEN = frozenset({"curses", "idlelib", "tkinter", "turtledemo"})


def hint_for(
    error: ImportError,
    *,
    can_wait: bool,
    neighbours: Collection[str] = (),
    brought: Collection[str] = (),
    loaded: Collection[str] = sys.modules,
) -> str | None:
    """Say how to get what an import did not find.

    Parameters
    ----------
    error
        The error.
    can_wait
        Whether `install` works here.
    neighbours
        The modules that lie beside the notebook.
    brought
        The modules that the site brings.
    loaded
        The modules that are imported: of these only a part is missing, which
        no installation brings.

    Returns
    -------
    str or None
        Sentences for a student; None where there is nothing to say.

    Examples
    --------
    >>> error = ModuleNotFoundError("No module named 'docx'", name="docx")
    >>> print(hint_for(error, can_wait=True))
    If it is a published package, this installs it:
    <BLANKLINE>
        je_kernel.install("python-docx")
    >>> error = ModuleNotFoundError("No module named 'Pandas'", name="Pandas")
    >>> print(hint_for(error, can_wait=True, brought=["pandas"], loaded=[]))
    Did you mean: import pandas
    """
    if isinstance(error, PackageNotLoadedError):
        return None
    if isinstance(error.__cause__, PackageNotLoadedError):
        return str(error.__cause__)
    if "could not load dynamic lib" in str(error):
        return (
            "A compiled part of this package was made for another system or another version of"
            " Python than this browser's. Ask whoever runs the site for a version that fits."
        )
    if (error.name or "").startswith("google."):  # a part that ours does not have
        return advice_for("google")
    missing = _missing_module(error)
    if missing is None or missing in loaded:
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
    if near := _nearest(missing, brought):
        return f"Did you mean: import {near}"
    package = PUBLISHED_AS.get(missing, missing)
    return f"If it is a published package, this installs it:\n\n{_line(package, can_wait)}"


def _nearest(missing: str, names: Collection[str]) -> str | None:
    spellings = {name.lower(): name for name in names}
    near = difflib.get_close_matches(missing.lower(), spellings, 1, 0.7)
    return spellings[near[0]] if near else None


def _line(package: str, can_wait: bool) -> str:
    return f'    je_kernel.install("{package}")' if can_wait else f"    %pip install {package}"


def _missing_module(error: ImportError) -> str | None:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return error.name.partition(".")[0]
    # As pandas says it: "... Use pip or conda to install the xlrd package."
    told = re.search(r"\bpip\b[^.]{0,60}? install (?:the )?[`'\"]?([A-Za-z0-9_-]+)", str(error))
    return told[1] if told else None
