"""A stand-in for playsound, which shows a player below the cell."""

from __future__ import annotations


def playsound(sound: str, block: bool = True) -> None:  # noqa: ARG001 - as in playsound
    """Play a sound file beside the notebook, or at a web address."""
    from IPython.display import Audio, display

    where = {"url": sound} if sound.startswith(("https://", "http://")) else {"filename": sound}
    display(Audio(**where, autoplay=True))  # type: ignore[no-untyped-call]
