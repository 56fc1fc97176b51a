"""Options of commands, read as GNU's programs read them; what is not known is refused by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from je_kernel.shell.calls import CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from je_kernel.shell.calls import Call

__all__ = ["Given", "Options"]


@dataclass
class Given:
    """What a command was given: options in their order, and what is no option."""

    options: list[tuple[str, str]] = field(default_factory=list)
    operands: list[str] = field(default_factory=list)

    def __contains__(self, name: str) -> bool:
        return any(each == name for each, _ in self.options)

    def last(self, name: str, default: str = "") -> str:
        """Return the value that an option was given last."""
        return next((value for each, value in reversed(self.options) if each == name), default)

    def every(self, name: str) -> list[str]:
        """Return all values that an option was given."""
        return [value for each, value in self.options if each == name]

    def latest(self, names: str) -> str:
        """Return which of these one-letter options was given last."""
        return next((each for each, _ in reversed(self.options) if each in names), "")


class Options:
    """The options that a command knows.

    Parameters
    ----------
    known
        Words: ``a/all`` is an option with a short and a long name, ``n/lines=`` one with a value,
        ``color=?`` one that may have a value after ``=``. An option goes by its first name.
    status
        The exit status when the options are wrong.

    Examples
    --------
    >>> options = Options("l a/all n/lines= color=?")
    >>> given = options.split(["-la", "x", "-n5", "--color=auto", "--", "-y"])
    >>> given.options, given.operands
    ([('l', ''), ('a', ''), ('n', '5'), ('color', 'auto')], ['x', '-y'])
    """

    def __init__(self, known: str, status: int = 1) -> None:
        self.status = status
        self.names: dict[str, tuple[str, str]] = {}
        for word in known.split():
            plain = word.rstrip("=?")
            kind = word[len(plain) :]
            first = plain.split("/")[0]
            for name in plain.split("/"):
                self.names[name] = (first, kind)

    def read(self, call: Call, *, leading: bool = False) -> Given:
        """Return what a command was given; `leading` takes no options after the first operand."""
        return self.split(call.args, leading=leading)

    def split(self, args: Sequence[str], *, leading: bool = False) -> Given:
        """Return the options and operands among arguments."""
        given = Given()
        rest = list(args)
        while rest:
            arg = rest.pop(0)
            if arg == "--":
                given.operands += rest
                break
            if arg.startswith("--"):
                self._long(arg[2:], rest, given)
            elif arg.startswith("-") and arg != "-":
                self._short(arg[1:], rest, given)
            else:
                given.operands.append(arg)
                if leading:
                    given.operands += rest
                    break
        return given

    def _long(self, arg: str, rest: list[str], given: Given) -> None:
        name, sign, value = arg.partition("=")
        if name not in self.names or len(name) == 1:
            # GNU's programs take the beginning of a name too, if it is the only one.
            near = {known for known in self.names if len(known) > 1 and known.startswith(name)}
            if len(near) != 1 or not name:
                raise self._unknown(f"--{name}")
            name = near.pop()
        first, kind = self.names[name]
        if kind == "" and sign:
            raise CommandError(f"option '--{name}' doesn't allow an argument", self.status)
        if kind == "=" and not sign:
            if not rest:
                raise CommandError(f"option '--{name}' requires an argument", self.status)
            value = rest.pop(0)
        given.options.append((first, value))

    def _short(self, letters: str, rest: list[str], given: Given) -> None:
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter not in self.names:
                raise self._unknown(f"-{letter}")
            first, kind = self.names[letter]
            value = ""
            if kind == "=":
                if not letters and not rest:
                    raise CommandError(f"option requires an argument -- '{letter}'", self.status)
                value, letters = letters or rest.pop(0), ""
            given.options.append((first, value))

    def _unknown(self, option: str) -> CommandError:
        known = " ".join(sorted(("-" if len(name) == 1 else "--") + name for name in self.names))
        there = f"it knows {known}" if known else "it knows no options"
        return CommandError(f"the option {option} is not known here; {there}", self.status)
