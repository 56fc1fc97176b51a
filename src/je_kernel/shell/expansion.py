"""Expands the words of a command: variables, command substitution, braces, globs."""

from __future__ import annotations

import glob
import itertools
import os
import re
from typing import TYPE_CHECKING

from je_kernel.shell.arithmetic import ExpressionError, evaluate
from je_kernel.shell.grammar import (
    Number,
    Output,
    Part,
    ShellSyntaxError,
    Text,
    Variable,
    Word,
    atoms,
    joined,
    plain,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from je_kernel.shell.calls import State
    from je_kernel.shell.grammar import Script

__all__ = ["MOST_FIELDS", "Expander", "ExpansionError", "matcher", "split_fields"]

MOST_FIELDS = 100_000
"""Limit of the number of arguments."""

_BLANKS = " \t\n"
_CLASSES = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "digit": "0-9", "lower": "a-z", "upper": "A-Z",
    "space": " \t\n\r\f\v", "blank": " \t", "xdigit": "0-9A-Fa-f", "punct": "!-/:-@[-`{-~",
}  # fmt: skip

# A field: pieces of text, and whether each is quoted.
_Field = list[tuple[str, bool]]


class ExpansionError(Exception):
    """A word that has no value; the text is the message."""


class Expander:
    """Expands words with the variables of a shell.

    Parameters
    ----------
    state
        The shell's variables and folder.
    output
        Runs a script and returns its output, for ``$(…)``.
    """

    def __init__(self, state: State, output: Callable[[Script], str]) -> None:
        self.state = state
        self.output = output

    def fields(self, words: Iterable[Word]) -> list[str]:
        """Return the fields of words."""
        fields: list[str] = []
        for word in words:
            for each in _braces(word):
                for field in self._split(each):
                    fields += itertools.islice(self._matches(field), MOST_FIELDS + 1)
                    if len(fields) > MOST_FIELDS:
                        raise ExpansionError(f"more than {MOST_FIELDS:,} arguments")
        return fields

    def text(self, word: Word) -> str:
        """Return the value of a word that is neither split nor matched with files."""
        return "".join(text for text, _ in self._pieces(word))

    def pattern(self, word: Word) -> str:
        """Return a word as a pattern; its quoted characters match themselves."""
        return _as_pattern(self._pieces(word))

    def number(self, word: Word) -> int:
        """Return the value of an arithmetic expression."""
        try:
            return evaluate(self.text(word), self.state.variables)
        except ExpressionError as failure:
            raise ExpansionError(str(failure)) from None

    def _pieces(self, word: Word) -> _Field:
        return [(self._value(part), part.quoted) for part in _home(word, self.state)]

    def _split(self, word: Word) -> Iterator[_Field]:
        """Yield the fields of a word, unquoted values split at blanks."""
        current: _Field | None = None
        for part in _home(word, self.state):
            if isinstance(part, Text):
                current = [*(current or []), (part.text, part.quoted)]
                continue
            values = [self._value(part)]
            if isinstance(part, Variable) and part.name in self._many(part):
                values = self.state.arguments
            for i, value in enumerate(values):
                if i:
                    yield current or []
                    current = None
                if part.quoted:
                    current = [*(current or []), (value, True)]
                    continue
                separators = self.state.variables.get("IFS")
                pieces = split_fields(value, separators)
                edges = _BLANKS if separators is None else separators
                if current is not None and value and value[0] in edges:
                    yield current
                    current = None
                for j, piece in enumerate(pieces):
                    if j:
                        yield current or []
                        current = None
                    current = [*(current or []), (piece, False)]
                if pieces and value[-1] in edges:
                    yield current or []
                    current = None
        if current is not None:
            yield current

    @staticmethod
    def _many(part: Variable) -> str:
        """Return the parameters that have a value for each argument: not "$*", which has one."""
        if part.operator:
            return ""
        return "@" if part.quoted else "@*"

    def _matches(self, field: _Field) -> Iterable[str]:
        """Return the files that a field matches; without any, the field itself."""
        names: list[str] = []
        if any(mark in text for text, quoted in field if not quoted for mark in "*?["):
            matches = glob.iglob(_as_pattern(field), root_dir=self.state.cwd)
            names = sorted(itertools.islice(matches, MOST_FIELDS + 1), key=os.fsencode)
        return names or ("".join(text for text, _ in field),)

    # Values.

    def _value(self, part: Part) -> str:
        if isinstance(part, Output):
            return self.output(part.script).rstrip("\n")
        if isinstance(part, Number):
            return str(self.number(part.expression))
        if isinstance(part, Text):
            return part.text
        value = self.state.value(part.name)
        if not part.operator:
            if value is None and "u" in self.state.options:
                raise ExpansionError(f"{part.name}: unbound variable")
            return value or ""
        return self._operated(part, value)

    def _operated(self, part: Variable, value: str | None) -> str:
        operator = part.operator
        if operator == "length":
            return str(len(self.state.arguments if part.name in "@*" else value or ""))
        kind = operator[-1]
        if kind in "-=?+":
            there = bool(value) if operator.startswith(":") else value is not None
            if kind == "+":
                return self.text(part.argument) if there else ""
            if there:
                return value or ""
            default = self.text(part.argument)
            if kind == "?":
                raise ExpansionError(f"{part.name}: {default or 'parameter null or not set'}")
            if kind == "=":
                self.state.variables[part.name] = default
            return default
        if kind in "#%":
            return _trimmed(value or "", self.pattern(part.argument), operator)
        return self._replaced(part, value or "")

    def _replaced(self, part: Variable, value: str) -> str:
        """Return the value of ``${name/pattern/text}``."""
        parts = atoms(part.argument)
        slash = next((i for i, each in enumerate(parts) if plain(each) == "/"), len(parts))
        old = parts[:slash]
        if any(plain(each) in ("*", "?", "[") for each in old):
            raise ExpansionError(f"a pattern in '${{{part.name}/…}}' is not known here")
        replaced, by = self.text(tuple(old)), self.text(tuple(parts[slash + 1 :]))
        if not replaced:
            return value
        return value.replace(replaced, by, -1 if part.operator == "//" else 1)


