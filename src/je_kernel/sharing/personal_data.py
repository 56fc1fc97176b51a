"""Find personal data and secrets in a notebook: in cells, outputs and metadata.

A scan of text by patterns: it finds the usual, not everything, and has false
positives. It only warns; `allow_personal_data=True` allows the findings. A warning
that appears too often is ignored, so the scan skips what is common in lessons: data,
coordinates, made-up passwords, addresses such as "your name". Findings are shown
partly hidden, because the warning becomes an output of the notebook.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from je_kernel.net.credentials import KEYS, is_key, names_secret, secrets_of_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Finding", "describe", "scan", "scan_text"]

_MOST_SHOWN = 8
_MOST_IN_A_LINE = 100

Part = Literal["text", "output", "attachment", "metadata"]
"""A part of a cell."""

# E-mail addresses -----------------------------------------------------------

_TOP_DOMAINS = (
    "com|org|net|edu|gov|mil|int|info|biz|name|pro|xyz|online|school|academy|college|university"
    "|education|email|mail|app|dev|site|tech|cloud|page|live|club|family|africa|asia|[a-z]{2}"
)
_EMAIL = re.compile(
    r"(?<![\w.%+-])(?P<local>[\w.%+-]{1,64})@(?P<host>(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}"
    r"(?P<top>" + _TOP_DOMAINS + r"))(?![\w(\[-])",
    re.IGNORECASE,
)
_MADE_UP_HOST = re.compile(
    r"(?:^|\.)(?:example(?:\.\w+)?|test|invalid|localhost"
    r"|(?:domain|host|company)\.com|(?:your|my|some)-?(?:domain|company|school|host|site)\.\w+)$",
    re.IGNORECASE,
)
_NOBODYS_MAIL = re.compile(
    r"(?:git|no-?reply|do-?not-?reply|you|your.*|user(?:name)?|name|e?mail|some(?:one|body)|example"
    r"|(?:first|vor|given)-?_?(?:name)?[._-](?:last|nach|family)-?_?(?:name)?)$",
    re.IGNORECASE,
)

# Phone numbers --------------------------------------------------------------

# +44 20 7946 0958, +44 (0)20 7946 0958, 0049 30 1234567. Two separators between digits end a
# number.
_INTERNATIONAL = re.compile(
    r"(?<![\w.+)\]/-])(?:\+|00(?=[1-9]\d{0,2}[ /-]))"
    r"(\d{1,15}(?:(?:[ /.-]| ?\(|\)[ -]?)\d{1,15}){0,7})"
)
# 555-123-4567, (555) 123-4567, 1-555-123-4567
_NORTH_AMERICAN = re.compile(
    r"(?<![\w./-])(?:1[ .-])?(?:\([2-9]\d\d\) ?\d{3}[-. ]|[2-9]\d\d[-.]\d{3}[-.])\d{4}"
    r"(?![\w-]|\.\d)"
)
# A number with a label: Tel. 030 1234567, phone = "5551234567"
_CALLED_SO = re.compile(
    r"(?<![^\W_])(?:tel|t[eé]l[eé]phone|tel[eé]fono?|t[eé]l|(?:mobile|cell|tele)?[ _-]?phone"
    r"|mobile?|handy|whats ?app|fax|call(?: me)?|ring|text me|my(?= number))"
    r"(?:[ _-]?(?:number|nummer|num|nr|no))?"
    r"(?P<set>[\"']?\]?\s{0,3}(?:[:=.]|is|at|on)?[:=]?\s{0,3}[\"']?)(?<![^\W\d])"
    r"(?P<number>\(?\d[\d ()/.-]{5,18}\d)(?!\w|\.\d)",
    re.IGNORECASE,
)
_WORDS_FOR_PHONE = (
    *("tel", "tél", "phone", "mobil", "handy", "whats", "fax", "call", "ring", "text me"),
    "number",
)
_COUNTRIES = re.compile(
    r"1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
    r"|2[1-689]\d|3[578]\d|42\d|50\d|59\d|6[789]\d|8[058]\d|9[679]\d"
)
_DATE = re.compile(r"\d{1,2}([/.-])\d{1,2}\1\d{2,4}(?!\d)")
# Countries that write numbers in pairs. For others, a row of pairs is data.
_IN_PAIRS = frozenset({"32", "33", "41", "45", "46", "47", "352"})

# Keys and passwords ---------------------------------------------------------

_BEGINNINGS_OF_KEYS = (
    *("sk-", "k_live_", "k_test_", "akia", "asia", "aiza", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    *("github_pat_", "glpat-", "xox", "hf_", "gsk_", "r8_", "npm_", "pypi-", "gocspx-", "ya29."),
    *(":aa", "eyj", "-----begin", "/webhooks/", "hooks.slack.com"),
)
_NAMES_OF_KEYS = (
    r"api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|(?:access|auth|api|bot|bearer)[_-]?token"
    r"|client[_-]?secret"
)
# api_key = "…", secret_token: "…"; and, without quotes, OPENAI_API_KEY=…
_KEY_IN_QUOTES = re.compile(
    r"(?:(?:"
    + _NAMES_OF_KEYS
    + r")\w{0,20}|(?<!page)(?<!page[_-])token|secret)(?:_?\d{1,2})?[\"']?\]?\s{0,3}[:=]\s{0,3}"
    r"[rbf]?[\"'](?P<secret>[^\"'\s]{8,200})[\"']",
    re.IGNORECASE,
)
_KEY_BARE = re.compile(
    r"(?:" + _NAMES_OF_KEYS + r")\s{0,3}[:=]\s{0,3}(?P<secret>[\w/+=~-]{12,200})(?![\w.(\[])",
    re.IGNORECASE,
)
_KEY_IN_HEADER = re.compile(
    r"\b(?:bearer|token|basic)\s(?P<secret>[\w.~+/=-]{16,200})", re.IGNORECASE
)
# {"X-Api-Key": "…"}, as headers of requests and fetch
_HEADER = re.compile(
    r"[\"'](?P<name>[\w-]{3,60})[\"']\s{0,3}:\s{0,3}[\"'](?P<secret>[^\"'\s]{8,200})[\"']"
)
_PIECE = re.compile(r"[^\s\"'<>`]+")
_SECRET_IN_ADDRESS = re.compile(r"[\w.%~+/=@:!$-]{8,2000}")
_PASSWORD = re.compile(
    r"(?:passw(?:or)?[dt]|pwd|passphrase|kennwort|contrase[nñ]a|mot_de_passe|senha)(?:_?\d{1,2})?"
    r"[\"']?\]?\s{0,3}(?:(?<!=)=(?!=)|:)\s{0,3}[rbf]?[\"'](?P<secret>[^\"']{6,200})[\"']",
    re.IGNORECASE,
)
_WORDS_FOR_PASSWORD = ("passw", "pwd", "passphrase", "kennwort", "contrase", "mot_de", "senha")
_PLACEHOLDER = re.compile(
    r"your|xxx|\.\.\.|…|\*\*\*|^[<{\[]|insert|example|change.?me|here$|demo|dummy|placeholder",
    re.IGNORECASE,
)
# The passwords of exercises: `password = "swordfish"`, `if password == "python123"`.
_OF_EXERCISES = re.compile(
    r"(?:my|the|super|top|very|wrong|correct|old|new)?[ _-]?"
    r"(?:pass(?:w(?:or)?[dt])?|secret|geheim|admin|guest|user|test|hello|welcome|python|swordfish"
    r"|qwert[yz]|abc|letmein|sesame|opensesame|hunter|monkey|dragon)[ _-]?"
    r"(?:pass(?:word)?)?\W?\d{0,6}\W{0,2}$",
    re.IGNORECASE,
)
_SHORTEST_OF_LETTERS = 12
_MOST_SPACES = 3

# Names of computers' users --------------------------------------------------

_HOME = re.compile(
    r"(?:(?<!~)(?:/home/|/Users/)|(?<!\w)[A-Za-z]:(?:\\{1,2}|/)Users(?:\\{1,2}|/))"
    r"([^\W_][\w. -]{0,40}?)(?=[/\\\"'\s<]|$)"
)
# https://news.example/home/science is no folder.
_BEFORE_A_WEB_ADDRESS = re.compile(r"[\s\"'<>]")
_WEB_ADDRESS_BEGINS = re.compile(r"https?://|www\.", re.IGNORECASE)
_LONGEST_ADDRESS = 300
# User names of kernels and of instructions, which are not personal.
_NOBODY = re.compile(
    "pyodide|web_user|jovyan|runner|shared|public|root|codespace|vscode|gitpod|rstudio|ubuntu"
    "|debian|ec2-user|vagrant|docker|coder|app|pi|admin|administrator|default|guest|test"
    "|users?|you|me|name|username|yourname|myname|students?|schueler|pupil|teacher",
    re.IGNORECASE,
)

_TAG = re.compile(r"<[^<>]*>")
# Base64 of pictures and arrays in HTML and JSON.
_PACKED = re.compile(r"[A-Za-z0-9+/=]{1000,}")


@dataclass(frozen=True)
class Finding:
    """One place in a notebook that seems to contain personal data.

    Parameters
    ----------
    kind
        Its kind, such as ``"an e-mail address"``.
    cell
        The number of the cell, from 1; or 0, if it is in none.
    line
        The line of that part of the cell, from 1.
    part
        The part of the cell: its text, its output, an attachment, or its metadata.
    shown
        The text, partly hidden.
    mark
        A fingerprint of the text, to recognise it.
    """

    kind: str
    cell: int
    line: int
    part: Part
    shown: str
    mark: str

    def __str__(self) -> str:
        return f"{self.kind} in {self._where()}: {self.shown}"

    def _where(self) -> str:
        if not self.cell:
            return "the notebook's title or metadata"
        if self.part == "text":
            return f"cell {self.cell}, line {self.line}"
        if self.part == "output":
            return f"the output of cell {self.cell}, line {self.line}"
        return f"the {self.part} of cell {self.cell}"


def scan(notebook: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Scan a notebook: its cells, their outputs, and its metadata.

    Parameters
    ----------
    notebook
        The notebook, as it would be sent.

    Returns
    -------
    tuple of Finding
        The findings in the notebook's order, each text once for each part of each cell.
    """
    findings: dict[tuple[str, int, Part], Finding] = {}
    for number, part, text in _texts(notebook):
        for kind, line, match in scan_text(text):
            mark = hashlib.sha256(match.encode("utf-8", "replace")).hexdigest()[:16]
            finding = Finding(kind, number, line, part, _half_hidden(match), mark)
            findings.setdefault((mark, number, part), finding)
    return tuple(findings.values())


