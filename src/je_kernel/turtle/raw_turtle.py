"""The classes of turtles: movement, drawing, shapes, stamps and undo."""

from __future__ import annotations

import copy
import itertools
import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from je_kernel.turtle.canvas import ScrolledCanvas
from je_kernel.turtle.colors import hexadecimal
from je_kernel.turtle.errors import TurtleGraphicsError
from je_kernel.turtle.fonts import parse_font
from je_kernel.turtle.navigation import TNavigator, Vec2D
from je_kernel.turtle.pens import TPen
from je_kernel.turtle.scene import ImageItem, Line, Part, Polygon, Text
from je_kernel.turtle.screen import Screen, TurtleScreen
from je_kernel.turtle.undo import UndoBuffer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["RawTurtle", "Turtle"]

# Limit of points in a line item: lines of several turtles overlap in the order of drawing.
_MOST_IN_A_LINE = 42
_DEGREES_PER_STEP = 3.0
_PIXELS_PER_STEP = 3.0
# The fraction of a text to the right of its position.
_END = {"left": 1.0, "center": 0.5, "right": 0.0}

_keys = itertools.count(1)


class RawTurtle(TPen, TNavigator):
    """A turtle on a given screen.

    Parameters
    ----------
    canvas
        The screen, or a canvas.
    shape
        The name of the turtle's shape.
    undobuffersize
        Limit of actions to undo.
    visible
        Whether the turtle is visible.
    """

    screens: list[TurtleScreen] = []  # noqa: RUF012

    def __init__(
        self,
        canvas: Any = None,
        shape: str = "classic",
        undobuffersize: int = 1000,
        visible: bool = True,
    ) -> None:
        self.screen = _screen_of(canvas)
        TNavigator.__init__(self, str(self.screen._mode))
        TPen.__init__(self)
        self._key = next(_keys)
        self._shape = shape
        self._shown = visible
        self._poly: list[Vec2D] | None = None
        self._creating_poly = False
        self._fill: Polygon | None = None
        self._fill_path: list[Vec2D] | None = None
        self._numbers: list[int] = []
        self._stamps: list[Any] = []
        self._turns_at_once = False
        self._undobuffersize = undobuffersize
        self.undobuffer = UndoBuffer(undobuffersize)
        self._line = Line(self._scene.next_number(), [self._position])
        self.screen._turtles.append(self)
        self._update()

    @property
    def _scene(self) -> Any:
        return self.screen._scene

    # Reset and undo.

    def reset(self) -> None:
        """Delete the drawing of the turtle, and return the turtle to its start."""
        TNavigator.reset(self)
        TPen._reset(self)
        self._clear()
        self._update()

    def clear(self) -> None:
        """Delete the drawing of the turtle; the turtle does not move."""
        self._clear()
        self._update()

    def _clear(self) -> None:
        self._fill = self._fill_path = None
        for number in self._numbers:
            self._scene.remove(number)
        self._numbers = []
        self._new_line([self._position] if self._drawing else [])
        for stamp in self._stamps[:]:
            self._remove_stamp(stamp)
        RawTurtle.setundobuffer(self, self._undobuffersize)

    def setundobuffer(self, size: int | None) -> None:
        """Set the limit of actions to undo.

        Parameters
        ----------
        size
            The limit; 0 or None for none.
        """
        self.undobuffer = UndoBuffer(size) if size is not None and size > 0 else None

    def undobufferentries(self) -> int:
        """Return the number of actions to undo."""
        return 0 if self.undobuffer is None else len(self.undobuffer)

    def undo(self) -> None:
        """Undo the last action."""
        entry = None if self.undobuffer is None else self.undobuffer.pop()
        if entry is None:
            return
        actions = entry[:0:-1] if entry[0] == "seq" else [entry]
        buffer, self.undobuffer = self.undobuffer, None
        try:
            for name, *data in actions:
                getattr(self, f"_undo_{name}")(*data)
        finally:
            self.undobuffer = buffer

    def _undo_rot(self, degrees: float) -> None:
        self._rotate(-degrees / self._degrees_per_unit)

    def _undo_pen(self, before: dict[str, Any]) -> None:
        TPen.pen(self, before)

    def _undo_stamp(self, stamp: Any) -> None:
        self._remove_stamp(stamp)
        self._update()

    def _undo_item(self, number: int) -> None:
        self._remove(number)

    def _undo_beginfill(self, number: int) -> None:
        self._fill = self._fill_path = None
        self._remove(number)

    def _undo_dofill(self, number: int) -> None:
        polygon = self._scene.items.get(number)
        if polygon is not None:
            polygon.fill = ""
            self._scene.changed(polygon)

    def _undo_go(self, start: Vec2D, drawing: bool, number: int, length: int) -> None:
        for later in [n for n in self._numbers if n > number and self._is_line(n)]:
            self._remove(later)
        line = self._scene.items.get(number)
        if line is None:
            line = self._line if self._line.number == number else Line(number, [start])
        if length > 1:
            shorter = length - len(line.points)
            del line.points[length:]
            line.sent = -1
            self._scene.changed(line, shorter)
        else:
            self._remove(number)
            del line.points[length:]
        self._line = line
        if self._creating_poly and self._poly:
            self._poly.pop()
            if not self._poly:
                self._creating_poly, self._poly = False, None
        if self._fill_path:
            self._fill_path.pop()
        self._move_to(start, drawing)

    def _is_line(self, number: int) -> bool:
        return isinstance(self._scene.items.get(number), Line)

    def _remove(self, number: int) -> None:
        self._scene.remove(number)
        if number in self._numbers:
            self._numbers.remove(number)

    # Movement.

    def _goto(self, end: Vec2D) -> None:
        line, drawing = self._line, self._drawing
        if self.undobuffer is not None:
            entry = ("go", self._position, drawing, line.number, len(line.points))
            self.undobuffer.push(entry)
        if drawing:
            self._extend(line, end)
        if self._fill_path is not None:
            self._fill_path.append(end)
        if self._creating_poly and self._poly is not None:
            self._poly.append(end)
        if len(line.points) > _MOST_IN_A_LINE:
            self._new_line([end])
        self._move_to(end, drawing)

    def _extend(self, line: Line, end: Vec2D) -> None:
        line.points.append(end)
        if len(line.points) == 2:
            line.color, line.width, line.sent = self._pencolor, self._pensize, -1
            self._numbers.append(self._scene.add(line))
        else:
            self._scene.changed(line, 1)

    def _move_to(self, end: Vec2D, drawing: bool) -> None:
        """Set the position, and show the motion to it."""
        start, self._position = self._position, end
        if not self._animated():
            self._update()
            return
        across, down = self._scene.pixel(end - start)
        pixels = math.hypot(across, down)
        steps = 1 + int(pixels / (_PIXELS_PER_STEP * 1.1**self._speed * self._speed))
        motion = ["move", self._key, *self._scene.pixels([start])]
        motion += [round(across, 2), round(down, 2)]
        if drawing:
            motion += [hexadecimal(self._pencolor), self._pensize]
        self._update(steps, motion)

    def _rotate(self, angle: float) -> None:
        degrees = angle * self._degrees_per_unit
        if self.undobuffer is not None:
            self.undobuffer.push(("rot", degrees))
        self._orient = self._orient.rotate(degrees)
        if not self._animated() or self._turns_at_once:
            self._update()
            return
        steps = 1 + int(abs(degrees) / (_DEGREES_PER_STEP * self._speed))
        place = self._scene.pixels([self._position])
        self._update(steps, ["turn", self._key, *place, -round(degrees, 2)])

    def _animated(self) -> bool:
        return bool(self._speed) and self.screen._tracing == 1

    @contextmanager
    def _along_an_arc(self) -> Iterator[None]:
        screen = self.screen
        tracing, delay = screen._tracing, screen._delayvalue
        turned_at_once, self._turns_at_once = self._turns_at_once, True
        if self._speed == 0:
            screen.tracer(0, 0)
        try:
            yield
        finally:
            self._turns_at_once = turned_at_once
            if self._speed == 0:
                screen.tracer(tracing, delay)

    def teleport(
        self, x: float | None = None, y: float | None = None, *, fill_gap: bool = False
    ) -> None:
        """Move to another place without drawing a line.

        Parameters
        ----------
        x, y
            The new coordinates; None keeps the present one.
        fill_gap
            Whether the shape to fill continues across the gap.
        """
        down, refill = self._drawing, self.filling() and not fill_gap
        if down:
            TPen.pen(self, pendown=False)
        if refill:
            self.end_fill()
        TNavigator.teleport(self, x, y)
        TPen.pen(self, pendown=down)
        if refill:
            self.begin_fill()

    # Lines, fills, polygons.

    def _begin_line(self) -> None:
        self._new_line([self._position])

    def _new_line(self, points: list[Any]) -> None:
        # A new number puts the line on top.
        self._line = Line(self._scene.next_number(), points)

    def filling(self) -> bool:
        """Return whether `begin_fill` has been called without `end_fill`."""
        return self._fill_path is not None

    def begin_fill(self) -> None:
        """Start a shape that `end_fill` fills."""
        if self._fill is None:
            self._fill = Polygon(self._scene.next_number())
            self._numbers.append(self._scene.add(self._fill))
        self._fill_path = [self._position]
        self._begin_line()
        if self.undobuffer is not None:
            self.undobuffer.push(("beginfill", self._fill.number))
        self._update()

    def end_fill(self) -> None:
        """Fill the shape drawn since `begin_fill`."""
        if self._fill is None or self._fill_path is None:
            return
        if len(self._fill_path) > 2:
            self._fill.points, self._fill.fill = self._fill_path, self._fillcolor
            self._scene.changed(self._fill, len(self._fill_path))
            if self.undobuffer is not None:
                self.undobuffer.push(("dofill", self._fill.number))
        self._fill = self._fill_path = None
        self._update()

    @contextmanager
    def fill(self) -> Iterator[None]:
        """Fill the shape drawn in the block of this ``with`` statement."""
        self.begin_fill()
        try:
            yield
        finally:
            self.end_fill()

    def begin_poly(self) -> None:
        """Start recording the corners of a polygon."""
        self._poly = [self._position]
        self._creating_poly = True

    def end_poly(self) -> None:
        """Stop recording the corners of a polygon."""
        self._creating_poly = False

    def get_poly(self) -> tuple[Vec2D, ...] | None:
        """Return the corners of the last recorded polygon."""
        return None if self._poly is None else tuple(self._poly)

    @contextmanager
    def poly(self) -> Iterator[None]:
        """Record the corners of a polygon in the block of this ``with`` statement."""
        self.begin_poly()
        try:
            yield
        finally:
            self.end_poly()

    def dot(self, size: Any = None, *color: Any) -> None:
        """Draw a dot.

        Parameters
        ----------
        size
            Its diameter in pixels; by default, somewhat more than the width of the pen.
        *color
            Its colour; the pen's by default.
        """
        usual = self._pensize + max(self._pensize, 4)
        if color:
            ink, size = self._colorstr(color), usual if size is None else size
        elif isinstance(size, (str, tuple)):
            ink, size = self._colorstr(size), usual
        else:
            ink, size = self._pencolor, size or usual
        before = TPen.pen(self)
        with self._as_one_step():
            try:
                if self._resizemode == "auto":
                    TPen.pen(self, shown=False)
                TPen.pen(self, pendown=True, pensize=size, pencolor=ink)
                self._go(0)
            finally:
                TPen.pen(self, before)

    def write(
        self,
        arg: Any,
        move: bool = False,
        align: str = "left",
        font: Any = ("Arial", 8, "normal"),
    ) -> None:
        """Write a text at the turtle's position.

        Parameters
        ----------
        arg
            The text.
        move
            Whether the turtle moves to the end of the text.
        align
            Whether the position is the ``"left"``, the ``"center"`` or the ``"right"`` of the text.
        font
            The font: its name, size and style.
        """
        align = align.lower()
        if align not in _END:
            raise TurtleGraphicsError(f"A text is aligned left, center or right, and not {align!r}")
        text, style = str(arg), parse_font(font)
        item = Text(self._scene.next_number(), self._position, text, align, style, self._pencolor)
        with self._as_one_step():
            self._numbers.append(self._scene.add(item))
            if self.undobuffer is not None:
                self.undobuffer.push(("item", item.number))
            if move:
                right = _END[align] * style.width_of(text) / self.screen.xscale
                self.setpos(self._position[0] + right, self._position[1])
            else:
                self._update()

    # Appearance.

    def shape(self, name: str | None = None) -> str | None:
        """Set the turtle's shape, or return its name.

        Parameters
        ----------
        name
            ``"arrow"``, ``"blank"``, ``"circle"``, ``"classic"``, ``"square"``, ``"triangle"``,
            ``"turtle"``, or a registered shape.
        """
        if name is None:
            return self._shape
        if name not in self.screen._shapes:
            raise TurtleGraphicsError(f"There is no shape named {name}")
        self._shape = name
        self._update()
        return None

    def shapesize(
        self,
        stretch_wid: float | None = None,
        stretch_len: float | None = None,
        outline: float | None = None,
    ) -> tuple[float, float, float] | None:
        """Set the stretch factors of the turtle's shape, or return them.

        Parameters
        ----------
        stretch_wid
            The factor of the width.
        stretch_len
            The factor of the length; that of the width by default.
        outline
            The width of the outline, in pixels.
        """
        if stretch_wid is None and stretch_len is None and outline is None:
            return (*self._stretchfactor, self._outlinewidth)
        if stretch_wid == 0 or stretch_len == 0:
            raise TurtleGraphicsError("stretch_wid/stretch_len must not be zero")
        wide, long = self._stretchfactor
        if stretch_wid is not None:
            wide = stretch_wid
            long = stretch_wid if stretch_len is None else stretch_len
        elif stretch_len is not None:
            long = stretch_len
        width = self._outlinewidth if outline is None else outline
        TPen.pen(self, resizemode="user", stretchfactor=(wide, long), outline=width)
        return None

    def shearfactor(self, shear: float | None = None) -> float | None:
        """Set the shear factor of the turtle's shape, or return it."""
        if shear is None:
            return self._shearfactor
        TPen.pen(self, resizemode="user", shearfactor=shear)
        return None

    def tiltangle(self, angle: float | None = None) -> float | None:
        """Set the angle between the turtle's shape and its heading, or return it."""
        if angle is None:
            units = -math.degrees(self._tilt) * self._angle_orient / self._degrees_per_unit
            return units % self._fullcircle
        degrees = -angle * self._degrees_per_unit * self._angle_orient
        TPen.pen(self, resizemode="user", tilt=math.radians(degrees) % math.tau)
        return None

    def tilt(self, angle: float) -> None:
        """Turn the turtle's shape by an angle, without changing the heading."""
        RawTurtle.tiltangle(self, angle + (RawTurtle.tiltangle(self) or 0))

    def shapetransform(
        self,
        t11: float | None = None,
        t12: float | None = None,
        t21: float | None = None,
        t22: float | None = None,
    ) -> tuple[float, float, float, float] | None:
        """Set the transformation matrix of the turtle's shape, or return it.

        Parameters
        ----------
        t11, t12, t21, t22
            The first row and the second.
        """
        elements = (t11, t12, t21, t22)
        if elements == (None,) * 4:
            return self._shapetrafo
        pairs = zip(elements, self._shapetrafo, strict=True)
        m11, m12, m21, m22 = (old if new is None else new for new, old in pairs)
        if m11 * m22 - m12 * m21 == 0:
            raise TurtleGraphicsError("Bad shape transform matrix: must not be singular")
        angle = math.atan2(-m21, m11) % math.tau
        sine, cosine = math.sin(angle), math.cos(angle)
        along, across = cosine * m11 - sine * m21, sine * m12 + cosine * m22
        self._shapetrafo = (m11, m12, m21, m22)
        self._stretchfactor = (along, across)
        self._shearfactor = (cosine * m12 - sine * m22) / across
        self._tilt = angle
        TPen.pen(self, resizemode="user")
        return None

    def get_shapepoly(self) -> Any:
        """Return the corners of the turtle's shape, relative to the turtle."""
        shape = self.screen._shapes[self._shape]
        return self._stretched(shape._data) if shape._type == "polygon" else None

    def _stretched(self, polygon: Any, *, compound: bool = False) -> Any:
        if self._resizemode == "user" or compound:
            t11, t12, t21, t22 = self._shapetrafo
        elif self._resizemode == "auto":
            t11 = t22 = max(1, self._pensize / 5.0)
            t12 = t21 = 0
        else:
            return polygon
        return tuple((t11 * x + t12 * y, t21 * x + t22 * y) for x, y in polygon)

    def _placed(self, polygon: Any) -> tuple[tuple[float, float], ...]:
        """Turn a polygon to the turtle's heading, and move it to its position."""
        screen = self.screen
        (x0, y0), (ahead, up) = self._position, self._orient
        # World coordinates do not distort shapes.
        up *= screen.yscale / screen.xscale
        length = math.hypot(ahead, up)
        ahead, up = ahead / length, up / length
        return tuple(
            (x0 + (up * x + ahead * y) / screen.xscale, y0 + (up * y - ahead * x) / screen.yscale)
            for x, y in polygon
        )

    def _parts(self) -> tuple[Part, ...]:
        """Return the polygons or the image of the turtle."""
        shape = self.screen._shapes[self._shape]
        if shape._type == "image":
            return (Part((self._position,), image=shape._data),)
        if shape._type == "compound":
            return tuple(
                Part(
                    self._placed(self._stretched(polygon, compound=True)),
                    self._colorstr(fill),
                    self._colorstr(outline),
                    self._outlinewidth,
                )
                for polygon, fill, outline in shape._data
            )
        widths = {"noresize": 1, "auto": self._pensize, "user": self._outlinewidth}
        corners = self._placed(self._stretched(shape._data))
        return (Part(corners, self._fillcolor, self._pencolor, widths[self._resizemode]),)

    def stamp(self) -> Any:
        """Draw a copy of the turtle's shape at its position.

        Returns
        -------
        int or tuple of int
            The argument of `clearstamp` to delete it.
        """
        scene = self._scene
        numbers = []
        for part in self._parts():
            if part.image is not None:
                item: Any = ImageItem(scene.next_number(), self._position, part.image)
            else:
                ink = (part.fill, part.outline, part.width)
                item = Polygon(scene.next_number(), part.points, *ink)
            numbers.append(scene.add(item))
        compound = self.screen._shapes[self._shape]._type == "compound"
        stamp = tuple(numbers) if compound else numbers[0]
        self._stamps.append(stamp)
        if self.undobuffer is not None:
            self.undobuffer.push(("stamp", stamp))
        self.screen._show()
        return stamp

    def clearstamp(self, stampid: Any) -> None:
        """Delete a copy that `stamp` has drawn."""
        self._remove_stamp(stampid)
        self._update()

    def clearstamps(self, n: int | None = None) -> None:
        """Delete copies that `stamp` has drawn.

        Parameters
        ----------
        n
            The number of the first ones, or, negative, of the last ones; all by default.
        """
        chosen = slice(None) if n is None else slice(n) if n >= 0 else slice(n, None)
        for stamp in self._stamps[chosen]:
            self._remove_stamp(stamp)
        self._update()

    def _remove_stamp(self, stamp: Any) -> None:
        if stamp in self._stamps:
            self._stamps.remove(stamp)
            for number in stamp if isinstance(stamp, tuple) else (stamp,):
                self._scene.remove(number)
        if self.undobuffer is not None:
            self.undobuffer.discard(("stamp", stamp))

    # The turtle as an object, and its events.

    def clone(self) -> RawTurtle:
        """Return another turtle with the same position, heading and pen."""
        self._new_line([self._position] if self._drawing else [])
        twin = copy.deepcopy(self, {id(self.screen): self.screen})
        twin._key = next(_keys)
        twin._line = Line(self._scene.next_number(), list(self._line.points))
        self.screen._turtles.append(twin)
        twin._update()
        return twin

    def getscreen(self) -> TurtleScreen:
        """Return the screen of the turtle."""
        return self.screen

    def getturtle(self) -> RawTurtle:
        """Return the turtle itself."""
        return self

    def onclick(self, fun: Callable[..., Any] | None, btn: int = 1, add: Any = None) -> None:
        """Call a function with the coordinates of each click on the turtle.

        Parameters
        ----------
        fun
            The function; None removes the present handler.
        btn
            The mouse button: 1 is the left one.
        add
            Whether to keep the present handlers.
        """
        self.screen._bind(("click", self._key, btn), fun, add)

    def onrelease(self, fun: Callable[..., Any] | None, btn: int = 1, add: Any = None) -> None:
        """Call a function with the coordinates where the button is released on the turtle.

        Parameters
        ----------
        fun, btn, add
            As in `onclick`.
        """
        self.screen._bind(("unclick", self._key, btn), fun, add)

    def ondrag(self, fun: Callable[..., Any] | None, btn: int = 1, add: Any = None) -> None:
        """Call a function with the coordinates to which the turtle is dragged.

        Parameters
        ----------
        fun, btn, add
            As in `onclick`.
        """
        self.screen._bind(("drag", self._key, btn), fun, add)

    # Methods for TPen and TNavigator that need the screen.

    def _color(self, color: Any) -> Any:
        return self.screen._color(color)

    def _colorstr(self, color: Any) -> Any:
        return self.screen._colorstr(color)

    def _show_turtle(self) -> None:
        self._scene.put_turtle(self._key, self._parts() if self._shown else ())

    def _update(self, steps: int = 1, motion: Any = None) -> None:
        screen = self.screen
        if screen._tracing == 0:
            screen._skip_frame()
        elif screen._tracing == 1:
            screen._counts_step()
            self._show_turtle()
            screen._show_steps(steps, motion)
        elif screen._counts_step():
            for turtle in screen._turtles:
                turtle._show_turtle()
            screen._show()

    turtlesize = shapesize
    getpen = getturtle


def _screen_of(canvas: Any) -> TurtleScreen:
    if isinstance(canvas, TurtleScreen):
        if canvas not in RawTurtle.screens:
            RawTurtle.screens.append(canvas)
        return canvas
    if isinstance(canvas, ScrolledCanvas):
        for screen in RawTurtle.screens:
            if screen.cv is canvas:
                return screen
        screen = TurtleScreen(canvas)
        RawTurtle.screens.append(screen)
        return screen
    raise TurtleGraphicsError(f"bad canvas argument {canvas}")


class Turtle(RawTurtle):
    """A turtle on the screen that `Screen` returns.

    Parameters
    ----------
    shape
        The name of the turtle's shape.
    undobuffersize
        Limit of actions to undo.
    visible
        Whether the turtle is visible.
    """

    def __init__(
        self, shape: str = "classic", undobuffersize: int = 1000, visible: bool = True
    ) -> None:
        RawTurtle.__init__(
            self, Screen(), shape=shape, undobuffersize=undobuffersize, visible=visible
        )
