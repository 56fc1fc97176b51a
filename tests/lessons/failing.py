"""The cells of the corpus that fail in a site, each with the reason: `tests/site/test_lessons.py`.

Whoever mends one deletes it here.
"""

from __future__ import annotations

__all__ = ["FAILING", "NEEDING"]

#: By lesson and number of the cell among all of the notebook: why it fails in every site.
FAILING: dict[str, dict[int, str]] = {
    "geography/Volcanoes.ipynb": {5: "a memory map that is written back to its file"},
}

#: Cells that fail where a package could not be had when the site was built, as only Pyodide's
#: own servers have it, for they import it or use what such a cell made.
NEEDING: dict[str, dict[str, tuple[int, ...]]] = {
    "scikit-image": {"arts/Picture filters.ipynb": (11,)},
    "statsmodels": {
        "geography/Earthquakes.ipynb": (10,),
        "statistics/Regression.ipynb": (2, 6, 7, 8, 13),
    },
}
