"""Finds free places for words: replaces the only compiled module of wordcloud.

It uses as many random numbers as the compiled module, so that a cloud with a
``random_state`` looks the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["query_integral_image"]


def query_integral_image(
    integral_image: Any, size_x: int, size_y: int, random_state: Any
) -> tuple[int, int] | None:
    """Choose one of the free places for a rectangle.

    Parameters
    ----------
    integral_image
        For each pixel, the sum of all pixels above it and left of it.
    size_x, size_y
        Size of the rectangle, in pixels; x is the first index.
    random_state
        A `random.Random`.

    Returns
    -------
    tuple of int, or None
        The first corner of the rectangle; None if there is no free place.

    Examples
    --------
    >>> from random import Random
    >>> paper = np.zeros((5, 5), dtype=np.uint32)
    >>> query_integral_image(paper, 4, 4, Random(0))
    (0, 0)
    >>> full = np.cumsum(np.cumsum(paper + 1, axis=0), axis=1)
    >>> query_integral_image(full, 4, 4, Random(0)) is None
    True
    """
    rows = integral_image.shape[0] - size_x
    columns = integral_image.shape[1] - size_y
    if rows <= 0 or columns <= 0:
        return None
    area = integral_image[:rows, :columns] + integral_image[size_x:, size_y:]
    area = area - integral_image[size_x:, :columns] - integral_image[:rows, size_y:]
    free = np.flatnonzero(area.ravel() == 0)
    if not len(free):
        return None
    # The places count from 1, but the random number from 0, as in the compiled module.
    goal = random_state.randint(0, len(free))
    if goal == 0:
        return None
    row, column = divmod(int(free[goal - 1]), columns)
    return row, column
