"""Finding what should perhaps not leave this computer: in cells, and in what they printed.

A scan of text by patterns: it finds the usual, not everything, and now and then
what is harmless. It only asks; `anyway=True` answers. What was found is shown
half hidden, so that the warning does not become a part of what is shared.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Finding", "describe", "scan", "scan_text"]

_MOST_SHOWN = 8

_TOP_DOMAINS = (
    "com|org|net|edu|gov|mil|int|info|biz|name|pro|xyz|online|school|academy|college|university"
    "|email|mail|app|dev|site|tech|cloud|page|live|club|family|africa|asia|[a-z]{2}"
)
_EMAIL = re.compile(
    r"(?<![\w.%+-])[\w.%+-]{1,64}@(?:[a-z0-9-]{1,63}\.)+(?:" + _TOP_DOMAINS + r")(?![\w-])",
    re.IGNORECASE,
)
_MADE_UP_HOST = re.compile(r"@(?:.*\.)?(?:example\.\w+|example|test|invalid|localhost)$", re.I)

_PHONES = (
    # +44 20 7946 0958, +1 (555) 123-4567
    re.compile(r"(?<![\w.+])\+[1-9]\d{0,2}(?:[ -]?\(?\d{1,4}\)?){2,6}(?![\w.])"),
    # (555) 123-4567, 555-123-4567, 555.123.4567
    re.compile(r"(?<![\w.-])(?:\(\d{3}\) ?|\d{3}([-.]))\d{3}[-.]\d{4}(?![\w-]|\.\d)"),
    # Tel. 030 1234567
    re.compile(
        r"\b(?:tel|phone|mobile|cell|whatsapp|fax|telefon|handy)\w*[.:]?\s{0,3}[:=]?\s{0,3}"
        r"[\"']?(?P<number>\+?\(?\d[\d ()/.-]{5,18}\d)",
        re.IGNORECASE,
    ),
)
_PHONE_DIGITS = range(7, 16)

_KEYS = re.compile(
    r"(?<![\w-])(?:"
    r"sk-[\w-]{20,}|[sr]k_(?:live|test)_\w{16,}|AKIA[0-9A-Z]{16}|AIza[\w-]{35}"
    r"|gh[pousr]_\w{30,}|github_pat_\w{30,}|glpat-[\w-]{20,}|xox[abeoprs]-[\w-]{10,}"
    r"|hf_[A-Za-z0-9]{30,}|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----"
    r")"
)
_SECRET = re.compile(
    r"(?:api_?-?key|secret|token|passw(?:or)?d|pwd|passphrase)\w{0,20}[\"']?\]?\s{0,3}[:=]\s{0,3}"
    r"[\"']([^\"'\s]{6,200})[\"']",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"your|xxx|\.\.\.|…|\*\*\*|^<|insert|example|change.?me|here$", re.I)

_HOME = re.compile(
    r"(?:/home/|/Users/|[A-Za-z]:\\{1,2}Users\\{1,2})([\w.][\w. -]{0,40}?)(?=[/\\\"'\s]|$)"
)
# The users of kernels, who are nobody.
_NOBODY = frozenset({"pyodide", "web_user", "jovyan", "runner", "shared", "public", "user", "root"})


@dataclass(frozen=True)
class Finding:
    """Something that should perhaps not leave.

    Parameters
    ----------
    kind
        What it looks like, such as ``"an e-mail address"``.
    cell
        In which cell: its place in the notebook, from 1.
    line
        In which line of the cell or of its output, from 1.
    in_output
        Whether it is in what the cell shows and not in the cell.
    shown
        What was found, half hidden.
    mark
        A fingerprint of what was found, to know it again.
    """

    kind: str
    cell: int
    line: int
    in_output: bool
    shown: str
    mark: str

    def __str__(self) -> str:
        where = f"the output of cell {self.cell}" if self.in_output else f"cell {self.cell}"
        return f"{self.kind} in {where}, line {self.line}: {self.shown}"


def scan(notebook: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Look through the cells of a notebook and what they show.

    Parameters
    ----------
    notebook
        The notebook as it would be sent.

    Returns
    -------
    tuple of Finding
        What was found, in the notebook's order; each thing once for each cell.
    """
    found: dict[tuple[str, int, bool], Finding] = {}
    for number, cell in enumerate(notebook["cells"], start=1):
        for text, in_output in _texts(cell):
            for kind, line, match in scan_text(text):
                mark = hashlib.sha256(match.encode("utf-8", "replace")).hexdigest()[:16]
                finding = Finding(kind, number, line, in_output, _half_hidden(match), mark)
                found.setdefault((mark, number, in_output), finding)
    return tuple(found.values())


