"""A stand-in for pyttsx3, which speaks with the voices of the browser."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from je_kernel.stand_ins.output import show, while_fresh

__version__ = "2.90"


class Engine:
    """Says texts, one after the other, when `runAndWait` is called."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._properties: dict[str, Any] = {"rate": 200, "volume": 1.0, "voice": "", "voices": []}

    def say(self, text: str, name: str | None = None) -> None:  # noqa: ARG002
        """Add a text."""
        self._texts.append(str(text))

    def getProperty(self, name: str) -> Any:  # noqa: N802 - pyttsx3's name
        """Return a property: ``rate`` (words a minute), ``volume`` (0 to 1), ``voice``."""
        return self._properties[name]

    def setProperty(self, name: str, value: Any) -> None:  # noqa: N802
        """Set a property; a ``voice`` is a language here, as ``"de"``."""
        self._properties[name] = value

    def runAndWait(self) -> None:  # noqa: N802
        """Say the texts."""
        texts, self._texts = self._texts, []
        settings = {
            "rate": self._properties["rate"] / 200,
            "volume": self._properties["volume"],
            "lang": self._properties["voice"],
        }
        # "<" written so that a text cannot end the script.
        arguments = json.dumps([texts, settings]).replace("<", "\\u003c")
        script = while_fresh(
            f"const [texts, settings] = {arguments}; for (const text of texts) "
            "speechSynthesis.speak(Object.assign(new SpeechSynthesisUtterance(text), settings));"
        )
        show(f"🔊 {escape(' '.join(texts))}{script}", " ".join(texts))

    def stop(self) -> None:
        """Forget the texts that have not been said."""
        self._texts.clear()

    def isBusy(self) -> bool:  # noqa: N802
        """Return False: the page speaks while Python goes on."""
        return False


def init(*_args: Any, **_options: Any) -> Engine:
    """Return an engine."""
    return Engine()


def speak(text: str) -> None:
    """Say a text."""
    engine = Engine()
    engine.say(text)
    engine.runAndWait()
