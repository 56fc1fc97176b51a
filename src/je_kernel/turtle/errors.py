"""What goes wrong with turtles."""

from __future__ import annotations

__all__ = ["Terminator", "TurtleGraphicsError"]


class TurtleGraphicsError(Exception):
    """A turtle was asked for what it cannot do."""


class Terminator(Exception):  # noqa: N818
    """The picture was closed while a program went on drawing in it."""
