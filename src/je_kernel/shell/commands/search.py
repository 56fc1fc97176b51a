"""The command ``grep``."""

from __future__ import annotations

import fnmatch
import os
import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from je_kernel.shell.calls import Input, program
from je_kernel.shell.commands.patterns import compiled
from je_kernel.shell.options import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from je_kernel.shell.calls import Call, Output


@program(
    "grep egrep fgrep",
    "i/ignore-case v/invert-match n/line-number c/count l/files-with-matches L/files-without-match"
    " o/only-matching w/word-regexp x/line-regexp r/recursive R/dereference-recursive"
    " E/extended-regexp F/fixed-strings G/basic-regexp P/perl-regexp e/regexp= f/file="
    " H/with-filename h/no-filename q/quiet s/no-messages A/after-context= B/before-context="
    " C/context=# m/max-count= color/colour=? include= exclude= exclude-dir= a/text y",
    status=2,
)
def grep(call: Call) -> Output:
    """Print lines that match a pattern."""
    options = call.options
    if options.last("color") == "always":
        raise CommandError("the option --color=always is not known here", 2)
    names = call.operands
    texts = options.every("e")
    for name in options.every("f"):
        with open(call.path(name), encoding="utf-8", errors="surrogateescape") as file:
            texts += file.read().splitlines()
    if not texts and "f" not in options:
        if not names:
            raise CommandError("usage: grep [option]... pattern [file]...", 2)
        texts = [names.pop(0)]
    recursive = options.any("rR")
    several = len(names) > 1 or recursive
    matches = _Matches(
        call, _patterns(call, texts), "H" in options or (several and "h" not in options)
    )
    for name in names or (["."] if recursive else ["-"]):
        below = _files(call, name) if recursive and name != "-" else [name]
        for each in below:
            # As grep does: without a name, files are named without the "./".
            shown = each if names else each.removeprefix("./")
            yield from matches.in_file(shown)
            if "q" in options and matches.matched:
                call.status = 0
                return
    if not call.status and not matches.matched:
        call.status = 1


def _patterns(call: Call, texts: list[str]) -> list[re.Pattern[str]]:
    options = call.options
    default = {"egrep": "E", "fgrep": "F"}.get(call.name, "G")
    kinds = {"E": "extended", "F": "fixed", "P": "perl", "G": "basic"}
    kind = kinds[options.latest("EFPG") or default]
    flags = re.IGNORECASE if options.any("iy") else 0
    patterns = []
    for text in (line for each in texts for line in each.split("\n")):
        pattern = compiled(text, kind, flags)
        if "x" in options:
            pattern = re.compile(f"\\A(?:{pattern.pattern})\\Z", flags)
        elif "w" in options:
            pattern = re.compile(f"(?<!\\w)(?:{pattern.pattern})(?!\\w)", flags)
        patterns.append(pattern)
    return patterns


def _files(call: Call, name: str) -> Iterator[str]:
    """Yield the names of the files in a folder that -r searches."""

    def has(option: str, base: str) -> bool:
        return any(fnmatch.fnmatchcase(base, each) for each in call.options.every(option))

    for each in call.tree(name):
        if os.path.isdir(call.path(each)):
            continue
        if each == name:
            yield each
            continue
        *folders, base = each.removeprefix(name).split("/")
        if any(has("exclude-dir", folder) for folder in folders) or has("exclude", base):
            continue
        if "include" not in call.options or has("include", base):
            yield each


@dataclass
class _Matches:
    """Searches files, and notes whether a line matched."""

    call: Call
    patterns: list[re.Pattern[str]]
    titled: bool
    matched: bool = False
    printed: bool = False
    before: int = field(init=False)
    after: int = field(init=False)

    def __post_init__(self) -> None:
        self.before, self.after = self.context("B"), self.context("A")

    def context(self, option: str) -> int:
        options = self.call.options
        text = options.last(option, options.last("C", "0"))
        if not text.isdecimal():
            raise CommandError(f"{text}: invalid context length argument", 2)
        return int(text)

    def in_file(self, name: str) -> Iterator[bytes | str]:
        path = self.call.path(name)
        try:
            if name != "-" and os.path.isdir(path):
                self.call.complain(f"{name}: Is a directory")
                return
            stream = self.call.stdin if name == "-" else Input.of_file(path)
        except OSError as error:
            self.call.status = 2
            if "s" not in self.call.options:
                self.call.complain(f"{name}: {error.strerror or error}")
            return
        yield from self.in_stream("(standard input)" if name == "-" else name, stream)

    def in_stream(self, name: str, stream: Input) -> Iterator[str]:
        options = self.call.options
        listing = options.any("lL")
        silent = listing or options.any("cq")
        most = int(options.last("m", "-1"))
        count, last_shown, after = 0, 0, 0
        before: deque[tuple[int, str]] = deque(maxlen=self.before)
        for number, raw in enumerate(stream.lines(), 1):
            if count == most and not after:
                break
            line = raw.decode("utf-8", "surrogateescape").removesuffix("\n")
            matches = any(pattern.search(line) for pattern in self.patterns)
            if count != most and matches != ("v" in options):
                count += 1
                if listing or "q" in options:
                    break
                if silent:
                    continue
                if "\0" in line and "a" not in options:
                    yield f"grep: {name}: binary file matches\n"
                    break
                first = before[0][0] if before else number
                context = (self.before or self.after) and "o" not in options
                if context and self.printed and first > last_shown + 1:
                    yield "--\n"
                for earlier, text in before:
                    yield self.line(name, earlier, text, "-")
                before.clear()
                for text in self.parts(line) if "o" in options else [line]:
                    yield self.line(name, number, text, ":")
                self.printed = True
                last_shown, after = number, self.after
            elif after and not silent:
                after -= 1
                last_shown = number
                if "o" not in options:
                    yield self.line(name, number, line, "-")
            else:
                before.append((number, line))
        self.matched = self.matched or (count > 0) != ("L" in options)
        if listing and (count > 0) == ("l" in options):
            yield f"{name}\n"
        elif "c" in options and not listing and "q" not in options:
            yield f"{f'{name}:' if self.titled else ''}{count}\n"

    def parts(self, line: str) -> Iterator[str]:
        """Yield the parts of a line that match, for -o."""
        position = 0
        while position <= len(line) and "v" not in self.call.options:
            matches = [match for p in self.patterns if (match := p.search(line, position))]
            if not matches:
                return
            # The first, and of those the longest.
            best = min(matches, key=lambda match: (match.start(), -match.end()))
            if best.group():
                yield best.group()
            position = best.end() + (not best.group())

    def line(self, name: str, number: int, text: str, mark: str) -> str:
        title = f"{name}{mark}" if self.titled else ""
        place = f"{number}{mark}" if "n" in self.call.options else ""
        return f"{title}{place}{text}\n"
