"""Commands that make, copy, move, find and remove files."""

from __future__ import annotations

import fnmatch
import os
import shutil
import stat
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from je_kernel.shell.calls import program
from je_kernel.shell.commands.conditions import ConditionParser
from je_kernel.shell.commands.listing import readable_size
from je_kernel.shell.options import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from je_kernel.shell.calls import Call, Output, Running

_SYSTEM = ("bin", "dev", "etc", "lib", "lib64", "proc", "sbin", "share", "sys", "usr", "var")
_ROOTS = ("/", "/drive", "/home", "/home/pyodide", "/home/web_user", "/root", "/tmp")  # noqa: S108


def _is_protected(path: str) -> bool:
    """Return whether the kernel needs this folder, so that no command removes it.

    Examples
    --------
    >>> _is_protected("/lib/python3.14"), _is_protected("/"), _is_protected("/drive/../lib")
    (True, True, True)
    >>> _is_protected("/drive/data")
    False
    """
    path = os.path.normpath(path)
    return path in _ROOTS or path.split("/")[1] in _SYSTEM


def _refuse_protected(call: Call, name: str) -> None:
    if _is_protected(call.path(name)) or _is_protected(os.path.realpath(call.path(name))):
        raise CommandError(f"refusing to remove '{name}': the kernel needs it")


def _operands(call: Call, least: int = 1) -> list[str]:
    if not call.operands:
        raise CommandError("missing operand" if least == 1 else "missing file operand")
    if len(call.operands) < least:
        raise CommandError(f"missing destination file operand after '{call.operands[0]}'")
    return call.operands


@program("mkdir", "p/parents v/verbose m/mode=")
def mkdir(call: Call) -> Output:
    """Make folders."""
    mode = _mode(call.options.last("m", "777"), 0)
    for name in _operands(call):
        with call.complaining(f"cannot create directory '{name}'"):
            for folder in _missing_folders(call, name) if "p" in call.options else [name]:
                os.mkdir(call.path(folder), mode)
                if "v" in call.options:
                    yield f"mkdir: created directory '{folder}'\n"


def _missing_folders(call: Call, name: str) -> Iterator[str]:
    """Yield a folder and its parents as far as they are missing, the uppermost first."""
    missing = []
    while name and not os.path.isdir(call.path(name)):
        missing.append(name)
        name = os.path.dirname(name.rstrip("/"))
    return reversed(missing)


@program("rmdir", "p/parents v/verbose ignore-fail-on-non-empty")
def rmdir(call: Call) -> Output:
    """Remove empty folders."""
    for name in _operands(call):
        folder = name
        while folder:
            if "v" in call.options:
                yield f"rmdir: removing directory, '{folder}'\n"
            _refuse_protected(call, folder)
            try:
                os.rmdir(call.path(folder))
            except OSError as error:
                if "ignore-fail-on-non-empty" not in call.options:
                    call.complain(f"failed to remove '{folder}': {error.strerror}")
                break
            folder = os.path.dirname(folder.rstrip("/")) if "p" in call.options else ""


@program("rm", "r/recursive R f/force v/verbose d/dir preserve-root")
def rm(call: Call) -> Output:
    """Remove files and folders."""
    options = call.options
    if "f" not in options:
        _operands(call)
    # Before any file is removed.
    for name in call.operands:
        _refuse_protected(call, name)
    for name in call.operands:
        path = call.path(name)
        if os.path.basename(name.rstrip("/")) in (".", ".."):
            call.complain(f"refusing to remove '.' or '..' directory: skipping '{name}'")
            continue
        if "f" in options and not os.path.lexists(path):
            continue
        with call.complaining(f"cannot remove '{name}'"):
            if os.path.isdir(path) and not os.path.islink(path) and not options.any("rRd"):
                raise CommandError(f"cannot remove '{name}': Is a directory")
            for each in reversed(list(call.tree(name)) if options.any("rR") else [name]):
                kind = _remove(call.path(each))
                if "v" in options:
                    yield f"removed {kind}'{each}'\n"


def _remove(path: str) -> str:
    """Remove a file or an empty folder; return what it was, for a message."""
    if os.path.isdir(path) and not os.path.islink(path):
        os.rmdir(path)
        return "directory "
    os.unlink(path)
    return ""


# cp and mv


