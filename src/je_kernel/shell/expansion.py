"""What becomes of words before a command sees them: variables, command output, braces, globs."""

from __future__ import annotations

import glob
import itertools
import os
import re
from typing import TYPE_CHECKING

from je_kernel.shell.arithmetic import ExpressionError, evaluate
from je_kernel.shell.grammar import Number, Output, Part, ShellSyntaxError, Text, Variable, Word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from je_kernel.shell.calls import State
    from je_kernel.shell.grammar import Script

__all__ = ["MOST_FIELDS", "Expander", "ExpansionError", "matcher", "split_fields"]

MOST_FIELDS = 100_000
"""How many arguments a command may be given."""

_BLANKS = " \t\n"
_CLASSES = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "digit": "0-9", "lower": "a-z", "upper": "A-Z",
    "space": " \t\n\r\f\v", "blank": " \t", "xdigit": "0-9A-Fa-f", "punct": "!-/:-@[-`{-~",
}  # fmt: skip

# A field that is being made: pieces of text, and whether each was quoted.
_Field = list[tuple[str, bool]]


class ExpansionError(Exception):
    """A word that has no value; the text says why."""


class Expander:
    """Expands words with the variables of a shell.

    Parameters
    ----------
    state
        The shell's variables and folder.
    output
        Runs a script and returns what it prints, for ``$(…)``.
    """

    def __init__(self, state: State, output: Callable[[Script], str]) -> None:
        self.state = state
        self.output = output

    def fields(self, words: Iterable[Word]) -> list[str]:
        """Return the arguments that words become."""
        found: list[str] = []
        for word in words:
            for each in _braces(word):
                for made in self._split(each):
                    found += itertools.islice(self._matches(made), MOST_FIELDS + 1)
                    if len(found) > MOST_FIELDS:
                        raise ExpansionError(f"more than {MOST_FIELDS:,} arguments")
        return found

    def text(self, word: Word) -> str:
        """Return what one word becomes where it is neither split nor matched with files."""
        return "".join(text for text, _ in self._joined(word))

    def pattern(self, word: Word) -> str:
        """Return a word as a pattern, what was quoted in it standing for itself."""
        return _as_pattern(self._joined(word))

    def number(self, word: Word) -> int:
        """Return the value of an arithmetic expression."""
        try:
            return evaluate(self.text(word), self.state.variables)
        except ExpressionError as failure:
            raise ExpansionError(str(failure)) from None

    def _joined(self, word: Word) -> _Field:
        made: _Field = []
        for part in _home(word, self.state):
            if isinstance(part, Text):
                made.append((part.text, part.quoted))
            else:
                made.append((self._value(part), part.quoted))
        return made

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
        """Return the parameters that are a value for each argument: not "$*", which is one."""
        if part.operator:
            return ""
        return "@" if part.quoted else "@*"

    def _matches(self, made: _Field) -> Iterable[str]:
        plain = "".join(text for text, _ in made)
        if not any(mark in text for text, quoted in made if not quoted for mark in "*?["):
            return (plain,)
        found = glob.iglob(_as_pattern(made), root_dir=self.state.cwd)
        some = sorted(itertools.islice(found, MOST_FIELDS + 1), key=os.fsencode)
        return some or (plain,)

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
        slash = next(
            (
                i
                for i, each in enumerate(part.argument)
                if isinstance(each, Text) and each.text == "/" and not each.quoted
            ),
            len(part.argument),
        )
        old = part.argument[:slash]
        if any(mark in each.text for each in old if isinstance(each, Text) and not each.quoted
               for mark in "*?["):  # fmt: skip
            raise ExpansionError(f"a pattern in '${{{part.name}/…}}' is not known here")
        replaced, by = self.text(old), self.text(part.argument[slash + 1 :])
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


def _as_pattern(made: _Field) -> str:
    return "".join(_literal(text) if quoted else _bash_pattern(text) for text, quoted in made)


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
    """Yield the words that one with braces stands for."""
    opening = _opening(word)
    if opening is None:
        yield word
        return
    atoms, begin, end, commas = opening
    before, after = atoms[:begin], atoms[end + 1 :]
    inside = atoms[begin + 1 : end]
    if commas:
        edges = [begin, *commas, end]
        choices = [_rejoined(atoms[a + 1 : b]) for a, b in itertools.pairwise(edges)]
    else:
        choices = [(Text(text, False),) for text in _sequence(inside)]
    made = 0
    for choice in choices:
        for rest in _braces((*choice, *_rejoined(after))):
            made += 1
            if made > MOST_FIELDS:
                raise ExpansionError(f"more than {MOST_FIELDS:,} arguments")
            yield (*_rejoined(before), *rest)


def _opening(word: Word) -> tuple[list[Part], int, int, list[int]] | None:
    """Find the first braces that stand for several words: their atoms, places and commas."""
    if not any(isinstance(p, Text) and not p.quoted and "{" in p.text for p in word):
        return None
    atoms: list[Part] = []
    for part in word:
        if isinstance(part, Text) and not part.quoted:
            atoms += [Text(char, False) for char in part.text]
        else:
            atoms.append(part)
    if len(atoms) > 10_000:
        raise ShellSyntaxError("a word with braces is longer than 10,000 characters")

    def plain(i: int) -> str:
        atom = atoms[i]
        return atom.text if isinstance(atom, Text) and not atom.quoted else ""

    for begin in range(len(atoms)):
        if plain(begin) != "{":
            continue
        level = 0
        commas: list[int] = []
        for i in range(begin + 1, len(atoms)):
            char = plain(i)
            if char == "}" and level == 0:
                if commas or _sequence(atoms[begin + 1 : i]):
                    return atoms, begin, i, commas
                break
            level += (char == "{") - (char == "}")
            if char == "," and level == 0:
                commas.append(i)
    return None


def _rejoined(atoms: Iterable[Part]) -> Word:
    made: list[Part] = []
    for atom in atoms:
        last = made[-1] if made else None
        if isinstance(atom, Text) and isinstance(last, Text) and atom.quoted == last.quoted:
            made[-1] = Text(last.text + atom.text, atom.quoted)
        else:
            made.append(atom)
    return tuple(made)


def _sequence(inside: Iterable[Part]) -> list[str]:
    """Return what ``1..5``, ``a..e`` or ``01..10..2`` stands for; nothing if it is neither."""
    parts = list(inside)
    if not all(isinstance(part, Text) and not part.quoted for part in parts):
        return []
    ends = "".join(part.text for part in parts if isinstance(part, Text)).split("..")
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
