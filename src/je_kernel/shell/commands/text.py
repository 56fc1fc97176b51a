"""Commands that read text line by line, as bytes: ``cat``, ``head``, ``sort``, ``xargs``."""

from __future__ import annotations

import hashlib
import itertools
import re
import shlex
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from je_kernel.shell.calls import Input, encode, program
from je_kernel.shell.escapes import unescape
from je_kernel.shell.options import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from je_kernel.shell.calls import Call, Output
    from je_kernel.shell.options import Options


@program("cat", "n/number b/number-nonblank s/squeeze-blank E/show-ends A/show-all T/show-tabs u")
def cat(call: Call) -> Output:
    """Print files."""
    options = call.options
    number, after_blank = 0, False
    for _, stream in call.inputs():
        if not options.any("nbsEAT"):
            yield from stream.chunks()
            continue
        for line in stream.lines():
            blank = line == b"\n"
            if "s" in options and blank and after_blank:
                continue
            after_blank = blank
            if options.any("TA"):
                line = line.replace(b"\t", b"^I")
            if options.any("EA") and line.endswith(b"\n"):
                line = line[:-1] + b"$\n"
            if ("b" in options and not blank) or ("n" in options and "b" not in options):
                number += 1
                line = b"%6d\t%s" % (number, line)
            yield line


@program("tac", "")
def tac(call: Call) -> Output:
    """Print files, the last line first."""
    for _, stream in call.inputs():
        yield from reversed(list(stream.lines()))


_HEAD = "n/lines=# c/bytes= q/quiet v/verbose"


def _sections(call: Call) -> Iterator[tuple[str, str, Input, str]]:
    """Yield for each input of head and tail: what is counted, the count, the input, its title."""
    options = call.options
    kind = options.latest("nc") or "n"
    count = options.last(kind, "10")
    if not count.lstrip("+-").isdecimal():
        unit = "lines" if kind == "n" else "bytes"
        raise CommandError(f"invalid number of {unit}: '{count}'")
    titled = "v" in options or (len(call.operands) > 1 and "q" not in options)
    for i, (name, stream) in enumerate(call.inputs("cannot open '{}' for reading")):
        name = "standard input" if name == "-" else name
        title = f"{chr(10) if i else ''}==> {name} <==\n" if titled else ""
        yield kind, count, stream, title


@program("head", _HEAD)
def head(call: Call) -> Output:
    """Print the beginning of files."""
    for kind, count, stream, title in _sections(call):
        yield title
        size = int(count)
        if kind == "n" and size < 0:
            yield from list(stream.lines())[:size]
        elif kind == "n":
            # Not islice: it would read one line more than it yields.
            for _ in range(size):
                yield stream.line()
        elif size < 0:
            yield stream.read()[:size]
        else:
            for chunk in stream.chunks() if size else ():
                yield chunk[:size]
                size -= len(chunk)
                if size <= 0:
                    break


@program("tail", _HEAD)
def tail(call: Call) -> Output:
    """Print the end of files."""
    if call.operands and call.operands[0][:1] == "+" and call.operands[0][1:].isdecimal():
        call.options.pairs.append(("n", call.operands.pop(0)))
    for kind, count, stream, title in _sections(call):
        yield title
        size = abs(int(count))
        if count.startswith("+"):
            skipped = max(size - 1, 0)
            if kind == "n":
                yield from itertools.islice(stream.lines(), skipped, None)
            else:
                yield stream.read()[skipped:]
        elif kind == "n":
            yield from deque(stream.lines(), maxlen=size)
        elif size:
            yield stream.read()[-size:]


@program("wc", "l/lines w/words c/bytes m/chars L/max-line-length")
def wc(call: Call) -> Output:
    """Count lines, words and bytes."""
    shown = [each for each in "lwmcL" if each in call.options] or ["l", "w", "c"]
    rows = []
    totals = dict.fromkeys("lwmcL", 0)
    for name, stream in call.inputs():
        counts = dict.fromkeys("lwmcL", 0)
        for line in stream.lines():
            counts["l"] += line.endswith(b"\n")
            counts["w"] += len(line.split())
            counts["c"] += len(line)
            text = line.decode("utf-8", "replace")
            counts["m"] += len(text)
            counts["L"] = max(counts["L"], len(text.rstrip("\n").expandtabs()))
        for kind, count in counts.items():
            totals[kind] = max(totals[kind], count) if kind == "L" else totals[kind] + count
        rows.append((counts, name if call.operands else ""))
    if len(call.operands) > 1:
        rows.append((totals, "total"))
    # As wide as the sum of the sizes; a stream that is not a file has a width of 7.
    width = 7
    if len(shown) == 1 and len(rows) == 1:
        width = 1
    elif call.operands and "-" not in call.operands:
        paths = [Path(call.path(name)) for name in call.operands]
        width = len(str(sum(path.stat().st_size for path in paths if path.is_file())))
    for counts, name in rows:
        text = " ".join(str(counts[kind]).rjust(width) for kind in shown)
        yield f"{text} {name}".rstrip(" ") + "\n"