def _transfers(call: Call) -> Iterator[tuple[str, str]]:
    """Yield the names of each source of cp and mv and of its target, for which nothing is wrong."""
    options, operands = call.options, call.operands
    if folder := options.last("t"):
        sources, target = _operands(call), folder
    else:
        *sources, target = _operands(call, 2)
    target_path = call.path(target)
    is_folder = os.path.isdir(target_path)
    if folder or len(sources) > 1:
        if not is_folder:
            there = os.path.exists(target_path)
            why = "Not a directory" if there else "No such file or directory"
            raise CommandError(f"target '{target}': {why}")
    elif target.endswith("/") and not is_folder and not os.path.isdir(call.path(operands[0])):
        raise CommandError(f"cannot create regular file '{target}': Not a directory")
    elif "T" in options:
        is_folder = False
    verb = "move" if call.name == "mv" else "copy"
    if verb == "move":
        for name in sources:
            _refuse_protected(call, name)
    for name in sources:
        base = os.path.basename(name.rstrip("/")) or name
        goal = f"{target.rstrip('/')}/{base}" if is_folder else target
        subject = f"cannot create regular file '{goal}'"
        if verb == "move":
            subject = f"cannot move '{name}' to '{goal}'"
        with call.complaining(subject):
            _check_transfer(call, verb, name, goal)
            yield name, goal


def _check_transfer(call: Call, verb: str, name: str, goal: str) -> None:
    source, path = call.path(name), call.path(goal)
    if not os.path.lexists(source):
        raise CommandError(f"cannot stat '{name}': No such file or directory")
    if os.path.exists(path) and os.path.samefile(source, path):
        raise CommandError(f"'{name}' and '{goal}' are the same file")
    if not os.path.isdir(source):
        if os.path.isdir(path):
            raise CommandError(f"cannot overwrite directory '{goal}' with non-directory")
        return
    if verb == "copy" and not call.options.any("rRa"):
        raise CommandError(f"-r not specified; omitting directory '{name}'")
    if f"{os.path.realpath(path)}/".startswith(f"{os.path.realpath(source)}/"):
        itself = "a directory, '{}', into itself, '{}'"
        itself = itself if verb == "copy" else "'{}' to a subdirectory of itself, '{}'"
        raise CommandError(f"cannot {verb} {itself.format(name, goal)}")
    if os.path.exists(path) and not os.path.isdir(path):
        raise CommandError(f"cannot overwrite non-directory '{goal}' with directory '{name}'")


def _replaces(call: Call, source: str, path: str) -> bool:
    """Return whether a file is written: with -n none that exists, with -u only an older one."""
    if not os.path.exists(path):
        return True
    if "n" in call.options:
        return False
    return "u" not in call.options or os.path.getmtime(source) > os.path.getmtime(path)


@program(
    "cp",
    "r/recursive R a/archive f/force n/no-clobber u/update v/verbose p t/target-directory="
    " T/no-target-directory",
)
def cp(call: Call) -> Output:
    """Copy files and folders."""
    copy = shutil.copy2 if call.options.any("pa") else shutil.copy
    for name, goal in _transfers(call):
        for each in call.tree(name):
            copied = goal + each.removeprefix(name)
            source, path = call.path(each), call.path(copied)
            if os.path.isdir(source):
                if os.path.isdir(path):
                    continue
                os.makedirs(path)
            elif not _replaces(call, source, path):
                continue
            else:
                copy(source, path)
            if "v" in call.options:
                yield f"'{each}' -> '{copied}'\n"


@program("mv", "f/force n/no-clobber u/update v/verbose t/target-directory= T/no-target-directory")
def mv(call: Call) -> Output:
    """Move or rename files and folders."""
    for name, goal in _transfers(call):
        source, path = call.path(name), call.path(goal)
        if os.path.isdir(path):
            # Only an empty folder can be replaced.
            os.rmdir(path)
        elif not os.path.isdir(source) and not _replaces(call, source, path):
            continue
        # A rename between the drive and a folder in memory is a copy.
        shutil.move(source, path)
        if "v" in call.options:
            yield f"renamed '{name}' -> '{goal}'\n"


@program("touch", "c/no-create a m r/reference=")
def touch(call: Call) -> None:
    """Make empty files, or set the time of files to now."""
    for name in _operands(call):
        with call.complaining(f"cannot touch '{name}'"):
            path = call.path(name)
            if not os.path.exists(path):
                if "c" in call.options:
                    continue
                with open(path, "ab"):
                    pass
            times = None
            if "r" in call.options:
                reference = os.stat(call.path(call.options.last("r")))
                times = (reference.st_atime, reference.st_mtime)
            os.utime(path, times)


@program("chmod", "R/recursive r w x X")
def chmod(call: Call) -> None:
    """Change the permissions of files."""
    # A mode may begin with a minus.
    letters = "".join(letter for letter in "rwxX" if letter in call.options)
    names = _operands(call, 1 if letters else 2)
    mode = f"-{letters}" if letters else names.pop(0)
    for name in names:
        with call.complaining(f"cannot access '{name}'"):
            for each in call.tree(name) if "R" in call.options else [name]:
                path = call.path(each)
                os.chmod(path, _mode(mode, stat.S_IMODE(os.stat(path).st_mode)))


