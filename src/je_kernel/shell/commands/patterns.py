"""Translates the regular expressions of grep and sed into Python's."""

from __future__ import annotations

import re

from je_kernel.shell.options import CommandError

__all__ = ["compiled"]

_CLASSES = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "digit": "0-9", "lower": "a-z", "upper": "A-Z",
    "space": r"\s", "blank": r" \t", "xdigit": "0-9A-Fa-f", "punct": r"!-/:-@\[-`{-~",
    "word": r"\w",
}  # fmt: skip


def compiled(text: str, kind: str = "basic", flags: int = 0) -> re.Pattern[str]:
    r"""Compile a pattern of grep or sed.

    Parameters
    ----------
    text
        The pattern.
    kind
        ``"basic"``, ``"extended"``, ``"fixed"`` or ``"perl"``.
    flags
        Flags of Python's `re`.

    Examples
    --------
    >>> compiled(r"\(a\|b\)+").pattern, compiled("(a|b)+", "extended").pattern
    ('(a|b)\\+', '(a|b)+')
    >>> compiled("[[:digit:]]*x{2}").pattern
    '[0-9]*x\\{2\\}'
    """
    if kind in ("fixed", "perl"):
        pattern = re.escape(text) if kind == "fixed" else text
    else:
        pattern = _translated(text, extended=kind == "extended")
    try:
        return re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise CommandError(
            f"the pattern '{text}' is not a regular expression: {error}", 2
        ) from None


def _translated(text: str, *, extended: bool) -> str:
    pieces: list[str] = []
    at = 0
    # Whether this is the beginning of a pattern or group, where operators are plain characters.
    fresh = True
    while at < len(text):
        char = text[at]
        at += 1
        if char == "[":
            piece, at = _bracket(text, at)
            pieces.append(piece)
            fresh = False
            continue
        special = extended
        if char == "\\" and at < len(text):
            char = text[at]
            at += 1
            if char not in "(){}|+?":
                pieces.append(_escaped(char))
                fresh = False
                continue
            special = not extended
        if char in "(){}|+?":
            if special and fresh and char in "{+?":
                special = False
            pieces.append(char if special else re.escape(char))
            fresh = special and char in "(|"
        elif char == "*":
            pieces.append(re.escape(char) if fresh else char)
        elif char == "^":
            pieces.append("^" if extended or fresh else r"\^")
        elif char == "$":
            pieces.append(r"\Z" if extended or _ends(text[at:]) else r"\$")
        else:
            pieces.append(char if char == "." else re.escape(char))
        if char not in "()|^":
            fresh = False
    return "".join(pieces)


def _ends(rest: str) -> bool:
    return rest == "" or rest.startswith((r"\)", r"\|"))


def _escaped(char: str) -> str:
    if char in "<>":
        return r"\b"
    if char in "wWsSbB" or char.isdecimal():
        return f"\\{char}"
    return {"n": "\n", "t": "\t", "`": r"\A", "'": r"\Z"}.get(char) or re.escape(char)


def _bracket(text: str, at: int) -> tuple[str, int]:
    """Return a bracket expression for Python, and the position of its end."""
    inside = []
    negated = text[at : at + 1] == "^"
    at += negated
    first = True
    while True:
        if at >= len(text):
            raise CommandError("Unmatched [, [^, [:, [., or [=", 2)
        char = text[at]
        if char == "]" and not first:
            break
        first = False
        if text.startswith(("[.", "[="), at):
            raise CommandError(f"'{text[at : at + 2]}' in a pattern is not known here", 2)
        if text.startswith("[:", at):
            name = text[at + 2 :].partition(":]")[0]
            if name not in _CLASSES:
                raise CommandError(f"the character class '{name}' is not known here", 2)
            inside.append(_CLASSES[name])
            at += len(name) + 4
            continue
        inside.append(char if char == "-" or char.isalnum() else f"\\{char}")
        at += 1
    return f"[{'^' if negated else ''}{''.join(inside)}]", at + 1
