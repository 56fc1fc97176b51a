"""nbformat's multi-line strings: one string, or a list of them."""

from typing import Any


def joined(value: Any) -> str:
    r"""Join a multi-line string.

    Examples
    --------
    >>> joined(["a\n", "b"]), joined("c"), joined(None)
    ('a\nb', 'c', '')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(item for item in value if isinstance(item, str))
    return ""
