"""Reads and writes the record of earlier builds, a file in the site.

A site is often built again on top of itself. The record distinguishes what a build wrote,
and may change or remove, from what the deployer made.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from je_site.cache import atomic_write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["RECORD", "read_record", "write_record"]

#: In the root of the site.
RECORD = "je-kernel.json"

Part = Literal["kernel", "pages", "application", "front ends", "manifest", "offline"]


def read_record(output: Path, part: Part) -> dict[str, Any]:
    """Return the record of one part of a site.

    Parameters
    ----------
    output
        Root of the site.
    part
        Which part.

    Returns
    -------
    dict
        Empty if there is none, or if it cannot be read.
    """
    recorded = _read(output).get(part)
    return recorded if isinstance(recorded, dict) else {}


def write_record(output: Path, part: Part, recorded: Mapping[str, Any]) -> None:
    """Write the record of one part of a site; those of the others stay.

    Parameters
    ----------
    output
        Root of the site.
    part
        Which part.
    recorded
        A document in JSON.
    """
    content = json.dumps({**_read(output), part: recorded}, indent=2, sort_keys=True).encode()
    with atomic_write(output / RECORD) as file:
        file.write(content)


def _read(output: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((output / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}
