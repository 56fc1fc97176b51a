"""Builtin commands of the shell: ``cd``, ``echo``, ``export``, ``read``, ``test``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from je_kernel.shell.calls import Break, Continue, Exit, Return, program
from je_kernel.shell.commands.conditions import ConditionParser
from je_kernel.shell.escapes import unescape
from je_kernel.shell.expansion import split_fields
from je_kernel.shell.options import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable

    from je_kernel.shell.calls import Call, Output


@program("true :")
def true(_call: Call) -> None:
    """Do nothing, successfully."""


@program("false")
def false(_call: Call) -> int:
    """Do nothing, and fail."""
    return 1


@program("echo")
def echo(call: Call) -> Output:
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
    yield text + ("\n" if newline else "")


@program("printf")
def printf(call: Call) -> Output:
    """Print its arguments in a format."""
    if not call.args:
        raise CommandError("usage: printf format [arguments]", 2)
    form, *rest = call.args
    while True:
        before = len(rest)
        yield _formatted(call, form, rest)
        if not rest or len(rest) == before:
            return


def _formatted(call: Call, form: str, rest: list[str]) -> str:
    """Return a format filled with the next arguments, which it consumes."""
    text, *parts = form.split("%")
    pieces = [unescape(text)]
    while parts:
        part = parts.pop(0)
        text = part.lstrip("-+ #0123456789.")
        flags, kind, text = part[: len(part) - len(text)], text[:1], text[1:]
        if not part and parts:
            # "%%" is a percent sign.
            pieces.append("%" + unescape(parts.pop(0)))
            continue
        if not kind or kind not in "sdiufFeEgGxXocbq" or len(flags) > 8:
            raise CommandError(f"the format '%{flags}{kind}' is not known here")
        value = rest.pop(0) if rest else ""
        if kind in "sbcq":
            value = unescape(value) if kind == "b" else value[:1] if kind == "c" else value
            pieces.append(f"%{flags}s" % value)
        else:
            try:
                number = float(value or 0) if kind in "fFeEgG" else _integer(value)
            except ValueError:
                call.complain(f"{value}: invalid number")
                number = 0
            pieces.append(f"%{flags}{'d' if kind in 'iu' else kind}" % number)
        pieces.append(unescape(text))
    return "".join(pieces)


def _integer(text: str) -> int:
    if text[:1] in ("'", '"') and len(text) > 1:
        return ord(text[1])
    digits = text.lstrip("+-")
    return int(text or "0", 0 if digits[:2].lower() == "0x" else 8 if digits[:1] == "0" else 10)


@program("pwd", "L P", 2)
def pwd(call: Call) -> Output:
    """Print the current folder."""
    folder = call.state.cwd
    yield f"{os.path.realpath(folder) if 'P' in call.options else folder}\n"


@program("cd", "L P", 2)
def cd(call: Call) -> Output:
    """Change the current folder, for the rest of this line or cell."""
    variables = call.state.variables
    if len(call.operands) > 1:
        raise CommandError("too many arguments")
    name = call.operands[0] if call.operands else variables.get("HOME", "")
    if name == "-":
        name = variables.get("OLDPWD", "")
        if not name:
            raise CommandError("OLDPWD not set")
        yield f"{name}\n"
    path = os.path.normpath(call.path(name))
    if not os.path.isdir(path):
        why = "Not a directory" if os.path.exists(path) else "No such file or directory"
        raise CommandError(f"{name}: {why}")
    variables["OLDPWD"] = call.state.cwd
    call.state.cwd = variables["PWD"] = path


@program("export", "p", 2)
def export(call: Call) -> Output:
    """Make variables part of the environment of commands."""
    state = call.state
    if not call.operands:
        for name in sorted(state.exported):
            yield f'declare -x {name}="{state.variables.get(name, "")}"\n'
    for operand in call.operands:
        state.exported.add(_assign(call, operand))


@program("local", "", 2)
def local(call: Call) -> None:
    """Set variables of a function."""
    if not call.state.hidden:
        raise CommandError("can only be used in a function")
    for operand in call.operands:
        name = operand.partition("=")[0]
        call.state.hidden[-1].setdefault(name, call.state.variables.get(name))
        _assign(call, operand)


def _assign(call: Call, operand: str) -> str:
    """Set the variable of ``name=value``, if there is a value; return the name."""
    name, sign, value = operand.partition("=")
    if not name.isidentifier():
        raise CommandError(f"'{operand}': not a valid identifier")
    if sign:
        call.state.variables[name] = value
    return name


@program("unset", "v f", 2)
def unset(call: Call) -> None:
    """Remove variables and functions."""
    for name in call.operands:
        if "f" not in call.options and call.state.variables.pop(name, None) is not None:
            call.state.exported.discard(name)
        elif "v" not in call.options:
            call.state.functions.pop(name, None)


@program("set")
def set_(call: Call) -> Output:
    """Set the shell's options -e, -u, -x and pipefail, or its arguments."""
    args = list(call.args)
    if not args:
        for name in sorted(call.state.variables):
            yield f"{name}={call.state.variables[name]}\n"
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


@program("shift")
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


@program("exit")
def exit_(call: Call) -> None:
    """End the shell."""
    raise Exit(_number(call, call.state.status) & 255)


@program("return")
def return_(call: Call) -> None:
    """End the function."""
    raise Return(_number(call, call.state.status) & 255)


@program("break")
def break_(call: Call) -> None:
    """End the loop."""
    raise Break(max(1, _number(call, 1)))


