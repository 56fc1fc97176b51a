"""Command-line options, parsed as GNU's programs parse them; unknown options are errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CommandError", "OptionParser", "Options"]


class CommandError(Exception):
    """Ends a command with a message and a status."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


@dataclass
class Options:
    """The options of one command line, in their order, and its operands."""

    pairs: list[tuple[str, str]] = field(default_factory=list)
    operands: list[str] = field(default_factory=list)

    def __contains__(self, name: str) -> bool:
        return any(each == name for each, _ in self.pairs)

    def any(self, names: str) -> bool:
        """Return whether one of these one-letter options is set."""
        return self.latest(names) != ""

    def last(self, name: str, default: str = "") -> str:
        """Return the last value of an option."""
        return next((value for each, value in reversed(self.pairs) if each == name), default)

    def every(self, name: str) -> list[str]:
        """Return all values of an option."""
        return [value for each, value in self.pairs if each == name]

    def latest(self, names: str) -> str:
        """Return which of these one-letter options is set last; nothing if none is."""
        return next((each for each, _ in reversed(self.pairs) if each in names), "")


class OptionParser:
    """Parses the options of a command.

    Parameters
    ----------
    known
        Words: ``a/all`` is an option with a short and a long name, ``n/lines=`` one with a value,
        ``color=?`` one with an optional value, ``c=!`` one after whose value all is operands.
        ``n/lines=#`` is also written ``-5``. A first word ``+`` ends options at the first operand.
        An option goes by its first name.
    status
        The exit status of a usage error.

    Examples
    --------
    >>> parser = OptionParser("l a/all n/lines=# color=?")
    >>> options = parser.parse(["-la", "x", "-n5", "-6", "--color=auto", "--", "-y"])
    >>> options.pairs
    [('l', ''), ('a', ''), ('n', '5'), ('n', '6'), ('color', 'auto')]
    >>> options.operands
    ['x', '-y']
    """

    def __init__(self, known: str, status: int = 1) -> None:
        self.status = status
        self.names: dict[str, tuple[str, str]] = {}
        words = known.split()
        self.leading = words[:1] == ["+"]
        for word in words[self.leading :]:
            names, sign, kind = word.partition("=")
            first = names.split("/")[0]
            for name in names.split("/"):
                self.names[name] = (first, sign + kind)

    def parse(self, args: Sequence[str]) -> Options:
        """Return the options and operands of a command line."""
        options = Options()
        rest = list(args)
        ended = False
        while rest and not ended:
            arg = rest.pop(0)
            if arg == "--":
                ended = True
            elif arg.startswith("--"):
                self._long(arg[2:], rest, options)
            elif arg.startswith("-") and arg != "-" and not self._is_number(arg):
                ended = self._short(arg[1:], rest, options)
            else:
                options.operands.append(arg)
                ended = self.leading
        options.operands += rest
        return options

    def _is_number(self, arg: str) -> bool:
        """Return whether this is a negative number, as for ``seq``, and no option."""
        digits = arg[1:2] in "0123456789." and not self._counting()
        return digits and arg[1] not in self.names

    def _counting(self) -> str:
        return next((first for first, kind in self.names.values() if kind == "=#"), "")

    def _long(self, arg: str, rest: list[str], options: Options) -> None:
        name, sign, value = arg.partition("=")
        if name not in self.names or len(name) == 1:
            # GNU's programs accept an unambiguous abbreviation.
            near = {known for known in self.names if len(known) > 1 and known.startswith(name)}
            if len(near) != 1 or not name:
                raise self._unknown(f"--{name}")
            name = near.pop()
        first, kind = self.names[name]
        if kind == "" and sign:
            raise CommandError(f"option '--{name}' doesn't allow an argument", self.status)
        if kind not in ("", "=?") and not sign:
            if not rest:
                raise CommandError(f"option '--{name}' requires an argument", self.status)
            value = rest.pop(0)
        options.pairs.append((first, value))

    def _short(self, letters: str, rest: list[str], options: Options) -> bool:
        """Parse joined letters; return whether the options end here."""
        if letters.isdecimal() and (counting := self._counting()):
            options.pairs.append((counting, letters))
            return False
        if len(letters) == 2 and letters in self.names:
            options.pairs.append((letters, ""))
            return False
        kind = ""
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter not in self.names:
                raise self._unknown(f"-{letter}")
            first, kind = self.names[letter]
            value = ""
            if kind:
                value, letters = letters, ""
                if kind != "=?" and not value:
                    if not rest:
                        text = f"option requires an argument -- '{letter}'"
                        raise CommandError(text, self.status)
                    value = rest.pop(0)
            options.pairs.append((first, value))
        return kind == "=!"

    def _unknown(self, option: str) -> CommandError:
        known = " ".join(sorted(("-" if len(name) == 1 else "--") + name for name in self.names))
        list_of_known = f"it knows {known}" if known else "it knows no options"
        return CommandError(f"the option {option} is not known here; {list_of_known}", self.status)
