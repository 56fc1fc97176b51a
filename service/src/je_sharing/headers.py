"""One header of a request."""

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
