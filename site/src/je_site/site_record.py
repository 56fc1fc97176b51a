"""What earlier builds did to a site, kept in the site itself.

A site is often built again on top of itself. The record tells what is ours, and
may be changed and taken back, from what the deployer made.
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
    """Return what is recorded of one part of a site.

    Parameters
    ----------
    output
        Root of the site.
    part
        Which part.

    Returns
    -------
    dict
        Empty if nothing is, or if it cannot be read.
    """
    recorded = _read(output).get(part)
    return recorded if isinstance(recorded, dict) else {}


def write_record(output: Path, part: Part, recorded: Mapping[str, Any]) -> None:
    """Record one part of a site, and leave the others as they are.

    Parameters
    ----------
    output
        Root of the site.
    part
        Which part.
    recorded
        What there is to know of it; anything that JSON can say.
    """
    content = json.dumps({**_read(output), part: recorded}, indent=2, sort_keys=True).encode()
    with atomic_write(output / RECORD) as file:
        file.write(content)


def _read(output: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((output / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}
