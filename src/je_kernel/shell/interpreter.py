"""Runs parsed scripts; each command is a generator that yields its output.

A pipe is a generator that reads another: ``yes | head`` ends because ``head`` stops
reading. Everything runs in one thread, one command after the other.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from je_kernel.shell import grammar
from je_kernel.shell.calls import (
    Break,
    ByteCounter,
    Call,
    Continue,
    Exit,
    Input,
    LimitExceeded,
    Return,
    Running,
    Streams,
    Writer,
    encode,
)
from je_kernel.shell.expansion import Expander, ExpansionError, matcher
from je_kernel.shell.options import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from je_kernel.shell.calls import State

__all__ = ["run_command", "run_script"]

_PIPE = 65536
"""Bytes that a command may write after its reader has ended: the buffer of a pipe on Linux."""
_BROKEN_PIPE = 141
_DEEPEST = 40
"""Limit of nested calls of functions, scripts and substitutions."""


def run_script(text: str, state: State, streams: Streams) -> Running:
    """Run a script to its end.

    Parameters
    ----------
    text
        The script.
    state
        The shell that runs it.
    streams
        Its streams.

    Returns
    -------
    Running
        A generator that yields the output and returns the exit status.
    """
    try:
        script = grammar.parse(text)
    except grammar.ShellSyntaxError as error:
        _complain(streams, str(error))
        return 2
    return (yield from _until_exit(_script(script, state, streams), state, streams))


def run_command(words: list[str], state: State, streams: Streams) -> Running:
    """Run one command, as `run_script` runs a script."""
    return (yield from _until_exit(_named(words, state, streams), state, streams))


def _until_exit(running: Running, state: State, streams: Streams) -> Running:
    """Run a shell to its end, which may be ``exit`` or an expansion error."""
    try:
        status = yield from running
    except Return as leave:
        status = leave.status
    except Break:
        status = 0
    except ExpansionError as failure:
        _complain(streams, str(failure))
        status = 1
    state.status = status
    return status


def _complain(streams: Streams, text: str) -> None:
    streams.stderr(encode(f"bash: {text}\n"))


# Lists and pipelines.


def _script(script: grammar.Script, state: State, streams: Streams) -> Running:
    status = 0
    for item in script:
        status = yield from _and_or(item, state, streams)
    return status


def _and_or(node: grammar.AndOr, state: State, streams: Streams) -> Running:
    checked = state.checked
    state.checked = checked or bool(node.rest)
    status = yield from _pipeline(node.first, state, streams)
    for i, (operator, pipeline) in enumerate(node.rest, 1):
        if (status == 0) != (operator == "&&"):
            continue
        if i == len(node.rest):
            state.checked = checked
        status = yield from _pipeline(pipeline, state, streams)
    state.checked = checked
    return status


def _pipeline(node: grammar.Pipeline, state: State, streams: Streams) -> Running:
    if len(node.commands) == 1:
        status = yield from _command(node.commands[0], state, streams)
    else:
        status = yield from _piped(node.commands, state, streams)
    if node.negated:
        status = int(status == 0)
    state.status = status
    if status and not node.negated and "e" in state.options and not state.checked:
        raise Exit(status)
    return status


def _piped(commands: tuple[grammar.Command, ...], state: State, streams: Streams) -> Running:
    stages: list[_Stage] = []
    source = streams.stdin
    for i, command in enumerate(commands):
        last = i == len(commands) - 1
        shown = last and streams.terminal, last and streams.live
        beside = replace(streams, stdin=source, terminal=shown[0], live=shown[1])
        inside = state.copy()
        stages.append(_Stage(_until_exit(_command(command, inside, beside), inside, beside)))
        source = Input(stages[-1])
    yield from stages[-1]
    for stage in reversed(stages[:-1]):
        stage.finish()
    if "pipefail" in state.options:
        return next((stage.status for stage in reversed(stages) if stage.status), 0)
    return stages[-1].status


class _Stage:
    """A command in a pipeline: an iterator of its output, and its status afterwards."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.status = _BROKEN_PIPE

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self.running)
        except StopIteration as end:
            if end.value is not None:
                self.status = end.value
            raise

    def close(self) -> None:
        self.running.close()

    def finish(self) -> None:
        """Run on until the buffer of the pipe, which nobody reads any more, is full."""
        free = _PIPE
        for chunk in self:
            free -= len(chunk)
            if free < 0:
                self.close()
                return


# Compound commands.


