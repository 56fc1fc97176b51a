"""Commands about the time, the machine and the environment."""

from __future__ import annotations

import datetime
import itertools
import os
import platform
import time
from typing import TYPE_CHECKING

from je_kernel.shell.calls import program
from je_kernel.shell.commands.listing import owner_and_group, readable_size
from je_kernel.shell.options import CommandError

if TYPE_CHECKING:
    from je_kernel.shell.calls import Call, Output


@program("date", "u/utc d/date= I/iso-8601=? R/rfc-email")
def date(call: Call) -> Output:
    """Print the time."""
    options = call.options
    zone = datetime.UTC if "u" in options else None
    now = datetime.datetime.now(zone).astimezone(zone)
    if "d" in options:
        now = _moment(options.last("d"), now)
    if call.operands and (len(call.operands) > 1 or not call.operands[0].startswith("+")):
        raise CommandError("a page cannot set the clock; a format begins with +")
    form = call.operands[0][1:] if call.operands else "%a %b %e %H:%M:%S %Z %Y"
    if "I" in options:
        seconds = options.last("I") == "seconds"
        yield now.isoformat(timespec="seconds") + "\n" if seconds else f"{now.date()}\n"
        return
    if "R" in options:
        form = "%a, %d %b %Y %H:%M:%S %z"
    form = form.replace("%s", str(int(now.timestamp())))
    yield now.strftime(form.replace("%N", f"{now.microsecond * 1000:09}")) + "\n"


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


@program("sleep")
def sleep(call: Call) -> None:
    """Wait."""
    seconds = 0.0
    for text in call.args:
        unit = {"s": 1, "m": 60, "h": 3600, "d": 86400}.get(text[-1:], 1)
        try:
            seconds += float(text.rstrip("smhd")) * unit
        except ValueError:
            raise CommandError(f"invalid time interval '{text}'") from None
    if not call.args or not 0 <= seconds < 86400:
        raise CommandError("missing operand" if not call.args else "waits at most a day")
    time.sleep(seconds)


@program("env", "+ i/ignore-environment u/unset=", 125)
def env(call: Call) -> Output:
    """Print the environment, or run a command in another."""
    state = call.state.copy()
    if "i" in call.options:
        state.exported.clear()
    for name in call.options.every("u"):
        state.exported.discard(name)
    words = call.operands
    while words and "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        state.variables[name] = value
        state.exported.add(name)
    if words:
        call.status = yield from call.run(words, state, call.streams)
    else:
        for name, value in state.environment().items():
            yield f"{name}={value}\n"


@program("seq", "s/separator= w/equal-width f/format=")
def seq(call: Call) -> Output:
    """Print numbers in order."""
    options, texts = call.options, call.operands
    if not 1 <= len(texts) <= 3:
        raise CommandError("missing operand" if not texts else "extra operand")
    first = texts[0] if len(texts) > 1 else "1"
    step = texts[1] if len(texts) > 2 else "1"
    places = max(len(text.partition(".")[2]) for text in (first, step))
    try:
        scale = 10**places
        begin, by = (round(float(text) * scale) for text in (first, step))
        end = float(texts[-1]) * scale
        last = int(end)
    except (ValueError, OverflowError):
        raise CommandError(f"invalid floating point argument: '{' '.join(texts)}'") from None
    if by == 0:
        raise CommandError(f"invalid Zero increment value: '{step}'")
    form = options.last("f", f"%.{places}f")
    width = max(len(form % (n / scale)) for n in (begin, last)) if "w" in options else 0
    numbers = itertools.takewhile(
        lambda n: n <= end + 1e-9 if by > 0 else n >= end - 1e-9, itertools.count(begin, by)
    )
    joint = ""
    for number in numbers:
        # An integer has all of its digits.
        exact = str(number) if not places and "f" not in options else form % (number / scale)
        yield joint + exact.zfill(width)
        joint = options.last("s", "\n")
    if joint:
        yield "\n"


@program("yes")
def yes(call: Call) -> Output:
    """Print a line again and again."""
    line = f"{' '.join(call.args) or 'y'}\n"
    while True:
        yield line * (1 + 4096 // len(line))


@program(
    "uname", "a/all s/kernel-name n/nodename r/kernel-release v m/machine p o/operating-system"
)
def uname(call: Call) -> Output:
    """Print the system that this Python runs on."""
    system = platform.uname()
    parts = {
        "s": system.system, "n": system.node or "browser", "r": system.release,
        "v": system.version, "m": system.machine,
        "o": "GNU/Linux" if system.system == "Linux" else system.system,
    }  # fmt: skip
    letters = [each for each in parts if each in call.options or "a" in call.options] or ["s"]
    yield " ".join(parts[letter] for letter in letters) + "\n"


@program("whoami")
def whoami(call: Call) -> Output:
    """Print the user's name."""
    name = owner_and_group(os.stat(call.state.cwd))[0] if hasattr(os, "fork") else "web_user"
    yield f"{name}\n"


@program("hostname")
def hostname(_call: Call) -> Output:
    """Print the machine's name."""
    yield f"{platform.node() or 'browser'}\n"


@program("nproc")
def nproc(_call: Call) -> Output:
    """Print the number of processors that Python has."""
    yield f"{os.cpu_count() or 1}\n"


@program("df", "h/human-readable k")
def df(call: Call) -> Output:
    """Print the space of a file system, as far as this Python knows it."""
    yield "Filesystem      Size  Used Avail Use% Mounted on\n"
    for name in call.operands or ["/"]:
        space = os.statvfs(call.path(name))
        total, free = space.f_blocks * space.f_frsize, space.f_bavail * space.f_frsize
        used = total - space.f_bfree * space.f_frsize
        cells = [
            readable_size(size) if "h" in call.options else str(size // 1024)
            for size in (total, used, free)
        ]
        share = f"{-(-100 * used // max(used + free, 1))}%"
        yield f"{'memory':15} {cells[0]:>4} {cells[1]:>5} {cells[2]:>5} {share:>4} {name}\n"
