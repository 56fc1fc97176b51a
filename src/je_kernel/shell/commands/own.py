"""Commands that belong to the shell itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from je_kernel.shell.calls import Break, CommandError, Continue, Exit, Leave
from je_kernel.shell.escapes import unescape
from je_kernel.shell.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from je_kernel.shell.calls import Call, Program, Running

__all__ = ["PROGRAMS"]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def true(_call: Call) -> int:
    """Do nothing, well."""
    return 0


def false(_call: Call) -> int:
    """Do nothing, and fail."""
    return 1


def echo(call: Call) -> Running:
    """Print its arguments."""
    args = list(call.args)
    newline, escapes = True, False
    while args and args[0].startswith("-") and len(args[0]) > 1 and not args[0][1:].strip("neE"):
        for letter in args.pop(0)[1:]:
            newline = newline and letter != "n"
            escapes = letter == "e" if letter in "eE" else escapes
    text = " ".join(args)
    if escapes:
        text, cut, _ = text.partition("\\c")
        newline = newline and not cut
        text = unescape(text)
    yield _encoded(text + ("\n" if newline else ""))
    return 0


def printf(call: Call) -> Running:
    """Print its arguments in a format."""
    if not call.args:
        raise CommandError("usage: printf format [arguments]", 2)
    form, rest = call.args[0], list(call.args[1:])
    status = 0
    while True:
        before = len(rest)
        text, problem = _formatted(form, rest)
        if problem:
            call.complain(problem)
            status = 1
        yield _encoded(text)
        if not rest or len(rest) == before:
            return status


def _formatted(form: str, rest: list[str]) -> tuple[str, str]:
    """Return a format filled with the next arguments, and what was wrong."""
    pieces, problem, at = [], "", 0
    while at < len(form):
        begin = form.find("%", at)
        if begin < 0:
            pieces.append(unescape(form[at:]))
            break
        pieces.append(unescape(form[at:begin]))
        end = begin + 1
        while end < len(form) and form[end] in "-+ #0123456789.":
            end += 1
        flags, kind = form[begin + 1 : end], form[end : end + 1]
        at = end + 1
        if kind == "%":
            pieces.append("%")
            continue
        if not kind or kind not in "sdiufFeEgGxXocbq" or len(flags) > 8:
            raise CommandError(f"the format '%{flags}{kind}' is not known here")
        value = rest.pop(0) if rest else ""
        if kind in "sbcq":
            value = unescape(value) if kind == "b" else value[:1] if kind == "c" else value
            pieces.append(f"%{flags}s" % value)
            continue
        try:
            number = float(value or 0) if kind in "fFeEgG" else _integer(value)
        except ValueError:
            problem, number = f"{value}: invalid number", 0
        pieces.append(f"%{flags}{'d' if kind in 'iu' else kind}" % number)
    return "".join(pieces), problem


def _integer(text: str) -> int:
    if text[:1] in ("'", '"') and len(text) > 1:
        return ord(text[1])
    digits = text.lstrip("+-")
    return int(text or "0", 0 if digits[:2].lower() == "0x" else 8 if digits[:1] == "0" else 10)


def pwd(call: Call) -> Running:
    """Print the folder that the shell is in."""
    given = Options("L P", 2).read(call)
    yield _encoded((os.path.realpath(call.state.cwd) if "P" in given else call.state.cwd) + "\n")
    return 0


def cd(call: Call) -> Running:
    """Go to another folder, for the rest of this line or cell."""
    operands = Options("L P", 2).read(call).operands
    if len(operands) > 1:
        raise CommandError("too many arguments")
    name = operands[0] if operands else call.state.variables.get("HOME", "")
    if name == "-":
        name = call.state.variables.get("OLDPWD", "")
        if not name:
            raise CommandError("OLDPWD not set")
        yield _encoded(f"{name}\n")
    path = os.path.normpath(call.path(name))
    if not os.path.isdir(path):
        there = os.path.exists(path)
        why = "Not a directory" if there else "No such file or directory"
        raise CommandError(f"{name}: {why}")
    call.state.variables["OLDPWD"] = call.state.cwd
    call.state.cwd = call.state.variables["PWD"] = path
    return 0


def export(call: Call) -> Running:
    """Give variables to the programs that are run, too."""
    given = Options("p", 2).read(call)
    if not given.operands:
        for name in sorted(call.state.exported):
            value = call.state.variables.get(name, "")
            yield _encoded(f'declare -x {name}="{value}"\n')
    for operand in given.operands:
        call.state.exported.add(_assigned(call, operand))
    return 0


def local(call: Call) -> int:
    """Set variables that end with the function."""
    if not call.state.hidden:
        raise CommandError("can only be used in a function")
    for operand in Options("", 2).read(call).operands:
        name = operand.partition("=")[0]
        call.state.hidden[-1].setdefault(name, call.state.variables.get(name))
        _assigned(call, operand)
    return 0


def _assigned(call: Call, operand: str) -> str:
    name, sign, value = operand.partition("=")
    if not name.isidentifier():
        raise CommandError(f"'{operand}': not a valid identifier")
    if sign:
        call.state.variables[name] = value
    return name


def unset(call: Call) -> int:
    """Forget variables and functions."""
    given = Options("v f", 2).read(call)
    for name in given.operands:
        if "f" not in given and call.state.variables.pop(name, None) is not None:
            call.state.exported.discard(name)
        elif "v" not in given:
            call.state.functions.pop(name, None)
    return 0


def set_(call: Call) -> Running:
    """Set the shell's options -e, -u, -x and pipefail, or its arguments."""
    args = list(call.args)
    if not args:
        for name in sorted(call.state.variables):
            yield _encoded(f"{name}={call.state.variables[name]}\n")
    while args and args[0][:1] in ("-", "+") and args[0] not in ("-", "--"):
        word = args.pop(0)
        names = [args.pop(0) if letter == "o" and args else letter for letter in word[1:]]
        for name in names:
            name = {"errexit": "e", "nounset": "u", "xtrace": "x"}.get(name, name)
            if name not in ("e", "u", "x", "pipefail"):
                raise CommandError(
                    f"the option {name} is not known here; it knows e u x pipefail", 2
                )
            (call.state.options.add if word[0] == "-" else call.state.options.discard)(name)
    if args:
        call.state.arguments[:] = args[1:] if args[0] == "--" else args
    return 0


