"""Finds the regular expressions of the project, and what might make one of them slow.

The time of a match is measured as the text doubles, the least of several times. A regular
expression whose time grows faster than the text, for any of the texts, is not linear.
"""

from __future__ import annotations

import ast
import importlib
import itertools
import json
import re
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from re import _constants, _parser
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
ROOMS = (ROOT / "src", ROOT / "site/src", ROOT / "service/src")
METHODS = ("search", "match", "fullmatch", "sub", "split", "findall")
_CALLS = {*METHODS, "subn", "finditer", "compile"}

SIZES = (1_024, 2_048, 4_096, 8_192)
# No linear match of so short a text takes so long, on however slow a machine.
LONGEST_SECONDS = 1.0
_FLOOR_SECONDS = 0.000_3
# Two for what is linear, four for what is quadratic.
_GROWTH = 2.7
_GENERIC = (" ", "a", "0", "<", ">", '"', "'", "\\", "\n", "\t", "`", "#", "-", ".", "[", "(", "/")
_SUFFIXES = ("", "!", "\x00", "\na")


@dataclass(frozen=True)
class Found:
    """A regular expression, where it stands, and what is done with it."""

    where: str
    pattern: re.Pattern[Any]
    methods: tuple[str, ...] = METHODS


def of_python() -> list[Found]:
    """Find those of the three packages: attributes of modules and classes, and literals."""
    found: dict[tuple[object, int], Found] = {}
    for room in ROOMS:
        for path in sorted(room.rglob("*.py")):
            source = path.read_text("utf-8")
            name = ".".join(path.relative_to(room).with_suffix("").parts)
            for item in [*_attributes(name, source), *_literals(path, source)]:
                key = item.pattern.pattern, item.pattern.flags
                if key in found:
                    methods = dict.fromkeys(found[key].methods + item.methods)
                    item = Found(found[key].where, item.pattern, tuple(methods))
                found[key] = item
    return [*found.values()]


def _attributes(name: str, source: str) -> Iterator[Found]:
    if not re.search(r"^import re\b", source, re.MULTILINE):
        return
    with suppress(ImportError):  # what needs a browser; its literals are found all the same
        module = importlib.import_module(name.removesuffix(".__init__"))
        for attribute, pattern in _patterns(vars(module), name.partition(".")[0]):
            yield Found(f"{name}:{attribute}", pattern, _uses(attribute, source))
        for attribute, value in vars(module).items():
            pattern = getattr(value, "__self__", None)
            if isinstance(pattern, re.Pattern):
                yield Found(f"{name}:{attribute}", pattern, (value.__name__,))


def _patterns(names: Any, package: str) -> Iterator[tuple[str, re.Pattern[Any]]]:
    for name, value in [*names.items()]:
        if isinstance(value, re.Pattern):
            yield name, value
        elif isinstance(value, type) and value.__module__.startswith(package):
            yield from _patterns(vars(value), package)
        elif isinstance(value, tuple | list | set | frozenset | dict):
            flat = [*value.items()] if isinstance(value, dict) else [*value]
            for item in itertools.chain(*(x if isinstance(x, tuple) else (x,) for x in flat)):
                if isinstance(item, re.Pattern):
                    yield name, item


def _uses(attribute: str, source: str) -> tuple[str, ...]:
    used = {
        {"finditer": "findall", "subn": "sub"}.get(method, method)
        for method in re.findall(rf"\b{attribute}\.(\w+)\(", source)
    }
    return tuple(method for method in METHODS if method in used) or METHODS


def _literals(path: Path, source: str) -> Iterator[Found]:
    for node in ast.walk(ast.parse(source)):
        if not (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.func.attr in _CALLS
            and node.args
        ):
            continue
        text = _text_of(node.args[0])
        if text is None:
            continue
        method = {"finditer": "findall", "subn": "sub"}.get(node.func.attr, node.func.attr)
        where = f"{path.relative_to(ROOT)}:{node.lineno}"
        if method != "compile":
            methods: tuple[str, ...] = (method,)
        elif name := _assigned_to(node, source):
            methods = _uses(name, source)
        else:
            continue  # an attribute of the module, in some way, or what a function makes
        yield Found(where, re.compile(text, _flags_of(node)), methods)


