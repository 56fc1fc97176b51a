"""Python's own turtle module, on a stand-in for Tk's canvas that keeps what is drawn.

The module itself is the real one of this Python. Tk is not: the geometry is the module's, and
Tk only keeps its items, which is what `Canvas` does.
"""

from __future__ import annotations

import functools
import itertools
import sys
import sysconfig
from pathlib import Path
from types import ModuleType
from unittest import mock

PATH = Path(sysconfig.get_path("stdlib")) / "turtle.py"
WINDOW = (800, 600)


class TclError(Exception):
    """What Tk raises."""


class Widget:
    """Any widget: what it is told has no effect, and it is as large as the window."""

    def __init__(self, *args, **options):
        self._options = options

    def winfo_width(self):
        return WINDOW[0]

    def winfo_height(self):
        return WINDOW[1]

    def winfo_toplevel(self):
        return self

    @property
    def tk(self):
        return self

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args, **options: None


class Canvas(Widget):
    """Keeps items as Tk's canvas does: each has a type, coordinates, options, and a place."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.items = {}
        self._numbers = itertools.count(1)

    def _create(self, kind, coordinates, options):
        number = next(self._numbers)
        flat = list(coordinates[0]) if len(coordinates) == 1 else list(coordinates)
        self.items[number] = (kind, flat, options)
        return number

    def create_line(self, *coordinates, **options):
        return self._create("line", coordinates, options)

    def create_polygon(self, *coordinates, **options):
        return self._create("polygon", coordinates, options)

    def create_image(self, *coordinates, **options):
        return self._create("image", coordinates, options)

    def create_text(self, *coordinates, **options):
        return self._create("text", coordinates, options)

    def coords(self, number, *new):
        if number not in self.items:
            return []
        kind, flat, options = self.items[number]
        if new:
            values = new[0] if len(new) == 1 else new
            self.items[number] = (kind, list(values), options)
        return [float(value) for value in flat]

    def itemconfigure(self, number, **options):
        if number in self.items:
            self.items[number][2].update(options)

    itemconfig = itemconfigure

    def tag_raise(self, number):
        if number in self.items:
            self.items[number] = self.items.pop(number)

    def tag_lower(self, number):
        pass

    def delete(self, number):
        if number == "all":
            self.items.clear()
        self.items.pop(number, None)

    def type(self, number):
        return self.items[number][0] if number in self.items else None

    def find_all(self):
        return list(self.items)

    def bbox(self, number):
        return (0, 0, 50, 10)

    def cget(self, name):
        return self._options.get(name, "")

    def config(self, **options):
        self._options.update({k: v for k, v in options.items() if v is not None})

    configure = config

    def winfo_rgb(self, color):
        from je_kernel.turtle.colors import is_color

        if not is_color(color):
            raise TclError(color)


class Tk(Widget):
    """The root window."""

    def winfo_screenwidth(self):
        return 1600

    def winfo_screenheight(self):
        return 800

    def geometry(self, text):
        pass


@functools.cache
def _code():
    return compile(PATH.read_text("utf-8"), str(PATH), "exec")


def load():
    """Return the module, newly executed."""
    tkinter = ModuleType("tkinter")
    tkinter.Frame, tkinter.Canvas, tkinter.Scrollbar = Widget, Canvas, Widget
    tkinter.Tk, tkinter.PhotoImage, tkinter.TclError = Tk, Widget, TclError
    tkinter.ROUND, tkinter.SUNKEN, tkinter.HORIZONTAL = "round", "sunken", "horizontal"
    tkinter.mainloop = lambda: None
    tkinter.simpledialog = ModuleType("tkinter.simpledialog")
    module = ModuleType("real_turtle_module")
    module.__file__ = str(PATH)
    stand_ins = {"tkinter": tkinter, "tkinter.simpledialog": tkinter.simpledialog}
    with mock.patch.dict(sys.modules, stand_ins):
        exec(_code(), vars(module))
    return module


def drawing(module):
    """Return what is drawn by the real module: (kind, points, colours …), the lowest first."""
    screen = module.Screen()
    shapes = set()
    for turtle in screen.turtles():
        item = turtle.turtle._item
        shapes |= set(item) if isinstance(item, list) else {item}
    found = []
    for number, (kind, flat, options) in screen.cv._canvas.items.items():
        if number in shapes:
            continue
        points = list(zip(flat[::2], flat[1::2], strict=True))
        fill, outline = options.get("fill", ""), options.get("outline", "")
        if kind == "line" and fill:
            found.append(("line", points, fill, options["width"]))
        elif kind == "polygon" and (fill or outline):
            found.append(("polygon", points, fill, outline, options.get("width", 1)))
        elif kind == "text":
            align = {"sw": "left", "s": "center", "se": "right"}[options["anchor"]]
            (x, y), *_ = points
            found.append(("text", [(x + 1, y)], options["text"], align, fill))
    return joined(found)


def joined(items):
    """Join lines that are one stroke of the same pen, wherever they were cut."""
    whole = []
    for item in items:
        last = whole[-1] if whole else None
        stroke = last and last[0] == item[0] == "line" and last[2:] == item[2:]
        if stroke and near(last[1][-1:], item[1][:1]):
            whole[-1] = ("line", last[1] + item[1][1:], *last[2:])
        else:
            whole.append(item)
    return whole


def near(some, others):
    """Tell whether points are the same, but for what floating point makes of them."""
    return len(some) == len(others) and all(
        abs(a - b) < 1e-6 * max(1, abs(a))
        for one, other in zip(some, others, strict=True)
        for a, b in zip(one, other, strict=True)
    )
