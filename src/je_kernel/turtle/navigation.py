"""The position and heading of a turtle, and vectors."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from je_kernel.turtle.undo import UndoBuffer

__all__ = ["TNavigator", "Vec2D"]

# Digits of degrees to which a heading is rounded.
_DIGITS = 10


class Vec2D(tuple[float, float]):
    """A vector in the plane, as a tuple.

    Parameters
    ----------
    x, y
        Its coordinates.

    Examples
    --------
    >>> Vec2D(3, 4) + (1, 1), Vec2D(3, 4) * 2, abs(Vec2D(3, 4))
    ((4.00,5.00), (6.00,8.00), 5.0)
    >>> Vec2D(3, 4) * Vec2D(2, 1), Vec2D(1, 0).rotate(90)
    (10, (0.00,1.00))
    """

    __slots__ = ()

    def __new__(cls, x: float, y: float) -> Vec2D:  # noqa: D102
        return tuple.__new__(cls, (x, y))

    def __add__(self, other: Any) -> Vec2D:
        return Vec2D(self[0] + other[0], self[1] + other[1])

    def __sub__(self, other: Any) -> Vec2D:
        return Vec2D(self[0] - other[0], self[1] - other[1])

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Vec2D):
            return self[0] * other[0] + self[1] * other[1]
        return Vec2D(self[0] * other, self[1] * other)

    def __rmul__(self, other: Any) -> Any:
        if isinstance(other, (int, float)):
            return Vec2D(self[0] * other, self[1] * other)
        return NotImplemented

    def __neg__(self) -> Vec2D:
        return Vec2D(-self[0], -self[1])

    def __abs__(self) -> float:
        return math.hypot(self[0], self[1])

    def rotate(self, angle: float) -> Vec2D:
        """Return the vector turned counterclockwise by an angle in degrees."""
        radians = math.radians(angle)
        cosine, sine = math.cos(radians), math.sin(radians)
        x, y = self
        return Vec2D(x * cosine + -y * sine, y * cosine + x * sine)

    def __getnewargs__(self) -> tuple[float, float]:
        return (self[0], self[1])

    def __repr__(self) -> str:
        return f"({self[0]:.2f},{self[1]:.2f})"


class TNavigator:
    """The position and heading of a turtle, without drawing.

    Parameters
    ----------
    mode
        ``"standard"``, ``"logo"`` or ``"world"``: in ``"logo"`` a turtle starts upwards and
        its angles run clockwise.
    """

    START_ORIENTATION: ClassVar[dict[str, Vec2D]] = {
        "standard": Vec2D(1.0, 0.0),
        "world": Vec2D(1.0, 0.0),
        "logo": Vec2D(0.0, 1.0),
    }
    DEFAULT_MODE = "standard"
    DEFAULT_ANGLEOFFSET = 0
    DEFAULT_ANGLEORIENT = 1

    undobuffer: UndoBuffer | None = None

    def __init__(self, mode: str = DEFAULT_MODE) -> None:
        self._angle_offset: float = self.DEFAULT_ANGLEOFFSET
        self._angle_orient: float = self.DEFAULT_ANGLEORIENT
        self._mode = mode
        self.undobuffer = None
        self._set_fullcircle(360.0)
        self._setmode(mode)
        TNavigator.reset(self)

    def reset(self) -> None:
        """Return to the start position and heading."""
        self._position = Vec2D(0.0, 0.0)
        self._orient = self.START_ORIENTATION[self._mode]

    def _setmode(self, mode: str) -> None:
        self._mode = mode
        self._angle_offset = self._fullcircle / 4.0 if mode == "logo" else 0
        self._angle_orient = -1 if mode == "logo" else 1

    def _set_fullcircle(self, fullcircle: float) -> None:
        self._fullcircle = fullcircle
        self._degrees_per_unit = 360 / fullcircle
        # As in Python's module, which does not except the mode "world": headings are off by a
        # quarter after a change of the unit.
        self._angle_offset = 0 if self._mode == "standard" else fullcircle / 4.0

    def degrees(self, fullcircle: float = 360.0) -> None:
        """Measure angles in degrees.

        Parameters
        ----------
        fullcircle
            The number of degrees in a full circle: 400 for gradians.
        """
        self._set_fullcircle(fullcircle)

    def radians(self) -> None:
        """Measure angles in radians."""
        self._set_fullcircle(math.tau)

    def forward(self, distance: float) -> None:
        """Move forward by a distance, in the direction of the turtle's heading."""
        self._go(distance)

    def back(self, distance: float) -> None:
        """Move backward by a distance, without turning."""
        self._go(-distance)

    def left(self, angle: float) -> None:
        """Turn left by an angle."""
        self._rotate(angle)

    def right(self, angle: float) -> None:
        """Turn right by an angle."""
        self._rotate(-angle)

    def pos(self) -> Vec2D:
        """Return the turtle's position."""
        return self._position

    def xcor(self) -> float:
        """Return the turtle's x coordinate."""
        return self._position[0]

    def ycor(self) -> float:
        """Return the turtle's y coordinate."""
        return self._position[1]

    def goto(self, x: Any, y: float | None = None) -> None:
        """Move to a place, drawing a line if the pen is down.

        Parameters
        ----------
        x
            Its x coordinate, or the place itself as a pair.
        y
            Its y coordinate.
        """
        self._goto(Vec2D(*x) if y is None else Vec2D(x, y))

    def setx(self, x: float) -> None:
        """Move to another x coordinate."""
        self._goto(Vec2D(x, self._position[1]))

    def sety(self, y: float) -> None:
        """Move to another y coordinate."""
        self._goto(Vec2D(self._position[0], y))

    def home(self) -> None:
        """Move to the origin and turn to the start heading."""
        self.goto(0, 0)
        self.setheading(0)

    def teleport(
        self,
        x: float | None = None,
        y: float | None = None,
        *,
        fill_gap: bool = False,  # noqa: ARG002
    ) -> None:
        """Move to another place without drawing a line.

        Parameters
        ----------
        x, y
            The new coordinates; None keeps the present one.
        fill_gap
            Whether the shape to fill continues across the gap.
        """
        self._position = Vec2D(
            self._position[0] if x is None else x, self._position[1] if y is None else y
        )

    def distance(self, x: Any, y: float | None = None) -> float:
        """Return the distance to a place or another turtle.

        Parameters
        ----------
        x
            The x coordinate, or a pair, or a turtle.
        y
            The y coordinate.
        """
        return abs(_place(x, y) - self._position)

    def towards(self, x: Any, y: float | None = None) -> float:
        """Return the heading towards a place or another turtle.

        Parameters
        ----------
        x
            The x coordinate, or a pair, or a turtle.
        y
            The y coordinate.
        """
        return self._heading_of(_place(x, y) - self._position)

    def heading(self) -> float:
        """Return the turtle's heading."""
        return self._heading_of(self._orient)

    def _heading_of(self, direction: Vec2D) -> float:
        degrees = round(math.degrees(math.atan2(direction[1], direction[0])), _DIGITS) % 360.0
        units = degrees / self._degrees_per_unit
        return (self._angle_offset + self._angle_orient * units) % self._fullcircle

    def setheading(self, to_angle: float) -> None:
        """Turn to a heading, the shorter way round."""
        full = self._fullcircle
        turn = (to_angle - TNavigator.heading(self)) * self._angle_orient
        self._rotate((turn + full / 2.0) % full - full / 2.0)

    def circle(self, radius: float, extent: float | None = None, steps: int | None = None) -> None:
        """Draw a circle whose centre is to the left of the turtle, or an arc of it.

        Parameters
        ----------
        radius
            The radius. With a negative one, the centre is to the right.
        extent
            The angle of the arc; a full circle by default.
        steps
            The number of straight lines: 3 draw a triangle. By default, enough to look round.
        """
        if extent is None:
            extent = self._fullcircle
        if steps is None:
            part = abs(extent) / self._fullcircle
            steps = 1 + int(min(11 + abs(radius) / 6.0, 59.0) * part)
        turn = 1.0 * extent / steps
        half = 0.5 * turn
        length = 2.0 * radius * math.sin(math.radians(half) * self._degrees_per_unit)
        if radius < 0:
            length, turn, half = -length, -turn, -half
        with self._as_one_step(), self._along_an_arc():
            self._rotate(half)
            for _ in range(steps):
                self._go(length)
                self._rotate(turn)
            self._rotate(-half)

    def _as_one_step(self) -> Any:
        return UndoBuffer.one_step(self.undobuffer)

    def _along_an_arc(self) -> Any:
        """Return the context manager for the steps of a circle."""
        return UndoBuffer.one_step(None)

    def _go(self, distance: float) -> None:
        self._goto(self._position + self._orient * distance)

    def _goto(self, end: Vec2D) -> None:
        self._position = end

    def _rotate(self, angle: float) -> None:
        self._orient = self._orient.rotate(angle * self._degrees_per_unit)

    fd = forward
    bk = back
    backward = back
    rt = right
    lt = left
    position = pos
    setpos = goto
    setposition = goto
    seth = setheading


def _place(x: Any, y: float | None) -> Vec2D:
    if isinstance(x, TNavigator):
        return x._position
    if isinstance(x, tuple):
        return Vec2D(*x)
    if y is None:
        raise TypeError(f"a place is two numbers, a pair or a turtle, and not {x!r} alone")
    return Vec2D(x, y)
