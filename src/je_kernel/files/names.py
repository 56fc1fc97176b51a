"""File names: validation, resolution to paths, and suggestions for missing files.

A *path* is a validated name: the folders and the file from the root of
the site's files, separated by ``/``, without a leading slash. The root is ``""``.
"""

from __future__ import annotations

import difflib
import os
import re
import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import unquote

from je_kernel.arguments import check_text
from je_kernel.errors import BadNameError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "MOUNT",
    "OWN_PREFIX",
    "check_new",
    "check_reserved",
    "download_name",
    "explain_missing",
    "extension",
    "is_reserved",
    "join",
    "name_of",
    "parent_of",
    "parents_of",
    "path_of",
    "relative",
    "suggest",
    "windows_problem",
]

MOUNT = "/drive"
"""The folder where JupyterLite mounts the site's files. A name can start with it."""

OWN_PREFIX = ".je-kernel-"
"""The prefix of je-kernel's own files and folders, which users can neither list nor make."""

_LONGEST_NAME = 255  # bytes of UTF-8, the limit of common file systems
_LONGEST_PATH = 1024  # characters
_MOST_SUGGESTIONS = 3
_CLOSE_ENOUGH = 0.7  # of difflib's ratio: one or two typing errors in a short name

# Characters that reverse the display of the rest: "gpj.exe" looks like "exe.jpg".
_DIRECTION = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SELECTORS = frozenset(map(chr, range(0xFE00, 0xFE10)))  # variation selectors, which are invisible
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_WINDOWS_CHARACTERS = re.compile(r'[<>:"|?*]')
_WINDOWS_DEVICES = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{device}{n}" for device in ("com", "lpt") for n in range(10)}
)


def path_of(name: str | os.PathLike[str], folder: str = "") -> str:
    """Resolve a name to a path.

    Parameters
    ----------
    name
        The name, with ``/`` between folders. It is relative to `folder`, unless
        it starts with ``/``: then it is relative to the root (``/drive/`` too).
    folder
        The path of the notebook's folder.

    Returns
    -------
    str
        The path, in Unicode's composed form (NFC): macOS decomposes accented letters.

    Raises
    ------
    BadNameError
        If the name is not allowed, or leads out of the site's files.
    ArgumentError
        If it is not a text.

    Examples
    --------
    >>> path_of("data/../penguins.csv", "lesson 1")
    'lesson 1/penguins.csv'
    >>> path_of("/drive/penguins.csv", "lesson 1")
    'penguins.csv'
    >>> path_of("../../secret")
    Traceback (most recent call last):
    je_kernel.errors.BadNameError: '../../secret' leads out of your files...
    """
    if not isinstance(name, (str, bytes, os.PathLike)):
        check_text(name, "A file's name", "results.csv")
    text = os.fspath(name)
    if not isinstance(text, str):
        raise BadNameError(f"A file's name is text, and {text!r} is not. Write it without the b.")
    _refuse_oddities(text)
    text = unicodedata.normalize("NFC", text)
    if text.startswith("/"):
        text = text.removeprefix(MOUNT) if _under_mount(text) else text
        folder = ""
    parts = folder.split("/") if folder else []
    for part in text.split("/"):
        if part in ("", "."):
            continue
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
        else:
            raise BadNameError(
                f"{name!r} leads out of your files. "
                "Names may go up with ../ only as far as the top folder."
            )
    for part in parts:
        if len(part.encode()) > _LONGEST_NAME:
            raise BadNameError(f"The name {part[:40] + '…'!r} is too long. Choose a shorter one.")
    path = "/".join(parts)
    if len(path) > _LONGEST_PATH:
        raise BadNameError(f"The name {path[:40] + '…'!r} is too long. Use fewer folders.")
    return path


def _under_mount(text: str) -> bool:
    return text == MOUNT or text.startswith(f"{MOUNT}/")


def _refuse_oddities(text: str) -> None:
    if _URL.match(text):
        raise BadNameError(
            f"{text!r} is a web address, not a file. files.fetch() downloads it into a file."
        )
    for character in text:
        if unicodedata.category(character) in _UNPRINTABLE or character in _DIRECTION:
            raise BadNameError(
                f"The name {text!r} holds the invisible character {character!a}, which no file "
                "may have in its name. If the name has a \\ in it, write / instead."
            )
    if "\\" in text:
        raise BadNameError(
            f"The name {text!r} has a \\ in it. Write / between folders: "
            f"{text.replace(chr(92), '/')!r}."
        )


