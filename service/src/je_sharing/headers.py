"""The headers of a request."""

from starlette.requests import Request


def header_of(request: Request, name: bytes) -> str:
    """Read a header, without making a mapping of them all first.

    Parameters
    ----------
    request
        Whose headers.
    name
        In small letters, as the server gives them.

    Returns
    -------
    str
        The first of that name; empty when there is none.

    Examples
    --------
    >>> header_of(Request({"type": "http", "headers": [(b"etag", b"1")]}), b"etag")
    '1'
    """
    headers: list[tuple[bytes, bytes]] = request.scope["headers"]
    for key, value in headers:
        if key == name:
            return value.decode("latin-1")
    return ""


# Python refuses to read thousands of digits, and nobody means a number that long.
_MOST_DIGITS = 18


def whole_number(text: str) -> int | None:
    """Read a number that a stranger wrote.

    Parameters
    ----------
    text
        Decimal digits of ASCII alone, 18 at most.

    Returns
    -------
    int or None
        None for everything else.

    Examples
    --------
    >>> whole_number("42"), whole_number("-1"), whole_number("9" * 5000)
    (42, None, None)
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None
