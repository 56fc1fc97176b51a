"""Readable ids: adjective-adjective-animal, drawn at random.

Nothing is reserved beforehand: an id is drawn, the database's unique constraint decides whether
it is free, and a taken one is drawn again. So there is no pool to fill, no race between
processes, and no order that could be counted through.
"""

import re
import secrets

from je_sharing.words import ADJECTIVES, AQUATIC_ANIMALS

_SHAPE = re.compile(r"[a-z]+-[a-z]+-[a-z]+")


def combinations() -> int:
    """Count the ids there are.

    Examples
    --------
    >>> combinations() > 5_000_000
    True
    """
    return len(ADJECTIVES) * (len(ADJECTIVES) - 1) * len(AQUATIC_ANIMALS)


def draw() -> str:
    """Draw an id with the system's random source.

    Returns
    -------
    str
        Two different adjectives and an animal, joined with hyphens.

    Examples
    --------
    >>> draw().count("-")
    2
    """
    rest, animal = divmod(secrets.randbelow(combinations()), len(AQUATIC_ANIMALS))
    first, further = divmod(rest, len(ADJECTIVES) - 1)
    # Counting on from the first by at least one never meets the first again.
    second = (first + 1 + further) % len(ADJECTIVES)
    return f"{ADJECTIVES[first]}-{ADJECTIVES[second]}-{AQUATIC_ANIMALS[animal]}"


def could_be_readable_id(text: str) -> bool:
    """Tell whether a text has the shape of an id, so that others need no query.

    Examples
    --------
    >>> could_be_readable_id("calm-silver-otter"), could_be_readable_id("../etc/passwd")
    (True, False)
    """
    return len(text) <= 80 and _SHAPE.fullmatch(text) is not None
