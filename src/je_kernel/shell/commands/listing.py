"""``ls``."""

from __future__ import annotations

import os
import stat
import time
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from je_kernel.shell.options import Given, Options

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from je_kernel.shell.calls import Call, Program, Running

__all__ = ["PROGRAMS", "owner_and_group", "readable_size"]

_LS = Options(
    "a/all A/almost-all C F/classify G/no-group R/recursive S U d/directory f h/human-readable"
    " i/inode l n/numeric-uid-gid o p r/reverse t 1 color=? N/literal",
    status=2,
)
_WIDTH = 80
_SPECIAL = frozenset(" \t\n!\"$&'()*;<=>?[\\^`|")
"""A name with one of these is shown in quotes on a terminal."""
_HALF_A_YEAR = 15778476  # seconds


@dataclass(frozen=True)
class _Entry:
    """A name to list, and what the file system says of it."""

    name: str
    path: str
    status: os.stat_result

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)


def ls(call: Call) -> Running:
    """List files and folders."""
    given = _LS.read(call)
    status = 0
    files, folders = [], []
    for name in given.operands or ["."]:
        entry = _entry(call, name, call.path(name), follow="l" not in given or name.endswith("/"))
        if entry is None:
            status = 2
        elif entry.is_folder and "d" not in given:
            folders.append(entry)
        else:
            files.append(entry)
    if files:
        yield from _shown(call, given, _sorted(given, files))
    titled = len(given.operands) > 1 or "R" in given
    first = not files
    waiting = _sorted(given, folders)
    while waiting:
        folder = waiting.pop(0)
        try:
            inside = _inside(call, given, folder)
        except OSError as error:
            call.failed(f"cannot open directory '{folder.name}'", error)
            status = status or 1
            continue
        if titled:
            yield f"{'' if first else chr(10)}{_quoted(call, folder.name)}:\n".encode(
                "utf-8", "surrogateescape"
            )
        first = False
        if _is_long(given):
            blocks = sum(getattr(each.status, "st_blocks", 0) for each in inside)
            yield f"total {_size(given, blocks * 512, blocks // 2)}\n".encode()
        yield from _shown(call, given, inside)
        if "R" in given:
            deeper = [each for each in inside if each.is_folder and each.name not in (".", "..")]
            waiting = [
                _Entry(f"{folder.name.rstrip('/') or '/'}/{each.name}", each.path, each.status)
                for each in deeper
            ] + waiting
    return status


def _entry(call: Call, name: str, path: str, *, follow: bool) -> _Entry | None:
    try:
        return _Entry(name, path, os.stat(path, follow_symlinks=follow))
    except OSError as error:
        if follow and os.path.islink(path):
            return _entry(call, name, path, follow=False)
        call.failed(f"cannot access '{name}'", error)
        return None


def _inside(call: Call, given: Given, folder: _Entry) -> list[_Entry]:
    names = os.listdir(folder.path)
    if "a" in given or "f" in given:
        names += [".", ".."]
    elif "A" not in given:
        names = [name for name in names if not name.startswith(".")]
    entries = (_entry(call, name, os.path.join(folder.path, name), follow=False) for name in names)
    return _sorted(given, [entry for entry in entries if entry is not None])


def _sorted(given: Given, entries: list[_Entry]) -> list[_Entry]:
    if "U" in given or "f" in given:
        return entries
    entries = sorted(entries, key=lambda entry: os.fsencode(entry.name))
    by = given.latest("tS")
    if by == "t":
        entries.sort(key=lambda entry: -entry.status.st_mtime_ns)
    elif by == "S":
        entries.sort(key=lambda entry: -entry.status.st_size)
    return entries[::-1] if "r" in given else entries


def _is_long(given: Given) -> bool:
    return given.latest("lnoC1") in ("l", "n", "o") or (
        given.latest("C1") == "1" and any(each in given for each in "lno")
    )


def _shown(call: Call, given: Given, entries: list[_Entry]) -> Iterator[bytes]:
    names = [_quoted(call, entry.name) for entry in entries]
    columns = call.streams.terminal if not given.latest("C1") else given.latest("C1") == "C"
    # As GNU's ls does: names without quotes stand under those with them.
    if (columns or _is_long(given)) and any(
        n != e.name for n, e in zip(names, entries, strict=True)
    ):
        names = [n if n != e.name else f" {n}" for n, e in zip(names, entries, strict=True)]
    texts = [name + _mark(given, entry) for name, entry in zip(names, entries, strict=True)]
    if "i" in given:
        texts = [f"{e.status.st_ino} {t}" for e, t in zip(entries, texts, strict=True)]
    if _is_long(given):
        lines: Iterable[str] = _long_lines(given, entries, texts)
    elif columns:
        lines = _columns(texts)
    else:
        lines = texts
    for line in lines:
        yield f"{line}\n".encode("utf-8", "surrogateescape")