def _command(node: grammar.Command, state: State, streams: Streams) -> Running:
    if isinstance(node, grammar.Simple):
        return (yield from _simple(node, state, streams))
    if isinstance(node, grammar.Function):
        state.functions[node.name] = node.body
        return 0
    if isinstance(node, grammar.Redirected):
        expander = _expander(state, streams)
        running = _redirected(
            node.redirects, expander, streams, lambda inside: _command(node.body, state, inside)
        )
        return (yield from running)
    state.count_command()
    if isinstance(node, grammar.Group):
        if not node.subshell:
            return (yield from _script(node.body, state, streams))
        inside = state.copy()
        return (yield from _until_exit(_script(node.body, inside, streams), inside, streams))
    if isinstance(node, grammar.If):
        for test, body in node.branches:
            if (yield from _condition(test, state, streams)) == 0:
                return (yield from _script(body, state, streams))
        return (yield from _script(node.otherwise, state, streams))
    if isinstance(node, grammar.Case):
        expander = _expander(state, streams)
        subject = expander.text(node.word)
        for patterns, body in node.arms:
            if any(matcher(expander.pattern(pattern))(subject) for pattern in patterns):
                return (yield from _script(body, state, streams))
        return 0
    if isinstance(node, grammar.Arithmetic):
        return int(_expander(state, streams).number(node.expression) == 0)
    if isinstance(node, grammar.For):
        return (yield from _for(node, state, streams))
    assert isinstance(node, grammar.While)
    return (yield from _while(node, state, streams))


def _condition(test: grammar.Script, state: State, streams: Streams) -> Running:
    checked, state.checked = state.checked, True
    status = yield from _script(test, state, streams)
    state.checked = checked
    return status


def _for(node: grammar.For, state: State, streams: Streams) -> Running:
    words = state.arguments
    if node.words is not None:
        words = _expander(state, streams).fields(node.words)
    status = 0
    for word in words:
        state.variables[node.name] = word
        try:
            status = yield from _script(node.body, state, streams)
        except Break as exit_:
            if _ends_outer_loop(exit_):
                raise
            if not isinstance(exit_, Continue):
                break
    return status


def _while(node: grammar.While, state: State, streams: Streams) -> Running:
    status = 0
    while True:
        state.count_command()
        if ((yield from _condition(node.condition, state, streams)) == 0) == node.until:
            return status
        try:
            status = yield from _script(node.body, state, streams)
        except Break as exit_:
            if _ends_outer_loop(exit_):
                raise
            if not isinstance(exit_, Continue):
                return 0


def _ends_outer_loop(exit_: Break) -> bool:
    """Count a loop; return whether the break also ends the next outer one."""
    exit_.loops -= 1
    return exit_.loops > 0


# Simple commands.


def _simple(node: grammar.Simple, state: State, streams: Streams) -> Running:
    state.count_command()
    expander = _expander(state, streams)
    words = expander.fields(node.words)
    if not words:
        # The status is that of the last $(…), if there is one.
        state.status = 0
        for name, word in node.assignments:
            state.variables[name] = expander.text(word)
        status = state.status

        def nothing(_inside: Streams) -> Running:
            yield from ()
            return status

        return (yield from _redirected(node.redirects, expander, streams, nothing))
    # These assignments last for one command.
    values = [(name, expander.text(word)) for name, word in node.assignments]
    before = {name: (state.variables.get(name), name in state.exported) for name, _ in values}
    for name, value in values:
        state.variables[name] = value
        state.exported.add(name)
    if "x" in state.options:
        streams.stderr(encode(f"+ {' '.join(words)}\n"))
    try:
        return (
            yield from _redirected(
                node.redirects, expander, streams, lambda inside: _named(words, state, inside)
            )
        )
    finally:
        for name, (old, exported) in before.items():
            state.set(name, old)
            if not exported:
                state.exported.discard(name)


def _named(words: list[str], state: State, streams: Streams) -> Running:
    """Run the function, command or file that the first word names."""
    from je_kernel.shell.commands import MODULES, find

    name = words[0]
    if name in state.functions:
        return (yield from _function(state.functions[name], words[1:], state, streams))
    program = find(name, state)
    if program is None:
        return _not_found(name, state, streams)
    title = f"bash: {name}" if MODULES.get(name) == "builtin" else name.rpartition("/")[2]
    call = Call(title, words[1:], state, streams, _nested, _nested_script)
    try:
        result = program(call)
        if isinstance(result, int):
            return result
        for chunk in result or ():
            yield chunk if isinstance(chunk, bytes) else encode(chunk)
        return call.status
    except CommandError as failure:
        call.complain(str(failure))
        return failure.status
    except OSError as error:
        name = f"{error.filename}: " if isinstance(error.filename, str) else ""
        call.complain(f"{name}{error.strerror or error}")
        return 1


