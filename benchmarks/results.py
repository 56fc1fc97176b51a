"""What a benchmark reports: measured rows, and the ratios that are promised."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Measurements", "Report", "Row"]


@dataclass(frozen=True)
class Row:
    """One quantity of one side in one case, over all rounds."""

    case: str
    side: str
    metric: str
    unit: str
    min: float
    median: float
    max: float


@dataclass(frozen=True)
class Report:
    """The rows of a benchmark and its ratios, smaller than 1 where the first side needs less."""

    rows: tuple[Row, ...]
    ratios: dict[str, float]

    def write_json(self, path: Path) -> None:
        """Write ``{"rows": [...], "ratios": {...}}`` to a file."""
        text = json.dumps({"rows": [asdict(row) for row in self.rows], "ratios": self.ratios})
        path.write_text(text + "\n", encoding="utf-8")

    def __str__(self) -> str:
        header = ("case", "side", "metric", "min", "median", "max", "unit")
        lines = [header] + [
            (r.case, r.side, r.metric, _short(r.min), _short(r.median), _short(r.max), r.unit)
            for r in self.rows
        ]
        widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
        table = "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )
        ratios = "\n".join(f"{name:<40} {value:.3f}" for name, value in self.ratios.items())
        return f"{table}\n\n{ratios}"


@dataclass
class Measurements:
    """Collects the numbers of all rounds."""

    _values: dict[tuple[str, str, str, str], list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def add(self, case: str, side: str, metric: str, unit: str, value: float) -> None:
        """Take one number of one round."""
        self._values[case, side, metric, unit].append(value)

    def rows(self) -> tuple[Row, ...]:
        """Return the smallest, the median and the largest of every quantity."""
        return tuple(
            Row(*key, min(values), statistics.median(values), max(values))
            for key, values in self._values.items()
        )

    def median(self, case: str, side: str, metric: str) -> float:
        """Return the median of one quantity."""
        found = [v for (c, s, m, _), v in self._values.items() if (c, s, m) == (case, side, metric)]
        if not found:
            raise KeyError(f"nothing was measured for {case}, {side}, {metric}")
        return statistics.median(found[0])

    def ratio(self, case: str, metric: str, side: str, other: str) -> float:
        """Return the median of one side divided by that of another."""
        return self.median(case, side, metric) / self.median(case, other, metric)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