@program("continue")
def continue_(call: Call) -> None:
    """Start the next round of the loop."""
    raise Continue(max(1, _number(call, 1)))


@program("read", "r p= s", 2)
def read(call: Call) -> int:
    """Read a line into variables."""
    line = call.stdin.line().decode("utf-8", "surrogateescape")
    text = line.removesuffix("\n")
    if "r" not in call.options:
        text = text.replace("\\", "")
    variables = call.state.variables
    if not call.operands:
        variables["REPLY"] = text
    else:
        fields = split_fields(text, variables.get("IFS"), len(call.operands))
        values = fields + [""] * len(call.operands)
        variables.update(zip(call.operands, values, strict=False))
    return 0 if line.endswith("\n") else 1


@program("source .")
def source(call: Call) -> Output:
    """Run a script in this shell."""
    if not call.args:
        raise CommandError("filename argument required", 2)
    with open(call.path(call.args[0]), encoding="utf-8", errors="surrogateescape") as file:
        text = file.read()
    call.status = yield from call.script(text, call.state, call.streams)


@program("eval")
def eval_(call: Call) -> Output:
    """Run its arguments as a script in this shell."""
    call.status = yield from call.script(" ".join(call.args), call.state, call.streams)


def _place(call: Call, name: str) -> str:
    """Return the path of a command; nothing if there is none."""
    from je_kernel.shell.commands import find

    if find(name, call.state) is None:
        return ""
    return name if "/" in name else f"/usr/bin/{name}"


@program("which", "a", 2)
def which(call: Call) -> Output:
    """Print the paths of commands."""
    for name in call.operands:
        if place := _place(call, name):
            yield f"{place}\n"
        else:
            call.status = 1


@program("type")
def type_(call: Call) -> Output:
    """Print the kinds of commands."""
    from je_kernel.shell.commands import MODULES

    for name in call.args:
        if name in call.state.functions:
            yield f"{name} is a function\n"
        elif MODULES.get(name) == "builtin":
            yield f"{name} is a shell builtin\n"
        elif place := _place(call, name):
            yield f"{name} is {place}\n"
        else:
            call.complain(f"{name}: not found")


@program("command", "+ v", 2)
def command(call: Call) -> Output:
    """Run a command, or print with -v whether there is one."""
    if "v" in call.options:
        call.status = 1
        for name in call.operands:
            if name in call.state.functions or _place(call, name):
                yield f"{name}\n"
                call.status = 0
    elif call.operands:
        call.status = yield from call.run(call.operands, call.state, call.streams)


@program("test [")
def test(call: Call) -> int:
    """Test files, texts and numbers."""
    args = list(call.args)
    if call.name == "bash: [" and (not args or args.pop() != "]"):
        raise CommandError("missing ']'", 2)
    return int(not _Condition(args).parse()(call)) if args else 1


_FILE_TESTS: dict[str, Callable[[str], bool]] = {
    "-e": os.path.exists,
    "-f": os.path.isfile,
    "-d": os.path.isdir,
    "-L": os.path.islink,
    "-h": os.path.islink,
    "-s": lambda path: os.path.exists(path) and os.path.getsize(path) > 0,
    "-r": lambda path: os.access(path, os.R_OK),
    "-w": lambda path: os.access(path, os.W_OK),
    "-x": lambda path: os.access(path, os.X_OK),
}
_COMPARISONS: dict[str, Callable[[Call, str, str], bool]] = {
    "=": lambda _call, a, b: a == b,
    "==": lambda _call, a, b: a == b,
    "!=": lambda _call, a, b: a != b,
    "<": lambda _call, a, b: a < b,
    ">": lambda _call, a, b: a > b,
    "-nt": lambda call, a, b: _time(call.path(a)) > _time(call.path(b)),
    "-ot": lambda call, a, b: _time(call.path(a)) < _time(call.path(b)),
    "-eq": lambda _call, a, b: _whole(a) == _whole(b),
    "-ne": lambda _call, a, b: _whole(a) != _whole(b),
    "-lt": lambda _call, a, b: _whole(a) < _whole(b),
    "-le": lambda _call, a, b: _whole(a) <= _whole(b),
    "-gt": lambda _call, a, b: _whole(a) > _whole(b),
    "-ge": lambda _call, a, b: _whole(a) >= _whole(b),
}


class _Condition(ConditionParser["Call"]):
    """The expression of `test`."""

    joins = False

    def is_operator(self) -> bool:
        # In "[ ! = a ]" and "[ ( ]" these are texts.
        return len(self.args) > 1 and not self.is_comparison()

    def is_comparison(self) -> bool:
        return len(self.args) > 2 and self.args[1] in _COMPARISONS

    def primary(self) -> Callable[[Call], bool]:
        if self.is_comparison():
            left, operator, right = self.args[:3]
            del self.args[:3]
            return lambda call: _COMPARISONS[operator](call, left, right)
        first = self.args.pop(0)
        if not (first.startswith("-") and len(first) == 2 and self.args):
            return lambda _call: first != ""
        operand = self.args.pop(0)
        if first in ("-z", "-n"):
            return lambda _call: (operand == "") == (first == "-z")
        if first not in _FILE_TESTS:
            raise CommandError(f"the test {first} is not known here", 2)
        return lambda call: operand != "" and _FILE_TESTS[first](call.path(operand))


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise CommandError(f"{text}: integer expression expected", 2) from None


def _time(path: str) -> float:
    return os.path.getmtime(path) if os.path.exists(path) else -1
