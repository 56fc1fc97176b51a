"""Check the arguments of public functions."""

from __future__ import annotations

import codecs
import difflib
from typing import TYPE_CHECKING, Any

from je_kernel.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["check_choice", "check_encoding", "check_flag", "check_text", "shown"]

_SHOWN = 60  # characters of a value
_COMMON_ENCODINGS = ("utf-8", "latin-1", "cp1252", "utf-16")


def check_text(value: Any, argument: str, example: str) -> None:
    """Raise `ArgumentError` if a value is not text.

    Parameters
    ----------
    value
        The value.
    argument
        Its name in the message.
    example
        A valid value.

    Raises
    ------
    ArgumentError
        If it is of another type.

    Examples
    --------
    >>> check_text(3, "title", "My plot")
    Traceback (most recent call last):
    je_kernel.errors.ArgumentError: title has to be text in quotes, such as 'My plot', not an int.
    """
    if not isinstance(value, str):
        raise ArgumentError(
            f"{argument} has to be text in quotes, such as {example!r}, not {_type_of(value)}."
        )


def check_flag(value: Any, argument: str) -> None:
    """Raise `ArgumentError` if a value is not a bool: the text "False" would be true.

    Raises
    ------
    ArgumentError
        If it is another value.
    """
    if not isinstance(value, bool):
        raise ArgumentError(f"{argument} has to be True or False, not {shown(value)}.")


def check_choice(value: Any, argument: str, choices: Collection[str]) -> None:
    """Raise `ArgumentError` if a value is not one of some words.

    Raises
    ------
    ArgumentError
        If it is another value; the message suggests a similar word.

    Examples
    --------
    >>> check_choice("tabel", "kind", ["table", "text"])
    Traceback (most recent call last):
    je_kernel.errors.ArgumentError: There is no kind 'tabel'. Did you mean 'table'? ...
    """
    if isinstance(value, str) and value in choices:
        return
    meant = ""
    if isinstance(value, str):
        close = difflib.get_close_matches(value[:_SHOWN].lower(), choices, 1)
        meant = f" Did you mean {close[0]!r}?" if close else ""
    words = ", ".join(map(repr, choices))
    raise ArgumentError(f"There is no {argument} {shown(value)}.{meant} Write one of {words}.")


def check_encoding(value: Any) -> None:
    """Raise `ArgumentError` if a value is not a text encoding.

    Raises
    ------
    ArgumentError
        If Python knows no such encoding, or it is none of text.
    """
    check_text(value, "encoding", "utf-8")
    try:
        "".encode(value)  # unlike codecs.lookup, this refuses codecs of bytes
        codecs.lookup(value)
    except (LookupError, ValueError):
        common = ", ".join(map(repr, _COMMON_ENCODINGS))
        raise ArgumentError(
            f"There is no encoding {shown(value)}. Common ones are {common}."
        ) from None


def shown(value: Any) -> str:
    """Return a value for a message: shortened, or its type if it is not a plain value."""
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        text = repr(value[:_SHOWN] if isinstance(value, (str, bytes)) else value)
        return text if len(text) < 2 * _SHOWN else f"{text[:_SHOWN]}…"
    return _type_of(value)


def _type_of(value: Any) -> str:
    name = "None" if value is None else type(value).__name__
    return name if value is None else f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"
