"""Commands that make, copy, move, find and remove files."""

from __future__ import annotations

import fnmatch
import os
import shutil
import stat
import time
from typing import TYPE_CHECKING

from je_kernel.shell.calls import CommandError
from je_kernel.shell.commands.listing import readable_size
from je_kernel.shell.options import Given, Options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from je_kernel.shell.calls import Call, Program, Running

__all__ = ["PROGRAMS"]


_SYSTEM = ("bin", "dev", "etc", "lib", "lib64", "proc", "sbin", "share", "sys", "usr", "var")
_ROOTS = ("/", "/drive", "/home", "/home/pyodide", "/home/web_user", "/root", "/tmp")  # noqa: S108


def _kept(path: str) -> bool:
    """Return whether this is a folder that the kernel needs, which no lesson removes.

    Examples
    --------
    >>> _kept("/lib/python3.14"), _kept("/"), _kept("/drive/data"), _kept("/drive/../lib")
    (True, True, False, True)
    """
    path = os.path.normpath(path)
    return path in _ROOTS or path.split("/")[1] in _SYSTEM


def _operands(found: list[str], least: int = 1) -> list[str]:
    if not found:
        raise CommandError("missing operand" if least == 1 else "missing file operand")
    if len(found) < least:
        raise CommandError(f"missing destination file operand after '{found[0]}'")
    return found


def _line(text: str) -> bytes:
    return f"{text}\n".encode("utf-8", "surrogateescape")


_MKDIR = Options("p/parents v/verbose m/mode=")


def mkdir(call: Call) -> Running:
    """Make folders."""
    given = _MKDIR.read(call)
    mode = _mode(given.last("m", "777"), 0)
    status = 0
    for name in _operands(given.operands):
        try:
            for folder in _above(call, name) if "p" in given else [name]:
                os.mkdir(call.path(folder), mode)
                if "v" in given:
                    yield _line(f"mkdir: created directory '{folder}'")
        except OSError as error:
            if "p" in given and os.path.isdir(call.path(name)):
                continue
            call.failed(f"cannot create directory '{name}'", error)
            status = 1
    return status


def _above(call: Call, name: str) -> Iterator[str]:
    """Yield a folder and those above it, as far as they are missing, the uppermost first."""
    missing = []
    while name and not os.path.isdir(call.path(name)):
        missing.append(name)
        name = os.path.dirname(name.rstrip("/"))
    return reversed(missing)


_RMDIR = Options("p/parents v/verbose ignore-fail-on-non-empty")


def rmdir(call: Call) -> Running:
    """Remove empty folders."""
    given = _RMDIR.read(call)
    status = 0
    for name in _operands(given.operands):
        while name:
            if "v" in given:
                yield _line(f"rmdir: removing directory, '{name}'")
            try:
                _guard(call, name)
                os.rmdir(call.path(name))
            except OSError as error:
                if "ignore-fail-on-non-empty" not in given:
                    call.failed(f"failed to remove '{name}'", error)
                    status = 1
                break
            name = os.path.dirname(name.rstrip("/")) if "p" in given else ""
    return status


def _guard(call: Call, name: str) -> None:
    if _kept(call.path(name)) or _kept(os.path.realpath(call.path(name))):
        raise CommandError(f"refusing to remove '{name}': the kernel needs it")


_RM = Options("r/recursive R f/force v/verbose d/dir preserve-root")


def rm(call: Call) -> Running:
    """Remove files and folders."""
    given = _RM.read(call)
    if "f" not in given:
        _operands(given.operands)
    # First, so that nothing is gone yet.
    for name in given.operands:
        _guard(call, name)
    recursive = "r" in given or "R" in given
    status = 0
    for name in given.operands:
        path = call.path(name)
        if os.path.basename(name.rstrip("/")) in (".", ".."):
            call.complain(f"refusing to remove '.' or '..' directory: skipping '{name}'")
            status = 1
            continue
        if "f" in given and not os.path.lexists(path):
            continue
        try:
            if not os.path.isdir(path) or os.path.islink(path):
                os.unlink(path)
                removed = [f"removed '{name}'"]
            elif recursive:
                removed = list(_remove_tree(name, path))
            elif "d" in given:
                os.rmdir(path)
                removed = [f"removed directory '{name}'"]
            else:
                call.complain(f"cannot remove '{name}': Is a directory")
                status = 1
                continue
        except OSError as error:
            call.failed(f"cannot remove '{name}'", error)
            status = 1
            continue
        if "v" in given:
            for text in removed:
                yield _line(text)
    return status


