"""The shell language, parsed: the part of POSIX sh, and the little of bash, that lessons use.

A whole text is parsed before any of it runs, and what is not known is refused by
name. See the Shell Command Language of POSIX.1-2017 for the terms.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = [
    "AndOr",
    "Arithmetic",
    "Case",
    "Command",
    "For",
    "Function",
    "Group",
    "If",
    "Number",
    "Output",
    "Part",
    "Pipeline",
    "Redirect",
    "Script",
    "ShellSyntaxError",
    "Simple",
    "Text",
    "Variable",
    "While",
    "Word",
    "parse",
]

LONGEST = 1_000_000
"""The longest text, in characters."""
DEEPEST = 40
"""How deeply commands and substitutions may be nested."""

_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")
_SPECIAL = frozenset("?#@*$!-0123456789")
_META = frozenset(" \t\n|&;()<>")
_REDIRECTS = ("&>>", "&>", "<<<", "<<-", "<<", "<>", ">>", ">|", ">&", "<&", ">", "<")
_OPENING = frozenset(("if", "for", "while", "until", "case", "{", "!", "function"))
_CLOSING = frozenset(("then", "elif", "else", "fi", "do", "done", "esac", "}"))
_UNKNOWN = frozenset(("[[", "select", "coproc", "time"))
_OPERATORS = (":-", ":=", ":?", ":+", "##", "%%", "//", "-", "=", "?", "+", "#", "%", "/")


class ShellSyntaxError(Exception):
    """A text that is not a shell script, or not one that this shell knows."""


@dataclass(frozen=True)
class Text:
    """Characters that stand for themselves."""

    text: str
    quoted: bool


@dataclass(frozen=True)
class Variable:
    """``$name`` or ``${name<operator>argument}``; the operator ``length`` is ``${#name}``."""

    name: str
    quoted: bool
    operator: str = ""
    argument: Word = ()


@dataclass(frozen=True)
class Output:
    """``$(script)``."""

    script: Script
    quoted: bool


@dataclass(frozen=True)
class Number:
    """``$((expression))``."""

    expression: Word
    quoted: bool


Part: TypeAlias = Text | Variable | Output | Number
Word: TypeAlias = tuple[Part, ...]


@dataclass
class Redirect:
    """``2>file``: which stream goes where; of a here-document, the target is its text."""

    stream: int
    operator: str
    target: Word


@dataclass(frozen=True)
class Simple:
    """``NAME=value command argument >file``."""

    assignments: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...]


@dataclass(frozen=True)
class Group:
    """``{ script; }``, or ``(script)``, which changes nothing outside."""

    body: Script
    subshell: bool
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True)
class If:
    """``if condition; then body; …; else otherwise; fi``."""

    branches: tuple[tuple[Script, Script], ...]
    otherwise: Script
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True)
class For:
    """``for name in words; do body; done``; without words, over the arguments."""

    name: str
    words: tuple[Word, ...] | None
    body: Script
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True)
class While:
    """``while condition; do body; done``; ends on a true condition if it is an ``until``."""

    condition: Script
    body: Script
    until: bool
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True)
class Case:
    """``case word in pattern|pattern) body;; … esac``."""

    word: Word
    arms: tuple[tuple[tuple[Word, ...], Script], ...]
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True)
class Arithmetic:
    """``((expression))``."""

    expression: Word
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True)
class Function:
    """``name() { body; }``."""

    name: str
    body: Command
    redirects: tuple[Redirect, ...] = ()


Command: TypeAlias = Simple | Group | If | For | While | Case | Arithmetic | Function


@dataclass(frozen=True)
class Pipeline:
    """``! command | command``."""

    commands: tuple[Command, ...]
    negated: bool


@dataclass(frozen=True)
class AndOr:
    """``pipeline && pipeline || pipeline``: pairs of an operator and what follows it."""

    first: Pipeline
    rest: tuple[tuple[str, Pipeline], ...]


Script: TypeAlias = tuple[AndOr, ...]


