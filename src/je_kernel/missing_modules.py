"""What a failed import says: the one line that installs what is missing.

The kernel loads the packages that the site brings as soon as a cell imports
them. What is left are packages of others, modules that are missing from Python
in a browser, and misspelt names.
"""

from __future__ import annotations

import difflib
import re
import sys
from typing import TYPE_CHECKING

from je_kernel.packages import PUBLISHED_AS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["hint_for"]

# Compiled, and not among what sites bring; each reads the same kinds of tables for pandas.
_PARQUET_ENGINES = frozenset({"fastparquet", "pyarrow"})
_NEEDS_A_SCREEN = frozenset({"curses", "idlelib", "tkinter", "turtledemo"})


def hint_for(
    error: ImportError,
    owners: Mapping[str, str],
    *,
    can_wait: bool,
    neighbours: Collection[str] = (),
    loaded: Collection[str] = sys.modules,
) -> str | None:
    """Say how to get what an import did not find.

    Parameters
    ----------
    error
        The error.
    owners
        Which of the site's packages each module belongs to.
    can_wait
        Whether `install` works here.
    neighbours
        The modules that lie beside the notebook.
    loaded
        The modules that are imported: of these only a part is missing, which
        no installation brings.

    Returns
    -------
    str or None
        Sentences for a student; None where there is nothing to say.

    Examples
    --------
    >>> error = ModuleNotFoundError("No module named 'sklearn'", name="sklearn")
    >>> print(hint_for(error, {"sklearn": "scikit-learn"}, can_wait=True, loaded=[]))
    This site brings it. To install it, run
    <BLANKLINE>
        je_kernel.install("scikit-learn")
    """
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
    package = owners.get(missing) or owners.get(missing.lower())
    if package is not None:
        return f"This site brings it. To install it, run\n\n{_line(package, can_wait)}"
    if missing in _PARQUET_ENGINES:
        return (
            f"Tables in the formats Parquet, Feather and ORC are read by {missing}, which this site"
            " does not bring and which cannot be installed here. Look for the same data as CSV or"
            " JSON, or ask whoever runs the site to add it."
        )
    near = difflib.get_close_matches(missing, neighbours, 1, 0.7)
    if near:
        return f"Beside this notebook lies {near[0]}.py. Did you mean: import {near[0]}"
    package = PUBLISHED_AS.get(missing, missing)
    return f"If it is a published package, this installs it:\n\n{_line(package, can_wait)}"


def _line(package: str, can_wait: bool) -> str:
    return f'    je_kernel.install("{package}")' if can_wait else f"    %pip install {package}"


def _missing_module(error: ImportError) -> str | None:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return error.name.partition(".")[0]
    # As pandas says it: "... Use pip or conda to install the xlrd package."
    told = re.search(r"\bpip\b[^.]{0,60}? install (?:the )?[`'\"]?([A-Za-z0-9_-]+)", str(error))
    return told[1] if told else None
