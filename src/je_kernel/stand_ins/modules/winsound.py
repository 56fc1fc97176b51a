"""A stand-in for Windows' module winsound, which shows a player below the cell."""

from __future__ import annotations

import math
from typing import Any

SND_ALIAS, SND_ASYNC, SND_FILENAME, SND_LOOP = 0x10000, 0x1, 0x20000, 0x8
SND_MEMORY, SND_NODEFAULT, SND_NOSTOP, SND_NOWAIT, SND_PURGE = 0x4, 0x2, 0x10, 0x2000, 0x40
MB_ICONASTERISK, MB_ICONEXCLAMATION, MB_ICONHAND, MB_ICONQUESTION, MB_OK = 0x40, 0x30, 0x10, 0x20, 0

_RATE = 22_050


def Beep(frequency: int, duration: int) -> None:  # noqa: N802 - Windows' name
    """Play a tone.

    Parameters
    ----------
    frequency
        In hertz, from 37 to 32767.
    duration
        In milliseconds.
    """
    if not 37 <= frequency <= 32_767:
        raise ValueError("frequency must be in 37 thru 32767")
    count = min(duration, 60_000) * _RATE // 1000
    tone = [math.sin(2 * math.pi * frequency * i / _RATE) for i in range(count)]
    _play(tone, rate=_RATE, normalize=False)


def PlaySound(sound: Any, flags: int = 0) -> None:  # noqa: N802
    """Play a sound file beside the notebook, or the bytes of one."""
    if sound is None or flags & SND_PURGE:
        return
    if flags & SND_MEMORY:
        _play(bytes(sound))
    elif flags & SND_ALIAS:
        Beep(800, 200)
    else:
        _play(filename=str(sound))


def MessageBeep(type: int = MB_OK) -> None:  # noqa: A002, ARG001, N802
    """Play a short tone."""
    Beep(800, 200)


def _play(*args: Any, **options: Any) -> None:
    from IPython.display import Audio, display

    options["autoplay"] = True
    display(Audio(*args, **options))  # type: ignore[no-untyped-call]