def _whole_lines(stream: Input) -> Iterator[bytes]:
    """Yield lines that all have a line end."""
    for line in stream.lines():
        yield line if line.endswith(b"\n") else line + b"\n"


@program(
    "sort",
    "n/numeric-sort r/reverse u/unique f/ignore-case k/key= t/field-separator= o/output= b"
    " h/human-numeric-sort s/stable V/version-sort",
    status=2,
)
def sort(call: Call) -> Output:
    """Sort lines."""
    options = call.options
    lines: list[bytes] = []
    for _, stream in call.inputs("cannot read: {}"):
        lines += _whole_lines(stream)
    if call.status:
        return
    keys = [_sort_key(text, options) for text in options.every("k") or ["1"]]
    # The whole line decides where the keys are equal.
    if not options.any("us"):
        lines.sort(reverse="r" in options)
    for key in reversed(keys):
        lines.sort(key=key.value, reverse="r" in key.flags)
    if "u" in options:
        groups = itertools.groupby(lines, key=lambda line: [key.value(line) for key in keys])
        lines = [next(group) for _, group in groups]
    if "o" in options:
        Path(call.path(options.last("o"))).write_bytes(b"".join(lines))
    else:
        yield from lines


@dataclass(frozen=True)
class _Key:
    """A sort key: a range of fields and characters, and how they compare."""

    begin: tuple[int, int]
    end: tuple[int, int]
    flags: str
    separator: bytes | None

    def value(self, line: bytes) -> Any:
        """Return the value by which a line is sorted."""
        text = self.cut(line.removesuffix(b"\n"))
        if "b" in self.flags:
            text = text.lstrip(b" \t")
        if "n" in self.flags:
            return _number(text)
        if "h" in self.flags:
            return _human(text)
        if "V" in self.flags:
            parts = re.split(rb"(\d+)", text)
            return [(0, int(p), b"") if p.isdigit() else (1, 0, p) for p in parts]
        return text.upper() if "f" in self.flags else text

    def cut(self, line: bytes) -> bytes:
        if (self.begin, self.end) == ((1, 1), (0, 0)):
            return line
        if self.separator is None:
            # A field begins with the blanks before it.
            ends = [match.end() for match in re.finditer(rb"[^ \t]+", line)]
            fields = [line[begin:end] for begin, end in itertools.pairwise((0, *ends))]
        else:
            fields = line.split(self.separator)
        last = self.end[0] or len(fields)
        chosen = fields[self.begin[0] - 1 : last]
        if chosen and self.end[1] and len(fields) >= last:
            chosen[-1] = chosen[-1][: self.end[1]]
        return (self.separator or b"").join(chosen)[self.begin[1] - 1 :]


_KEY = re.compile(
    r"([0-9]++)(?:\.([0-9]++))?+([bnrfhV]*+)(?:,([0-9]++)(?:\.([0-9]++))?+([bnrfhV]*+))?+"
)


def _sort_key(text: str, options: Options) -> _Key:
    match = _KEY.fullmatch(text)
    if match is None:
        raise CommandError(f"the key '{text}' is not known here", 2)
    numbers = [int(match[i] or 0) for i in (1, 2, 4, 5)]
    if numbers[0] == 0:
        raise CommandError(f"field number is zero: invalid field specification '{text}'", 2)
    own = match[3] + (match[6] or "")
    whole = "".join(letter for letter in "bnrfhV" if letter in options)
    separator = encode(unescape(options.last("t"))) if "t" in options else None
    begin, end = (numbers[0], numbers[1] or 1), (numbers[2], numbers[3])
    return _Key(begin, end, own if own.strip("b") else own + whole, separator)


