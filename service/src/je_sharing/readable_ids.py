"""Readable ids: three adjectives and an animal, drawn at random.

No id is reserved beforehand: the database's unique constraint decides whether an id is free, and
if it is not, another is drawn. So there is no pool to fill, no race between processes, and no
order by which ids could be guessed.

Ids of two adjectives and an animal, which earlier versions drew, stay valid.
"""

import math
import re
import secrets

from je_sharing.words import ADJECTIVES, ANIMALS

_SHAPE = re.compile(r"[a-z]+(?:-[a-z]+){2,3}")
_ADJECTIVES_OF_AN_ID = 3
_random = secrets.SystemRandom()


def combinations() -> int:
    """Count the ids there are.

    Examples
    --------
    >>> combinations() >= 2**33
    True
    """
    return math.perm(len(ADJECTIVES), _ADJECTIVES_OF_AN_ID) * len(ANIMALS)


def draw() -> str:
    """Draw an id with the system's random source.

    Returns
    -------
    str
        Three different adjectives and an animal, joined with hyphens.

    Examples
    --------
    >>> draw().count("-")
    3
    """
    adjectives = _random.sample(ADJECTIVES, _ADJECTIVES_OF_AN_ID)
    return "-".join([*adjectives, _random.choice(ANIMALS)])


def could_be_readable_id(text: str) -> bool:
    """Tell whether a text has the shape of an id, so that others need no query.

    Examples
    --------
    >>> could_be_readable_id("calm-silver-brave-otter"), could_be_readable_id("../etc/passwd")
    (True, False)
    >>> could_be_readable_id("calm-silver-otter")
    True
    """
    return len(text) <= 80 and _SHAPE.fullmatch(text) is not None
