"""The display list of a turtle screen: lines, polygons, texts, images, and turtles on top.

A scene records changes, so that only these are sent to the page. Its coordinates are those of
the turtles; the operations for the page are in pixels, with y downwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from je_kernel.turtle.colors import hexadecimal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from je_kernel.turtle.fonts import Font
    from je_kernel.turtle.shapes import Image

__all__ = [
    "MOST_POINTS",
    "ImageItem",
    "Item",
    "Line",
    "Part",
    "Polygon",
    "Scene",
    "Text",
    "View",
    "text_lines",
]

MOST_POINTS = 200_000
"""Limit of points in a scene: it drops the oldest items of an endless drawing."""

Point = tuple[float, float]


@dataclass(eq=False)
class Item:
    """An item of the display list; it covers the items with lower numbers."""

    number: int


@dataclass(eq=False)
class Line(Item):
    """A line through points, which can grow."""

    points: list[Point]
    color: str = ""
    width: float = 1
    # The number of points that the page has; -1 to send the line anew.
    sent: int = -1


@dataclass(eq=False)
class Polygon(Item):
    """A closed shape, filled by the even-odd rule, as by Tk."""

    points: Sequence[Point] = ()
    fill: str = ""
    outline: str = ""
    width: float = 1


@dataclass(eq=False)
class Text(Item):
    """A text above a point: to its right, centred, or to its left."""

    at: Point
    text: str
    align: str
    font: Font
    color: str


@dataclass(eq=False)
class ImageItem(Item):
    """An image around a point."""

    at: Point
    image: Image


@dataclass(frozen=True)
class Part:
    """A part of a turtle's shape: a polygon, or an image around its first point."""

    points: Sequence[Point]
    fill: str = ""
    outline: str = ""
    width: float = 1
    image: Image | None = None


@dataclass(frozen=True)
class View:
    """The visible part of the plane.

    Parameters
    ----------
    width, height
        Its size in pixels.
    center
        Its centre in pixels from the origin, with y downwards.
    xscale, yscale
        Pixels per unit.
    """

    width: float
    height: float
    center: Point = (0, 0)
    xscale: float = 1.0
    yscale: float = 1.0


