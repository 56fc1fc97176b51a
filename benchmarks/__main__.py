"""``python -m benchmarks NAME``: measure, print a table, write JSON if asked."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

# Each name is a module of this package with a function `run(rounds: int) -> Report`.
BENCHMARKS = {
    "files": "reading and writing data files, against JupyterLite's drive",
    "interrupts": "from a press of Stop to the end of the cell, and what it costs a loop",
    "lessons": "a corpus of school lessons, against stock JupyterLite and CPython (takes an hour)",
    "network": "reading from URLs, against JavaScript's fetch and pyodide-http",
    "service": "a district's worst minute: 10,000 open a link, 2,000 share a notebook",
    "startup": "from opening a kernel to its first reply and to a DataFrame from a URL",
}


def main() -> None:
    """Run one benchmark, or list them all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=BENCHMARKS, help="which one; none lists them")
    parser.add_argument("--rounds", type=int, default=5, help="how often each side is measured")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args()
    if options.name is None:
        for name, what in BENCHMARKS.items():
            print(f"{name:<12} {what}")
        return
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    report = import_module(f"benchmarks.{options.name}").run(options.rounds)
    print(report)
    if options.json:
        report.write_json(options.json)


if __name__ == "__main__":
    main()
