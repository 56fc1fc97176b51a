"""What a disk holds after a power cut, from a log of what a process asked of the kernel.

The process runs under `strace`, unchanged. Its log is replayed on a model of a disk, the most
forgetful that POSIX allows: of a file it is bound to keep what was written before a flush
(`fsync`, `fdatasync`) began that ended well, of a folder the entries that were there when a flush
of the folder began. Whatever came later it may keep or not.

A stopped process is resumed only when `strace` has logged where it stopped. So the order of the
lines is one in which it happened, and a line that tells of the end of a call stands before the
beginning of every call that was made after it.
"""

from __future__ import annotations

import re
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TRACED = (
    "?open,openat,?creat,?mkdir,mkdirat,?unlink,unlinkat,?rename,?renameat,renameat2,?link,linkat,"
    "pwrite64,pwritev,write,writev,lseek,ftruncate,fsync,fdatasync,close,sendto,sendmsg"
)
_SENDING = {"write", "writev", "sendto", "sendmsg"}
_LONGEST = 64 * 1024 * 1024
# With -xx every character of a string is written as a number, also a quotation mark.
_STRING = re.compile(r'"([^"]*)"(\.\.\.)?')
_UNFINISHED = "<unfinished ...>"
_END_SECONDS = 60


def strace(log: Path) -> list[str]:
    """Return what to put before a command so that its calls are logged.

    The command keeps the process id it would have had, so that signals reach it.
    """
    program = shutil.which("strace")
    assert program, "there is no strace: tools/provision installs it"
    options = ["-D", "-f", "--seccomp-bpf", "-q", "-v", "-xx", "-s", str(_LONGEST)]
    return [program, *options, "-e", f"trace={_TRACED}", "-o", str(log)]


def wait_for_the_end_of(log: Path, process_id: int) -> None:
    """Wait until a process that has ended is logged to its end."""
    deadline = time.monotonic() + _END_SECONDS
    while log.read_text().splitlines()[-1].split()[:2] != [str(process_id), "+++"]:
        assert time.monotonic() < deadline, "strace did not log the end of the process"
        time.sleep(0.02)


@dataclass(eq=False)
class Change:
    """Bytes written to a file; or its end, where `written` is None."""

    offset: int
    written: bytes | None

    def apply(self, content: bytearray) -> None:
        """Do to a content what was done to the file."""
        content.extend(bytes(max(0, self.offset - len(content))))
        if self.written is None:
            del content[self.offset :]
        else:
            content[self.offset : self.offset + len(self.written)] = self.written


@dataclass(eq=False)
class File:
    """A file: what the disk is bound to keep, and what it may keep."""

    kept: bytearray = field(default_factory=bytearray)
    pending: list[Change] = field(default_factory=list)

    def flush(self, changes: list[Change]) -> None:
        """Keep changes from now on."""
        for change in changes:
            if change in self.pending:
                change.apply(self.kept)
                self.pending.remove(change)


@dataclass(eq=False)
class Entry:
    """A name that leads to a file or folder from now on; or nowhere, where `node` is None."""

    name: str
    node: File | Folder | None


@dataclass(eq=False)
class Folder:
    """A folder: the entries that processes see, those that are kept, and those that may be."""

    seen: dict[str, File | Folder] = field(default_factory=dict)
    kept: dict[str, File | Folder] = field(default_factory=dict)
    pending: list[Entry] = field(default_factory=list)

    def change(self, name: str, node: File | Folder | None) -> None:
        """Put a file or folder under a name, or remove the name."""
        _set(self.seen, name, node)
        self.pending.append(Entry(name, node))

    def flush(self, entries: list[Entry]) -> None:
        """Keep entries from now on."""
        for entry in entries:
            if entry in self.pending:
                _set(self.kept, entry.name, entry.node)
                self.pending.remove(entry)


def _set(entries: dict[str, File | Folder], name: str, node: File | Folder | None) -> None:
    if node is None:
        entries.pop(name, None)
    else:
        entries[name] = node


