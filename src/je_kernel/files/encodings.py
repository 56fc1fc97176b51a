"""Detect the encoding of a text file, and decode it."""

from __future__ import annotations

import codecs
import sys
import warnings
from pathlib import Path

from je_kernel.arguments import check_encoding
from je_kernel.errors import UnreadableError

__all__ = [
    "EncodingGuessWarning",
    "decode",
    "encoding_of",
    "guess_encoding",
    "looks_like_html",
    "refuse_html",
    "warn_caller",
]

_PACKAGE = str(Path(__file__).parents[1])

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 4096  # bytes
_HTML_STARTS = (b"<!doctype html", b"<html", b"<head", b"<!-- saved from url")


class EncodingGuessWarning(UserWarning):
    """A text file is not in UTF-8, so its encoding was guessed."""


def encoding_of(data: bytes) -> str | None:
    r"""Return the Unicode encoding of a text, or None if it is in another one.

    Examples
    --------
    >>> encoding_of("é".encode()), encoding_of("é".encode("utf-8-sig")), encoding_of(b"\xe9")
    ('utf-8', 'utf-8-sig', None)
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    if wide := _utf_16_of(data[:_SAMPLE]):
        return wide
    try:
        # Decoding is the only reliable test. Pieces keep its memory small.
        decoder = codecs.getincrementaldecoder("utf-8")()
        for start in range(0, len(data), 1 << 20):
            decoder.decode(data[start : start + (1 << 20)])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return None
    return "utf-8"


def _utf_16_of(sample: bytes) -> str | None:
    r"""Return the UTF-16 encoding of a text without a byte-order mark, or None.

    Every other byte of such a text is mostly 0.

    Examples
    --------
    >>> _utf_16_of("a,b\n".encode("utf-16-le")), _utf_16_of(b"a\0b\0\0\0\0\0")
    ('utf-16-le', None)
    """
    first, second = sample[::2], sample[1::2]
    for zeros, others, encoding in ((second, first, "utf-16-le"), (first, second, "utf-16-be")):
        if len(sample) > 1 and zeros.count(0) * 2 > len(zeros) and not others.count(0):
            return encoding
    return None


def guess_encoding(data: bytes, name: str) -> str:
    """Return the encoding of a text. Warn if it is a guess.

    Parameters
    ----------
    data
        The text.
    name
        Its name, for the warning.
    """
    encoding = encoding_of(data)
    if encoding is not None:
        return encoding
    # Windows-1252 is Latin-1 with more letters, but five bytes are undefined in it.
    try:
        data.decode("cp1252")
        encoding = "cp1252"
    except UnicodeDecodeError:
        encoding = "latin-1"
    warn_caller(
        f"{name!r} is not in UTF-8: it was read as {encoding}. If its letters look wrong, "
        f"say which encoding it is in: files.read({name!r}, encoding='...').",
        EncodingGuessWarning,
    )
    return encoding


def warn_caller(message: str, category: type[Warning]) -> None:
    """Warn at the line that called je-kernel, not at one of ours.

    Parameters
    ----------
    message, category
        As of `warnings.warn`.
    """
    if sys.version_info >= (3, 12):
        warnings.warn(message, category, skip_file_prefixes=(_PACKAGE,))
    else:
        warnings.warn(message, category, stacklevel=3)


def decode(data: bytes, name: str, encoding: str | None = None) -> str:
    """Decode a file's bytes.

    Parameters
    ----------
    data
        The bytes.
    name
        The file's name, for messages.
    encoding
        Its encoding, or None to detect it.

    Raises
    ------
    UnreadableError
        If it is not text in this encoding.
    ArgumentError
        If there is no such encoding.
    """
    if encoding is not None:
        check_encoding(encoding)
    try:
        return data.decode(encoding or guess_encoding(data, name))
    except UnicodeError as error:
        start = getattr(error, "start", 0)
        raise UnreadableError(
            f"Could not read {name!r}: byte {start} is not valid {encoding}. "
            "Leave encoding= out, and je-kernel detects it."
        ) from None


def looks_like_html(data: bytes) -> bool:
    r"""Return whether a file is a web page, whatever its extension.

    Examples
    --------
    >>> looks_like_html(b"\n<!DOCTYPE html><title>404</title>"), looks_like_html(b"a,b\\n1,2")
    (True, False)
    """
    return data[:1024].removeprefix(codecs.BOM_UTF8).lstrip().lower().startswith(_HTML_STARTS)


def refuse_html(data: bytes, name: str) -> None:
    """Raise an error if a data file is really a web page."""
    if looks_like_html(data):
        raise UnreadableError(
            f"{name!r} looks like a web page (HTML) saved under another name, often the error "
            "or login page of a site. Download the data again with its direct address, "
            f"or look inside with files.read_text({name!r})."
        )
