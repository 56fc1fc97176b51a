"""Commands that read text, line by line, as bytes."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from je_kernel.shell.calls import CommandError, Input
from je_kernel.shell.escapes import unescape
from je_kernel.shell.options import Given, Options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from je_kernel.shell.calls import Call, Program, Running

__all__ = ["PROGRAMS", "Read", "inputs"]


class Read:
    """What reading several files came to."""

    def __init__(self) -> None:
        self.status = 0


def inputs(
    call: Call, names: list[str], read: Read, complaint: str = "{}"
) -> Iterator[tuple[str, Input]]:
    """Yield named files opened, or the standard input; complain of those that cannot be."""
    for name in names or ["-"]:
        if name == "-":
            yield name, call.stdin
            continue
        try:
            path = Path(call.path(name))
            if path.is_dir():
                raise IsADirectoryError(21, "Is a directory")
            opened = Input.of_file(str(path))
        except OSError as error:
            call.failed(complaint.format(name), error)
            read.status = 1
            continue
        yield name, opened


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


_CAT = Options("n/number b/number-nonblank s/squeeze-blank E/show-ends A/show-all T/show-tabs u")


def cat(call: Call) -> Running:
    """Print files."""
    given = _CAT.read(call)
    read = Read()
    plain = not any(each in given for each in "nbsEAT")
    number, blank_before = 0, False
    for _, stream in inputs(call, given.operands, read):
        if plain:
            yield from stream.chunks()
            continue
        for line in stream.lines():
            blank = line == b"\n"
            if "s" in given and blank and blank_before:
                continue
            blank_before = blank
            if "T" in given or "A" in given:
                line = line.replace(b"\t", b"^I")
            if ("E" in given or "A" in given) and line.endswith(b"\n"):
                line = line[:-1] + b"$\n"
            if ("b" in given and not blank) or ("n" in given and "b" not in given):
                number += 1
                line = b"%6d\t%s" % (number, line)
            yield line
    return read.status


def tac(call: Call) -> Running:
    """Print files, the last line first."""
    read = Read()
    for _, stream in inputs(call, Options("").read(call).operands, read):
        yield from reversed(list(stream.lines()))
    return read.status


_UNOPENED = "cannot open '{}' for reading"
_HEAD = Options("n/lines= c/bytes= q/quiet v/verbose")


def _counted(call: Call, options: Options) -> tuple[Given, str, str]:
    """Return the options of head and tail, what is counted, and the number as written."""
    # As of old: -5 is -n 5, if it is not the value of an option.
    args = [
        f"-n{arg[1:]}"
        if arg[:1] == "-" and arg[1:].isdecimal() and arg.isascii() and before not in ("-n", "-c")
        else arg
        for before, arg in itertools.pairwise(("", *call.args))
    ]
    given = options.split(args)
    kind = given.latest("nc") or "n"
    text = given.last(kind, "10")
    units = {"k": 1024, "K": 1024, "M": 1 << 20}
    digits = text.lstrip("+-")
    if digits[-1:] in units:
        text = text[: len(text) - len(digits)] + str(int(digits[:-1] or "1") * units[digits[-1]])
    if not text.lstrip("+-").isdecimal():
        what = "lines" if kind == "n" else "bytes"
        raise CommandError(f"invalid number of {what}: '{text}'")
    return given, kind, text


def _titled(given: Given, name: str, index: int) -> bytes:
    if ("v" in given or len(given.operands) > 1) and "q" not in given:
        shown = "standard input" if name == "-" else name
        return _bytes(f"{chr(10) if index else ''}==> {shown} <==\n")
    return b""


def head(call: Call) -> Running:
    """Print the beginning of files."""
    given, kind, text = _counted(call, _HEAD)
    read = Read()
    count = int(text)
    for i, (name, stream) in enumerate(inputs(call, given.operands, read, _UNOPENED)):
        if title := _titled(given, name, i):
            yield title
        if text.startswith("-"):
            if kind == "n":
                lines = list(stream.lines())
                yield from lines[: len(lines) + count]
            else:
                yield stream.read()[:count]
        elif kind == "n":
            # Not islice: it would ask for one line more than it gives.
            for _ in range(count):
                line = stream.line()
                if not line:
                    break
                yield line
        else:
            left = count
            for chunk in stream.chunks() if left else ():
                yield chunk[:left]
                left -= len(chunk)
                if left <= 0:
                    break
    return read.status


_TAIL = Options("n/lines= c/bytes= q/quiet v/verbose")


def tail(call: Call) -> Running:
    """Print the end of files."""
    args = list(call.args)
    if args and args[0][:1] == "+" and args[0][1:].isdecimal():
        args[0] = f"-n{args[0]}"
    if "-f" in args or "-F" in args or "--follow" in args:
        raise CommandError("the option -f is not known here: nothing writes while a cell runs")
    from dataclasses import replace

    given, kind, text = _counted(replace(call, args=args), _TAIL)
    read = Read()
    count = abs(int(text))
    for i, (name, stream) in enumerate(inputs(call, given.operands, read, _UNOPENED)):
        if title := _titled(given, name, i):
            yield title
        if text.startswith("+"):
            if kind == "n":
                yield from itertools.islice(stream.lines(), max(count - 1, 0), None)
            else:
                yield stream.read()[max(count - 1, 0) :]
        elif kind == "n":
            yield from deque(stream.lines(), maxlen=count)
        elif count:
            yield stream.read()[-count:]
    return read.status


_WC = Options("l/lines w/words c/bytes m/chars L/max-line-length")


def wc(call: Call) -> Running:
    """Count lines, words and bytes."""
    given = _WC.read(call)
    read = Read()
    shown = [each for each in "lwmcL" if each in given] or ["l", "w", "c"]
    rows = []
    totals = dict.fromkeys("lwmcL", 0)
    for name, stream in inputs(call, given.operands, read):
        counts = dict.fromkeys("lwmcL", 0)
        for line in stream.lines():
            counts["l"] += line.endswith(b"\n")
            counts["w"] += len(line.split())
            counts["c"] += len(line)
            text = line.decode("utf-8", "replace")
            counts["m"] += len(text)
            counts["L"] = max(counts["L"], len(text.rstrip("\n").expandtabs()))
        for kind in totals:
            both = totals[kind], counts[kind]
            totals[kind] = max(both) if kind == "L" else sum(both)
        rows.append(([counts[kind] for kind in shown], "" if not given.operands else name))
    if len(given.operands) > 1:
        rows.append(([totals[kind] for kind in shown], "total"))
    # As wide as the sum of the sizes; a stream that is no file has a width of 7.
    sizes = [_size(call, name) for name in given.operands]
    width = 7 if not sizes or None in sizes else len(str(sum(size or 0 for size in sizes)))
    if len(shown) == 1 and len(rows) == 1:
        width = 1
    for counts_row, name in rows:
        text = " ".join(str(number).rjust(width) for number in counts_row)
        yield _bytes(f"{text} {name}".rstrip(" ") + "\n")
    return read.status


def _size(call: Call, name: str) -> int | None:
    path = Path(call.path(name))
    if name == "-":
        return None
    return path.stat().st_size if path.is_file() else 0


_SORT = Options(
    "n/numeric-sort r/reverse u/unique f/ignore-case k/key= t/field-separator= o/output= b"
    " g/general-numeric-sort h/human-numeric-sort s/stable c/check V/version-sort R/random-sort"
)


def sort(call: Call) -> Running:
    """Sort lines."""
    given = _SORT.read(call)
    read = Read()
    lines: list[bytes] = []
    for _, stream in inputs(call, given.operands, read, "cannot read: {}"):
        lines += [line if line.endswith(b"\n") else line + b"\n" for line in stream.lines()]
    if read.status:
        return 2
    keys = [_sort_key(text, given) for text in given.every("k")] or [_Key(given)]

    def compared(line: bytes) -> list[tuple[object, bool]]:
        return [(key.value(line[:-1]), key.reverse) for key in keys]

    if "c" in given:
        for before, after in itertools.pairwise(lines):
            if _order(compared(before)) > _order(compared(after)):
                call.complain(f"disorder: {after.decode('utf-8', 'replace').rstrip()}")
                return 1
        return 0
    if "R" in given:
        import random

        random.shuffle(lines)
    else:
        # The whole line decides where the keys are the same.
        if "u" not in given and "s" not in given:
            lines.sort(reverse="r" in given)
        for key in reversed(keys):
            lines.sort(key=key.of_line, reverse=key.reverse)
    if "u" in given:
        lines = [next(group) for _, group in itertools.groupby(lines, key=compared)]
    if "o" in given:
        Path(call.path(given.last("o"))).write_bytes(b"".join(lines))
        return 0
    yield from lines
    return 0


def _order(values: list[tuple[object, bool]]) -> tuple[object, ...]:
    if any(reverse for _, reverse in values):
        raise CommandError("the options -c and -r together are not known here", 2)
    return tuple(value for value, _ in values)


class _Key:
    """What lines are sorted by: a range of fields, and how it is compared."""

    def __init__(self, given: Given, flags: str = "") -> None:
        own = bool(flags.strip("b"))
        has = {letter: letter in (flags if own else given) for letter in "nrfghV"}
        self.reverse = has["r"]
        self.fold = has["f"]
        self.kind = next((letter for letter in "nghV" if has[letter]), "")
        self.separator = _bytes(unescape(given.last("t"))) if "t" in given else None
        self.begin, self.end = (1, 1), (0, 0)
        self.trim = "b" in flags or "b" in given

    def value(self, line: bytes) -> object:
        found = self.cut(line) if self.begin != (1, 1) or self.end != (0, 0) else line
        if self.trim:
            found = found.lstrip(b" \t")
        if self.kind == "n":
            return _number(found)
        if self.kind == "g":
            return _float(found)
        if self.kind == "h":
            return _human(found)
        if self.kind == "V":
            return [
                (0, int(p), b"") if p.isdigit() else (1, 0, p) for p in re.split(rb"(\d+)", found)
            ]
        return found.upper() if self.fold else found

    def of_line(self, line: bytes) -> Any:
        """Return what a line is sorted by."""
        return self.value(line.removesuffix(b"\n"))

    def cut(self, line: bytes) -> bytes:
        if self.separator is None:
            # A field begins with the blanks before it.
            ends = [found.end() for found in re.finditer(rb"[^ \t]+", line)]
            fields = [line[begin:end] for begin, end in itertools.pairwise((0, *ends))]
            joint = b""
        else:
            fields = line.split(self.separator)
            joint = self.separator
        last = self.end[0] or len(fields)
        chosen = fields[self.begin[0] - 1 : last]
        if not chosen:
            return b""
        if self.end[1] and len(fields) >= last:
            chosen[-1] = chosen[-1][: self.end[1]]
        text = joint.join(chosen)
        return text[self.begin[1] - 1 :] if self.begin[1] > 1 else text


def _sort_key(text: str, given: Given) -> _Key:
    begin, _, end = text.partition(",")
    flags = "".join(char for char in text if char.isalpha())
    if set(flags) - set("bnrfghV"):
        raise CommandError(f"the key '{text}' is not known here", 2)
    key = _Key(given, flags)

    def place(part: str) -> tuple[int, int]:
        numbers = part.rstrip("bnrfghV").split(".")
        if not all(number.isdecimal() for number in numbers) or len(numbers) > 2:
            raise CommandError(f"invalid number at field start: invalid count in '{text}'", 2)
        return int(numbers[0]), int(numbers[1]) if len(numbers) == 2 else 0

    first, char = place(begin)
    key.begin = first, char or 1
    if end:
        key.end = place(end)
    if not first:
        raise CommandError(f"field number is zero: invalid field specification '{text}'", 2)
    return key


_NUMBER = re.compile(rb"[ \t]*+(-?+[0-9]*+(?:\.[0-9]*+)?+)([KMGTPE]?)")


def _number(text: bytes) -> float:
    found = _NUMBER.match(text)
    try:
        return float(found[1]) if found else 0.0
    except ValueError:
        return 0.0


def _float(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return -float("inf")


def _human(text: bytes) -> tuple[int, float]:
    found = _NUMBER.match(text)
    number = _number(text)
    size = b"KMGTPE".find(found[2]) + 1 if found and found[2] else 0
    return (-size if number < 0 else size, number)


_UNIQ = Options("c/count d/repeated u/unique i/ignore-case")


def uniq(call: Call) -> Running:
    """Leave out lines that are the same as the one before."""
    given = _UNIQ.read(call)
    if len(given.operands) > 1:
        raise CommandError("an output file is not known here; write '> file'")
    read = Read()
    for _, stream in inputs(call, given.operands, read):
        lines = (line if line.endswith(b"\n") else line + b"\n" for line in stream.lines())
        fold: Callable[[bytes], bytes] | None = bytes.lower if "i" in given else None
        for _, group in itertools.groupby(lines, key=fold):
            same = list(group)
            first, count = same[0], len(same)
            if ("d" in given and count == 1) or ("u" in given and count > 1):
                continue
            yield b"%7d %s" % (count, first) if "c" in given else first
    return read.status


_CUT = Options(
    "d/delimiter= f/fields= c/characters= b/bytes= s/only-delimited output-delimiter= complement"
)


def cut(call: Call) -> Running:
    """Print parts of lines."""
    given = _CUT.read(call)
    kinds = [each for each in "fcb" if each in given]
    if len(kinds) != 1:
        raise CommandError("you must specify a list of bytes, characters, or fields")
    chosen = _ranges(given.last(kinds[0]))
    delimiter = _bytes(given.last("d", "\t"))
    if len(delimiter) != 1 and "d" in given:
        raise CommandError("the delimiter must be a single character")
    joint = _bytes(given.last("output-delimiter")) if "output-delimiter" in given else None
    read = Read()
    for _, stream in inputs(call, given.operands, read):
        for line in stream.lines():
            line = line.removesuffix(b"\n")
            if kinds[0] == "f":
                if delimiter not in line:
                    if "s" not in given:
                        yield line + b"\n"
                    continue
                parts = line.split(delimiter)
                glue = delimiter if joint is None else joint
            else:
                parts = [line[i : i + 1] for i in range(len(line))]
                glue = joint or b""
            inverted = "complement" in given
            kept = [part for i, part in enumerate(parts, 1) if _chosen(chosen, i) != inverted]
            yield glue.join(kept) + b"\n"
    return read.status


def _ranges(text: str) -> list[tuple[int, int]]:
    found = []
    for part in text.replace(" ", ",").split(","):
        first, dash, last = part.partition("-")
        if not (first or last) or not (first + last).isdecimal():
            raise CommandError(f"invalid field range '{text}'")
        begin = int(first or 1)
        found.append((begin, int(last) if last else 1 << 62 if dash else begin))
        if begin < 1 or found[-1][1] < begin:
            raise CommandError(
                "fields are numbered from 1" if begin < 1 else "invalid decreasing range"
            )
    return found


def _chosen(ranges: list[tuple[int, int]], number: int) -> bool:
    return any(begin <= number <= end for begin, end in ranges)


_TR = Options("d/delete s/squeeze-repeats c/complement C")
_TR_CLASSES: dict[str, Callable[[int], bool]] = {
    "alnum": lambda c: chr(c).isalnum(), "alpha": lambda c: chr(c).isalpha(),
    "digit": lambda c: chr(c).isdigit(), "lower": lambda c: chr(c).islower(),
    "upper": lambda c: chr(c).isupper(), "space": lambda c: chr(c) in " \t\n\r\f\v",
    "blank": lambda c: chr(c) in " \t", "punct": lambda c: 32 < c < 127 and not chr(c).isalnum(),
}  # fmt: skip


def tr(call: Call) -> Running:
    """Replace or delete characters."""
    given = _TR.read(call, leading=True)
    if not given.operands or len(given.operands) > 2:
        raise CommandError("missing operand" if not given.operands else "extra operand")
    first = _tr_set(given.operands[0])
    second = _tr_set(given.operands[1]) if len(given.operands) > 1 else b""
    if "c" in given or "C" in given:
        first = bytes(c for c in range(256) if c not in first)
    if not second and "d" not in given and "s" not in given:
        raise CommandError(f"missing operand after '{given.operands[0]}'")
    table = bytes.maketrans(b"", b"")
    removed = first if "d" in given else b""
    if second and "d" not in given:
        table = bytes.maketrans(first, (second + second[-1:] * len(first))[: len(first)])
    squeezed = set(second or first) if "s" in given else set()
    last = -1
    for chunk in call.stdin.chunks():
        chunk = chunk.translate(table, removed)
        if squeezed:
            kept = bytearray()
            for char in chunk:
                if char != last or char not in squeezed:
                    kept.append(char)
                last = char
            chunk = bytes(kept)
        yield chunk
    return 0


def _tr_set(text: str) -> bytes:
    found: list[int] = []
    if not text.isascii():
        raise CommandError(f"'{text}' is not known here: tr works on ASCII; use str.translate")
    at = 0
    while at < len(text):
        if text.startswith("[:", at) and (end := text.find(":]", at)) > 0:
            name = text[at + 2 : end]
            if name not in _TR_CLASSES:
                raise CommandError(f"invalid character class '{name}'")
            found += [c for c in range(128) if _TR_CLASSES[name](c)]
            at = end + 2
            continue
        size = 1
        if text[at] == "\\":
            size = 2
            while (
                size < 4
                and text[at + 1 : at + size + 1].strip("01234567") == ""
                and (at + size < len(text) and text[at + 1] in "01234567")
            ):
                size += 1
        char = unescape(text[at : at + size])
        char = char[1:] if len(char) == 2 and char[0] == "\\" else char
        at += size
        if text[at : at + 1] == "-" and at + 1 < len(text):
            last = ord(text[at + 1])
            if last < ord(char):
                raise CommandError(
                    f"range-endpoints of '{char}-{text[at + 1]}' are in reverse order"
                )
            found += range(ord(char), last + 1)
            at += 2
        else:
            found.append(ord(char) & 255)
    return bytes(found)


def tee(call: Call) -> Running:
    """Print what it reads, and write it into files too."""
    given = Options("a/append i").read(call)
    paths = [Path(call.path(name)) for name in given.operands]
    for path in paths:
        if "a" not in given:
            path.write_bytes(b"")
    for chunk in call.stdin.chunks():
        for path in paths:
            with path.open("ab") as file:
                file.write(chunk)
        yield chunk
    return 0


def nl(call: Call) -> Running:
    """Print files with numbers of lines."""
    given = Options("b/body-numbering=").read(call)
    read = Read()
    number = 0
    for _, stream in inputs(call, given.operands, read):
        for line in stream.lines():
            if line == b"\n" and given.last("b", "t") == "t":
                yield b"       \n"
                continue
            number += 1
            yield b"%6d\t%s" % (number, line)
    return read.status


def rev(call: Call) -> Running:
    """Print lines backwards."""
    read = Read()
    for _, stream in inputs(call, Options("").read(call).operands, read):
        for line in stream.lines():
            text = line.decode("utf-8", "surrogateescape")
            yield _bytes(text.rstrip("\n")[::-1] + ("\n" if text.endswith("\n") else ""))
    return read.status


def paste(call: Call) -> Running:
    """Print the lines of files side by side."""
    given = Options("d/delimiters= s/serial").read(call)
    read = Read()
    glue = unescape(given.last("d", "\t")) or ""
    streams = [
        [line.rstrip(b"\n") for line in s.lines()] for _, s in inputs(call, given.operands, read)
    ]
    rows: Iterable[Iterable[bytes]] = (
        streams if "s" in given else itertools.zip_longest(*streams, fillvalue=b"")
    )
    for row in rows:
        pieces = list(row)
        joints = itertools.cycle(glue or [""])
        yield b"".join(piece + _bytes(next(joints)) for piece in pieces[:-1]) + pieces[-1] + b"\n"
    return read.status


def _summed(name: str) -> Program:
    def run(call: Call) -> Running:
        """Print checksums of files."""
        read = Read()
        for shown, stream in inputs(call, Options("b t").read(call).operands, read):
            digest = hashlib.new(name, usedforsecurity=False)
            for chunk in stream.chunks():
                digest.update(chunk)
            yield _bytes(f"{digest.hexdigest()}  {shown}\n")
        return read.status

    return run


_XARGS = Options("n/max-args= I= 0/null r/no-run-if-empty d/delimiter=")


def xargs(call: Call) -> Running:
    """Run a command with arguments that are read."""
    given = _XARGS.read(call, leading=True)
    command = given.operands or ["echo"]
    data = call.stdin.read().decode("utf-8", "surrogateescape")
    if "0" in given or "d" in given:
        end = "\0" if "0" in given else unescape(given.last("d"))
        words = data.removesuffix(end).split(end) if data else []
    elif "I" in given:
        words = [line.strip() for line in data.splitlines() if line.strip()]
    else:
        import shlex

        try:
            words = shlex.split(data)
        except ValueError:
            raise CommandError("unmatched quote") from None
    if "I" in given:
        mark = given.last("I")
        batches = [[arg.replace(mark, word) for arg in command] for word in words]
    else:
        size = int(given.last("n", "0")) or len(words) or 1
        starts = range(0, len(words), size) if words or "r" in given else [0]
        batches = [[*command, *words[start : start + size]] for start in starts]
    status = 0
    for batch in batches:
        from dataclasses import replace

        quiet = replace(call.streams, stdin=Input())
        ended = yield from call.run(batch, call.state, quiet)
        status = ended if ended in (126, 127) else 123 if ended else status
    return status


PROGRAMS: dict[str, Program] = {
    "cat": cat,
    "cut": cut,
    "head": head,
    "md5sum": _summed("md5"),
    "nl": nl,
    "paste": paste,
    "rev": rev,
    "sha256sum": _summed("sha256"),
    "sort": sort,
    "tac": tac,
    "tail": tail,
    "tee": tee,
    "tr": tr,
    "uniq": uniq,
    "wc": wc,
    "xargs": xargs,
}