_NUMBER = re.compile(rb"[ \t]*+(-?+[0-9]*+(?:\.[0-9]*+)?+)([KMGTPE]?)")


def _number(text: bytes) -> float:
    match = _NUMBER.match(text)
    try:
        return float(match[1]) if match else 0.0
    except ValueError:
        return 0.0


def _human(text: bytes) -> tuple[int, float]:
    match = _NUMBER.match(text)
    number = _number(text)
    size = b"KMGTPE".find(match[2]) + 1 if match and match[2] else 0
    return (-size if number < 0 else size, number)


@program("uniq", "c/count d/repeated u/unique i/ignore-case")
def uniq(call: Call) -> Output:
    """Omit lines that are equal to the one before."""
    if len(call.operands) > 1:
        raise CommandError("an output file is not known here; write '> file'")
    fold: Callable[[bytes], bytes] | None = bytes.lower if "i" in call.options else None
    for _, stream in call.inputs():
        for _, group in itertools.groupby(_whole_lines(stream), key=fold):
            first, *others = group
            count = 1 + len(others)
            if ("d" in call.options and count == 1) or ("u" in call.options and count > 1):
                continue
            yield b"%7d %s" % (count, first) if "c" in call.options else first


@program(
    "cut",
    "d/delimiter= f/fields= c/characters= b/bytes= s/only-delimited output-delimiter= complement",
)
def cut(call: Call) -> Output:
    """Print parts of lines."""
    options = call.options
    kinds = [each for each in "fcb" if each in options]
    if len(kinds) != 1:
        raise CommandError("you must specify a list of bytes, characters, or fields")
    ranges = _ranges(options.last(kinds[0]))
    delimiter = encode(options.last("d", "\t"))
    if len(delimiter) != 1:
        raise CommandError("the delimiter must be a single character")
    joint = encode(
        options.last("output-delimiter", options.last("d", "\t") if "f" in kinds else "")
    )
    for _, stream in call.inputs():
        for line in stream.lines():
            line = line.removesuffix(b"\n")
            if "f" in kinds and delimiter not in line:
                if "s" not in options:
                    yield line + b"\n"
                continue
            parts = line.split(delimiter) if "f" in kinds else [bytes((byte,)) for byte in line]
            yield joint.join(
                part
                for i, part in enumerate(parts, 1)
                if any(begin <= i <= end for begin, end in ranges) != ("complement" in options)
            )
            yield b"\n"


def _ranges(text: str) -> list[tuple[int, int]]:
    ranges = []
    for part in text.replace(" ", ",").split(","):
        first, dash, last = part.partition("-")
        if not (first + last).isdecimal():
            raise CommandError(f"invalid field range '{text}'")
        begin = int(first or 1)
        end = int(last) if last else 1 << 62 if dash else begin
        if begin < 1:
            raise CommandError("fields are numbered from 1")
        if end < begin:
            raise CommandError("invalid decreasing range")
        ranges.append((begin, end))
    return ranges


_TR_CLASSES: dict[str, Callable[[str], bool]] = {
    "alnum": str.isalnum, "alpha": str.isalpha, "digit": str.isdigit, "lower": str.islower,
    "upper": str.isupper, "space": str.isspace, "blank": lambda char: char in " \t",
    "punct": lambda char: " " < char < "\x7f" and not char.isalnum(),
}  # fmt: skip


@program("tr", "+ d/delete s/squeeze-repeats c/complement C")
def tr(call: Call) -> Output:
    """Replace or delete characters."""
    options = call.options
    if not call.operands or len(call.operands) > 2:
        raise CommandError("missing operand" if not call.operands else "extra operand")
    first, second = map(_tr_set, (*call.operands, "")[:2])
    if options.any("cC"):
        first = bytes(c for c in range(256) if c not in first)
    if not second and not options.any("ds"):
        raise CommandError(f"missing operand after '{call.operands[0]}'")
    table = bytes.maketrans(b"", b"")
    if second and "d" not in options:
        table = bytes.maketrans(first, (second + second[-1:] * len(first))[: len(first)])
    squeezed = set(second or first) if "s" in options else set()
    last = -1
    for chunk in call.stdin.chunks():
        chunk = chunk.translate(table, first if "d" in options else b"")
        if squeezed:
            result = bytearray()
            for char in chunk:
                if char != last or char not in squeezed:
                    result.append(char)
                last = char
            chunk = bytes(result)
        yield chunk


