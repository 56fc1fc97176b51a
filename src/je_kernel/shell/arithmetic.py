"""Evaluate ``$((…))``: 64-bit integers with the operators of C."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

__all__ = ["ExpressionError", "evaluate"]

_LONGEST = 10_000
_DEEPEST = 50
_BINARY: dict[str, tuple[int, Callable[[int, int], int]]] = {
    ",": (1, lambda _a, b: b),
    "|": (6, operator.or_),
    "^": (7, operator.xor),
    "&": (8, operator.and_),
    "==": (9, operator.eq),
    "!=": (9, operator.ne),
    "<": (10, operator.lt),
    ">": (10, operator.gt),
    "<=": (10, operator.le),
    ">=": (10, operator.ge),
    "<<": (11, lambda a, b: a << (b & 63)),
    ">>": (11, lambda a, b: a >> (b & 63)),
    "+": (12, operator.add),
    "-": (12, operator.sub),
    "*": (13, operator.mul),
}
"""Binding powers and functions of operators."""
_BINDING = {name: binding for name, (binding, _) in _BINARY.items()}
_BINDING |= {"?": 3, "||": 4, "&&": 5, "/": 13, "%": 13, "**": 15}
_UNARY_BINDING = 14
_UNARY: dict[str, Callable[[int], int]] = {
    "-": operator.neg, "+": operator.pos, "!": operator.not_, "~": operator.invert,
}  # fmt: skip
_ASSIGNING = frozenset(("=", "+=", "-=", "*=", "/=", "%=", "**=", "<<=", ">>="))
# The longest first, so that "**=" is not "*" and "*=".
_OPERATORS = sorted(
    {*_BINDING, *_UNARY, *_ASSIGNING, "++", "--", ":", "(", ")"}, key=len, reverse=True
)


class ExpressionError(Exception):
    """An expression without a value; the text is the message."""


def evaluate(expression: str, variables: MutableMapping[str, str]) -> int:
    """Return the value of an expression.

    Parameters
    ----------
    expression
        The expression, with ``$name`` already expanded.
    variables
        The shell's variables, which assignments change.

    Examples
    --------
    >>> evaluate("7 / 2 + n ** 2", {"n": "3"}), evaluate("-7 / 2 > 3 ? 10 : 20", {})
    (12, 20)
    """
    if len(expression) > _LONGEST:
        raise ExpressionError("expression too long")
    evaluator = _Evaluator(_words(expression), variables)
    if not evaluator.words:
        return 0
    value = evaluator.value(0, live=True)
    if evaluator.words:
        raise ExpressionError(f"syntax error in expression near '{evaluator.words[0]}'")
    return value


def _words(expression: str) -> list[str]:
    words = []
    at = 0
    while at < len(expression):
        char = expression[at]
        if char.isspace():
            at += 1
            continue
        end = at
        while end < len(expression) and (expression[end].isalnum() or expression[end] in "_#"):
            end += 1
        if end == at:
            symbol = next((o for o in _OPERATORS if expression.startswith(o, at)), None)
            if symbol is None:
                raise ExpressionError(f"syntax error in expression near '{char}'")
            end = at + len(symbol)
        words.append(expression[at:end])
        at = end
    return words


class _Evaluator:
    """Evaluates words by the binding powers of operators (a Pratt parser)."""

    def __init__(self, words: list[str], variables: MutableMapping[str, str]) -> None:
        self.words = words
        self.variables = variables
        self.depth = 0

    def next(self) -> str:
        if not self.words:
            raise ExpressionError("syntax error: operand expected")
        return self.words.pop(0)

    def value(self, least: int, *, live: bool) -> int:
        """Evaluate operators that bind tighter than `least`; assign only if `live`."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ExpressionError("expression nested too deep")
        left = self.operand(live=live)
        while self.words and _BINDING.get(self.words[0], 0) > least:
            symbol = self.words.pop(0)
            if symbol == "?":
                first = self.value(2, live=live and bool(left))
                if self.next() != ":":
                    raise ExpressionError("syntax error: ':' expected")
                second = self.value(2, live=live and not left)
                left = first if left else second
            elif symbol in ("&&", "||"):
                needed = bool(left) == (symbol == "&&")
                right = self.value(_BINDING[symbol], live=live and needed)
                left = int(bool(right)) if needed else int(bool(left))
            else:
                # Powers alone bind to the right.
                binding = _BINDING[symbol] - (symbol == "**")
                left = _apply(symbol, left, self.value(binding, live=live), live=live)
        self.depth -= 1
        return left

    def operand(self, *, live: bool) -> int:
        word = self.next()
        if word == "(":
            value = self.value(0, live=live)
            if self.next() != ")":
                raise ExpressionError("syntax error: ')' expected")
            return value
        if word in _UNARY:
            return int(_UNARY[word](self.value(_UNARY_BINDING, live=live)))
        if word in ("++", "--"):
            name = self.next()
            return self.assign(name, self.number(name) + (1 if word == "++" else -1), live=live)
        if word in _OPERATORS:
            raise ExpressionError(f"syntax error: operand expected near '{word}'")
        if self.words and self.words[0] in _ASSIGNING:
            symbol = self.words.pop(0)
            right = self.value(1, live=live)
            if symbol != "=":
                right = _apply(symbol[:-1], self.number(word), right, live=live)
            return self.assign(word, right, live=live)
        if self.words and self.words[0] in ("++", "--"):
            before = self.number(word)
            step = 1 if self.words.pop(0) == "++" else -1
            self.assign(word, before + step, live=live)
            return before
        return self.number(word)

    def assign(self, name: str, value: int, *, live: bool) -> int:
        if not name.isidentifier():
            raise ExpressionError(f"attempted assignment to '{name}', which is not a variable")
        if live:
            self.variables[name] = str(_wrapped(value))
        return _wrapped(value)

    def number(self, word: str) -> int:
        # The value of a variable may be the name of another.
        for _ in range(10):
            if not word.isidentifier():
                break
            word = self.variables.get(word, "").strip() or "0"
        negative = word.startswith("-")
        digits = word.removeprefix("-")
        try:
            if "#" in digits:
                base, _, rest = digits.partition("#")
                number = int(rest, int(base))
            elif digits.lower().startswith("0x"):
                number = int(digits, 16)
            else:
                number = int(digits, 8 if digits.startswith("0") else 10)
        except ValueError:
            raise ExpressionError(f"'{word[:40]}' is not a whole number") from None
        return _wrapped(-number if negative else number)


def _apply(name: str, left: int, right: int, *, live: bool) -> int:
    if name in ("/", "%"):
        if right == 0:
            if not live:
                return 0
            raise ExpressionError("division by 0")
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return _wrapped(quotient if name == "/" else left - quotient * right)
    if name == "**":
        if right < 0:
            raise ExpressionError("exponent less than 0")
        return _wrapped(pow(left, right, 1 << 64))
    return _wrapped(int(_BINARY[name][1](left, right)))


def _wrapped(number: int) -> int:
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)
