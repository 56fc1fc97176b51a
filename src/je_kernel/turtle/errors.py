"""The exceptions of the turtle module."""

from __future__ import annotations

__all__ = ["Terminator", "TurtleGraphicsError"]


class TurtleGraphicsError(Exception):
    """A wrong argument of a turtle or screen method."""


class Terminator(Exception):  # noqa: N818
    """The picture was closed while the program was running."""
