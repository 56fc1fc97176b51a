"""The command ``ls``, and the format of sizes and owners."""

from __future__ import annotations

import cmd
import io
import os
import stat
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from je_kernel.shell.calls import program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from je_kernel.shell.calls import Call, Output
    from je_kernel.shell.options import Options

__all__ = ["owner_and_group", "readable_size"]

_WIDTH = 79
_SPECIAL = frozenset(" \t\n!\"$&'()*;<=>?[\\^`|")
"""Characters that make `ls` quote a name on a terminal."""
_HALF_A_YEAR = 15778476  # seconds


@dataclass(frozen=True)
class _Entry:
    """A file to list, with the name to show."""

    name: str
    path: str
    status: os.stat_result

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)


@program(
    "ls",
    "a/all A/almost-all C F/classify G/no-group R/recursive S U d/directory f h/human-readable"
    " i/inode l n/numeric-uid-gid o p r/reverse t 1 color=? N/literal",
    status=2,
)
def ls(call: Call) -> Output:
    """List files and folders."""
    options = call.options
    files: list[_Entry] = []
    folders: list[_Entry] = []
    for name in call.operands or ["."]:
        follow = "l" not in options or name.endswith("/")
        for entry in _entries(call, {name: call.path(name)}, follow=follow):
            (folders if entry.is_folder and "d" not in options else files).append(entry)
    if files:
        yield from _listing(call, files)
    separator = "\n" if files else ""
    waiting = _sorted(options, folders)
    while waiting:
        folder = waiting.pop(0)
        entries: list[_Entry] = []
        with call.complaining(f"cannot open directory '{folder.name}'"):
            entries = _content(call, folder)
        if len(call.operands) > 1 or "R" in options:
            yield f"{separator}{_quoted(call, folder.name)}:\n"
            separator = "\n"
        if _is_long(options):
            blocks = sum(getattr(each.status, "st_blocks", 0) for each in entries)
            total = readable_size(blocks * 512) if "h" in options else blocks // 2
            yield f"total {total}\n"
        yield from _listing(call, entries)
        if "R" in options:
            waiting[:0] = [
                _Entry(f"{folder.name.rstrip('/') or '/'}/{each.name}", each.path, each.status)
                for each in entries
                if each.is_folder and each.name not in (".", "..")
            ]


def _entries(call: Call, paths: dict[str, str], *, follow: bool) -> Iterator[_Entry]:
    for name, path in paths.items():
        with call.complaining(f"cannot access '{name}'"):
            # A link whose target is missing is listed itself.
            yield _Entry(
                name, path, os.stat(path) if follow and os.path.exists(path) else os.lstat(path)
            )


def _content(call: Call, folder: _Entry) -> list[_Entry]:
    names = os.listdir(folder.path)
    if call.options.any("af"):
        names += [".", ".."]
    elif "A" not in call.options:
        names = [name for name in names if not name.startswith(".")]
    paths = {name: os.path.join(folder.path, name) for name in names}
    return list(_entries(call, paths, follow=False))


def _sorted(options: Options, entries: list[_Entry]) -> list[_Entry]:
    if options.any("Uf"):
        return entries
    entries = sorted(entries, key=lambda entry: os.fsencode(entry.name))
    by = options.latest("tS")
    if by == "t":
        entries.sort(key=lambda entry: -entry.status.st_mtime_ns)
    elif by == "S":
        entries.sort(key=lambda entry: -entry.status.st_size)
    return entries[::-1] if "r" in options else entries


def _is_long(options: Options) -> bool:
    last = options.latest("lnoC1")
    return last in ("l", "n", "o") or (last == "1" and options.any("lno"))


def _listing(call: Call, entries: list[_Entry]) -> Iterator[str]:
    options = call.options
    entries = _sorted(options, entries)
    texts = [_quoted(call, entry.name) + _mark(options, entry) for entry in entries]
    if "i" in options:
        texts = [f"{e.status.st_ino} {t}" for e, t in zip(entries, texts, strict=True)]
    if _is_long(options):
        texts = _long_lines(options, entries, texts)
    elif texts and (options.latest("C1") or ("C" if call.streams.terminal else "1")) == "C":
        columns = io.StringIO()
        cmd.Cmd(stdout=columns).columnize(texts, _WIDTH)
        yield columns.getvalue()
        return
    for text in texts:
        yield f"{text}\n"


def _quoted(call: Call, name: str) -> str:
    special = _SPECIAL & set(name) or name[:1] in ("~", "#") or name in ("{", "}", "")
    if not special or not call.streams.terminal:
        return name
    return f'"{name}"' if "'" in name else f"'{name}'"


def _mark(options: Options, entry: _Entry) -> str:
    """Return what stands behind a name: the type with -F or -p, the target of a link with -l."""
    mode = entry.status.st_mode
    if stat.S_ISLNK(mode):
        return f" -> {os.readlink(entry.path)}" if _is_long(options) else "@" * ("F" in options)
    if stat.S_ISDIR(mode):
        return "/" if options.any("Fp") else ""
    return "*" if "F" in options and stat.S_ISREG(mode) and mode & 0o111 else ""


def _long_lines(options: Options, entries: list[_Entry], texts: list[str]) -> list[str]:
    rows = []
    for entry in entries:
        status = entry.status
        owner, group = owner_and_group(status, numeric="n" in options)
        size = readable_size(status.st_size) if "h" in options else str(status.st_size)
        middle = [owner] if options.any("Go") else [owner, group]
        rows.append([stat.filemode(status.st_mode), str(status.st_nlink), *middle, size])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row, entry, text in zip(rows, entries, texts, strict=True):
        # Numbers are aligned to the right, names to the left.
        cells = [
            cell.rjust(width) if i in (1, len(row) - 1) else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(f"{' '.join(cells)} {_date(entry.status.st_mtime)} {text}")
    return lines


def _date(seconds: float) -> str:
    recent = -3600 < time.time() - seconds < _HALF_A_YEAR
    return time.strftime("%b %e %H:%M" if recent else "%b %e  %Y", time.localtime(seconds))


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
    """Return the owner and group of a file, by name where this Python has names."""
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
