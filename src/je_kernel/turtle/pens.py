"""The pen of a turtle: colours, width, speed, and the look of the turtle."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from je_kernel.turtle.undo import UndoBuffer

__all__ = ["TPen"]

_SPEEDS = {"fastest": 0, "fast": 10, "normal": 6, "slow": 3, "slowest": 1}
_RESIZE_MODES = ("auto", "user", "noresize")
# The properties of `TPen.pen`, and their attributes.
_PROPERTIES = {
    "shown": "_shown",
    "pendown": "_drawing",
    "pencolor": "_pencolor",
    "fillcolor": "_fillcolor",
    "pensize": "_pensize",
    "speed": "_speed",
    "resizemode": "_resizemode",
    "stretchfactor": "_stretchfactor",
    "shearfactor": "_shearfactor",
    "outline": "_outlinewidth",
    "tilt": "_tilt",
}
# A change of one of these starts a new line.
_OF_A_LINE = ("pendown", "pencolor", "pensize")
_OF_THE_SHAPE = ("stretchfactor", "shearfactor", "tilt")


class TPen:
    """The pen of a turtle: colours, width, speed, and the look of the turtle.

    Parameters
    ----------
    resizemode
        What sets the size of the turtle's shape: ``"auto"`` the width of its pen,
        ``"user"`` `RawTurtle.shapesize`, ``"noresize"`` nothing.
    """

    undobuffer: UndoBuffer | None = None

    def __init__(self, resizemode: str = "noresize") -> None:
        self._resizemode = resizemode
        self.undobuffer = None
        TPen._reset(self)

    def _reset(self, pencolor: str = "black", fillcolor: str = "black") -> None:
        self._pensize: float = 1
        self._shown = True
        self._pencolor = pencolor
        self._fillcolor = fillcolor
        self._drawing = True
        self._speed = 3
        self._stretchfactor: tuple[float, float] = (1.0, 1.0)
        self._shearfactor = 0.0
        self._tilt = 0.0
        self._shapetrafo: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 1.0)
        self._outlinewidth: float = 1

    def pen(self, pen: Any = None, **pendict: Any) -> Any:
        """Set several properties of the pen at once, or return all.

        Parameters
        ----------
        pen
            The properties, as this returns them, or a part of them.
        **pendict
            Single ones: ``shown``, ``pendown``, ``pencolor``, ``fillcolor``, ``pensize``,
            ``speed``, ``resizemode``, ``stretchfactor``, ``shearfactor``, ``outline``, ``tilt``.

        Returns
        -------
        dict or None
            All of them by their names, when this is called without any.
        """
        if not (pen or pendict):
            return {name: getattr(self, attribute) for name, attribute in _PROPERTIES.items()}
        wanted = {**(pen if isinstance(pen, dict) else {}), **pendict}
        before = {name: getattr(self, _PROPERTIES[name]) for name in wanted}
        if self.undobuffer is not None:
            self.undobuffer.push(("pen", before))
        self._set(wanted)
        return None

    def _set(self, wanted: dict[str, Any]) -> None:
        for name in ("pencolor", "fillcolor"):
            if isinstance(wanted.get(name), tuple):
                wanted[name] = self._colorstr((wanted[name],))
        if isinstance(wanted.get("stretchfactor"), (int, float)):
            wanted["stretchfactor"] = (wanted["stretchfactor"],) * 2
        if any(name in wanted and self._is_new(name, wanted[name]) for name in _OF_A_LINE):
            self._begin_line()
        for name, value in wanted.items():
            setattr(self, _PROPERTIES[name], value)
        if any(name in wanted for name in _OF_THE_SHAPE):
            wide, long = self._stretchfactor
            shear, sine, cosine = self._shearfactor, math.sin(self._tilt), math.cos(self._tilt)
            self._shapetrafo = (
                wide * cosine,
                long * (shear * cosine + sine),
                -wide * sine,
                long * (cosine - shear * sine),
            )
        self._update()

    def _is_new(self, name: str, value: Any) -> bool:
        return bool(getattr(self, _PROPERTIES[name]) != value)

    def resizemode(self, rmode: str | None = None) -> str | None:
        """Set what determines the size of the turtle's shape, or return it.

        Parameters
        ----------
        rmode
            ``"auto"``, ``"user"`` or ``"noresize"``.
        """
        if rmode is None:
            return self._resizemode
        if rmode.lower() in _RESIZE_MODES:
            TPen.pen(self, resizemode=rmode.lower())
        return None

    def pensize(self, width: float | None = None) -> float | None:
        """Set the width of lines, in pixels, or return it."""
        if width is None:
            return self._pensize
        TPen.pen(self, pensize=width)
        return None

    def penup(self) -> None:
        """Lift the pen: moving draws nothing."""
        if self._drawing:
            TPen.pen(self, pendown=False)

    def pendown(self) -> None:
        """Put the pen down: moving draws lines."""
        if not self._drawing:
            TPen.pen(self, pendown=True)

    def isdown(self) -> bool:
        """Return whether the pen is down."""
        return self._drawing

    def speed(self, speed: Any = None) -> int | None:
        """Set the speed of the turtle, or return it.

        Parameters
        ----------
        speed
            From 1, slow, to 10, fast; 0 does not animate at all. Or ``"slowest"``, ``"slow"``,
            ``"normal"``, ``"fast"``, ``"fastest"``.
        """
        if speed is None:
            return self._speed
        value = _SPEEDS.get(speed, speed)
        TPen.pen(self, speed=round(value) if 0.5 < value < 10.5 else 0)
        return None

    def color(self, *args: Any) -> Any:
        """Set the pen colour and the fill colour, or return both.

        Parameters
        ----------
        *args
            One colour for both, or one for each, as names or as red, green and blue.
        """
        if not args:
            return self._color(self._pencolor), self._color(self._fillcolor)
        pen, fill = (args[0], args[-1]) if len(args) < 3 else (args, args)
        TPen.pen(self, pencolor=self._colorstr(pen), fillcolor=self._colorstr(fill))
        return None

    def pencolor(self, *args: Any) -> Any:
        """Set the pen's colour, or return it."""
        if not args:
            return self._color(self._pencolor)
        color = self._colorstr(args)
        if color != self._pencolor:
            TPen.pen(self, pencolor=color)
        return None

    def fillcolor(self, *args: Any) -> Any:
        """Set the colour that shapes are filled with, or return it."""
        if not args:
            return self._color(self._fillcolor)
        color = self._colorstr(args)
        if color != self._fillcolor:
            TPen.pen(self, fillcolor=color)
        return None

    def showturtle(self) -> None:
        """Show the turtle."""
        TPen.pen(self, shown=True)

    def hideturtle(self) -> None:
        """Hide the turtle."""
        TPen.pen(self, shown=False)

    def isvisible(self) -> bool:
        """Return whether the turtle is shown."""
        return self._shown

    def teleport(
        self,
        x: float | None = None,  # noqa: ARG002
        y: float | None = None,  # noqa: ARG002
        *,
        fill_gap: bool = False,  # noqa: ARG002
    ) -> None:
        """Lift the pen and put it down again, as it is moved elsewhere."""
        down = self._drawing
        if down:
            TPen.pen(self, pendown=False)
        TPen.pen(self, pendown=down)

    def _begin_line(self) -> None:
        """Begin another line."""

    def _update(self) -> None:
        """Show what has changed."""

    def _color(self, color: Any) -> Any:
        """Return a colour as the screen's colour mode has it."""

    def _colorstr(self, color: Any) -> Any:
        """Return a colour as Tk has it."""

    width = pensize
    up = penup
    pu = penup
    pd = pendown
    down = pendown
    st = showturtle
    ht = hideturtle
