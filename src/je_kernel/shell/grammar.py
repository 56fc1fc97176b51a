"""The parser and syntax tree of the shell language: POSIX sh and a little of bash.

A script is parsed as a whole before any of it runs; unknown syntax is an error that
names it. The terms are those of the Shell Command Language of POSIX.1-2017.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from je_kernel.shell.escapes import unescape

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

LONGEST = 1_000_000
"""Limit of the length of a script, in characters."""
DEEPEST = 40
"""Limit of nested commands and substitutions."""

_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")
_SPECIAL = frozenset("?#@*$!-0123456789")
_META = frozenset(" \t\n|&;()<>")
_REDIRECTS = ("&>>", "&>", "<<<", "<<-", "<<", "<>", ">>", ">|", ">&", "<&", ">", "<")
_OPENING = frozenset(("if", "for", "while", "until", "case", "{", "!", "function"))
_CLOSING = frozenset(("then", "elif", "else", "fi", "do", "done", "esac", "}"))
_UNKNOWN = frozenset(("[[", "select", "coproc", "time"))
_OPERATORS = (":-", ":=", ":?", ":+", "##", "%%", "//", "-", "=", "?", "+", "#", "%", "/")


class ShellSyntaxError(Exception):
    """A text that is not a shell script, or has syntax that this shell does not know."""


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
    """``2>file``; the target of a here-document is its text."""

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
    """``{ script; }``, or in a subshell ``(script)``."""

    body: Script
    subshell: bool


@dataclass(frozen=True)
class If:
    """``if condition; then body; …; else otherwise; fi``."""

    branches: tuple[tuple[Script, Script], ...]
    otherwise: Script


@dataclass(frozen=True)
class For:
    """``for name in words; do body; done``; without words, over the arguments."""

    name: str
    words: tuple[Word, ...] | None
    body: Script


@dataclass(frozen=True)
class While:
    """``while condition; do body; done``, or ``until``."""

    condition: Script
    body: Script
    until: bool


@dataclass(frozen=True)
class Case:
    """``case word in pattern|pattern) body;; … esac``."""

    word: Word
    arms: tuple[tuple[tuple[Word, ...], Script], ...]


@dataclass(frozen=True)
class Arithmetic:
    """``((expression))``."""

    expression: Word


@dataclass(frozen=True)
class Function:
    """``name() { body; }``."""

    name: str
    body: Command


@dataclass(frozen=True)
class Redirected:
    """``{ script; } >file``: a compound command with redirections."""

    body: Command
    redirects: tuple[Redirect, ...]


Command: TypeAlias = Simple | Group | If | For | While | Case | Arithmetic | Function | Redirected


@dataclass(frozen=True)
class Pipeline:
    """``! command | command``."""

    commands: tuple[Command, ...]
    negated: bool


@dataclass(frozen=True)
class AndOr:
    """``pipeline && pipeline || pipeline``; the rest is pairs of an operator and a pipeline."""

    first: Pipeline
    rest: tuple[tuple[str, Pipeline], ...]


Script: TypeAlias = tuple[AndOr, ...]


def parse(text: str) -> Script:
    """Parse a shell script.

    Parameters
    ----------
    text
        The script, at most `LONGEST` characters.

    Returns
    -------
    Script
        The syntax tree.

    Raises
    ------
    ShellSyntaxError
        For a syntax error, or for syntax that this shell does not know.

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
    # Here-documents whose lines begin on the next line.
    waiting: list[tuple[Redirect, str, bool, bool]] = field(default_factory=list)

    # Characters.

    def ahead(self, size: int = 1) -> str:
        return self.text[self.at : self.at + size]

    def take(self, token: str) -> bool:
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def text_before(self, char: str) -> str:
        """Consume the text up to a character, or to the end."""
        begin, end = self.at, self.text.find(char, self.at)
        self.at = len(self.text) if end < 0 else end
        return self.text[begin : self.at]

    def blanks(self) -> None:
        while True:
            while self.ahead() in (" ", "\t") and self.ahead():
                self.at += 1
            if self.take("\\\n"):
                continue
            if self.ahead() == "#":
                self.text_before("\n")
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
        token = self.text[self.at :].split(maxsplit=1)[0] if self.ahead().strip() else "newline"
        return ShellSyntaxError(f"syntax error near unexpected token '{token[:20]}'")

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ShellSyntaxError(f"the script is nested more than {DEEPEST} deep")

    # Commands.

    def script(self) -> Script:
        script = self.commands(())
        if self.at < len(self.text):
            raise self.failed()
        if self.waiting:
            raise ShellSyntaxError(f"the here-document has no last line '{self.waiting[0][1]}'")
        return script

    def commands(self, closing: Collection[str]) -> Script:
        """Parse commands up to a reserved word, ``)``, ``;;``, or the end."""
        self.deeper()
        commands = []
        while True:
            self.newlines()
            if not self.ahead() or self.ahead() == ")" or self.ahead(2) == ";;":
                break
            if self.reserved() in _CLOSING:
                if self.reserved() not in closing:
                    raise self.failed()
                break
            commands.append(self.and_or())
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
        return tuple(commands)

    def body(self, *closing: str) -> Script:
        """Parse at least one command, up to one of the reserved words."""
        script = self.commands(closing)
        if not script or self.reserved() not in closing:
            raise self.failed(f"'{closing[0]}'")
        return script

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
        commands = [self.command()]
        while True:
            self.blanks()
            if self.ahead(2) == "||" or not self.take("|"):
                return Pipeline(tuple(commands), negated)
            if self.take("&"):
                raise ShellSyntaxError("'|&' is not known here; write '2>&1 |'")
            self.newlines()
            commands.append(self.command())

    def reserved(self) -> str:
        """Return the plain word at this position, without consuming it."""
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
        command = self.compound()
        if not isinstance(command, Simple | Function) and (redirects := self.redirects()):
            command = Redirected(command, redirects)
        self.depth -= 1
        return command

    def compound(self) -> Command:
        word = self.reserved()
        if word in _UNKNOWN:
            raise ShellSyntaxError(f"'{word}' is not known here")
        if word in _CLOSING:
            raise self.failed()
        if self.take("(("):
            return Arithmetic(self.arithmetic())
        if self.take("("):
            body = self.commands(())
            if not self.take(")"):
                raise self.failed("')'")
            return Group(body, True)
        if word not in _OPENING:
            return self.simple()
        self.at += len(word)
        if word == "{":
            body = self.body("}")
            self.need("}")
            return Group(body, False)
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
        return While(test, self.do(), word == "until")

    def do(self) -> Script:
        self.need("do")
        body = self.body("done")
        self.need("done")
        return body

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
            return If(tuple(branches), otherwise)

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
        return For(name, None if words is None else tuple(words), body)

    def case(self) -> Case:
        self.blanks()
        subject = self.word()
        self.need("in")
        arms: list[tuple[tuple[Word, ...], Script]] = []
        while True:
            self.newlines()
            if self.keyword("esac"):
                return Case(subject, tuple(arms))
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
        name = self.text[begin : self.at]
        if not name or name[0].isdigit():
            raise self.failed("a name")
        return name

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
            if not words and (name := self.assignment()):
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

    def assignment(self) -> str:
        """Consume ``NAME=`` and return the name."""
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
        redirects: list[Redirect] = []
        self.blanks()
        while redirect := self.redirect():
            redirects.append(redirect)
            self.blanks()
        return tuple(redirects)

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
        redirect = Redirect(stream, operator, target)
        if operator in ("<<", "<<-"):
            quoted = any(isinstance(part, Text) and part.quoted for part in target)
            last = "".join(part.text for part in target if isinstance(part, Text))
            self.waiting.append((redirect, last, quoted, operator == "<<-"))
        return redirect

    def here_documents(self) -> None:
        for redirect, last, quoted, unindent in self.waiting:
            body = ""
            while True:
                if self.at >= len(self.text):
                    raise ShellSyntaxError(f"the here-document has no last line '{last}'")
                line = self.text_before("\n")
                self.at += 1
                line = line.lstrip("\t") if unindent else line
                if line == last:
                    break
                body += f"{line}\n"
            inner = _Parser(body, depth=self.depth)
            redirect.target = (Text(body, True),) if quoted else inner.parts("", "", quoted=True)
        self.waiting.clear()

    # Words.

    def word(self) -> Word:
        """Parse a word; an empty tuple if there is none."""
        return self.parts(_META, "'\"", quoted=False)

    def parts(self, ends: Collection[str], quotes: str, *, quoted: bool) -> Word:
        """Parse characters and expansions up to one of `ends`.

        Where there are no `quotes`, as inside of double quotes, characters are quoted, and a
        backslash escapes special characters only.
        """
        parts: list[Part] = []
        special = {*ends, *"$`\\'\""}
        while (char := self.ahead()) and char not in ends:
            following = self.ahead(2)[1:]
            if char in quotes:
                parts += self.quotation(char)
            elif char == "$" and following and following in quotes:
                # $'…' has escapes; $"…" would be translated.
                self.at += 1
                parts += self.escaped() if following == "'" else self.quotation(following)
            elif char == "\\" and following and (quotes or following in {*"$`\\\n", *ends}):
                self.at += 2
                if following != "\n":
                    parts.append(Text(following, True))
            elif char in "$`" and (part := self.dollar(quoted=quoted)):
                parts.append(part)
            else:
                begin = self.at
                self.at += 1
                while self.ahead() and self.ahead() not in special:
                    self.at += 1
                parts.append(Text(self.text[begin : self.at], not quotes))
        return joined(parts)

    def quotation(self, quote: str) -> Word:
        """Parse ``'…'`` or ``"…"``."""
        self.at += 1
        if quote == '"':
            parts = self.parts(quote, "", quoted=True)
        else:
            parts = (Text(self.text_before(quote), True),)
        if not self.take(quote):
            raise ShellSyntaxError(f"syntax error: a {quote} has no other {quote}")
        return parts or (Text("", True),)

    def escaped(self) -> Word:
        """Parse the rest of ``$'…'``."""
        self.at += 1
        begin = self.at
        while self.ahead() and self.ahead() != "'":
            self.at += 2 if self.ahead() == "\\" else 1
        text = self.text[begin : self.at]
        if not self.take("'"):
            raise ShellSyntaxError("syntax error: a ' has no other '")
        return (Text(unescape(text), True),)

    def dollar(self, *, quoted: bool) -> Part | None:
        """Parse an expansion after ``$`` or a backquote; None for a plain character."""
        if self.ahead() == "`":
            return self.backquoted(quoted=quoted)
        if self.take("$(("):
            return Number(self.arithmetic(), quoted)
        if self.take("$("):
            script = self.commands(())
            if not self.take(")"):
                raise self.failed("')'")
            return Output(script, quoted)
        if self.take("${"):
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
        inside = ""
        while (char := self.ahead()) and char != "`":
            if char == "\\" and self.ahead(2)[1:] in ("`", "\\", "$"):
                self.at += 1
                char = self.ahead()
            inside += char
            self.at += 1
        if not self.take("`"):
            raise ShellSyntaxError("syntax error: a ` has no other `")
        self.deeper()
        script = _Parser(inside, depth=self.depth).script()
        self.depth -= 1
        return Output(script, quoted)

    def arithmetic(self) -> Word:
        """Parse the inside of ``((…))``, and its end."""
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
        """Parse the rest of ``${…}``."""
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
        self.deeper()
        parts = self.parts("}", '"' if quoted else "'\"", quoted=quoted)
        if not self.take("}"):
            raise ShellSyntaxError("syntax error: '${' has no '}'")
        self.depth -= 1
        return parts


def joined(parts: Iterable[Part]) -> Word:
    """Return a word whose adjacent texts are one text."""
    result: list[Part] = []
    kinds = itertools.groupby(parts, lambda part: (isinstance(part, Text), part.quoted))
    for (is_text, quoted), group in kinds:
        if is_text:
            result.append(Text("".join(p.text for p in group if isinstance(p, Text)), quoted))
        else:
            result += group
    return tuple(result)


def atoms(word: Word) -> list[Part]:
    """Return the parts of a word, those that are unquoted text character by character."""
    result: list[Part] = []
    for part in word:
        if isinstance(part, Text) and not part.quoted:
            result += [Text(char, False) for char in part.text]
        else:
            result.append(part)
    return result


def plain(part: Part) -> str:
    """Return the text of a part if it is unquoted."""
    return part.text if isinstance(part, Text) and not part.quoted else ""
