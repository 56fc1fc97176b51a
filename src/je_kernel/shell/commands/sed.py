"""The command ``sed``: its functions s, y, p, d, q, =, a, i and c, with addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from je_kernel.shell.calls import encode, program
from je_kernel.shell.commands.patterns import compiled
from je_kernel.shell.escapes import unescape
from je_kernel.shell.options import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from je_kernel.shell.calls import Call, Output


_Address: TypeAlias = "Callable[[int, str, bool], bool]"
"""Whether a line, by its number, its text and whether it is the last, has an address."""


@dataclass
class _Step:
    """One command of a script, with its addresses."""

    begin: _Address | None
    end: _Address | None
    inverted: bool
    name: str
    text: str = ""
    pattern: re.Pattern[str] | None = None
    replacement: list[str | int] = field(default_factory=list)
    table: dict[int, int] = field(default_factory=dict)
    which: int = 1
    everywhere: bool = False
    prints: bool = False
    last_line: int = 0
    inside: bool = False

    def applies(self, number: int, line: str, last: bool) -> bool:
        """Return whether the addresses select a line."""
        if self.begin is None:
            return not self.inverted
        if self.end is None:
            return self.begin(number, line, last) != self.inverted
        if self.inside:
            self.inside = not (self.end(number, line, last) or 0 < self.last_line <= number)
            return not self.inverted
        if self.begin(number, line, last):
            self.inside = not (0 < self.last_line <= number) and not last
            return not self.inverted
        return self.inverted


@program("sed", "n/quiet/silent e/expression= E/regexp-extended r i/in-place=? f/file=")
def sed(call: Call) -> Output:
    """Edit text, line by line."""
    options = call.options
    scripts = options.every("e")
    for name in options.every("f"):
        scripts.append(Path(call.path(name)).read_text("utf-8", "surrogateescape"))
    if not scripts:
        if not call.operands:
            raise CommandError("usage: sed [option]... script [file]...")
        scripts = [call.operands.pop(0)]
    kind = "extended" if options.any("Er") else "basic"
    steps = _ScriptParser("\n".join(scripts), kind).steps()
    quiet = "n" in options
    if "i" not in options:
        lines = (line for _, stream in call.inputs() for line in stream.lines())
        yield from _edited(steps, lines, quiet=quiet)
        call.status *= 2
        return
    for name, stream in call.inputs():
        path = Path(call.path(name))
        for step in steps:
            step.inside = False
        result = b"".join(_edited(steps, list(stream.lines()), quiet=quiet))
        if suffix := options.last("i"):
            path.with_name(path.name + suffix).write_bytes(path.read_bytes())
        path.write_bytes(result)
    call.status *= 4


def _edited(steps: list[_Step], lines: Iterable[bytes], *, quiet: bool) -> Iterator[bytes]:
    waiting = iter(lines)
    following = next(waiting, None)
    number = 0
    while following is not None:
        raw, following = following, next(waiting, None)
        number += 1
        end = b"\n" if raw.endswith(b"\n") else b""
        line = raw.removesuffix(b"\n").decode("utf-8", "surrogateescape")
        before: list[bytes] = []
        after: list[str] = []
        deleted = ended = False
        for step in steps:
            if not step.applies(number, line, following is None):
                continue
            if step.name == "s":
                line, changed = _replaced(step, line)
                if changed and step.prints:
                    before.append(encode(line) + b"\n")
            elif step.name == "y":
                line = line.translate(step.table)
            elif step.name == "p":
                before.append(encode(line) + (end or b"\n"))
            elif step.name == "=":
                before.append(b"%d\n" % number)
            elif step.name == "i":
                before.append(encode(f"{step.text}\n"))
            elif step.name == "a":
                after.append(step.text)
            elif step.name == "q":
                ended = True
                break
            else:
                deleted = True
                if step.name == "c" and not step.inside:
                    before.append(encode(f"{step.text}\n"))
                break
        yield from before
        if not deleted and not quiet:
            yield encode(line) + (end or (b"\n" if after else b""))
        for text in after:
            yield encode(f"{text}\n")
        if ended:
            return


def _replaced(step: _Step, line: str) -> tuple[str, bool]:
    assert step.pattern is not None
    pieces, at, count = [], 0, 0
    for match in step.pattern.finditer(line):
        count += 1
        if count < step.which:
            continue
        pieces.append(line[at : match.start()])
        pieces += [
            part if isinstance(part, str) else match[part] or "" for part in step.replacement
        ]
        at = match.end()
        if not step.everywhere:
            break
    return "".join(pieces) + line[at:], count >= step.which


class _ScriptParser:
    """Parses a script; an unknown command is an error before any file is edited."""

    def __init__(self, text: str, kind: str) -> None:
        self.text = text
        self.kind = kind
        self.at = 0

    def steps(self) -> list[_Step]:
        steps: list[_Step] = []
        while True:
            while self.at < len(self.text) and self.text[self.at] in " \t\n;":
                self.at += 1
            if self.at >= len(self.text):
                return steps
            steps.append(self.step())

    def ahead(self) -> str:
        return self.text[self.at : self.at + 1]

    def blanks(self) -> None:
        while self.ahead() and self.ahead() in " \t":
            self.at += 1

    def step(self) -> _Step:
        begin, _ = self.address()
        end, last_line = None, 0
        if begin is not None and self.ahead() == ",":
            self.at += 1
            end, last_line = self.address()
            if end is None:
                raise CommandError("-e expression: unexpected ','")
        self.blanks()
        inverted = self.ahead() == "!"
        self.at += inverted
        self.blanks()
        name = self.ahead()
        self.at += 1
        step = _Step(begin, end, inverted, name, last_line=last_line)
        if name in "pdq=" and name:
            self.end_of(name)
        elif name == "s":
            self.substitution(step)
        elif name == "y":
            old, new = (unescape(part) for part in self.delimited(2))
            if len(old) != len(new):
                raise CommandError("strings for 'y' command are different lengths")
            step.table = str.maketrans(old, new)
        elif name in "aic" and name:
            self.blanks()
            if self.ahead() == "\\":
                self.at += 1
                self.blanks()
                self.at += self.ahead() == "\n"
            line, _, _ = self.text[self.at :].partition("\n")
            self.at += len(line)
            step.text = unescape(line)
        else:
            raise CommandError(
                f"the command '{name}' is not known here; it knows s y p d q = a i c"
            )
        return step

    def end_of(self, name: str) -> None:
        self.blanks()
        if self.ahead() not in ("", "\n", ";"):
            raise CommandError(f"extra characters after the command '{name}'")

    def address(self) -> tuple[_Address | None, int]:
        self.blanks()
        if self.ahead() == "$":
            self.at += 1
            return (lambda _number, _line, last: last), 0
        if self.ahead() == "/":
            text = self.delimited(1)[0]
            pattern = compiled(text, self.kind)
            return (lambda _number, line, _last: pattern.search(line) is not None), 0
        digits = self.digits()
        if not digits:
            return None, 0
        first = int(digits)
        if self.ahead() == "~":
            self.at += 1
            step = int(self.digits() or "0")
            return (
                lambda number, _line, _last: (
                    number >= first and ((number - first) % step == 0 if step else number == first)
                )
            ), 0
        return (lambda number, _line, _last: number == first), first

    def digits(self) -> str:
        begin = self.at
        while self.ahead().isdecimal():
            self.at += 1
        return self.text[begin : self.at]

    def delimited(self, count: int) -> list[str]:
        """Take ``/…/…/`` with any delimiter."""
        delimiter = self.ahead()
        if not delimiter or delimiter in "\n\\":
            raise CommandError("a delimiter is missing")
        self.at += 1
        pieces = []
        for _ in range(count):
            piece = []
            while self.ahead() != delimiter:
                if not self.ahead():
                    raise CommandError("unterminated command: a delimiter is missing")
                if self.ahead() == "\\" and self.at + 1 < len(self.text):
                    self.at += 1
                    char = self.ahead()
                    piece.append(char if char == delimiter and char not in "&" else f"\\{char}")
                else:
                    piece.append(self.ahead())
                self.at += 1
            self.at += 1
            pieces.append("".join(piece))
        return pieces

    def substitution(self, step: _Step) -> None:
        old, new = self.delimited(2)
        flags = 0
        while self.ahead() and self.ahead() not in "\n; }":
            letter = self.ahead()
            if letter == "g":
                step.everywhere = True
            elif letter == "p":
                step.prints = True
            elif letter in "iI":
                flags = re.IGNORECASE
            elif letter.isdecimal() and letter != "0":
                step.which = int(self.digits())
                continue
            else:
                raise CommandError(f"the flag '{letter}' of 's' is not known here")
            self.at += 1
        step.pattern = compiled(old, self.kind, flags)
        step.replacement = self.replacement(new, step.pattern.groups)

    def replacement(self, text: str, groups: int) -> list[str | int]:
        parts: list[str | int] = []
        at = 0
        while at < len(text):
            char = text[at]
            at += 1
            if char == "&":
                parts.append(0)
            elif char == "\\" and at < len(text):
                char = text[at]
                at += 1
                if char.isdecimal():
                    if int(char) > groups:
                        raise CommandError(f"invalid reference \\{char} on 's' command's RHS")
                    parts.append(int(char))
                elif char in "LUElu":
                    raise CommandError(f"'\\{char}' is not known here")
                else:
                    parts.append({"n": "\n", "t": "\t"}.get(char, char))
            else:
                parts.append(char)
        return parts
