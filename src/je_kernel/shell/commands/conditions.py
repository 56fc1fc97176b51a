"""The expressions of ``find`` and ``test``: primaries joined by ``!``, ``-a``, ``-o``, ``( )``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

from je_kernel.shell.options import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ConditionParser"]

_LONGEST = 200
T = TypeVar("T")


class ConditionParser(ABC, Generic[T]):
    """Parses arguments into one test by recursive descent; subclasses parse primaries.

    Parameters
    ----------
    args
        The arguments, which parsing consumes.
    """

    joins = True
    """Whether tests side by side are joined as with ``-a``."""

    def __init__(self, args: list[str]) -> None:
        self.args = args
        self.primaries = 0

    def parse(self) -> Callable[[T], bool]:
        """Return the test that the arguments are."""
        test = self.disjunction()
        if self.args:
            raise CommandError(f"the argument '{self.args[0]}' is not known here", 2)
        return test

    def disjunction(self) -> Callable[[T], bool]:
        """Parse tests joined by ``-o``."""
        tests = [self.conjunction()]
        while self.args[:1] in (["-o"], ["-or"]):
            self.args.pop(0)
            tests.append(self.conjunction())
        return lambda subject: any(test(subject) for test in tests)

    def conjunction(self) -> Callable[[T], bool]:
        """Parse tests joined by ``-a``."""
        tests = [self.negation()]
        while self.args and self.args[0] not in ("-o", "-or", ")"):
            if self.args[0] in ("-a", "-and"):
                self.args.pop(0)
            elif not self.joins:
                break
            tests.append(self.negation())
        return lambda subject: all(test(subject) for test in tests)

    def negation(self) -> Callable[[T], bool]:
        """Parse a test, or one after ``!`` or in parentheses."""
        self.primaries += 1
        if self.primaries > _LONGEST:
            raise CommandError(f"the expression is longer than {_LONGEST} tests", 2)
        if not self.args:
            raise CommandError("argument expected", 2)
        if self.args[0] in ("!", "-not") and self.is_operator():
            self.args.pop(0)
            test = self.negation()
            return lambda subject: not test(subject)
        if self.args[0] == "(" and self.is_operator():
            self.args.pop(0)
            test = self.disjunction()
            if not self.args or self.args.pop(0) != ")":
                raise CommandError("missing closing ')'", 2)
            return test
        return self.primary()

    def is_operator(self) -> bool:
        """Return whether the next argument can be an operator, and is not an operand of `test`."""
        return True

    @abstractmethod
    def primary(self) -> Callable[[T], bool]:
        """Parse one test."""
