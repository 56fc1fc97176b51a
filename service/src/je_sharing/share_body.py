"""Parse the body of a request to share a notebook; keep the notebook's exact bytes."""

import json
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

import msgspec

from je_sharing.validation import NotANotebookError, parse_json

_SPACE = " \t\r\n"


@dataclass(frozen=True)
class ShareBody:
    """The parsed body of a share.

    Parameters
    ----------
    notebook
        The notebook's JSON as it was sent.
    password
        The password for later updates; empty for none.
    """

    notebook: bytes
    password: str


class BadShareBodyError(ValueError):
    """The body is not a JSON object."""


class _Body(msgspec.Struct):
    notebook: msgspec.Raw
    password: str | None = None


_decoder = msgspec.json.Decoder(_Body)


def parse_share_body(body: bytes) -> ShareBody:
    """Parse the body of a share.

    Parameters
    ----------
    body
        `{"notebook": {...}, "password": "..."}` in UTF-8.

    Returns
    -------
    ShareBody
        Notebook and password.

    Raises
    ------
    BadShareBodyError
        When the body is not a JSON object.
    NotANotebookError
        When it is, but has no notebook, or a password that is not text.

    Examples
    --------
    >>> parse_share_body(b'{"password": "", "notebook": {"x":  1.50}}').notebook
    b'{"x":  1.50}'
    """
    try:
        opened = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        # Either msgspec is too strict (lone surrogates, 1e400), or there is an error to explain.
        return _open_slowly(body)
    return ShareBody(bytes(opened.notebook), opened.password or "")


def _open_slowly(body: bytes) -> ShareBody:
    try:
        whole = parse_json(body)
    except NotANotebookError as error:
        raise BadShareBodyError(str(error)) from error
    if not isinstance(whole, dict):
        raise BadShareBodyError('The body must be a JSON object: {"notebook": …, "password": ""}.')
    if "notebook" not in whole:
        raise NotANotebookError('The body has no "notebook".')
    password = whole.get("password")
    if not (password is None or (isinstance(password, str) and _is_unicode(password))):
        raise NotANotebookError('The "password" must be text.')
    return ShareBody(_slice_of("notebook", body.decode("utf-8")).encode("utf-8"), password or "")


def _is_unicode(text: str) -> bool:
    """Tell whether a text has no lone surrogates, which no later call could send again."""
    return text.encode("utf-8", "ignore").decode() == text


def _slice_of(wanted: str, text: str) -> str:
    """Return the text of a member's value in a valid JSON object; the last of duplicates."""
    decoder = json.JSONDecoder()
    found = ""
    position = _skip(text, _skip(text, 0) + 1)
    while text[position] != "}":
        name: str
        name, position = scanstring(text, position + 1, False)
        start = _skip(text, _skip(text, position) + 1)
        position = _end_of_value(decoder, text, start)
        if name == wanted:
            found = text[start:position]
        position = _skip(text, position)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return found


def _end_of_value(decoder: json.JSONDecoder, text: str, start: int) -> int:
    ignored: tuple[Any, int] = decoder.raw_decode(text, start)
    return ignored[1]


def _skip(text: str, position: int) -> int:
    while text[position] in _SPACE:
        position += 1
    return position