def _home(word: Word, state: State) -> Word:
    """Replace a ``~`` at the beginning by the home folder."""
    if not word or not isinstance(word[0], Text) or word[0].quoted or word[0].text[:1] != "~":
        return word
    rest = word[0].text[1:]
    if (rest and not rest.startswith("/")) or (not rest and len(word) > 1):
        return word
    home = Text(state.variables.get("HOME", "~"), True)
    return (home, Text(rest, False), *word[1:])


def split_fields(text: str, separators: str | None, most: int = 0) -> list[str]:
    """Split text as POSIX splits fields: blanks are one separator, and so are blanks and another.

    Parameters
    ----------
    text
        The text.
    separators
        The value of ``IFS``; None for blanks.
    most
        The number of fields after which the rest is not split; 0 for any.

    Examples
    --------
    >>> split_fields(" a  b c", None, 2), split_fields("a , b,,c,", ", ")
    (['a', 'b c'], ['a', 'b', '', 'c'])
    """
    if separators == "":
        return [text] if text else []
    blanks = "".join(char for char in separators or _BLANKS if char in _BLANKS)
    others = "".join(char for char in separators or "" if char not in _BLANKS)
    blank, other = f"[{blanks}]", f"[{re.escape(others)}]"
    runs = [f"{blank}*+{other}{blank}*+" if blanks else other] if others else []
    runs += [f"{blank}++"] if blanks else []
    fields = re.split("|".join(runs), text.strip(blanks), maxsplit=most and most - 1)
    return fields if fields[-1] or most else fields[:-1]