def _quoted(call: Call, name: str) -> str:
    if not call.streams.terminal:
        return name
    special = _SPECIAL & set(name) or name[:1] in ("~", "#") or name in ("{", "}", "")
    if not special:
        return name
    return f'"{name}"' if "'" in name else f"'{name}'"


def _mark(given: Given, entry: _Entry) -> str:
    mode = entry.status.st_mode
    if stat.S_ISDIR(mode):
        return "/" if "F" in given or "p" in given else ""
    if "F" not in given:
        return _arrow(given, entry)
    if stat.S_ISLNK(mode):
        return _arrow(given, entry) or "@"
    return "*" if stat.S_ISREG(mode) and mode & 0o111 else ""


def _arrow(given: Given, entry: _Entry) -> str:
    if not (_is_long(given) and stat.S_ISLNK(entry.status.st_mode)):
        return ""
    return f" -> {os.readlink(entry.path)}"


def _long_lines(given: Given, entries: list[_Entry], texts: list[str]) -> list[str]:
    rows = []
    for entry in entries:
        status = entry.status
        owner, group = owner_and_group(status, numeric="n" in given)
        row = [stat.filemode(status.st_mode), str(status.st_nlink), owner]
        if not ("G" in given or "o" in given):
            row.append(group)
        rows.append([*row, _size(given, status.st_size, status.st_size)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row, entry, text in zip(rows, entries, texts, strict=True):
        # Numbers stand to the right, names to the left.
        cells = [
            cell.rjust(width) if i in (1, len(row) - 1) else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(f"{' '.join(cells)} {_date(entry.status.st_mtime)} {text}")
    return lines


def _date(seconds: float) -> str:
    when = time.localtime(seconds)
    recent = -3600 < time.time() - seconds < _HALF_A_YEAR
    return time.strftime("%b %e %H:%M" if recent else "%b %e  %Y", when)


def _size(given: Given, size: int, plain: int) -> str:
    return readable_size(size) if "h" in given else str(plain)


def readable_size(size: int) -> str:
    """Return a size in bytes as ``ls -h`` shows it.

    Examples
    --------
    >>> readable_size(999), readable_size(1025), readable_size(20_000_000)
    ('999', '1.1K', '20M')
    """
    if size < 1024:
        return str(size)
    number = float(size)
    for unit in "KMGTP":
        number /= 1024
        up = -(-number * 10 // 1) / 10
        if up < 10:
            return f"{up:.1f}{unit}"
        if -(-number // 1) < 1024 or unit == "P":
            return f"{int(-(-number // 1))}{unit}"
    raise AssertionError


def owner_and_group(status: os.stat_result, *, numeric: bool = False) -> tuple[str, str]:
    """Return who owns a file, by name where this Python knows names."""
    uid, gid = status.st_uid, status.st_gid
    if numeric:
        return str(uid), str(gid)
    try:
        import grp
        import pwd

        return pwd.getpwuid(uid).pw_name, grp.getgrgid(gid).gr_name
    except (ImportError, KeyError):
        user = os.environ.get("USER", str(uid))
        return user, user


def _columns(texts: list[str]) -> list[str]:
    """Return names in as many columns as fit a line."""
    if not texts:
        return []
    sizes = [_cells(text) for text in texts]
    for count in range(min(len(texts), _WIDTH // 3), 0, -1):
        rows = -(-len(texts) // count)
        starts = range(0, len(texts), rows)
        widths = [max(sizes[start : start + rows]) + 2 for start in starts]
        widths[-1] -= 2 if len(widths) == count else 0
        if sum(widths) < _WIDTH or count == 1:
            break
    lines = []
    for row in range(rows):
        line, at, end = [], 0, 0
        for column, start in enumerate(starts):
            if start + row >= len(texts):
                break
            line.append(_gap(at, end))
            line.append(texts[start + row])
            at = end + sizes[start + row]
            end += widths[column]
        lines.append("".join(line))
    return lines


def _gap(at: int, end: int) -> str:
    """Return the blanks from one place in a line to another, tabs where ls takes tabs."""
    found = []
    while at < end:
        if end // 8 > (at + 1) // 8:
            found.append("\t")
            at += 8 - at % 8
        else:
            found.append(" ")
            at += 1
    return "".join(found)


def _cells(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


PROGRAMS: dict[str, Program] = {"ls": ls}
