"""The event handlers of a screen, and Tk's names of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Handlers", "key_name"]

# Names of keys in browsers, and in Tk.
_KEYS = {
    "ArrowUp": "Up", "ArrowDown": "Down", "ArrowLeft": "Left", "ArrowRight": "Right",
    "Enter": "Return", "Backspace": "BackSpace", "PageUp": "Prior", "PageDown": "Next",
    "CapsLock": "Caps_Lock", "NumLock": "Num_Lock", "ScrollLock": "Scroll_Lock",
    " ": "space", "!": "exclam", '"': "quotedbl", "#": "numbersign", "$": "dollar",
    "%": "percent", "&": "ampersand", "'": "apostrophe", "(": "parenleft", ")": "parenright",
    "*": "asterisk", "+": "plus", ",": "comma", "-": "minus", ".": "period", "/": "slash",
    ":": "colon", ";": "semicolon", "<": "less", "=": "equal", ">": "greater", "?": "question",
    "@": "at", "[": "bracketleft", "\\": "backslash", "]": "bracketright", "^": "asciicircum",
    "_": "underscore", "`": "grave", "{": "braceleft", "|": "bar", "}": "braceright",
    "~": "asciitilde",
}  # fmt: skip
_SIDED = {"Shift": "Shift", "Control": "Control", "Alt": "Alt", "Meta": "Super"}


def key_name(key: str, code: str = "") -> str:
    """Return Tk's name of a key.

    Parameters
    ----------
    key, code
        The properties of a browser's keyboard event.

    Examples
    --------
    >>> key_name("ArrowUp"), key_name("a"), key_name("+"), key_name("Shift", "ShiftRight")
    ('Up', 'a', 'plus', 'Shift_R')
    """
    if key in _SIDED:
        return f"{_SIDED[key]}_{'R' if code.endswith('Right') else 'L'}"
    return _KEYS.get(key, key)


class Handlers:
    """The functions that events call.

    An event is a tuple: ``("click", turtle, button)``, where the turtle is None for
    the screen; ``"drag"`` and ``"unclick"`` likewise; ``("press", key)``, ``("release", key)``,
    where the key is None for any.
    """

    def __init__(self) -> None:
        self._functions: dict[tuple[Any, ...], list[Callable[..., Any]]] = {}
        self.listening = False

    def clear(self) -> None:
        """Remove all functions."""
        self._functions.clear()
        self.listening = False

    def bind(
        self, event: tuple[Any, ...], function: Callable[..., Any] | None, add: Any = None
    ) -> None:
        """Register a function for an event.

        Parameters
        ----------
        event
            The event.
        function
            The function; None removes the present ones.
        add
            Whether to keep the present ones.
        """
        if function is None:
            self._functions.pop(event, None)
        elif add:
            self._functions.setdefault(event, []).append(function)
        else:
            self._functions[event] = [function]

    def functions(self, *events: tuple[Any, ...]) -> list[Callable[..., Any]]:
        """Return the functions of events."""
        return [function for event in events for function in self._functions.get(event, ())]

    def kinds(self) -> Iterator[str]:
        """Return the kinds of events that have functions."""
        return (event[0] for event in self._functions)