def _mode(text: str, before: int) -> int:
    """Return file permissions, as from ``755`` or ``u+x,g-w``.

    Examples
    --------
    >>> oct(_mode("755", 0)), oct(_mode("u+x,g-w", 0o664)), oct(_mode("+x", 0o644))
    ('0o755', '0o744', '0o755')
    """
    if text and all(char in "01234567" for char in text):
        return int(text, 8) & 0o7777
    mode = before
    for clause in text.split(","):
        who = clause[: len(clause) - len(clause.lstrip("ugoa"))]
        rest = clause[len(who) :]
        if not rest or rest[0] not in "+-=" or rest[1:].strip("rwxX"):
            raise CommandError(f"invalid mode: '{text}'")
        bits = sum({"r": 4, "w": 2, "x": 1, "X": 1}[char] for char in set(rest[1:]))
        for each in "ugo" if not who or "a" in who else who:
            shift = {"u": 6, "g": 3, "o": 0}[each]
            # As with the usual umask, writing is for the owner unless somebody is named.
            granted = bits & ~2 if not who and each != "u" else bits
            if rest[0] == "=":
                mode &= ~(7 << shift)
            mode = mode & ~(granted << shift) if rest[0] == "-" else mode | granted << shift
    return mode


@program("du", "s/summarize h/human-readable a/all b/bytes c/total k m d/max-depth=")
def du(call: Call) -> Output:
    """Print how much space files take."""
    options = call.options
    deepest = 0 if "s" in options else int(options.last("d", "999"))

    def row(size: int, name: str) -> str:
        unit = 1 if "b" in options else 1 << 20 if "m" in options else 1024
        text = readable_size(size) if "h" in options else str(-(-size // unit))
        return f"{text}\t{name}\n"

    def rows(name: str, level: int) -> Generator[str, None, int]:
        path = call.path(name)
        status = os.lstat(path)
        size = status.st_size if "b" in options else getattr(status, "st_blocks", 0) * 512
        is_folder = stat.S_ISDIR(status.st_mode)
        for each in sorted(os.listdir(path)) if is_folder else ():
            size += yield from rows(f"{name.rstrip('/')}/{each}", level + 1)
        if level <= deepest and (is_folder or level == 0 or "a" in options):
            yield row(size, name)
        return size

    total = 0
    for name in call.operands or ["."]:
        with call.complaining(f"cannot access '{name}'"):
            total += yield from rows(name, 0)
    if "c" in options:
        yield row(total, "total")


@program("basename", "")
def basename(call: Call) -> Output:
    """Print the last part of a path, without a suffix if one is named."""
    first, *suffix = _operands(call)
    name = first.rstrip("/").rpartition("/")[2] or "/"
    yield (name.removesuffix(suffix[0]) if suffix and name != suffix[0] else name) + "\n"


@program("dirname", "")
def dirname(call: Call) -> Output:
    """Print a path without its last part."""
    for name in _operands(call):
        head = name.rstrip("/").rpartition("/")[0].rstrip("/")
        yield (head or ("/" if name.startswith("/") else ".")) + "\n"


@program("realpath", "e/canonicalize-existing m")
def realpath(call: Call) -> Output:
    """Print a path from the root."""
    for name in _operands(call):
        yield os.path.realpath(call.path(name)) + "\n"


# find


@dataclass(frozen=True)
class _Entry:
    """A file that `find` visits."""

    name: str
    path: str
    status: os.stat_result

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)


@program("find")
def find(call: Call) -> Output:
    """Find files below folders."""
    args = list(call.args)
    names = []
    while args and not args[0].startswith("-") and args[0] not in ("!", "("):
        names.append(args.pop(0))
    expression = _Expression(call, args)
    test = expression.parse() if args else lambda _entry: True
    for name in names or ["."]:
        with call.complaining(f"'{name}'"):
            os.lstat(call.path(name))
            below = call.tree(name, expression.most)
            for each in reversed(list(below)) if expression.deletes else below:
                with call.complaining(f"'{each}'"):
                    yield from expression.visit(test, name, each)
    for batch in expression.batches:
        call.status = (yield from batch()) or call.status


class _Expression(ConditionParser["_Entry"]):
    """The tests and actions of `find`, parsed before it begins."""

    def __init__(self, call: Call, args: list[str]) -> None:
        super().__init__(args)
        self.call = call
        self.least, self.most = 0, 1_000
        self.acts = False
        self.deletes = False
        self.batches: list[Callable[[], Running]] = []
        self.output: list[bytes | str] = []

    def visit(self, test: Callable[[_Entry], bool], top: str, name: str) -> Iterator[bytes | str]:
        if name[len(top.rstrip("/")) :].count("/") < self.least:
            return
        path = self.call.path(name)
        if test(_Entry(name, path, os.lstat(path))) and not self.acts:
            self.output.append(f"{name}\n")
        yield from self.output
        self.output.clear()

    def argument(self, name: str) -> str:
        if not self.args:
            raise CommandError(f"missing argument to '{name}'")
        return self.args.pop(0)

    def primary(self) -> Callable[[_Entry], bool]:
        name = self.args.pop(0)
        plain = name.removeprefix("-")
        if plain in ("name", "iname", "path", "ipath", "wholename"):
            return _by_name(plain, self.argument(name))
        if plain == "type":
            return _by_type(self.argument(name))
        if plain in ("maxdepth", "mindepth"):
            depth = _whole(name, self.argument(name))
            setattr(self, "most" if plain == "maxdepth" else "least", depth)
            return lambda _entry: True
        if plain == "size":
            return _by_size(self.argument(name))
        if plain in ("mtime", "mmin"):
            return _by_age(name, self.argument(name), 86400 if plain == "mtime" else 60)
        if plain == "newer":
            since = os.stat(self.call.path(self.argument(name))).st_mtime
            return lambda entry: entry.status.st_mtime > since
        if plain == "empty":
            return lambda entry: (
                not os.listdir(entry.path) if entry.is_folder else entry.status.st_size == 0
            )
        if plain not in ("print", "print0", "delete", "exec"):
            raise CommandError(f"the argument '{name}' is not known here")
        self.acts = True
        if plain == "exec":
            return self.execute()
        if plain == "delete":
            self.deletes = True
            return self.delete
        end = "\n" if plain == "print" else "\0"

        def show(entry: _Entry) -> bool:
            self.output.append(entry.name + end)
            return True

        return show

    def delete(self, entry: _Entry) -> bool:
        _refuse_protected(self.call, entry.name)
        with self.call.complaining(f"cannot delete '{entry.name}'"):
            _remove(entry.path)
            return True
        return False

    def execute(self) -> Callable[[_Entry], bool]:
        words: list[str] = []
        while self.args and self.args[0] != ";" and (self.args[0] != "+" or words[-1:] != ["{}"]):
            words.append(self.args.pop(0))
        if not self.args or not words:
            raise CommandError("missing argument to '-exec'")
        call = self.call
        if self.args.pop(0) == "+":
            names: list[str] = []

            def batch() -> Running:
                if not names:
                    return 0
                return (yield from call.run([*words[:-1], *names], call.state, call.streams))

            self.batches.append(batch)

            def collect(entry: _Entry) -> bool:
                names.append(entry.name)
                return True

            return collect

        def once(entry: _Entry) -> bool:
            args = [word.replace("{}", entry.name) for word in words]
            running = call.run(args, call.state, call.streams)
            while True:
                try:
                    self.output.append(next(running))
                except StopIteration as end:
                    return bool(end.value == 0)

        return once


def _by_name(kind: str, pattern: str) -> Callable[[_Entry], bool]:
    fold = str.lower if kind.startswith("i") else str
    whole = kind.removeprefix("i") != "name"

    def test(entry: _Entry) -> bool:
        name = entry.name if whole else os.path.basename(entry.name.rstrip("/")) or entry.name
        return fnmatch.fnmatchcase(fold(name), fold(pattern))

    return test


def _by_type(letters: str) -> Callable[[_Entry], bool]:
    kinds = {"f": stat.S_ISREG, "d": stat.S_ISDIR, "l": stat.S_ISLNK}
    types = letters.split(",")
    for letter in types:
        if letter not in kinds:
            raise CommandError(f"the type '{letter}' is not known here; it knows f, d and l")
    return lambda entry: any(kinds[letter](entry.status.st_mode) for letter in types)


def _by_size(text: str) -> Callable[[_Entry], bool]:
    unit = {"c": 1, "w": 2, "b": 512, "k": 1024, "M": 1 << 20, "G": 1 << 30}.get(text[-1:], 0)
    compare = _comparison("-size", text[:-1] if unit else text)
    unit = unit or 512
    return lambda entry: compare(-(-entry.status.st_size // unit))


def _by_age(name: str, text: str, unit: int) -> Callable[[_Entry], bool]:
    compare = _comparison(name, text)
    now = time.time()
    return lambda entry: compare(int((now - entry.status.st_mtime) // unit))


def _comparison(name: str, text: str) -> Callable[[int], bool]:
    """Return the test of ``+5`` (more), ``-5`` (less) or ``5``."""
    number = _whole(name, text.lstrip("+-"))
    if text.startswith("+"):
        return lambda value: value > number
    if text.startswith("-"):
        return lambda value: value < number
    return lambda value: value == number


def _whole(name: str, text: str) -> int:
    if not text.isdecimal():
        raise CommandError(f"invalid argument '{text}' to '{name}'")
    return int(text)
