"""The arithmetic of ``$((…))``: 64-bit integers with the operators of C."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

__all__ = ["ExpressionError", "evaluate"]

_LONGEST = 10_000
_DEEPEST = 50
# The longest first, so that "**=" is not "*" and "*=".
_OPERATORS = (
    *("**=", "<<=", ">>=", "+=", "-=", "*=", "/=", "%=", "++", "--", "**", "<<", ">>", "<=", ">="),
    *("==", "!=", "&&", "||", "+", "-", "*", "/", "%", "<", ">", "&", "|", "^", "?", ":", "("),
    *(")", "=", "!", "~", ","),
)
_BINDING = {
    ",": 1, "=": 2, "?": 3, "||": 4, "&&": 5, "|": 6, "^": 7, "&": 8, "==": 9, "!=": 9, "<": 10,
    ">": 10, "<=": 10, ">=": 10, "<<": 11, ">>": 11, "+": 12, "-": 12, "*": 13, "/": 13, "%": 13,
    "**": 15,
}  # fmt: skip
_UNARY = 14
_ASSIGNING = frozenset(("=", "+=", "-=", "*=", "/=", "%=", "**=", "<<=", ">>="))


class ExpressionError(Exception):
    """An expression that has no value; the text says why."""


def evaluate(expression: str, variables: MutableMapping[str, str]) -> int:
    """Return the value of an expression.

    Parameters
    ----------
    expression
        As in ``$((expression))``, its ``$name`` replaced already.
    variables
        The shell's variables; an assignment in the expression changes them.

    Examples
    --------
    >>> evaluate("7 / 2 + n ** 2", {"n": "3"}), evaluate("-7 / 2 > 3 ? 10 : 20", {})
    (12, 20)
    """
    if len(expression) > _LONGEST:
        raise ExpressionError("expression too long")
    reader = _Reader(_words(expression), variables)
    if not reader.words:
        return 0
    found = reader.value(0, live=True)
    if reader.words:
        raise ExpressionError(f"syntax error in expression near '{reader.words[0]}'")
    return found


def _words(expression: str) -> list[str]:
    found = []
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
            operator = next((o for o in _OPERATORS if expression.startswith(o, at)), None)
            if operator is None:
                raise ExpressionError(f"syntax error in expression near '{char}'")
            end = at + len(operator)
        found.append(expression[at:end])
        at = end
    return found


class _Reader:
    """Evaluates words by the binding powers of their operators (Pratt's method)."""

    def __init__(self, words: list[str], variables: MutableMapping[str, str]) -> None:
        self.words = words
        self.variables = variables
        self.depth = 0

    def next(self) -> str:
        if not self.words:
            raise ExpressionError("syntax error: operand expected")
        return self.words.pop(0)

    def value(self, least: int, *, live: bool) -> int:
        """Read operators that bind tighter than `least`; nothing is assigned unless `live`."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ExpressionError("expression nested too deep")
        left = self.operand(live=live)
        while self.words and _BINDING.get(self.words[0], 0) > least:
            operator = self.words.pop(0)
            if operator == "?":
                first = self.value(2, live=live and bool(left))
                if self.next() != ":":
                    raise ExpressionError("syntax error: ':' expected")
                second = self.value(2, live=live and not left)
                left = first if left else second
            elif operator in ("&&", "||"):
                needed = bool(left) == (operator == "&&")
                right = self.value(_BINDING[operator], live=live and needed)
                left = int(bool(right)) if needed else int(bool(left))
            else:
                # Powers alone bind to the right.
                binding = _BINDING[operator] - (operator == "**")
                left = _apply(operator, left, self.value(binding, live=live), live=live)
        self.depth -= 1
        return left

    def operand(self, *, live: bool) -> int:
        word = self.next()
        if word == "(":
            found = self.value(0, live=live)
            if self.next() != ")":
                raise ExpressionError("syntax error: ')' expected")
            return found
        unary: dict[str, Callable[[int], int]] = {
            "-": lambda n: -n, "+": lambda n: n, "!": lambda n: int(not n), "~": lambda n: ~n,
        }  # fmt: skip
        if word in unary:
            return unary[word](self.value(_UNARY, live=live))
        if word in ("++", "--"):
            name = self.next()
            return self.assign(name, self.number(name) + (1 if word == "++" else -1), live=live)
        if word in _OPERATORS:
            raise ExpressionError(f"syntax error: operand expected near '{word}'")
        if self.words and self.words[0] in _ASSIGNING:
            operator = self.words.pop(0)
            right = self.value(1, live=live)
            if operator != "=":
                right = _apply(operator[:-1], self.number(word), right, live=live)
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
        # A variable may hold the name of another.
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


def _apply(operator: str, left: int, right: int, *, live: bool) -> int:
    if operator in ("/", "%"):
        if right == 0:
            if not live:
                return 0
            raise ExpressionError("division by 0")
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return _wrapped(quotient if operator == "/" else left - quotient * right)
    if operator == "**":
        if right < 0:
            raise ExpressionError("exponent less than 0")
        return _wrapped(pow(left, right, 1 << 64))
    return _wrapped(_PLAIN[operator](left, right))


_PLAIN: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "<<": lambda a, b: a << (b & 63),
    ">>": lambda a, b: a >> (b & 63),
    "<": lambda a, b: int(a < b),
    ">": lambda a, b: int(a > b),
    "<=": lambda a, b: int(a <= b),
    ">=": lambda a, b: int(a >= b),
    "==": lambda a, b: int(a == b),
    "!=": lambda a, b: int(a != b),
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    ",": lambda _a, b: b,
    "=": lambda _a, b: b,
}


def _wrapped(number: int) -> int:
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)