class Scene:
    """The display list of a screen.

    Parameters
    ----------
    view
        The visible part of the plane.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        self.background = "white"
        self.backdrop: Image | None = None
        self.items: dict[int, Item] = {}
        self.turtles: dict[int, tuple[Part, ...]] = {}
        self.truncated = False
        self.before_dropping: Callable[[], None] = lambda: None
        """Called before the oldest items are dropped, to send them to the page."""
        self._numbers = 0
        self._points = 0
        self._dropped = 0
        self._changed: set[int] = set()
        self._moved: set[int] = set()
        self._paper_changed = True
        self._images: dict[str, int] = {}

    def next_number(self) -> int:
        """Return the number of a new item, above all others."""
        self._numbers += 1
        return self._numbers

    def add(self, item: Item) -> int:
        """Add an item, and return its number."""
        self.items[item.number] = item
        self.changed(item, _size(item))
        return item.number

    def changed(self, item: Item, points: int = 0) -> None:
        """Record the change of an item.

        Parameters
        ----------
        item
            The item.
        points
            The number of its new points.
        """
        if item.number not in self.items:
            return
        self._changed.add(item.number)
        self._points += points
        if self._points > MOST_POINTS:
            self._drop_oldest()

    def remove(self, number: int) -> None:
        """Remove an item, if it exists."""
        item = self.items.pop(number, None)
        if item is not None:
            self._changed.add(number)
            self._points -= _size(item)
            self.truncated = self.truncated and bool(self.items)

    def put_turtle(self, key: int, parts: tuple[Part, ...]) -> None:
        """Replace a turtle, above all others.

        Parameters
        ----------
        key
            The key of the turtle.
        parts
            The parts of its shape; empty when it is hidden.
        """
        self.turtles.pop(key, None)
        if parts:
            self.turtles[key] = parts
        self._moved.add(key)

    def set_paper(
        self,
        *,
        background: str | None = None,
        backdrop: Image | None = None,
        view: View | None = None,
    ) -> None:
        """Change the background or the view; None keeps the present value."""
        self._paper_changed = True
        if background is not None:
            self.background = background
        if backdrop is not None:
            self.backdrop = backdrop if backdrop.address else None
        if view is not None:
            scaled = (view.xscale, view.yscale) != (self.view.xscale, self.view.yscale)
            self.view = view
            if scaled:
                self.draw_all_again()

    def clear(self) -> None:
        """Remove all items, all turtles and the background."""
        self._changed |= self.items.keys()
        self._moved |= self.turtles.keys()
        self.items.clear()
        self.turtles.clear()
        self._points = 0
        self.truncated = False
        self.set_paper(background="white")
        self.backdrop = None

    def draw_all_again(self) -> None:
        """Record everything as changed, for a new scale or a new page."""
        for item in self.items.values():
            if isinstance(item, Line):
                item.sent = -1
        self._changed |= self.items.keys()
        self._moved |= self.turtles.keys()
        self._paper_changed = True

    def forget_page(self) -> None:
        """Record everything as changed, for a page that has no images yet."""
        self._changed.clear()
        self._moved.clear()
        self._images.clear()
        self._dropped = 0
        self.draw_all_again()

    def discard_changes(self) -> None:
        """Discard the recorded changes, where there is no page."""
        self._changed.clear()
        self._moved.clear()

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing but a white background."""
        return not (self.items or self.turtles or self.backdrop) and self.background == "white"

    def in_order(self) -> list[Item]:
        """Return the items, the lowest first."""
        return [self.items[number] for number in sorted(self.items)]

    def pixel(self, point: Point) -> Point:
        """Return a point in pixels from the origin, with y downwards."""
        return point[0] * self.view.xscale, -point[1] * self.view.yscale

    def pixels(self, points: Iterable[Point]) -> list[float]:
        """Return points in pixels, as ``[x, y, x, y, …]``."""
        across, down = self.view.xscale, -self.view.yscale
        return [round(number, 2) for x, y in points for number in (x * across, y * down)]

    def take_changes(self) -> list[list[Any]]:
        """Return the changes since the last call.

        Returns
        -------
        list of list
            Operations, each a name and its arguments; ``picture.js`` has their counterparts.
        """
        operations: list[list[Any]] = []
        if self._paper_changed:
            backdrop = self.backdrop and self._reference(self.backdrop, operations)
            view = self.view
            size = [view.width, view.height, *view.center]
            color = hexadecimal(self.background) or "#ffffff"
            operations.append(["paper", color, backdrop, *size])
        if self._dropped:
            operations.append(["keep", self._dropped])
        for number in sorted(self._changed):
            item = self.items.get(number)
            if item is None:
                operations.append(["remove", number])
            else:
                operations += self._drawn(item, operations)
        # The turtle that moved last covers the others.
        for key in self._moved - self.turtles.keys():
            operations.append(["turtle", key, []])
        for key, parts in self.turtles.items():
            if key in self._moved:
                shown = [self._part(part, operations) for part in parts]
                operations.append(["turtle", key, shown])
        self._changed.clear()
        self._moved.clear()
        self._paper_changed = False
        self._dropped = 0
        return operations

    def _drawn(self, item: Item, operations: list[list[Any]]) -> list[list[Any]]:
        match item:
            case Line():
                return [self._line(item)]
            case Polygon():
                return [["polygon", item.number, *self._polygon(item)]]
            case Text():
                font = item.font
                style = [round(font.size, 2), font.family, font.generic]
                marks = [font.bold, font.italic, font.underline]
                lines = [[line, *place] for line, *place in text_lines(item, self.pixel(item.at))]
                color = hexadecimal(item.color)
                return [["text", item.number, lines, item.align, *style, *marks, color]]
            case ImageItem():
                image = self._reference(item.image, operations)
                return [["image", item.number, image, *self.pixels([item.at])]]
        return []

    def _line(self, line: Line) -> list[Any]:
        sent, line.sent = line.sent, len(line.points)
        if 0 <= sent <= len(line.points):
            return ["longer", line.number, self.pixels(line.points[sent:])]
        points = self.pixels(line.points)
        return ["line", line.number, hexadecimal(line.color), line.width, points]

    def _polygon(self, shape: Polygon | Part) -> list[Any]:
        fill, outline = hexadecimal(shape.fill), hexadecimal(shape.outline)
        return [fill, outline, shape.width, self.pixels(shape.points)]

    def _part(self, part: Part, operations: list[list[Any]]) -> list[Any]:
        if part.image is None:
            return self._polygon(part)
        return [self._reference(part.image, operations), *self.pixels(part.points)]

    def _reference(self, image: Image, operations: list[list[Any]]) -> int | None:
        """Return the number of an image on the page; append an operation for a new one."""
        if not image.address:
            return None
        number = self._images.get(image.address)
        if number is None:
            number = self._images[image.address] = len(self._images) + 1
            operations.append(["picture", number, image.width, image.height, image.address])
        return number

    def _drop_oldest(self) -> None:
        self.before_dropping()
        self.truncated = True
        # A tenth at a time, so that this is rare.
        for number in sorted(self.items)[:-1]:
            if self._points <= 0.9 * MOST_POINTS:
                break
            self._points -= _size(self.items.pop(number))
            self._changed.discard(number)
            self._dropped = number


def text_lines(item: Text, at: Point) -> list[tuple[str, float, float]]:
    """Return the lines of a text with the position of each base line, by the alignment.

    Parameters
    ----------
    item
        The text.
    at
        Its position, in pixels.
    """
    lines = item.text.split("\n")
    x, y = at[0] - 1, at[1] - item.font.descent
    height = item.font.line_height
    return [
        (line, round(x, 2), round(y - (len(lines) - 1 - i) * height, 2))
        for i, line in enumerate(lines)
    ]


def _size(item: Item) -> int:
    return len(item.points) if isinstance(item, (Line, Polygon)) else 4
