"""Commands about the time, the machine and the environment."""

from __future__ import annotations

import datetime
import itertools
import os
import platform
import time
from typing import TYPE_CHECKING

from je_kernel.shell.calls import CommandError
from je_kernel.shell.commands.listing import owner_and_group, readable_size
from je_kernel.shell.options import Options

if TYPE_CHECKING:
    from je_kernel.shell.calls import Call, Program, Running

__all__ = ["PROGRAMS"]


def _line(text: str) -> bytes:
    return f"{text}\n".encode("utf-8", "surrogateescape")


_DATE = Options("u/utc d/date= I/iso-8601=? R/rfc-email")


def date(call: Call) -> Running:
    """Print the time."""
    given = _DATE.read(call)
    zone = datetime.UTC if "u" in given else None
    now = datetime.datetime.now(zone).astimezone(zone)
    if "d" in given:
        now = _moment(given.last("d"), now)
    forms = given.operands
    if forms and (len(forms) > 1 or not forms[0].startswith("+")):
        raise CommandError("a page cannot set the clock; a format begins with +")
    form = forms[0][1:] if forms else "%a %b %e %H:%M:%S %Z %Y"
    if "I" in given:
        form = {"": "%Y-%m-%d", "date": "%Y-%m-%d", "seconds": "%Y-%m-%dT%H:%M:%S%:z"}[
            given.last("I")
        ]
    elif "R" in given:
        form = "%a, %d %b %Y %H:%M:%S %z"
    form = form.replace("%s", str(int(now.timestamp()))).replace(
        "%N", f"{now.microsecond * 1000:09}"
    )
    offset = now.strftime("%z")
    form = form.replace("%:z", f"{offset[:3]}:{offset[3:]}")
    yield _line(now.strftime(form))
    return 0


def _moment(text: str, now: datetime.datetime) -> datetime.datetime:
    words = {"now": 0, "today": 0, "yesterday": -1, "tomorrow": 1}
    if text in words:
        return now + datetime.timedelta(days=words[text])
    try:
        if text.startswith("@"):
            return datetime.datetime.fromtimestamp(int(text[1:]), now.tzinfo).astimezone(now.tzinfo)
        return datetime.datetime.fromisoformat(text).astimezone(now.tzinfo)
    except (ValueError, OverflowError, OSError):
        raise CommandError(f"the date '{text}' is not known here; write 2026-01-31") from None


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def sleep(call: Call) -> int:
    """Wait."""
    seconds = 0.0
    for text in call.args:
        unit = _UNITS.get(text[-1:], 1)
        try:
            seconds += float(text.rstrip("smhd")) * unit
        except ValueError:
            raise CommandError(f"invalid time interval '{text}'") from None
    if not call.args or not 0 <= seconds < 86400:
        raise CommandError("missing operand" if not call.args else "waits at most a day")
    time.sleep(seconds)
    return 0


def env(call: Call) -> Running:
    """Print the environment, or run a command in another."""
    given = Options("i/ignore-environment u/unset=", 125).read(call, leading=True)
    state = call.state.copy()
    if "i" in given:
        state.exported.clear()
    for name in given.every("u"):
        state.exported.discard(name)
    words = list(given.operands)
    while words and "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        state.variables[name] = value
        state.exported.add(name)
    if words:
        return (yield from call.run(words, state, call.streams))
    for name, value in state.environment().items():
        yield _line(f"{name}={value}")
    return 0


def seq(call: Call) -> Running:
    """Print numbers in order."""
    args = [f"./{arg}" if arg[:1] == "-" and arg[1:2].isdecimal() else arg for arg in call.args]
    given = Options("s/separator= w/equal-width f/format=").split(args)
    texts = [text.removeprefix("./") for text in given.operands]
    if not 1 <= len(texts) <= 3:
        raise CommandError("missing operand" if not texts else "extra operand")
    first, step, last = {1: ["1", "1", *texts], 2: [texts[0], "1", *texts[1:]]}.get(
        len(texts), texts
    )
    places = max(len(text.partition(".")[2]) for text in (first, step))
    try:
        scale = 10**places
        begin, by = (round(float(text) * scale) for text in (first, step))
        end = float(last) * scale
    except (ValueError, OverflowError):
        raise CommandError(f"invalid floating point argument: '{' '.join(texts)}'") from None
    if by == 0:
        raise CommandError(f"invalid Zero increment value: '{step}'")
    joint = given.last("s", "\n")
    width = (
        max(len(f"{number / scale:.{places}f}") for number in (begin, int(end)))
        if "w" in given
        else 0
    )

    def shown(number: int) -> str:
        if "f" in given:
            return str(given.last("f") % (number / scale))
        return (str(number) if not places else f"{number / scale:.{places}f}").zfill(width)

    numbers = itertools.takewhile(
        lambda n: n <= end + 1e-9 if by > 0 else n >= end - 1e-9, itertools.count(begin, by)
    )
    any_yet = False
    for number in numbers:
        yield ((joint if any_yet else "") + shown(number)).encode()
        any_yet = True
    if any_yet:
        yield b"\n"
    return 0


def yes(call: Call) -> Running:
    """Print a line again and again."""
    line = _line(" ".join(call.args) or "y")
    while True:
        yield line * (1 + 4096 // len(line))


_UNAME = Options("a/all s/kernel-name n/nodename r/kernel-release v m/machine p o/operating-system")


def uname(call: Call) -> Running:
    """Print what this Python runs on."""
    given = _UNAME.read(call)
    found = platform.uname()
    parts = {
        "s": found.system, "n": found.node or "browser", "r": found.release, "v": found.version,
        "m": found.machine, "o": "GNU/Linux" if found.system == "Linux" else found.system,
    }  # fmt: skip
    letters = parts if "a" in given else [each for each in parts if each in given] or ["s"]
    yield _line(" ".join(parts[letter] for letter in letters))
    return 0


def whoami(call: Call) -> Running:
    """Print the user's name."""
    yield _line(owner_and_group(os.stat(call.state.cwd))[0] if hasattr(os, "fork") else "web_user")
    return 0


def hostname(_call: Call) -> Running:
    """Print the machine's name."""
    yield _line(platform.node() or "browser")
    return 0


def nproc(_call: Call) -> Running:
    """Print how many processors Python computes with."""
    yield _line(str(os.cpu_count() or 1))
    return 0


def df(call: Call) -> Running:
    """Say how much space there is, as far as this Python is told."""
    given = Options("h/human-readable k").read(call)
    yield _line("Filesystem      Size  Used Avail Use% Mounted on")
    for name in given.operands or ["/"]:
        found = os.statvfs(call.path(name))
        total, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
        used = total - found.f_bfree * found.f_frsize
        cells = [
            readable_size(size) if "h" in given else str(size // 1024)
            for size in (total, used, free)
        ]
        share = f"{-(-100 * used // max(used + free, 1))}%"
        yield _line(f"{'memory':15} {cells[0]:>4} {cells[1]:>5} {cells[2]:>5} {share:>4} {name}")
    return 0


PROGRAMS: dict[str, Program] = {
    "date": date,
    "df": df,
    "env": env,
    "hostname": hostname,
    "nproc": nproc,
    "seq": seq,
    "sleep": sleep,
    "uname": uname,
    "whoami": whoami,
    "yes": yes,
}
