"""Draws the phases of a start: ``.venv/bin/python -m benchmarks.phases startup.json phases.svg``.

The numbers are those that ``python -m benchmarks startup --json startup.json`` wrote.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "je-kernel"  # the same picture has the same bytes

import matplotlib.pyplot as plt  # noqa: E402

from benchmarks.startup import LESSON, NO_SNAPSHOT, OURS, STOCK  # noqa: E402

PHASES = (
    ("click_to_page", "the notebook is shown", "#56B4E9"),
    ("click_to_kernel", "its first cell begins", "#E69F00"),
    ("click_to_dataframe", "import pandas; a table", "#009E73"),
)
SIDES = {STOCK: "stock JupyterLite", NO_SNAPSHOT: "je-kernel, no snapshot", OURS: "je-kernel"}


def draw(numbers: Path, picture: Path) -> None:
    """Draw the medians of a benchmark's rows as bars, one for each site."""
    rows = json.loads(numbers.read_text(encoding="utf-8"))["rows"]
    medians = {(r["side"], r["metric"]): r["median"] for r in rows if r["case"] == LESSON}
    figure, axes = plt.subplots(figsize=(8, 2.6), layout="constrained")
    titles = [SIDES[side] for side in reversed(SIDES)]
    for place, side in enumerate(reversed(SIDES)):
        before = 0.0
        for metric, phase, colour in PHASES:
            end = medians[side, metric]
            label = phase if side == OURS else None
            axes.barh(place, end - before, left=before, color=colour, label=label)
            before = end
        axes.text(before, place, f" {before:.1f} s", va="center")
    axes.set_yticks(range(len(titles)), titles)
    axes.set_xlabel("seconds from the click on a lesson's link, warm cache")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.1)
    figure.legend(loc="outside upper center", ncols=len(PHASES), frameon=False)
    figure.savefig(picture, metadata={"Date": None})


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