def _as_pattern(field: _Field) -> str:
    return "".join(_literal(text) if quoted else _bash_pattern(text) for text, quoted in field)


def _literal(text: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in text)


def _bash_pattern(text: str) -> str:
    text = text.replace("[^", "[!")
    for name, characters in _CLASSES.items():
        text = text.replace(f"[:{name}:]", characters)
    return text


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return a test of whether a whole text matches a pattern."""
    import fnmatch

    compiled = re.compile(fnmatch.translate(pattern))
    return lambda text: compiled.match(text) is not None


def _trimmed(value: str, pattern: str, operator: str) -> str:
    """Return a value without the part at its beginning (#) or end (%) that matches."""
    matches = matcher(pattern)
    sizes: Iterable[int] = range(len(value) + 1)
    if len(operator) == 2:
        sizes = reversed(range(len(value) + 1))
    for size in sizes:
        if operator.startswith("#") and matches(value[:size]):
            return value[size:]
        if operator.startswith("%") and matches(value[len(value) - size :]):
            return value[: len(value) - size]
    return value


# Braces: {a,b} and {1..5}.


def _braces(word: Word) -> Iterator[Word]:
    """Yield the words that a word with braces expands to."""
    opening = _opening(word)
    if opening is None:
        yield word
        return
    parts, begin, end, commas = opening
    before, after = parts[:begin], parts[end + 1 :]
    inside = parts[begin + 1 : end]
    if commas:
        edges = [begin, *commas, end]
        choices = [joined(parts[a + 1 : b]) for a, b in itertools.pairwise(edges)]
    else:
        choices = [(Text(text, False),) for text in _sequence(inside)]
    count = 0
    for choice in choices:
        for rest in _braces((*choice, *joined(after))):
            count += 1
            if count > MOST_FIELDS:
                raise ExpansionError(f"more than {MOST_FIELDS:,} arguments")
            yield (*joined(before), *rest)


def _opening(word: Word) -> tuple[list[Part], int, int, list[int]] | None:
    """Find the first braces that stand for several words: their atoms, positions and commas."""
    if not any("{" in plain(part) for part in word):
        return None
    parts = atoms(word)
    if len(parts) > 10_000:
        raise ShellSyntaxError("a word with braces is longer than 10,000 characters")
    for begin, part in enumerate(parts):
        if plain(part) != "{":
            continue
        level = 0
        commas: list[int] = []
        for i in range(begin + 1, len(parts)):
            char = plain(parts[i])
            if char == "}" and level == 0:
                if commas or _sequence(parts[begin + 1 : i]):
                    return parts, begin, i, commas
                break
            level += (char == "{") - (char == "}")
            if char == "," and level == 0:
                commas.append(i)
    return None


def _sequence(inside: Iterable[Part]) -> list[str]:
    """Return the members of ``1..5``, ``a..e`` or ``01..10..2``; none for other text."""
    texts = [plain(part) for part in inside]
    ends = "".join(texts).split("..") if all(texts) else []
    if len(ends) not in (2, 3):
        return []
    try:
        step = abs(int(ends[2])) or 1 if len(ends) == 3 else 1
        if len(ends[0]) == len(ends[1]) == 1 and (ends[0] + ends[1]).isalpha():
            first, last = ord(ends[0]), ord(ends[1])
            show = chr
        else:
            first, last = int(ends[0]), int(ends[1])
            padded = any(end.lstrip("-").startswith("0") and len(end) > 1 for end in ends[:2])
            width = max(map(len, ends[:2])) if padded else 0
            show = lambda n: f"{n:0{width}d}"  # noqa: E731
    except ValueError:
        return []
    if abs(last - first) // step > MOST_FIELDS:
        raise ExpansionError(f"more than {MOST_FIELDS:,} arguments")
    return [
        show(n)
        for n in range(first, last + (1 if last >= first else -1), step if last >= first else -step)
    ]
