"""Parse the JSON of a notebook, and replace values that the renderers cannot process."""

import json
from typing import Any

_MOST_DIGITS = 300


def read_notebook(content: bytes) -> Any:
    r"""Read a notebook.

    Parameters
    ----------
    content
        A valid notebook's JSON, in UTF-8.

    Returns
    -------
    Any
        Its values. A surrogate without its other half, which JSON can say but UTF-8 cannot, is a
        replacement character, also in a name.

    Examples
    --------
    >>> read_notebook(rb'{"\ud83d\udc1f": "\ud83d."}')
    {'🐟': '�.'}
    """
    value = json.loads(content, parse_int=_number)
    if b"\\ud" in content or b"\\uD" in content:
        text = json.dumps(value, ensure_ascii=False)
        repaired = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        value = json.loads(repaired, parse_int=_number)
    return value


def _number(digits: str) -> int | float:
    # Python refuses to write out, and to read, an int of thousands of digits.
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def joined(value: Any) -> str:
    r"""Join nbformat's multi-line string: one string, or a list of them.

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