def _assigned_to(call: ast.Call, source: str) -> str | None:
    """Name what a compiled expression is assigned to, or the method that is called on it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign) and ast.dump(node.value) == ast.dump(call):
            target = node.targets[0]
            return target.id if isinstance(target, ast.Name) else None
    return None


def _text_of(node: ast.expr) -> str | bytes | None:
    if isinstance(node, ast.JoinedStr):
        parts = [x.value if isinstance(x, ast.Constant) else "a" for x in node.values]
        return "".join(map(str, parts))
    with suppress(ValueError):
        value = ast.literal_eval(node)
        return value if isinstance(value, str | bytes) else None
    return None


def _flags_of(node: ast.Call) -> int:
    flags = 0
    for part in [*node.args[1:], *(keyword.value for keyword in node.keywords)]:
        for name in ast.walk(part):
            if isinstance(name, ast.Attribute) and isinstance(name.value, ast.Name):
                flags |= getattr(re, name.attr, 0) if name.value.id == "re" else 0
    return flags


def attacks(pattern: str | bytes, flags: int = 0) -> list[tuple[str, str, str]]:
    """Make texts that repeat what the expression repeats, and then do not match.

    Returns
    -------
    list of tuple
        What comes before, what is repeated, and what comes after.
    """
    text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    made: dict[tuple[str, str, str], None] = {("", pump, ""): None for pump in _GENERIC}
    for before, body in _repeats(_parser.parse(text, flags & ~re.LOCALE), ""):
        alone = _sample(body)
        pumps = {alone, *(one for one in _GENERIC if _accepts(body, one, flags))}
        # Where what precedes fits into what is repeated, each place could be the start.
        pumps |= {before + alone} if before else set()
        for pump in filter(None, pumps):
            for prefix in {before, "", "x"}:
                for suffix in _SUFFIXES:
                    made[prefix, pump, suffix] = None
    return [*made]


def _repeats(parsed: Any, before: str) -> Iterator[tuple[str, Any]]:
    for code, argument in parsed:
        if code in (
            _constants.MAX_REPEAT,
            _constants.MIN_REPEAT,
            _constants.POSSESSIVE_REPEAT,
        ):
            _, most, body = argument
            if most > 16:
                yield before, body
            yield from _repeats(body, before)
        else:
            for body in _inside(code, argument):
                yield from _repeats(body, before)
        before += _sample([(code, argument)])


def _inside(code: Any, argument: Any) -> list[Any]:
    if code is _constants.SUBPATTERN:
        return [argument[3]]
    if code is _constants.BRANCH:
        return list(argument[1])
    if code is _constants.ATOMIC_GROUP:
        return [argument]
    if code in (_constants.ASSERT, _constants.ASSERT_NOT):
        return [argument[1]]
    return []


def _sample(parsed: Any) -> str:
    """Write a text that the expression matches, if that is easily found."""
    text = ""
    for code, argument in parsed:
        if code is _constants.LITERAL:
            text += chr(argument)
        elif code is _constants.IN:
            text += next((one for one in _characters() if _in_class(argument, one)), "")
        elif code in (_constants.ANY, _constants.NOT_LITERAL):
            text += "b" if argument == ord("a") else "a"
        elif code in (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT):
            least, _, body = argument
            text += _sample(body) * max(1, min(least, 8))
        elif code not in (_constants.ASSERT, _constants.ASSERT_NOT):
            text += "".join(_sample(body) for body in _inside(code, argument)[:1])
    return text


def _characters() -> Iterator[str]:
    yield from "a0 Z-_.\n"
    yield from map(chr, range(33, 256))


def _in_class(members: Any, character: str) -> bool:
    node = _parser.SubPattern(_parser.State())
    node.data = [(_constants.IN, members)]
    return _fits(node, character, 0)


def _accepts(body: Any, character: str, flags: int) -> bool:
    return _fits(body, character, flags)


def _fits(body: Any, character: str, flags: int) -> bool:
    from re import _compiler

    if not isinstance(body, _parser.SubPattern) or body.state.groups > 1:
        return character in " a0"
    with suppress(Exception):
        body.state.flags = flags or re.UNICODE
        return _compiler.compile(body).fullmatch(character) is not None
    return False


def slow_text(found: Found) -> str:
    """Name a text for which the time grows faster than the text; empty when there is none."""
    is_bytes = isinstance(found.pattern.pattern, bytes)
    for before, pump, after in attacks(found.pattern.pattern, found.pattern.flags):
        for method in found.methods:
            run = _runner(found.pattern, method)

            def text(size: int, parts: Any = (before, pump, after)) -> Any:
                start, middle, end = parts
                whole = start + middle * (size // len(middle)) + end
                return whole.encode("latin-1", "replace") if is_bytes else whole

            if _grows(run, text):
                return f"{method} of {before!r} + {pump!r} * n + {after!r}"
    return ""


def _runner(pattern: re.Pattern[Any], method: str) -> Callable[[Any], object]:
    if method == "sub":
        return lambda text: pattern.sub(b"" if isinstance(text, bytes) else "", text)
    function: Callable[[Any], object] = getattr(pattern, method)
    return function


def _grows(run: Callable[[Any], object], text: Callable[[int], Any]) -> bool:
    try:
        # Nearly all are seen to be linear at once.
        short, longer = _seconds(run, text(SIZES[0])), _seconds(run, text(SIZES[2]))
        if longer < _FLOOR_SECONDS or longer < _GROWTH**2 * short:
            return False
        # Each of these must confirm it, the last with longer texts, which a busy machine does not.
        for scale in (1, 1, 4):
            times = [min(_seconds(run, text(scale * n)) for _ in range(3)) for n in SIZES]
            if min(times[-1] / times[-2], (times[-1] / times[0]) ** (1 / 3)) < _GROWTH:
                return False
    except TimeoutError:
        return True
    return True


def _seconds(run: Callable[[Any], object], text: Any) -> float:
    with _at_most(LONGEST_SECONDS):
        begun = time.thread_time()
        run(text)
        return time.thread_time() - begun


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    def end(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def slow_in_javascript(paths: list[Path]) -> list[str]:
    """Name the slow literals of scripts: Node's own parser finds them, Node runs them."""
    found = json.loads(_node("find", json.dumps([str(path) for path in paths])))
    for item in found:
        python = re.sub(r"\(\?<(?=\w)", "(?P<", item["source"])
        python = re.sub(r"\\u\{?([0-9a-fA-F]{4})\}?", r"\\u\1", python)
        try:
            flags = re.IGNORECASE if "i" in item["flags"] else 0
            item["attacks"] = attacks(python, flags)
        except re.error:
            item["attacks"] = attacks("")
    return [str(line) for line in json.loads(_node("run", json.dumps(found)))]


def _node(order: str, sent: str) -> str:
    script = Path(__file__).with_name("regular_expressions.cjs")
    done = subprocess.run(
        ["node", "--expose-internals", script, order],
        input=sent,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