def scan_text(text: str) -> Iterator[tuple[str, int, str]]:
    r"""Yield the kind, the line and the text of each finding in a text.

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
    for number, line in enumerate(_PACKED.sub(" ", text).splitlines(), start=1):
        for kind, match in _in_line(line):
            yield kind, number, match


def _in_line(line: str) -> Iterator[tuple[str, str]]:
    secrets = list(islice(_secrets_in(line), _MOST_IN_A_LINE))
    if "@" in line:
        for email in _emails_in(line):
            # The password before the @ in postgres://mia:password@host is a secret already.
            if not any(secret.endswith(email.split("@")[0]) for _, secret in secrets):
                yield "an e-mail address", email
    yield from secrets
    for number in _phones_in(line):
        yield "a phone number", number
    for name in _users_in(line):
        yield "the name of a computer's user", name


def _users_in(line: str) -> Iterator[str]:
    if "/home/" not in line and "Users" not in line:
        return
    for match in _HOME.finditer(line):
        name = match.group(1)
        before = line[max(0, match.start() - _LONGEST_ADDRESS) : match.start()]
        is_nobody = _NOBODY.fullmatch(name) or _PLACEHOLDER.search(name)
        if not is_nobody and not _WEB_ADDRESS_BEGINS.search(
            _BEFORE_A_WEB_ADDRESS.split(before)[-1]
        ):
            yield name


def _emails_in(line: str) -> Iterator[str]:
    for match in _EMAIL.finditer(line):
        host, top = match["host"], match["top"]
        label = host.removesuffix(f".{top}").rpartition(".")[2]
        # A package's version is a number (vega@5.com), a matrix often a letter (x@W.to).
        if label.isdecimal() or (len(top) == 2 and len(label) == 1):
            continue
        if not _MADE_UP_HOST.search(host) and not _NOBODYS_MAIL.match(match["local"]):
            yield match.group()


def _secrets_in(line: str) -> Iterator[tuple[str, str]]:
    """Yield each key and password of a line once, with its likeliest kind."""
    seen: list[str] = []
    folded = line.lower()
    for words, pattern, kind, is_one in _SECRETS:
        if not any(word in folded for word in words):
            continue
        for match in pattern.finditer(line):
            secret = match.groupdict().get("secret") or match.group()
            if is_one(secret) and _is_new(secret, seen):
                yield kind, secret
    if "=" in line or "@" in line:
        for secret in _in_addresses(line):
            if _is_new(secret, seen):
                yield "a password or key", secret
    if "'" in line or '"' in line:
        for match in _HEADER.finditer(line):
            secret = match["secret"]
            if names_secret(match["name"], secret) and is_key(secret) and _is_new(secret, seen):
                yield "a password or key", secret


def _is_new(secret: str, seen: list[str]) -> bool:
    """Return whether a secret is new and not a placeholder, and record it."""
    if _PLACEHOLDER.search(secret) or any(s in secret or secret in s for s in seen):
        return False
    seen.append(secret)
    return True


def _in_addresses(line: str) -> Iterator[str]:
    """Yield the keys and passwords in the addresses of a line, and in parts of addresses."""
    for piece in _PIECE.finditer(line):
        for name, secret in secrets_of_url(piece.group()):
            if name == "login":
                user, colon, password = secret.partition(":")
                yield from (password,) if colon and _is_password(password) else ()
                yield from (user,) if not colon and len(user) >= _SHORTEST_OF_LETTERS else ()
            elif _SECRET_IN_ADDRESS.fullmatch(secret) and is_key(secret):
                yield secret


def _is_password(text: str) -> bool:
    """Return whether a text is a password, not a word of an exercise or a sentence."""
    if _OF_EXERCISES.match(text) or text.isdecimal():
        return False
    if text.isalpha():
        return len(text) >= _SHORTEST_OF_LETTERS and text.isascii()
    spaces = text.count(" ")
    return not spaces or (spaces <= _MOST_SPACES and any(c.isdigit() for c in text))


# Each with words of which one must occur: a search for these is quick.
_SECRETS = (
    (_BEGINNINGS_OF_KEYS, KEYS, "a secret key", lambda _: True),
    (("key", "token", "secret"), _KEY_IN_QUOTES, "a password or key", is_key),
    (("key", "token", "secret"), _KEY_BARE, "a password or key", is_key),
    (("bearer", "token", "basic"), _KEY_IN_HEADER, "a password or key", is_key),
    (_WORDS_FOR_PASSWORD, _PASSWORD, "a password or key", _is_password),
)


def _phones_in(line: str) -> Iterator[str]:
    seen: list[str] = []
    findings: list[str | None] = []
    if "+" in line or "00" in line:
        findings += map(_international, _INTERNATIONAL.finditer(line))
    findings += (match.group() for match in _NORTH_AMERICAN.finditer(line))
    folded = line.lower()
    if any(word in folded for word in _WORDS_FOR_PHONE):
        findings += (m["number"] for m in _CALLED_SO.finditer(line) if _is_called_right(m))
    for number in filter(None, findings):
        digits = re.sub(r"\D", "", number)
        if not any(digits in other or other in digits for other in seen):
            seen.append(digits)
            yield number.strip()


def _international(match: re.Match[str]) -> str | None:
    """Return a number after + or 00 without the data that follow; None if it is not one."""
    groups = [(g.group(), g.end()) for g in re.finditer(r"\d+", match.group(1))]
    while groups:
        digits = "".join(group for group, _ in groups)
        if len(digits) < 10:
            return None
        number = match.group()[: match.start(1) - match.start() + groups[-1][1]]
        # A single point is a decimal point; points between all groups are separators.
        has_fraction = "." in number and not re.fullmatch(r"\+?\d+(?:\.\d+){2,}", number)
        is_one = len(digits) <= 15 and _has_country([group for group, _ in groups], digits)
        if is_one and not has_fraction:
            return number
        groups.pop()
    return None


def _has_country(groups: list[str], digits: str) -> bool:
    if digits.startswith("1"):  # +1 555 123 4567
        parts_as_written = groups[0] in ("1", digits[:4], digits) and max(map(len, groups)) > 2
        return len(digits) == 11 and digits[1] > "1" and parts_as_written
    code = next((c for n in (1, 2, 3) if _COUNTRIES.fullmatch(c := digits[:n])), None)
    if code is None:
        return False
    if groups[0] != code:  # written together: +4915112345678
        return len(groups[0]) >= len(code) + 3
    longest = max(len(group) for group in groups[1:])
    return longest >= 3 or code in _IN_PAIRS


def _is_called_right(match: re.Match[str]) -> bool:
    """Return whether a labelled number can be a phone number."""
    number, digits = match["number"], re.sub(r"\D", "", match["number"])
    groups = re.findall(r"\d+", number)
    if not 7 <= len(digits) <= 15:
        return False
    if _DATE.match(number):
        return False
    if number.startswith("0"):  # 030 1234567, 01 23 45 67 89, and not 0.1234567 or 0 0 0 1 1 1 0
        in_pairs = len(groups) == 5 and all(len(group) == 2 for group in groups)
        return not number.startswith("0.") and (max(map(len, groups)) >= 3 or in_pairs)
    if number.startswith("("):  # (030) 1234567, and not a call's (1000000
        return re.match(r"\(\d{2,5}\)", number) is not None
    if not re.search(r"[:=.\"']|is|at|on", match["set"], re.IGNORECASE):
        return False
    written_so = [len(group) for group in groups] in ([3, 3, 4], [3, 4], [3, 3, 3], [3, 2, 2, 2])
    return written_so or (len(groups) == 1 and len(digits) == 10 and digits[0] > "1")


def _texts(notebook: Mapping[str, Any]) -> Iterator[tuple[int, Part, str]]:
    """Yield the cell, the part and the content of each text of a notebook."""
    yield 0, "metadata", "\n".join(_strings(notebook.get("metadata")))
    for number, cell in enumerate(notebook["cells"], start=1):
        yield number, "text", _joined(cell.get("source"))
        for text in _of_outputs(cell.get("outputs")):
            yield number, "output", text
        yield number, "attachment", "\n".join(_of_attachments(cell.get("attachments")))
        yield number, "metadata", "\n".join(_strings(cell.get("metadata")))


def _of_outputs(outputs: Any) -> Iterator[str]:
    for output in outputs or ():
        if not isinstance(output, dict):
            continue
        yield _joined(output.get("text"))
        yield f"{output.get('ename', '')}: {output.get('evalue', '')}"
        yield _joined(output.get("traceback"), "\n")
        yield from _of_bundle(output.get("data"))
        yield "\n".join(_strings(output.get("metadata")))


def _of_bundle(bundle: Any) -> Iterator[str]:
    """Yield the texts of an output, without the pixels of pictures and the numbers of plots."""
    for mime, value in bundle.items() if isinstance(bundle, dict) else ():
        if mime.endswith("svg+xml"):
            yield _TAG.sub("\n", _joined(value))
        elif mime.startswith("text/"):
            yield _joined(value)
        elif mime.endswith("json"):
            yield "\n".join(_strings(value))


def _of_attachments(attachments: Any) -> Iterator[str]:
    for name, bundle in attachments.items() if isinstance(attachments, dict) else ():
        yield name
        yield from _of_bundle(bundle)


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
    """Return enough of a text to recognise it, and too little to use it.

    Examples
    --------
    >>> _half_hidden("mia@school.org"), _half_hidden("+44 20 7946 0958")
    ('mi…rg', '+4…58')
    """
    return f"{text[:2]}…{text[-2:]}" if len(text) > 6 else f"{text[:1]}…"


def describe(findings: tuple[Finding, ...]) -> str:
    """Return the message of `PersonalDataError`.

    Parameters
    ----------
    findings
        At least one finding.
    """
    lines = [f"  - {finding}" for finding in findings[:_MOST_SHOWN]]
    if len(findings) > _MOST_SHOWN:
        lines.append(f"  - and {len(findings) - _MOST_SHOWN} more")
    return (
        "Nothing was shared yet. Everyone who has the link of a shared notebook can read all of "
        "it, and this one seems to hold\n\n" + "\n".join(lines) + "\n\n"
        "Take out what should stay with you, save, and share again. If all of it may be read by "
        "others, write je_kernel.share(allow_personal_data=True)."
    )