def scan_text(text: str) -> Iterator[tuple[str, int, str]]:
    r"""Yield what a text holds that should perhaps not leave: its kind, its line, itself.

    Parameters
    ----------
    text
        The text.

    Examples
    --------
    >>> list(scan_text("name\nmia@school.org"))
    [('an e-mail address', 2, 'mia@school.org')]
    >>> list(scan_text("y = X @ W.mean()"))
    []
    """
    for number, line in enumerate(text.splitlines(), start=1):
        for kind, match in _in_line(line):
            yield kind, number, match


def _in_line(line: str) -> Iterator[tuple[str, str]]:
    if "@" in line:
        for match in _EMAIL.finditer(line):
            if not _MADE_UP_HOST.search(match.group()):
                yield "an e-mail address", match.group()
    keys = [match.group() for match in _KEYS.finditer(line)]
    for key in keys:
        yield "a secret key", key
    for match in _SECRET.finditer(line):
        secret = match.group(1)
        if not _PLACEHOLDER.search(secret) and not any(key in secret for key in keys):
            yield "a password or key", secret
    yield from _phones_in(line)
    for match in _HOME.finditer(line):
        if match.group(1).casefold() not in _NOBODY:
            yield "the name of a computer's user", match.group(1)


def _phones_in(line: str) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for pattern in _PHONES:
        for match in pattern.finditer(line):
            number = match.groupdict().get("number") or match.group()
            digits = re.sub(r"\D", "", number)
            known = any(digits in other or other in digits for other in seen)
            if len(digits) in _PHONE_DIGITS and not known:
                seen.add(digits)
                yield "a phone number", number


def _texts(cell: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Yield the texts of a cell, and whether each is of its output."""
    yield _joined(cell.get("source")), False
    for output in cell.get("outputs") or ():
        if not isinstance(output, dict):
            continue
        yield _joined(output.get("text")), True
        yield f"{output.get('ename', '')}: {output.get('evalue', '')}", True
        yield _joined(output.get("traceback"), "\n"), True
        data = output.get("data")
        for mime, value in data.items() if isinstance(data, dict) else ():
            if mime.startswith("text/"):
                yield _joined(value), True
            elif mime.endswith("json"):  # of a plot or a map: its words, not its numbers
                yield "\n".join(_strings(value)), True


def _strings(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting.extend((*one.keys(), *one.values()))
        elif isinstance(one, list):
            waiting.extend(one)


def _joined(value: Any, separator: str = "") -> str:
    if isinstance(value, list):
        return separator.join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _half_hidden(text: str) -> str:
    """Return enough of a text to know it again, and too little to use it.

    Examples
    --------
    >>> _half_hidden("mia@school.org"), _half_hidden("+44 20 7946 0958")
    ('mi…rg', '+4…58')
    """
    return f"{text[:2]}…{text[-2:]}" if len(text) > 6 else f"{text[:1]}…"


def describe(findings: tuple[Finding, ...]) -> str:
    """Put what was found into a message for who is about to share it.

    Parameters
    ----------
    findings
        What was found: at least one.
    """
    lines = [f"  - {finding}" for finding in findings[:_MOST_SHOWN]]
    if len(findings) > _MOST_SHOWN:
        lines.append(f"  - and {len(findings) - _MOST_SHOWN} more")
    return (
        "Nothing was shared yet. Everyone who has the link of a shared notebook can read all of "
        "it, and this one seems to hold\n\n" + "\n".join(lines) + "\n\n"
        "Take out what should stay with you, save, and share again. If all of it may be read by "
        "others, write share(anyway=True)."
    )