def shift(call: Call) -> int:
    """Drop the first arguments."""
    count = _number(call, 1)
    if count > len(call.state.arguments):
        return 1
    del call.state.arguments[:count]
    return 0


def _number(call: Call, default: int) -> int:
    if not call.args:
        return default
    if not call.args[0].isdecimal():
        raise CommandError(f"{call.args[0]}: numeric argument required", 2)
    return int(call.args[0])


def exit_(call: Call) -> int:
    """End the shell."""
    raise Exit(_number(call, call.state.status) & 255)


def return_(call: Call) -> int:
    """End the function."""
    raise Leave(_number(call, call.state.status) & 255)


def break_(call: Call) -> int:
    """End the loop."""
    raise Break(max(1, _number(call, 1)))


def continue_(call: Call) -> int:
    """Go on with the next round of the loop."""
    raise Continue(max(1, _number(call, 1)))


def read(call: Call) -> int:
    """Read a line into variables."""
    given = Options("r p= s", 2).read(call)
    line = call.stdin.line()
    text = line.decode("utf-8", "surrogateescape")
    ended = text.endswith("\n")
    text = text.removesuffix("\n")
    if "r" not in given:
        text = text.replace("\\", "")
    names = given.operands or ["REPLY"]
    separators = call.state.variables.get("IFS", " \t\n")
    blank = "".join(char for char in separators if char in " \t\n")
    rest = text.strip(blank) if given.operands else text
    for name in names[:-1]:
        size = next((i for i, char in enumerate(rest) if char in separators), len(rest))
        call.state.variables[name] = rest[:size]
        rest = rest[size:].lstrip(blank)
        if rest[:1] and rest[0] in separators and size >= 0 and rest[0] not in blank:
            rest = rest[1:].lstrip(blank)
    call.state.variables[names[-1]] = rest
    return 0 if ended else 1


def source(call: Call) -> Running:
    """Run a script in this shell."""
    if not call.args:
        raise CommandError("filename argument required", 2)
    with open(call.path(call.args[0]), encoding="utf-8", errors="surrogateescape") as file:
        text = file.read()
    return (yield from call.script(text, call.state, call.streams))


def eval_(call: Call) -> Running:
    """Run its arguments as a script in this shell."""
    return (yield from call.script(" ".join(call.args), call.state, call.streams))


def which(call: Call) -> Running:
    """Say where commands are."""
    from je_kernel.shell.commands import find, is_python

    given = Options("a", 2).read(call)
    status = 0
    for name in given.operands:
        if is_python(name) or find(name, call.state) is not None:
            yield _encoded(f"{name if '/' in name else f'/usr/bin/{name}'}\n")
        else:
            status = 1
    return status


def type_(call: Call) -> Running:
    """Say what names are."""
    from je_kernel.shell.commands import NAMES, find

    status = 0
    for name in call.args:
        if name in call.state.functions:
            yield _encoded(f"{name} is a function\n")
        elif NAMES.get(name) == "own":
            yield _encoded(f"{name} is a shell builtin\n")
        elif find(name, call.state):
            yield _encoded(f"{name} is {name if '/' in name else f'/usr/bin/{name}'}\n")
        else:
            call.complain(f"{name}: not found")
            status = 1
    return status