def check_new(path: str) -> None:
    """Refuse names that can be read, but must not be made.

    Parameters
    ----------
    path
        The path of a new file or folder.

    Raises
    ------
    BadNameError
        For the root, for reserved names in any part, and for names with a percent sign:
        JupyterLite decodes it and cannot open the file.
    """
    name = name_of(path)
    if not name:
        raise BadNameError("A file needs a name, such as 'results.csv'.")
    check_reserved(path)
    if "%" in path:
        raise BadNameError(
            f"JupyterLite cannot open a file with % in its name. "
            f"Call it {path.replace('%', ' percent').strip()!r}, for instance."
        )


def check_reserved(path: str) -> None:
    """Refuse a path with a reserved name in any part. je-kernel's own writes do not call this.

    Raises
    ------
    BadNameError
        If it has one.
    """
    if is_reserved(path):
        raise BadNameError(
            f"{path!r} cannot be used: names that start with {OWN_PREFIX!r} are kept for je-kernel."
        )


def is_reserved(path: str) -> bool:
    r"""Return whether any part of a path is a reserved name, in any spelling.

    Disks ignore capitals, invisible characters and Unicode's forms; servers and
    JupyterLite decode percent signs; Windows separates folders by backslashes.

    Examples
    --------
    >>> is_reserved(".JE-Kernel-sharing/shares.json"), is_reserved("a\\.je%2Dkernel-x")
    (True, True)
    >>> is_reserved("je-kernel.csv")
    False
    """
    while (decoded := unquote(path)) != path:
        path = decoded
    plain = unicodedata.normalize("NFKC", path).casefold()
    plain = "".join(c for c in plain if unicodedata.category(c) != "Cf" and c not in _SELECTORS)
    return any(part.strip().startswith(OWN_PREFIX) for part in re.split(r"[/\\]", plain))


def name_of(path: str) -> str:
    """Return the last part of a path.

    Examples
    --------
    >>> name_of("data/penguins.csv")
    'penguins.csv'
    """
    return path.rpartition("/")[2]


def parent_of(path: str) -> str:
    """Return the path of the folder that something is in.

    Examples
    --------
    >>> parent_of("data/penguins.csv"), parent_of("penguins.csv")
    ('data', '')
    """
    return path.rpartition("/")[0]


def parents_of(path: str) -> tuple[str, ...]:
    """Return the paths of the folders above a path, the topmost first, without the root.

    Examples
    --------
    >>> parents_of("a/b/c.txt")
    ('a', 'a/b')
    """
    parts = path.split("/")[:-1]
    return tuple("/".join(parts[: count + 1]) for count in range(len(parts)))


def join(folder: str, name: str) -> str:
    """Return the path of something in a folder.

    Examples
    --------
    >>> join("data", "x.csv"), join("", "x.csv")
    ('data/x.csv', 'x.csv')
    """
    return f"{folder}/{name}" if folder else name


def extension(path: str) -> str:
    """Return a name's extension in lower case, with its dot.

    Examples
    --------
    >>> extension("data/Penguins.CSV"), extension(".profile"), extension("README")
    ('.csv', '', '')
    """
    name = name_of(path)
    stem, dot, end = name.rpartition(".")
    return f".{end.lower()}" if dot and stem else ""


def relative(path: str, folder: str) -> str:
    """Return the name of a path relative to a folder.

    Examples
    --------
    >>> relative("lesson/data/x.csv", "lesson")
    'data/x.csv'
    >>> relative("x.csv", "lesson")
    '../x.csv'
    """
    if not folder:
        return path or "."
    start, end = folder.split("/"), path.split("/") if path else []
    shared = 0
    while shared < min(len(start), len(end)) and start[shared] == end[shared]:
        shared += 1
    return "/".join([".."] * (len(start) - shared) + end[shared:]) or "."