def _nested(words: list[str], state: State, streams: Streams) -> Running:
    return (yield from _deeper(state, _named(words, state, streams)))


def _nested_script(text: str, state: State, streams: Streams) -> Running:
    return (yield from _deeper(state, run_script(text, state, streams)))


def _not_found(name: str, state: State, streams: Streams) -> int:
    from je_kernel.shell.commands import why_absent

    if "/" not in name:
        _complain(streams, f"{name}: command not found{why_absent(name)}")
        return 127
    if os.path.isdir(state.path(name)):
        _complain(streams, f"{name}: Is a directory")
        return 126
    _complain(streams, f"{name}: No such file or directory")
    return 127


def _function(body: grammar.Command, args: list[str], state: State, streams: Streams) -> Running:
    outer, state.arguments = state.arguments, args
    state.hidden.append({})
    try:
        return (yield from _deeper(state, _command(body, state, streams)))
    except Exit:
        raise
    except Return as leave:
        return leave.status
    finally:
        state.arguments = outer
        for name, value in state.hidden.pop().items():
            state.set(name, value)


def _deeper(state: State, running: Running) -> Running:
    state.depth[0] += 1
    try:
        if state.depth[0] > _DEEPEST:
            raise LimitExceeded(
                f"stopped: functions or scripts call each other more than {_DEEPEST} deep"
            )
        return (yield from running)
    finally:
        state.depth[0] -= 1


def _expander(state: State, streams: Streams) -> Expander:
    def output(script: grammar.Script) -> str:
        inside = state.copy()
        quiet = replace(streams, terminal=False, live=False)
        stage = _Stage(_deeper(inside, _until_exit(_script(script, inside, quiet), inside, quiet)))
        counted = ByteCounter("a variable")
        text = (
            b"".join(map(counted.add, stage)).replace(b"\0", b"").decode("utf-8", "surrogateescape")
        )
        state.status = stage.status
        return text

    return Expander(state, output)


# Redirections.


def _redirected(
    redirects: tuple[grammar.Redirect, ...],
    expander: Expander,
    streams: Streams,
    start: Callable[[Streams], Running],
) -> Running:
    """Run a command with its streams redirected, in the order in which it is written."""
    if not redirects:
        return (yield from start(streams))
    # What writers send to standard output, until this generator yields it.
    waiting: list[bytes] = []
    out: Writer = waiting.append
    err, stdin = streams.stderr, streams.stdin
    with contextlib.ExitStack() as files:
        for redirect in redirects:
            try:
                if redirect.operator in ("<<", "<<-", "<<<"):
                    text = expander.text(redirect.target)
                    text += "\n" if redirect.operator == "<<<" else ""
                    stdin = Input.of(encode(text))
                elif redirect.operator == "<":
                    stdin = Input.of_file(_target(redirect.target, expander))
                elif redirect.operator == ">&":
                    target = expander.text(redirect.target)
                    if target not in ("1", "2"):
                        _complain(streams, f"the redirection '>&{target}' is not known here")
                        return 1
                    if redirect.stream == 2:
                        err = out if target == "1" else err
                    else:
                        out = err if target == "2" else out
                else:
                    writer = _open(redirect, expander, files)
                    if redirect.operator in ("&>", "&>>"):
                        out = err = writer
                    elif redirect.stream == 2:
                        err = writer
                    else:
                        out = writer
            except OSError as error:
                name = expander.text(redirect.target)
                _complain(streams, f"{name}: {error.strerror or error}")
                return 1
        piped = out == waiting.append
        counted = ByteCounter("a file")
        inside = Streams(
            stdin,
            err,
            terminal=piped and streams.terminal,
            live=piped and streams.live and err is streams.stderr,
        )
        running = _Stage(start(inside))
        for chunk in running:
            if piped:
                yield from _consume(waiting)
                yield chunk
            else:
                out(counted.add(chunk))
                yield from _consume(waiting)
        yield from _consume(waiting)
        return running.status


def _consume(waiting: list[bytes]) -> Iterator[bytes]:
    while waiting:
        yield waiting.pop(0)


def _target(word: grammar.Word, expander: Expander) -> str:
    return expander.state.path(expander.text(word))


def _open(redirect: grammar.Redirect, expander: Expander, files: contextlib.ExitStack) -> Writer:
    path = _target(redirect.target, expander)
    if path == "/dev/null":
        return lambda _data: None
    mode = "ab" if redirect.operator in (">>", "&>>") else "wb"
    return files.enter_context(Path(path).open(mode)).write
