"""Check how deeply a parsed JSON value is nested."""

from typing import Any


def nests_within(value: Any, limit: int) -> bool:
    """Tell whether a value nests no deeper than a limit.

    Parameters
    ----------
    value
        A JSON value.
    limit
        Most containers around each other; a plain value has none.

    Returns
    -------
    bool
        Whether it is within the limit.

    Examples
    --------
    >>> nests_within({"a": [1]}, 2), nests_within({"a": [1]}, 1), nests_within("text", 0)
    (True, False, True)
    """
    # Level by level, for a recursion would meet its own limit first.
    level = [value] if isinstance(value, dict | list) else []
    while level and limit > 0:
        limit -= 1
        level = [
            item
            for container in level
            for item in (container.values() if isinstance(container, dict) else container)
            if isinstance(item, dict | list)
        ]
    return not level