def _remove_tree(name: str, path: str) -> Iterator[str]:
    for folder, folders, files in os.walk(path, topdown=False):
        shown = name + folder.removeprefix(path)
        for each in sorted(files):
            os.unlink(os.path.join(folder, each))
            yield f"removed '{shown}/{each}'"
        for each in folders:
            if os.path.islink(os.path.join(folder, each)):
                os.unlink(os.path.join(folder, each))
                yield f"removed '{shown}/{each}'"
        os.rmdir(folder)
        yield f"removed directory '{shown}'"


_CP = Options(
    "r/recursive R a/archive f/force n/no-clobber u/update v/verbose p t/target-directory="
    " T/no-target-directory"
)


def cp(call: Call) -> Running:
    """Copy files and folders."""
    given = _CP.read(call)
    sources, target, into = _destination(call, given.operands, given.last("t"), "T" in given)
    recursive = any(each in given for each in "rRa")
    keep_times = "p" in given or "a" in given
    status = 0
    for name in sources:
        source = call.path(name)
        goal = f"{target.rstrip('/')}/{_base(name)}" if into else target
        path = call.path(goal)
        try:
            if not os.path.exists(source):
                call.complain(f"cannot stat '{name}': No such file or directory")
            elif os.path.isdir(source) and not recursive:
                call.complain(f"-r not specified; omitting directory '{name}'")
            elif os.path.exists(path) and os.path.samefile(source, path):
                call.complain(f"'{name}' and '{goal}' are the same file")
            elif os.path.isdir(source) and _within(path, source):
                call.complain(f"cannot copy a directory, '{name}', into itself, '{goal}'")
            elif os.path.isdir(source) and os.path.exists(path) and not os.path.isdir(path):
                call.complain(f"cannot overwrite non-directory '{goal}' with directory '{name}'")
            elif not os.path.isdir(source) and os.path.isdir(path):
                call.complain(f"cannot overwrite directory '{goal}' with non-directory")
            else:
                for shown, a, b in _copies(name, goal, source, path):
                    if not _wanted(given, a, b):
                        continue
                    if os.path.isdir(a):
                        os.makedirs(b, exist_ok=True)
                    else:
                        (shutil.copy2 if keep_times else shutil.copy)(a, b)
                    if "v" in given:
                        yield _line(shown)
                continue
        except OSError as error:
            call.failed(f"cannot create regular file '{goal}'", error)
        status = 1
    return status


def _copies(name: str, goal: str, source: str, path: str) -> Iterator[tuple[str, str, str]]:
    if not os.path.isdir(source):
        yield f"'{name}' -> '{goal}'", source, path
        return
    for folder, folders, files in os.walk(source):
        folders.sort()
        rest = folder.removeprefix(source)
        yield f"'{name}{rest}' -> '{goal}{rest}'", folder, path + rest
        for each in sorted(files):
            below = f"{rest}/{each}"
            yield f"'{name}{below}' -> '{goal}{below}'", f"{folder}/{each}", path + below


def _wanted(given: Given, source: str, path: str) -> bool:
    if os.path.isdir(source):
        return not os.path.isdir(path)
    if not os.path.exists(path):
        return True
    if "n" in given:
        return False
    return "u" not in given or os.path.getmtime(source) > os.path.getmtime(path)


def _base(name: str) -> str:
    return os.path.basename(name.rstrip("/")) or name


def _within(path: str, folder: str) -> bool:
    inner, outer = os.path.realpath(path), os.path.realpath(folder)
    return inner == outer or inner.startswith(f"{outer}/")


def _destination(
    call: Call, operands: list[str], folder: str, alone: bool
) -> tuple[list[str], str, bool]:
    """Return what to copy or move, where to, and whether that is a folder to put it into."""
    if folder:
        sources, target = _operands(operands), folder
    else:
        *sources, target = _operands(operands, 2)
    there = os.path.isdir(call.path(target))
    if folder or len(sources) > 1:
        if not there:
            why = (
                "Not a directory"
                if os.path.exists(call.path(target))
                else "No such file or directory"
            )
            raise CommandError(f"target '{target}': {why}")
        return sources, target, True
    if target.endswith("/") and not there and not os.path.isdir(call.path(sources[0])):
        raise CommandError(f"cannot create regular file '{target}': Not a directory")
    return sources, target, there and not alone


_MV = Options("f/force n/no-clobber u/update v/verbose t/target-directory= T/no-target-directory")


