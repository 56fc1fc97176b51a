"""The table of what browsers force to differ, made of the cases that test it.

``python -m tests.conformance.differences`` writes it to the documentation.
"""

from __future__ import annotations

from pathlib import Path

from tests.conformance import registry

__all__ = ["PAGE", "text"]

PAGE = Path(__file__).parents[2] / "docs" / "networking-differences.md"

_BEGINNING = """\
# Where the network of a browser differs

<!-- Made by `python -m tests.conformance.differences` of the cases that test each row. -->

je-kernel gives a notebook in the browser the network that Python has elsewhere.
{same} of the {all} cases of its conformance suite expect the very same of ordinary
Python and of every browser. What follows is the rest: what browsers forbid, or do
on the way, for the safety of who uses them. Each row is tested on both sides.

| | ordinary Python | in a browser |
| --- | --- | --- |
"""


def text() -> str:
    """Return the page."""
    cases = registry.load().values()
    found = {case.law for case in cases if case.law is not None}
    laws = sorted(found, key=lambda law: law.topic.casefold())
    same = sum(case.law is None for case in cases)
    rows = "".join(f"| {law.topic} | {law.python} | {law.browser} |\n" for law in laws)
    return _BEGINNING.format(same=same, all=len(cases)) + rows


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text(), encoding="utf-8")