class Disk:
    """A folder that was on the disk and empty before the processes began.

    Parameters
    ----------
    root
        Its path, without symbolic links.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._top = Folder()

    def find(self, path: str) -> tuple[Folder, str, File | Folder | None] | None:
        """Return the folder, the name and what is there; None for a path that is elsewhere."""
        place = Path(path)
        if not place.is_relative_to(self._root):
            return None
        folder, name, node = self._top, "", self._top
        for name in place.relative_to(self._root).parts:
            assert isinstance(node, Folder), path
            folder, node = node, node.seen.get(name)
        return folder, name, node

    def write_what_is_left(self, target: Path, keeps: Callable[[], bool]) -> None:
        """Write what is on the disk after a power cut now.

        Parameters
        ----------
        target
            Folder to write to.
        keeps
            Tells of each thing that was not flushed whether the disk happened to keep it.
        """
        _write(self._top, target, keeps)


def _write(node: File | Folder, target: Path, keeps: Callable[[], bool]) -> None:
    if isinstance(node, File):
        content = bytearray(node.kept)
        for change in node.pending:
            if keeps():
                change.apply(content)
        target.write_bytes(content)
        return
    entries = dict(node.kept)
    for entry in node.pending:
        if keeps():
            _set(entries, entry.name, entry.node)
    target.mkdir(exist_ok=True)
    for name, inner in entries.items():
        _write(inner, target / name, keeps)


@dataclass
class Answer:
    """An HTTP response that began to leave just now; its body may still be coming."""

    sent: bytes


@dataclass
class Flushing:
    """A flush that is about to end: the last moment at which what it flushes may be lost."""


@dataclass
class _Opened:
    node: File | Folder
    position: int = 0


@dataclass
class _Call:
    name: str
    arguments: str
    covered: list[Change] | list[Entry] = field(default_factory=list)

    @property
    def descriptor(self) -> int:
        return int(self.arguments.split(",")[0])

    def last_number(self) -> int:
        return int(self.arguments.rsplit(",", 1)[1])

    def bytes(self) -> bytes:
        found = _STRING.findall(self.arguments)
        assert not any(cut for _, cut in found), f"the log cuts what {self.name} was given"
        return b"".join(bytes.fromhex(text.replace("\\x", "")) for text, _ in found)

    def paths(self) -> list[str]:
        found = _STRING.findall(self.arguments)
        return [bytes.fromhex(text.replace("\\x", "")).decode() for text, _ in found]

    def path(self) -> str:
        return self.paths()[0]


class Replay:
    """One process's log, done again on a disk.

    Parameters
    ----------
    log
        What `strace` wrote.
    disk
        Where to do it.
    """

    def __init__(self, log: Path, disk: Disk) -> None:
        self._log = log
        self._disk = disk
        self._opened: dict[int, _Opened] = {}
        self._answers: dict[int, Answer] = {}

    def __iter__(self) -> Iterator[Answer | Flushing]:
        """Go from moment to moment; at each the disk is as it was then."""
        under_way: dict[str, _Call] = {}
        for line in self._log.read_text().splitlines():
            thread, text = line.split(maxsplit=1)
            if text.startswith(("+++ ", "--- ")):
                continue
            is_whole = not text.endswith(_UNFINISHED)
            text, _, result = text.rpartition(" = ") if is_whole else (text, "", "")
            if not text.startswith("<... "):
                name, _, arguments = text.partition("(")
                arguments = arguments.removesuffix(_UNFINISHED).rstrip(" )")
                under_way[thread] = _Call(name, arguments)
                yield from self._begin(under_way[thread])
            if is_whole:
                call, number = under_way.pop(thread), result.split()[0]
                # "?" is the result of a call that the end of its process cut short.
                if number != "?" and int(number) >= 0:
                    yield from self._end(call, int(number))

    def _begin(self, call: _Call) -> Iterator[Answer]:
        if call.name == "close":
            self._opened.pop(call.descriptor, None)
            self._answers.pop(call.descriptor, None)
        elif call.name in {"fsync", "fdatasync"} and call.descriptor in self._opened:
            call.covered = [*self._opened[call.descriptor].node.pending]
        elif call.name in _SENDING and call.descriptor not in self._opened:
            yield from self._send(call.descriptor, call.bytes())

    def _send(self, socket: int, sent: bytes) -> Iterator[Answer]:
        if sent.startswith(b"HTTP/1.1 "):
            self._answers[socket] = Answer(sent)
            yield self._answers[socket]
        elif socket in self._answers:
            self._answers[socket].sent += sent

    def _end(self, call: _Call, result: int) -> Iterator[Flushing]:
        if call.name in {"open", "openat", "creat"}:
            self._open(call, result)
        elif call.name in {"mkdir", "mkdirat"}:
            self._change(call, Folder())
        elif call.name in {"unlink", "unlinkat"}:
            self._change(call, None)
        elif call.name.startswith("rename"):
            self._rename(call)
        elif call.name.startswith("link"):
            assert self._disk.find(call.path()) is None, f"{call.name} is not in the model"
        elif call.name == "close" or (opened := self._opened.get(call.descriptor)) is None:
            # The descriptor of a close that ends now may be another file's already.
            return
        elif call.name in {"fsync", "fdatasync"}:
            yield Flushing()
            opened.node.flush(call.covered)
        elif call.name == "lseek":
            opened.position = result
        else:
            self._write(call, opened, result)

    def _open(self, call: _Call, descriptor: int) -> None:
        self._opened.pop(descriptor, None)
        place = self._disk.find(call.path())
        if place is None:
            return
        folder, name, node = place
        assert "O_APPEND" not in call.arguments, "appending is not in the model"
        assert "O_TRUNC" not in call.arguments, "emptying is not in the model"
        if node is None:
            node = File()
            folder.change(name, node)
        self._opened[descriptor] = _Opened(node)

    def _change(self, call: _Call, node: Folder | None) -> None:
        place = self._disk.find(call.path())
        if place is not None:
            folder, name, _ = place
            folder.change(name, node)

    def _rename(self, call: _Call) -> None:
        places = [self._disk.find(path) for path in call.paths()]
        if places == [None, None]:
            return
        source, target = places
        assert source is not None
        assert target is not None
        source[0].change(source[1], None)
        target[0].change(target[1], source[2])

    def _write(self, call: _Call, opened: _Opened, result: int) -> None:
        assert isinstance(opened.node, File)
        if call.name == "ftruncate":
            change = Change(call.last_number(), None)
        elif call.name == "pwrite64":
            change = Change(call.last_number(), call.bytes()[:result])
        else:
            assert call.name in {"write", "writev"}, f"{call.name} is not in the model"
            change = Change(opened.position, call.bytes()[:result])
            opened.position += result
        opened.node.pending.append(change)