def mv(call: Call) -> Running:
    """Move or rename files and folders."""
    given = _MV.read(call)
    sources, target, into = _destination(call, given.operands, given.last("t"), "T" in given)
    for name in sources:
        _guard(call, name)
    status = 0
    for name in sources:
        source = call.path(name)
        goal = f"{target.rstrip('/')}/{_base(name)}" if into else target
        path = call.path(goal)
        try:
            if not os.path.lexists(source):
                call.complain(f"cannot stat '{name}': No such file or directory")
            elif os.path.exists(path) and os.path.samefile(source, path):
                call.complain(f"'{name}' and '{goal}' are the same file")
            elif os.path.isdir(source) and _within(path, source):
                call.complain(f"cannot move '{name}' to a subdirectory of itself, '{goal}'")
            elif os.path.isdir(path) and not os.path.isdir(source):
                call.complain(f"cannot overwrite directory '{goal}' with non-directory")
            elif os.path.isdir(source) and os.path.exists(path) and not os.path.isdir(path):
                call.complain(f"cannot overwrite non-directory '{goal}' with directory '{name}'")
            elif os.path.isdir(path) and os.listdir(path):
                call.complain(f"cannot move '{name}' to '{goal}': Directory not empty")
            else:
                if os.path.isdir(source) or _wanted(given, source, path):
                    _move(source, path)
                    if "v" in given:
                        yield _line(f"renamed '{name}' -> '{goal}'")
                continue
        except OSError as error:
            call.failed(f"cannot move '{name}' to '{goal}'", error)
        status = 1
    return status


def _move(source: str, path: str) -> None:
    if os.path.isdir(path) and os.path.isdir(source):
        os.rmdir(path)
    # A rename between the drive and a folder in memory is a copy.
    shutil.move(source, path)


_TOUCH = Options("c/no-create a m d/date= t= r/reference=")


def touch(call: Call) -> int:
    """Make empty files, or give files the time of now."""
    given = _TOUCH.read(call)
    for option in ("d", "t"):
        if option in given:
            raise CommandError(f"the option -{option} is not known here; os.utime sets a time")
    status = 0
    for name in _operands(given.operands):
        path = call.path(name)
        try:
            if not os.path.exists(path):
                if "c" in given:
                    continue
                with open(path, "ab"):
                    pass
            times = None
            if "r" in given:
                like = os.stat(call.path(given.last("r")))
                times = (like.st_atime, like.st_mtime)
            os.utime(path, times)
        except OSError as error:
            call.failed(f"cannot touch '{name}'", error)
            status = 1
    return status


_CHMOD = Options("R/recursive")


def chmod(call: Call) -> int:
    """Change what may be done with files."""
    # A mode may begin with a minus.
    args = [
        f"./{arg}" if arg[:1] == "-" and arg[1:].strip("rwx") == "" else arg for arg in call.args
    ]
    given = _CHMOD.split(args)
    mode, *names = _operands(given.operands, 2)
    mode = mode.removeprefix("./")
    status = 0
    for name in names:
        try:
            for path in _tree(call.path(name)) if "R" in given else [call.path(name)]:
                os.chmod(path, _mode(mode, stat.S_IMODE(os.stat(path).st_mode)))
        except OSError as error:
            call.failed(f"cannot access '{name}'", error)
            status = 1
    return status


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
            # As with the usual umask, writing is for the owner unless it is said for whom.
            granted = bits & ~2 if not who and each != "u" else bits
            if rest[0] == "=":
                mode &= ~(7 << shift)
            mode = mode & ~(granted << shift) if rest[0] == "-" else mode | granted << shift
    return mode


def _tree(path: str) -> Iterator[str]:
    yield path
    for folder, folders, files in os.walk(path):
        for each in (*folders, *files):
            yield os.path.join(folder, each)


_DU = Options("s/summarize h/human-readable a/all b/bytes c/total k m d/max-depth=")