def parse(text: str) -> Script:
    """Parse a shell script.

    Parameters
    ----------
    text
        Lines of a script, at most `LONGEST` characters.

    Returns
    -------
    Script
        Its commands, in their order.

    Raises
    ------
    ShellSyntaxError
        When it is not a script, or has something that is not known; the text says what.

    Examples
    --------
    >>> parse("ls -l | head")[0].first.commands[1].words
    ((Text(text='head', quoted=False),),)
    >>> parse("sleep 5 &")
    Traceback (most recent call last):
    ...
    je_kernel.shell.grammar.ShellSyntaxError: '&' (a command in the background) is not known here
    """
    if len(text) > LONGEST:
        raise ShellSyntaxError(f"the script is longer than {LONGEST:,} characters")
    if "\0" in text:
        raise ShellSyntaxError("the script has a zero byte")
    return _Parser(text.replace("\r\n", "\n")).script()


@dataclass
class _Parser:
    text: str
    at: int = 0
    depth: int = 0
    # Here-documents whose lines begin after the next end of a line.
    waiting: list[tuple[Redirect, str, bool, bool]] = field(default_factory=list)

    # Characters.

    def ahead(self, size: int = 1) -> str:
        return self.text[self.at : self.at + size]

    def take(self, token: str) -> bool:
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def blanks(self) -> None:
        while True:
            while self.ahead() in (" ", "\t") and self.ahead():
                self.at += 1
            if self.take("\\\n"):
                continue
            if self.ahead() == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            return

    def newlines(self) -> None:
        self.blanks()
        while self.take("\n"):
            self.here_documents()
            self.blanks()

    def failed(self, expected: str = "") -> ShellSyntaxError:
        if self.at >= len(self.text):
            return ShellSyntaxError(
                f"syntax error: unexpected end{f', expected {expected}' if expected else ''}"
            )
        found = self.text[self.at :].split(maxsplit=1)[0] if self.ahead().strip() else "newline"
        return ShellSyntaxError(f"syntax error near unexpected token '{found[:20]}'")

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ShellSyntaxError(f"the script is nested more than {DEEPEST} deep")

    # Commands.

    def script(self) -> Script:
        found = self.commands(())
        if self.at < len(self.text):
            raise self.failed()
        if self.waiting:
            raise ShellSyntaxError(f"the here-document has no last line '{self.waiting[0][1]}'")
        return found

    def commands(self, closing: Collection[str]) -> Script:
        """Parse commands up to a reserved word, ``)``, ``;;``, or the end."""
        self.deeper()
        found = []
        while True:
            self.newlines()
            if not self.ahead() or self.ahead() == ")" or self.ahead(2) == ";;":
                break
            if self.reserved() in _CLOSING:
                if self.reserved() not in closing:
                    raise self.failed()
                break
            found.append(self.and_or())
            self.blanks()
            if self.ahead() == "&" and self.ahead(2) != "&&":
                raise ShellSyntaxError("'&' (a command in the background) is not known here")
            if self.ahead(2) == ";;":
                break
            if self.take("\n"):
                self.here_documents()
            elif not self.take(";"):
                break
        self.depth -= 1
        return tuple(found)

    def body(self, *closing: str) -> Script:
        """Parse at least one command, up to one of the reserved words."""
        found = self.commands(closing)
        if not found or self.reserved() not in closing:
            raise self.failed(f"'{closing[0]}'")
        return found

    def and_or(self) -> AndOr:
        first = self.pipeline()
        rest: list[tuple[str, Pipeline]] = []
        while True:
            self.blanks()
            operator = self.ahead(2)
            if operator not in ("&&", "||"):
                return AndOr(first, tuple(rest))
            self.at += 2
            self.newlines()
            rest.append((operator, self.pipeline()))

    def pipeline(self) -> Pipeline:
        negated = False
        self.blanks()
        while self.keyword("!"):
            negated = not negated
            self.blanks()
        found = [self.command()]
        while True:
            self.blanks()
            if self.ahead(2) == "||" or not self.take("|"):
                return Pipeline(tuple(found), negated)
            if self.take("&"):
                raise ShellSyntaxError("'|&' is not known here; write '2>&1 |'")
            self.newlines()
            found.append(self.command())

    def reserved(self) -> str:
        """Return the plain word at this place, without taking it."""
        end = self.at
        while end < len(self.text) and self.text[end] not in _META:
            end += 1
        return self.text[self.at : end]

    def keyword(self, word: str) -> bool:
        if self.reserved() != word:
            return False
        self.at += len(word)
        return True

    def need(self, word: str) -> None:
        self.newlines()
        if not self.keyword(word):
            raise self.failed(f"'{word}'")

    def command(self) -> Command:
        self.deeper()
        self.blanks()
        found = self.compound()
        self.depth -= 1
        return found

    def compound(self) -> Command:
        word = self.reserved()
        if word in _UNKNOWN:
            raise ShellSyntaxError(f"'{word}' is not known here")
        if word in _CLOSING:
            raise self.failed()
        if self.take("(("):
            return Arithmetic(self.arithmetic(), self.redirects())
        if self.take("("):
            body = self.commands(())
            if not self.take(")"):
                raise self.failed("')'")
            return Group(body, True, self.redirects())
        if word not in _OPENING:
            return self.simple()
        self.at += len(word)
        if word == "{":
            body = self.body("}")
            self.need("}")
            return Group(body, False, self.redirects())
        if word == "if":
            return self.condition()
        if word == "case":
            return self.case()
        if word == "function":
            self.blanks()
            name = self.name()
            self.blanks()
            if self.take("(") and not self.take(")"):
                raise self.failed("')'")
            return self.function(name)
        if word == "for":
            return self.loop()
        test = self.body("do")
        return While(test, self.do(), word == "until", self.redirects())

    def do(self) -> Script:
        self.need("do")
        found = self.body("done")
        self.need("done")
        return found

    def condition(self) -> If:
        branches = []
        otherwise: Script = ()
        while True:
            test = self.body("then")
            self.need("then")
            branches.append((test, self.body("fi", "else", "elif")))
            if self.keyword("elif"):
                continue
            if self.keyword("else"):
                otherwise = self.body("fi")
            self.need("fi")
            return If(tuple(branches), otherwise, self.redirects())

    def loop(self) -> For:
        self.blanks()
        if self.ahead(2) == "((":
            raise ShellSyntaxError("'for ((…))' is not known here; write 'for i in $(seq 1 10)'")
        name = self.name()
        words: list[Word] | None = None
        self.newlines()
        if self.keyword("in"):
            words = []
            self.blanks()
            while word := self.word():
                words.append(word)
                self.blanks()
        self.blanks()
        self.take(";")
        body = self.do()
        return For(name, None if words is None else tuple(words), body, self.redirects())

    def case(self) -> Case:
        self.blanks()
        subject = self.word()
        self.need("in")
        arms: list[tuple[tuple[Word, ...], Script]] = []
        while True:
            self.newlines()
            if self.keyword("esac"):
                return Case(subject, tuple(arms), self.redirects())
            self.take("(")
            patterns = []
            while True:
                self.blanks()
                patterns.append(self.word())
                self.blanks()
                if not self.take("|"):
                    break
            if not all(patterns) or not self.take(")"):
                raise self.failed("')'")
            arms.append((tuple(patterns), self.commands(("esac",))))
            if not self.take(";;") and self.reserved() != "esac":
                raise self.failed("';;'")

    def name(self) -> str:
        begin = self.at
        while self.ahead() in _NAME and self.ahead():
            self.at += 1
        found = self.text[begin : self.at]
        if not found or found[0].isdigit():
            raise self.failed("a name")
        return found

    def function(self, name: str) -> Function:
        self.newlines()
        body = self.command()
        if isinstance(body, Simple):
            raise self.failed("'{'")
        return Function(name, body)

    def simple(self) -> Command:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirects: list[Redirect] = []
        while True:
            self.blanks()
            if redirect := self.redirect():
                redirects.append(redirect)
                continue
            if not words and (name := self.assigned()):
                assignments.append((name, self.word()))
                continue
            word = self.word()
            if not word:
                break
            words.append(word)
            if len(words) == 1 and self.ahead(2) == "()" and not redirects and not assignments:
                self.at += 2
                return self.function(self.function_name(word))
        if not words and not assignments and not redirects:
            raise self.failed("a command")
        return Simple(tuple(assignments), tuple(words), tuple(redirects))

    def function_name(self, word: Word) -> str:
        if len(word) == 1 and isinstance(word[0], Text) and not word[0].quoted:
            return word[0].text
        raise self.failed()

    def assigned(self) -> str:
        """Take ``NAME=`` and return the name."""
        end = self.at
        while end < len(self.text) and self.text[end] in _NAME:
            end += 1
        name, sign = self.text[self.at : end], self.text[end : end + 1]
        if not name or name[0].isdigit():
            return ""
        if sign == "[" or self.text[end : end + 2] in ("+=", "=("):
            if "=" in self.reserved():
                raise ShellSyntaxError(f"an array or '+=' ('{self.reserved()}') is not known here")
            return ""
        if sign != "=":
            return ""
        self.at = end + 1
        return name

    # Redirections.

    def redirects(self) -> tuple[Redirect, ...]:
        found: list[Redirect] = []
        while True:
            self.blanks()
            redirect = self.redirect()
            if redirect is None:
                return tuple(found)
            found.append(redirect)

    def redirect(self) -> Redirect | None:
        digits = self.at
        while self.text[digits : digits + 1].isdecimal() and self.text[digits].isascii():
            digits += 1
        operator = next((o for o in _REDIRECTS if self.text.startswith(o, digits)), None)
        if operator is None or (operator.startswith("&") and digits > self.at):
            return None
        if self.text[digits : digits + 2] in ("<(", ">("):
            raise ShellSyntaxError(f"'{self.text[digits]}(…)' is not known here; use a pipe")
        number = self.text[self.at : digits]
        self.at = digits + len(operator)
        stream = int(number) if number else (0 if operator.startswith("<") else 1)
        if stream > 2 or operator in ("<>", "<&"):
            raise ShellSyntaxError(f"the redirection '{number}{operator}' is not known here")
        self.blanks()
        target = self.word()
        if not target:
            raise self.failed("a file name")
        found = Redirect(stream, operator, target)
        if operator in ("<<", "<<-"):
            quoted = any(isinstance(part, Text) and part.quoted for part in target)
            last = "".join(part.text for part in target if isinstance(part, Text))
            self.waiting.append((found, last, quoted, operator == "<<-"))
        return found

    def here_documents(self) -> None:
        for redirect, last, quoted, unindent in self.waiting:
            lines = []
            while True:
                if self.at >= len(self.text):
                    raise ShellSyntaxError(f"the here-document has no last line '{last}'")
                end = self.text.find("\n", self.at)
                end = len(self.text) if end < 0 else end
                line = self.text[self.at : end]
                self.at = end + 1
                line = line.lstrip("\t") if unindent else line
                if line == last:
                    break
                lines.append(line + "\n")
            body = "".join(lines)
            redirect.target = (
                (Text(body, True),) if quoted else _Parser(body, depth=self.depth).here_text()
            )
        self.waiting.clear()

    def here_text(self) -> Word:
        return self.parts_until("")

    # Words.

    def word(self) -> Word:
        """Take a word; an empty tuple if there is none."""
        parts: list[Part] = []
        plain: list[str] = []

        def flush() -> None:
            if plain:
                parts.append(Text("".join(plain), False))
                plain.clear()

        while (char := self.ahead()) and char not in _META:
            if char in "'\"":
                flush()
                self.at += 1
                parts += self.single() if char == "'" else self.double()
            elif char == "\\":
                self.at += 1
                if self.take("\n"):
                    continue
                flush()
                parts.append(Text(self.ahead(), True))
                self.at += 1
            elif self.ahead(2) == '$"':
                # A text to be translated, which nobody does.
                self.at += 1
            elif self.ahead(2) == "$'":
                flush()
                self.at += 2
                parts.append(self.escaped())
            elif char in "$`" and (part := self.dollar(quoted=False)):
                flush()
                parts.append(part)
            else:
                plain.append(char)
                self.at += 1
        flush()
        return tuple(parts)

    def single(self) -> list[Part]:
        end = self.text.find("'", self.at)
        if end < 0:
            raise ShellSyntaxError("syntax error: a ' has no other '")
        found = self.text[self.at : end]
        self.at = end + 1
        return [Text(found, True)]

    def double(self) -> list[Part]:
        found = self.parts_until('"')
        if not self.take('"'):
            raise ShellSyntaxError('syntax error: a " has no other "')
        return list(found) or [Text("", True)]

    def escaped(self) -> Text:
        """Take the rest of ``$'…'``."""
        begin = self.at
        while self.ahead() and self.ahead() != "'":
            self.at += 2 if self.ahead() == "\\" else 1
        found = self.text[begin : self.at]
        if not self.take("'"):
            raise ShellSyntaxError("syntax error: a ' has no other '")
        from je_kernel.shell.escapes import unescape

        return Text(unescape(found), True)

    def parts_until(self, last: str) -> Word:
        """Take the inside of double quotes, or of a here-document."""
        parts: list[Part] = []
        plain: list[str] = []
        while (char := self.ahead()) and char != last:
            if char == "\\" and self.ahead(2)[1:] in ("$", "`", "\\", "\n", last) and self.ahead(2):
                escaped = self.ahead(2)[1:]
                plain.append("" if escaped == "\n" else escaped)
                self.at += 2
            elif char in "$`" and (part := self.dollar(quoted=True)):
                if plain:
                    parts.append(Text("".join(plain), True))
                    plain.clear()
                parts.append(part)
            else:
                plain.append(char)
                self.at += 1
        if plain:
            parts.append(Text("".join(plain), True))
        return tuple(parts)

    def dollar(self, *, quoted: bool) -> Part | None:
        """Take what begins with ``$`` or a backquote; None where it is a plain character."""
        if self.ahead() == "`":
            return self.backquoted(quoted=quoted)
        if self.ahead(3) == "$((":
            return self.number(quoted=quoted)
        if self.ahead(2) == "$(":
            self.at += 2
            script = self.commands(())
            if not self.take(")"):
                raise self.failed("')'")
            return Output(script, quoted)
        if self.ahead(2) == "${":
            self.at += 2
            return self.braced(quoted=quoted)
        following = self.ahead(2)[1:]
        if following and following in _SPECIAL:
            self.at += 2
            return Variable(following, quoted)
        if not following or following not in _NAME:
            return None
        self.at += 1
        return Variable(self.name(), quoted)

    def backquoted(self, *, quoted: bool) -> Output:
        self.at += 1
        inside = []
        while (char := self.ahead()) and char != "`":
            if char == "\\" and self.ahead(2)[1:] in ("`", "\\", "$"):
                self.at += 1
                char = self.ahead()
            inside.append(char)
            self.at += 1
        if not self.take("`"):
            raise ShellSyntaxError("syntax error: a ` has no other `")
        self.deeper()
        script = _Parser("".join(inside), depth=self.depth).script()
        self.depth -= 1
        return Output(script, quoted)

    def number(self, *, quoted: bool) -> Part:
        self.at += 3
        return Number(self.arithmetic(), quoted)

    def arithmetic(self) -> Word:
        """Take the inside of ``((…))`` and its end."""
        parts: list[Part] = []
        level = 0
        while char := self.ahead():
            if level == 0 and self.take("))"):
                return tuple(parts)
            if char in "$`" and (part := self.dollar(quoted=True)):
                parts.append(part)
                continue
            level += (char == "(") - (char == ")")
            if level < 0:
                break
            if char != '"':
                parts.append(Text(char, True))
            self.at += 1
        raise ShellSyntaxError("syntax error: '((' has no '))'")

    def braced(self, *, quoted: bool) -> Variable:
        """Take the rest of ``${…}``."""
        length = self.ahead() == "#" and self.ahead(2) != "#}"
        if length:
            self.at += 1
        if self.ahead() == "!":
            raise ShellSyntaxError("'${!…}' is not known here")
        if self.ahead() in _SPECIAL and self.ahead():
            name = self.ahead()
            self.at += 1
        else:
            name = self.name()
        if self.take("}"):
            return Variable(name, quoted, "length" if length else "")
        operator = next((o for o in _OPERATORS if self.text.startswith(o, self.at)), None)
        if operator is None or length:
            rest = self.text[self.at :].partition("}")[0]
            raise ShellSyntaxError(f"'${{{name}{rest[:20]}}}' is not known here")
        self.at += len(operator)
        argument = self.argument(quoted=quoted)
        return Variable(name, quoted, operator, argument)

    def argument(self, *, quoted: bool) -> Word:
        parts: list[Part] = []
        self.deeper()
        while (char := self.ahead()) and char != "}":
            if char in "'\"" and not (quoted and char == "'"):
                self.at += 1
                parts += self.single() if char == "'" else self.double()
            elif char == "\\":
                self.at += 1
                parts.append(Text(self.ahead(), True))
                self.at += 1
            elif char in "$`" and (part := self.dollar(quoted=quoted)):
                parts.append(part)
            else:
                parts.append(Text(char, False))
                self.at += 1
        if not self.take("}"):
            raise ShellSyntaxError("syntax error: '${' has no '}'")
        self.depth -= 1
        return tuple(parts)