def windows_problem(name: str) -> str | None:
    """Return why Windows does not allow a name, or None.

    Examples
    --------
    >>> windows_problem("10:30.csv")
    "Windows allows no ':' in a name"
    >>> windows_problem("penguins.csv")
    """
    if match := _WINDOWS_CHARACTERS.search(name):
        return f"Windows allows no {match.group()!r} in a name"
    if name.endswith((" ", ".")):
        return "Windows drops a space or dot at the end of a name"
    if name.partition(".")[0].rstrip().lower() in _WINDOWS_DEVICES:
        return f"Windows keeps the name {name.partition('.')[0]!r} for a device"
    return None


def download_name(path: str) -> str:
    """Return a name that every operating system allows, for a download.

    Examples
    --------
    >>> download_name("data/10:30?.csv"), download_name("nul.txt")
    ('10_30_.csv', '_nul.txt')
    """
    name = _WINDOWS_CHARACTERS.sub("_", name_of(path)).rstrip(". ")
    if windows_problem(name):
        name = f"_{name}"
    return name or "file"


def suggest(path: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return similar paths, the most similar first.

    Similar is the same name with other capitals, spacing, extension or folder, or with
    one or two typing errors.

    Examples
    --------
    >>> suggest("pengiuns.csv", ["penguins.csv", "plot.png"])
    ('penguins.csv',)
    >>> suggest("Penguins.CSV", ["data/penguins.csv"])
    ('data/penguins.csv',)
    """
    known = list(known)
    scores = {other: _likeness(path, other) for other in known}
    likely = [other for other in known if scores[other] > 0]
    likely.sort(key=lambda other: (-scores[other], len(other), other))
    best = scores[likely[0]] if likely else 0
    # With a certain match, guesses are left out.
    return tuple(o for o in likely if best < 2 or scores[o] >= 2)[:_MOST_SUGGESTIONS]


def _likeness(path: str, other: str) -> float:
    """Return 0 for no similarity, below 1 for a guess, and more for a certain match."""
    score = 0.0
    mine, theirs = name_of(path).casefold(), name_of(other).casefold()
    if path.casefold() == other.casefold():
        score = 5
    elif mine == theirs:
        score = 4
    elif _letters(mine) == _letters(theirs):
        score = 3
    elif _letters(_stem(mine)) == _letters(_stem(theirs)):
        score = 2
    elif (ratio := difflib.SequenceMatcher(None, mine, theirs).ratio()) >= _CLOSE_ENOUGH:
        score = ratio
    # Of two equally similar, the one in the named folder.
    return score + 0.5 if score and parent_of(path) == parent_of(other) else score


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name


def _letters(name: str) -> str:
    return re.sub(r"[\s_\-]+", "", name)


def explain_missing(name: str, path: str, known: Iterable[str], folder: str = "") -> str:
    """Return the message for a missing file.

    Parameters
    ----------
    name
        The name as the caller wrote it.
    path
        Its path.
    known
        The paths of all files.
    folder
        The path of the notebook's folder.

    Examples
    --------
    >>> print(explain_missing("pengiuns.csv", "pengiuns.csv", ["penguins.csv"]))
    Could not find 'pengiuns.csv': there is no such file. Did you mean 'penguins.csv'?
    >>> print(explain_missing("x.csv", "x.csv", ["data/x.csv"]))
    Could not find 'x.csv' here: it is in the folder 'data'. Write 'data/x.csv'.
    """
    likely = suggest(path, known)
    # Files in the notebook's folder come before others.
    likely = tuple(o for o in likely if not folder or o.startswith(f"{folder}/")) or likely
    if not likely:
        return (
            f"Could not find {name!r}: there is no such file. "
            "files.list() shows the files there are."
        )
    suggestions = [relative(other, folder) for other in likely]
    if len(likely) == 1 and name_of(likely[0]) == name_of(path):
        parent = relative(parent_of(likely[0]), folder)
        where = "this notebook's folder" if parent == "." else f"the folder {parent!r}"
        return f"Could not find {name!r} here: it is in {where}. Write {suggestions[0]!r}."
    meant = " or ".join(repr(one) for one in suggestions)
    return f"Could not find {name!r}: there is no such file. Did you mean {meant}?"