def du(call: Call) -> Running:
    """Say how much space files take."""
    given = _DU.read(call)
    deepest = 0 if "s" in given else int(given.last("d", "999"))
    status = 0
    total = 0

    def row(size: int, name: str) -> bytes:
        if "h" in given:
            text = readable_size(size)
        else:
            unit = 1 if "b" in given else 1048576 if "m" in given else 1024
            text = str(-(-size // unit))
        return _line(f"{text}\t{name}")

    def visit(name: str, level: int) -> Iterator[tuple[int, str, int]]:
        path = call.path(name)
        found = os.lstat(path)
        size = found.st_size if "b" in given else getattr(found, "st_blocks", 0) * 512
        if not stat.S_ISDIR(found.st_mode):
            yield size, name, level if "a" in given or level == 0 else -1
            return
        for each in sorted(os.listdir(path)):
            for below, inner, depth in visit(f"{name.rstrip('/')}/{each}", level + 1):
                yield below, inner, depth
                size += below if inner.count("/") == name.rstrip("/").count("/") + 1 else 0
        yield size, name, level

    for name in given.operands or ["."]:
        try:
            for size, inner, level in visit(name, 0):
                if 0 <= level <= deepest:
                    yield row(size, inner)
                if level == 0:
                    total += size
        except OSError as error:
            call.failed(f"cannot access '{name}'", error)
            status = 1
    if "c" in given:
        yield row(total, "total")
    return status


def basename(call: Call) -> Running:
    """Print the last part of a path, without a suffix if one is named."""
    names = _operands(Options("").read(call).operands)
    name = names[0].rstrip("/").rpartition("/")[2] or "/"
    if len(names) > 1 and name != names[1]:
        name = name.removesuffix(names[1])
    yield _line(name)
    return 0


def dirname(call: Call) -> Running:
    """Print a path without its last part."""
    for name in _operands(Options("").read(call).operands):
        head = name.rstrip("/").rpartition("/")[0].rstrip("/")
        yield _line(head or ("/" if name.startswith("/") else "."))
    return 0


def realpath(call: Call) -> Running:
    """Print a path from the root."""
    for name in _operands(Options("e/canonicalize-existing m").read(call).operands):
        yield _line(os.path.realpath(call.path(name)))
    return 0


# find.


class _Found:
    """A file that `find` looks at."""

    def __init__(self, name: str, path: str, depth: int) -> None:
        self.name = name
        self.path = path
        self.depth = depth
        self.status = os.lstat(path)

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)


def find(call: Call) -> Running:
    """Find files below folders."""
    args = list(call.args)
    names = []
    while args and not args[0].startswith("-") and args[0] not in ("!", "("):
        names.append(args.pop(0))
    expression = _Expression(call, args)
    status = 0
    for name in names or ["."]:
        try:
            found = _Found(name, call.path(name), 0)
        except OSError as error:
            call.failed(f"'{name}'", error)
            status = 1
            continue
        yield from expression.walk(found)
    for batch in expression.batches:
        status = (yield from batch()) or status
    return status


class _Expression:
    """The tests and actions of `find`, read before it begins."""

    def __init__(self, call: Call, args: list[str]) -> None:
        self.call = call
        self.args = args
        self.least, self.most = 0, 1_000
        self.acts = False
        self.deletes = False
        self.batches: list[Callable[[], Running]] = []
        self.printed: list[bytes] = []
        self.read = 0
        test = self.either() if args else lambda _found: True
        if self.args:
            raise CommandError(f"the argument '{self.args[0]}' is not known here")
        self.test = test

    def walk(self, found: _Found) -> Iterator[bytes]:
        if not self.deletes:
            yield from self.seen(found)
        if found.is_folder and found.depth < self.most:
            try:
                names = sorted(os.listdir(found.path), key=os.fsencode)
            except OSError as error:
                self.call.failed(f"'{found.name}'", error)
                names = []
            for name in names:
                inner = f"{found.name.rstrip('/') or '/'}/{name}".replace("//", "/")
                yield from self.walk(_Found(inner, os.path.join(found.path, name), found.depth + 1))
        if self.deletes:
            yield from self.seen(found)

    def seen(self, found: _Found) -> Iterator[bytes]:
        if found.depth < self.least:
            return
        if self.test(found) and not self.acts:
            self.printed.append(_line(found.name))
        yield from self.printed
        self.printed.clear()

    def either(self) -> Callable[[_Found], bool]:
        tests = [self.all()]
        while self.args and self.args[0] in ("-o", "-or"):
            self.args.pop(0)
            tests.append(self.all())
        return lambda found: any(test(found) for test in tests)

    def all(self) -> Callable[[_Found], bool]:
        tests = []
        while self.args and self.args[0] not in ("-o", "-or", ")"):
            if self.args[0] in ("-a", "-and"):
                self.args.pop(0)
            tests.append(self.one())
        if not tests:
            raise CommandError("a test is missing")
        return lambda found: all(test(found) for test in tests)

    def one(self) -> Callable[[_Found], bool]:
        name = self.args.pop(0)
        self.read += 1
        if self.read > 200:
            raise CommandError("the expression is longer than 200 tests")
        if name in ("!", "-not"):
            if not self.args:
                raise CommandError(f"expected an expression after '{name}'")
            inner = self.one()
            return lambda found: not inner(found)
        if name == "(":
            inside = self.either()
            if not self.args or self.args.pop(0) != ")":
                raise CommandError("missing closing ')'")
            return inside
        return self.primary(name)

    def argument(self, name: str) -> str:
        if not self.args:
            raise CommandError(f"missing argument to '{name}'")
        return self.args.pop(0)

    def primary(self, name: str) -> Callable[[_Found], bool]:
        plain = name.removeprefix("-")
        if plain in ("name", "iname", "path", "ipath", "wholename"):
            return _named(plain, self.argument(name))
        if plain == "type":
            return _of_type(self.argument(name))
        if plain in ("maxdepth", "mindepth"):
            depth = _whole(name, self.argument(name))
            self.least, self.most = (
                (self.least, depth) if plain == "maxdepth" else (depth, self.most)
            )
            return lambda _found: True
        if plain == "size":
            return _of_size(self.argument(name))
        if plain in ("mtime", "mmin"):
            return _of_age(name, self.argument(name), 86400 if plain == "mtime" else 60)
        if plain == "newer":
            since = os.stat(self.call.path(self.argument(name))).st_mtime
            return lambda found: found.status.st_mtime > since
        if plain == "empty":
            return lambda found: (
                not os.listdir(found.path) if found.is_folder else found.status.st_size == 0
            )
        if plain in ("print", "print0", "delete", "exec"):
            self.acts = True
            return self.action(plain)
        raise CommandError(f"the argument '{name}' is not known here")

    def action(self, plain: str) -> Callable[[_Found], bool]:
        if plain == "delete":
            self.deletes = True
            return self.delete
        if plain == "exec":
            return self.execute()
        end = "\n" if plain == "print" else "\0"

        def show(found: _Found) -> bool:
            self.printed.append((found.name + end).encode("utf-8", "surrogateescape"))
            return True

        return show

    def delete(self, found: _Found) -> bool:
        _guard(self.call, found.name)
        try:
            (os.rmdir if found.is_folder else os.unlink)(found.path)
        except OSError as error:
            self.call.failed(f"cannot delete '{found.name}'", error)
            return False
        return True

    def execute(self) -> Callable[[_Found], bool]:
        words: list[str] = []
        while self.args and self.args[0] != ";" and (self.args[0] != "+" or words[-1:] != ["{}"]):
            words.append(self.args.pop(0))
        if not self.args or not words:
            raise CommandError("missing argument to '-exec'")
        call = self.call
        if self.args.pop(0) == "+":
            together: list[str] = []

            def batch() -> Running:
                if not together:
                    return 0
                return (yield from call.run([*words[:-1], *together], call.state, call.streams))

            self.batches.append(batch)

            def collect(found: _Found) -> bool:
                together.append(found.name)
                return True

            return collect

        def once(found: _Found) -> bool:
            args = [word.replace("{}", found.name) for word in words]
            running = call.run(args, call.state, call.streams)
            while True:
                try:
                    self.printed.append(next(running))
                except StopIteration as end:
                    return bool(end.value == 0)

        return once


def _named(kind: str, pattern: str) -> Callable[[_Found], bool]:
    whole = "path" in kind or kind == "wholename"
    if kind.startswith("i"):
        lower = pattern.lower()
        return lambda found: fnmatch.fnmatchcase(
            (found.name if whole else _base(found.name)).lower(), lower
        )
    return lambda found: fnmatch.fnmatchcase(found.name if whole else _base(found.name), pattern)


def _of_type(letters: str) -> Callable[[_Found], bool]:
    kinds = {"f": stat.S_ISREG, "d": stat.S_ISDIR, "l": stat.S_ISLNK}
    wanted = letters.split(",")
    for letter in wanted:
        if letter not in kinds:
            raise CommandError(f"the type '{letter}' is not known here; it knows f, d and l")
    return lambda found: any(kinds[letter](found.status.st_mode) for letter in wanted)


def _of_size(text: str) -> Callable[[_Found], bool]:
    unit = {"c": 1, "w": 2, "b": 512, "k": 1024, "M": 1 << 20, "G": 1 << 30}.get(text[-1:], 0)
    compare = _compared("-size", text[:-1] if unit else text)
    unit = unit or 512
    return lambda found: compare(-(-found.status.st_size // unit))


def _of_age(name: str, text: str, unit: int) -> Callable[[_Found], bool]:
    compare = _compared(name, text)
    now = time.time()
    return lambda found: compare(int((now - found.status.st_mtime) // unit))


def _compared(name: str, text: str) -> Callable[[int], bool]:
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


PROGRAMS: dict[str, Program] = {
    "basename": basename,
    "chmod": chmod,
    "cp": cp,
    "dirname": dirname,
    "du": du,
    "find": find,
    "mkdir": mkdir,
    "mv": mv,
    "realpath": realpath,
    "rm": rm,
    "rmdir": rmdir,
    "touch": touch,
}