def command(call: Call) -> Running:
    """Run a command, or say with -v whether there is one."""
    from je_kernel.shell.commands import find

    given = Options("v", 2).read(call, leading=True)
    words = given.operands
    if "v" not in given:
        if not words:
            return 0
        inside = call.state
        return (yield from call.run(words, inside, call.streams))
    status = 1
    for name in words:
        if name in call.state.functions or find(name, call.state):
            yield _encoded(f"{name}\n")
            status = 0
    return status


def test(call: Call) -> int:
    """Test files, texts and numbers."""
    args = list(call.args)
    if call.name == "bash: [" and (not args or args.pop() != "]"):
        raise CommandError("missing ']'", 2)
    return int(not _Test(call, args).value()) if args else 1


class _Test:
    def __init__(self, call: Call, args: list[str]) -> None:
        self.call = call
        self.args = args
        self.level = 0

    def value(self) -> bool:
        found = self.either()
        if self.args:
            raise CommandError(f"the argument '{self.args[0]}' is not known here", 2)
        return found

    def either(self) -> bool:
        found = self.both()
        while self.args[:1] == ["-o"]:
            self.args.pop(0)
            right = self.both()
            found = found or right
        return found

    def both(self) -> bool:
        found = self.one()
        while self.args[:1] == ["-a"]:
            self.args.pop(0)
            right = self.one()
            found = found and right
        return found

    def one(self) -> bool:
        self.level += 1
        if self.level > 40 or not self.args:
            raise CommandError("argument expected", 2)
        first = self.args.pop(0)
        if self.args and self.args[0] in _COMPARED and len(self.args) > 1:
            operator, right = self.args.pop(0), self.args.pop(0)
            return self.compare(first, operator, right)
        if first == "!" and self.args:
            return not self.one()
        if first == "(" and self.args:
            found = self.either()
            if not self.args or self.args.pop(0) != ")":
                raise CommandError("')' expected", 2)
            return found
        if first.startswith("-") and len(first) == 2 and self.args:
            return self.unary(first[1], self.args.pop(0))
        return first != ""

    def unary(self, kind: str, operand: str) -> bool:
        path = self.call.path(operand)
        tests: dict[str, Callable[[str], bool]] = {
            "e": os.path.exists,
            "f": os.path.isfile,
            "d": os.path.isdir,
            "L": os.path.islink,
            "h": os.path.islink,
            "s": lambda path: os.path.exists(path) and os.path.getsize(path) > 0,
            "r": lambda path: os.access(path, os.R_OK),
            "w": lambda path: os.access(path, os.W_OK),
            "x": lambda path: os.access(path, os.X_OK),
        }
        if kind == "z":
            return operand == ""
        if kind == "n":
            return operand != ""
        if kind not in tests:
            raise CommandError(f"the test -{kind} is not known here", 2)
        return operand != "" and bool(tests[kind](path))

    def compare(self, left: str, operator: str, right: str) -> bool:
        if operator in ("=", "=="):
            return left == right
        if operator == "!=":
            return left != right
        if operator in ("<", ">"):
            return left < right if operator == "<" else left > right
        if operator in ("-nt", "-ot"):
            a, b = (_time(self.call.path(name)) for name in (left, right))
            return a > b if operator == "-nt" else a < b
        a, b = (self.integer(text) for text in (left, right))
        return {
            "-eq": a == b, "-ne": a != b, "-lt": a < b, "-le": a <= b, "-gt": a > b, "-ge": a >= b,
        }[operator]  # fmt: skip

    def integer(self, text: str) -> int:
        try:
            return int(text)
        except ValueError:
            raise CommandError(f"{text}: integer expression expected", 2) from None


_COMPARED = ["=", "==", "!=", "<", ">", "-nt", "-ot", "-eq", "-ne", "-lt", "-le", "-gt", "-ge"]


def _time(path: str) -> float:
    return os.path.getmtime(path) if os.path.exists(path) else -1


PROGRAMS: dict[str, Program] = {
    ":": true,
    ".": source,
    "[": test,
    "break": break_,
    "cd": cd,
    "command": command,
    "continue": continue_,
    "echo": echo,
    "eval": eval_,
    "exit": exit_,
    "export": export,
    "false": false,
    "local": local,
    "printf": printf,
    "pwd": pwd,
    "read": read,
    "return": return_,
    "set": set_,
    "shift": shift,
    "source": source,
    "test": test,
    "true": true,
    "type": type_,
    "unset": unset,
    "which": which,
}