def _tr_set(text: str) -> bytes:
    """Return the characters of a set such as ``a-z`` or ``[:digit:]``."""
    if not text.isascii():
        raise CommandError(f"'{text}' is not known here: tr works on ASCII; use str.translate")
    codes: list[int] = []
    rest = unescape(text)
    while rest:
        if rest.startswith("[:") and ":]" in rest:
            name, _, rest = rest[2:].partition(":]")
            if name not in _TR_CLASSES:
                raise CommandError(f"invalid character class '{name}'")
            codes += [code for code in range(128) if _TR_CLASSES[name](chr(code))]
        elif rest[1:2] == "-" and len(rest) > 2:
            if rest[2] < rest[0]:
                raise CommandError(f"range-endpoints of '{rest[:3]}' are in reverse order")
            codes += range(ord(rest[0]), ord(rest[2]) + 1)
            rest = rest[3:]
        else:
            codes.append(ord(rest[0]))
            rest = rest[1:]
    # Bytes above 127 are surrogates.
    return bytes(code & 255 for code in codes)


@program("tee", "a/append i")
def tee(call: Call) -> Output:
    """Copy the input to the output and into files."""
    paths = [Path(call.path(name)) for name in call.operands]
    for path in paths:
        if "a" not in call.options:
            path.write_bytes(b"")
    for chunk in call.stdin.chunks():
        for path in paths:
            with path.open("ab") as file:
                file.write(chunk)
        yield chunk


@program("nl", "b/body-numbering=")
def nl(call: Call) -> Output:
    """Print files with line numbers."""
    number = 0
    for _, stream in call.inputs():
        for line in stream.lines():
            if line == b"\n" and call.options.last("b", "t") == "t":
                yield "       \n"
                continue
            number += 1
            yield b"%6d\t%s" % (number, line)


@program("rev", "")
def rev(call: Call) -> Output:
    """Print lines backwards."""
    for _, stream in call.inputs():
        for line in stream.lines():
            text = line.decode("utf-8", "surrogateescape")
            yield text.rstrip("\n")[::-1] + ("\n" if text.endswith("\n") else "")


@program("paste", "d/delimiters= s/serial")
def paste(call: Call) -> Output:
    """Print the lines of files side by side."""
    delimiters = unescape(call.options.last("d", "\t"))
    columns = [[line.rstrip(b"\n") for line in stream.lines()] for _, stream in call.inputs()]
    rows: Iterable[Iterable[bytes]] = (
        columns if "s" in call.options else itertools.zip_longest(*columns, fillvalue=b"")
    )
    for row in rows:
        joints = itertools.cycle(delimiters or [""])
        first, *others = row
        yield first + b"".join(encode(next(joints)) + each for each in others) + b"\n"


@program("md5sum sha256sum", "b t")
def checksum(call: Call) -> Output:
    """Print checksums of files."""
    for name, stream in call.inputs():
        digest = hashlib.new(call.name.removesuffix("sum"), usedforsecurity=False)
        for chunk in stream.chunks():
            digest.update(chunk)
        yield f"{digest.hexdigest()}  {name}\n"


@program("xargs", "+ n/max-args= I= 0/null r/no-run-if-empty d/delimiter=")
def xargs(call: Call) -> Output:
    """Run a command with arguments that it reads from the input."""
    options = call.options
    command = call.operands or ["echo"]
    data = call.stdin.read().decode("utf-8", "surrogateescape")
    if options.any("0d"):
        end = "\0" if "0" in options else unescape(options.last("d"))
        words = data.removesuffix(end).split(end) if data else []
    elif "I" in options:
        words = [line.strip() for line in data.splitlines() if line.strip()]
    else:
        try:
            words = shlex.split(data)
        except ValueError:
            raise CommandError("unmatched quote") from None
    if "I" in options:
        mark = options.last("I")
        batches = [[arg.replace(mark, word) for arg in command] for word in words]
    else:
        size = int(options.last("n", "0")) or len(words) or 1
        starts = range(0, len(words), size) if words or "r" in options else [0]
        batches = [[*command, *words[start : start + size]] for start in starts]
    for batch in batches:
        status = yield from call.run(batch, call.state, replace(call.streams, stdin=Input()))
        if status:
            call.status = status if status in (126, 127) else 123
