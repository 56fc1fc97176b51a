"""``grep``."""

from __future__ import annotations

import fnmatch
import os
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from je_kernel.shell.calls import CommandError, Input
from je_kernel.shell.commands.patterns import compiled
from je_kernel.shell.options import Given, Options

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

    from je_kernel.shell.calls import Call, Program, Running

__all__ = ["PROGRAMS"]


_GREP = Options(
    "i/ignore-case v/invert-match n/line-number c/count l/files-with-matches L/files-without-match"
    " o/only-matching w/word-regexp x/line-regexp r/recursive R/dereference-recursive"
    " E/extended-regexp F/fixed-strings G/basic-regexp P/perl-regexp e/regexp= f/file="
    " H/with-filename h/no-filename q/quiet s/no-messages A/after-context= B/before-context="
    " C/context= m/max-count= color/colour=? include= exclude= exclude-dir= a/text y",
    status=2,
)


def grep(call: Call) -> Running:
    """Print lines that match a pattern."""
    given = _GREP.split(
        [f"-C{arg[1:]}" if arg[:1] == "-" and arg[1:].isdecimal() else arg for arg in call.args]
    )
    if given.last("color") == "always":
        raise CommandError("the option --color=always is not known here", 2)
    names = list(given.operands)
    texts = given.every("e")
    for name in given.every("f"):
        with open(call.path(name), encoding="utf-8", errors="surrogateescape") as file:
            texts += file.read().splitlines()
    if not texts and "f" not in given:
        if not names:
            raise CommandError("usage: grep [option]... pattern [file]...", 2)
        texts = [names.pop(0)]
    searched = _Searched(call, given, _patterns(given, texts))
    recursive = "r" in given or "R" in given
    many = len(names) > 1 or recursive
    searched.titled = "H" in given or (many and "h" not in given)
    for name in _files(call, given, names or ([""] if recursive else ["-"]), recursive, searched):
        yield from searched.file(name)
        if "q" in given and searched.found:
            return 0
    if "q" in given and searched.found:
        return 0
    return 2 if searched.failed else 0 if searched.found else 1


def egrep(call: Call) -> Running:
    """Print lines that match an extended pattern."""
    return (yield from grep(replace(call, args=["-E", *call.args])))


def fgrep(call: Call) -> Running:
    """Print lines that have a text."""
    return (yield from grep(replace(call, args=["-F", *call.args])))


def _patterns(given: Given, texts: list[str]) -> list[re.Pattern[str]]:
    import re

    kind = {"E": "extended", "F": "fixed", "P": "perl"}.get(given.latest("EFPG"), "basic")
    flags = re.IGNORECASE if "i" in given or "y" in given else 0
    found = []
    for text in (line for each in texts for line in each.split("\n")):
        pattern = compiled(text, kind, flags)
        if "x" in given:
            pattern = re.compile(f"\\A(?:{pattern.pattern})\\Z", flags)
        elif "w" in given:
            pattern = re.compile(f"(?<!\\w)(?:{pattern.pattern})(?!\\w)", flags)
        found.append(pattern)
    return found


def _files(
    call: Call, given: Given, names: list[str], recursive: bool, searched: _Searched
) -> Iterator[str]:
    for name in names:
        path = call.path(name)
        if name == "-" or not os.path.isdir(path):
            yield name
        elif recursive:
            yield from _below(given, path, name)
        else:
            call.complain(f"{name}: Is a directory")
            searched.failed = True


def _below(given: Given, path: str, shown: str) -> Iterator[str]:
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(f for f in folders if not _any(given.every("exclude-dir"), f))
        rest = folder.removeprefix(path).strip("/")
        start = "/".join(part for part in (shown.rstrip("/"), rest) if part)
        for name in sorted(files):
            wanted = given.every("include")
            if (not wanted or _any(wanted, name)) and not _any(given.every("exclude"), name):
                yield f"{start}/{name}" if start else name


def _any(patterns: list[str], name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


class _Searched:
    """Searches files and remembers what came of it."""

    def __init__(self, call: Call, given: Given, patterns: list[re.Pattern[str]]) -> None:
        self.call = call
        self.given = given
        self.patterns = patterns
        self.titled = False
        self.found = False
        self.failed = False
        self.printed = False
        both = self.size("C")
        self.before = self.size("B") if "B" in given else both
        self.after = self.size("A") if "A" in given else both

    def size(self, option: str) -> int:
        text = self.given.last(option, "0")
        if not text.isdecimal():
            raise CommandError(f"{text}: invalid context length argument", 2)
        return int(text)

    def matches(self, line: str) -> bool:
        return any(pattern.search(line) for pattern in self.patterns)

    def file(self, name: str) -> Iterator[bytes]:
        try:
            stream = self.call.stdin if name == "-" else Input.of_file(self.call.path(name))
        except OSError as error:
            if "s" not in self.given:
                self.call.complain(f"{name}: {error.strerror or error}")
            self.failed = True
            return
        shown = "(standard input)" if name == "-" else name
        yield from self.stream(shown, stream)

    def stream(self, name: str, stream: Input) -> Iterator[bytes]:
        given = self.given
        listing = "l" in given or "L" in given
        quiet = "c" in given or listing or "q" in given
        most = int(given.last("m", "0")) if "m" in given else -1
        count, last_shown, after = 0, 0, 0
        before: deque[tuple[int, str]] = deque(maxlen=self.before)
        for number, raw in enumerate(stream.lines(), 1):
            if count == most and not after:
                break
            line = raw.decode("utf-8", "surrogateescape").removesuffix("\n")
            if count != most and self.matches(line) != ("v" in given):
                count += 1
                if listing or "q" in given:
                    break
                if quiet:
                    continue
                if b"\0" in raw and "a" not in given:
                    yield f"grep: {name}: binary file matches\n".encode("utf-8", "surrogateescape")
                    break
                first = before[0][0] if before else number
                if (
                    (self.before or self.after)
                    and self.printed
                    and first > last_shown + 1
                    and ("o" not in given)
                ):
                    yield b"--\n"
                for earlier, text in before:
                    yield self.line(name, earlier, text, "-")
                before.clear()
                if "o" in given:
                    yield from self.parts(name, number, line)
                else:
                    yield self.line(name, number, line, ":")
                self.printed = True
                last_shown, after = number, self.after
            elif after and not quiet:
                after -= 1
                last_shown = number
                if "o" not in given:
                    yield self.line(name, number, line, "-")
            elif self.before:
                before.append((number, line))
        self.found = self.found or (count > 0) != ("L" in given)
        if listing and (count > 0) == ("l" in given):
            yield f"{name}\n".encode("utf-8", "surrogateescape")
        elif "c" in given and not listing and "q" not in given:
            yield f"{f'{name}:' if self.titled else ''}{count}\n".encode("utf-8", "surrogateescape")

    def parts(self, name: str, number: int, line: str) -> Iterator[bytes]:
        if "v" in self.given:
            return
        at = 0
        while at <= len(line):
            found = [match for p in self.patterns if (match := p.search(line, at))]
            if not found:
                return
            # The first, and of those the longest.
            best = min(found, key=lambda match: (match.start(), -match.end()))
            if best.group():
                yield self.line(name, number, best.group(), ":")
            at = best.end() + (not best.group())

    def line(self, name: str, number: int, text: str, mark: str) -> bytes:
        title = f"{name}{mark}" if self.titled else ""
        place = f"{number}{mark}" if "n" in self.given else ""
        return f"{title}{place}{text}\n".encode("utf-8", "surrogateescape")


PROGRAMS: dict[str, Program] = {"egrep": egrep, "fgrep": fgrep, "grep": grep}
