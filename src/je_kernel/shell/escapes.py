"""Backslash escapes of ``echo -e``, ``printf`` and ``$'…'``."""

from __future__ import annotations

__all__ = ["unescape"]

_SIMPLE = {
    "\\": "\\", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
    "v": "\v", "'": "'", '"': '"',
}  # fmt: skip
_OCTAL = frozenset("01234567")
_HEX = frozenset("0123456789abcdefABCDEF")


def unescape(text: str) -> str:
    r"""Replace backslash escapes; one that is not known stays as it is.

    Bytes above 127 come out as surrogates, as everywhere in this shell.

    Examples
    --------
    >>> unescape(r"a\tb\x41\u00e9\101\q")
    'a\tbAéA\\q'
    """
    pieces = []
    at = 0
    while at < len(text):
        char = text[at]
        if char != "\\" or at + 1 == len(text):
            pieces.append(char)
            at += 1
            continue
        mark = text[at + 1]
        at += 2
        if mark in _SIMPLE:
            pieces.append(_SIMPLE[mark])
            continue
        digits, longest, base = {"x": (_HEX, 2, 16), "u": (_HEX, 4, 16), "U": (_HEX, 8, 16)}.get(
            mark, (_OCTAL, 4, 8)
        )
        begin = at - 1 if mark in _OCTAL else at
        end = begin
        while end < len(text) and end - begin < longest and text[end] in digits:
            end += 1
        if end == begin:
            pieces.append("\\" + mark)
            continue
        number = int(text[begin:end], base)
        at = end
        if mark in "uU":
            pieces.append(chr(number) if number < 0x110000 else "\N{REPLACEMENT CHARACTER}")
        else:
            pieces.append(bytes([number & 0xFF]).decode("utf-8", "surrogateescape"))
    return "".join(pieces)
