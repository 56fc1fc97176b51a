"""Turtle graphics in a notebook: the functions and classes of Python's own ``turtle``.

``import turtle`` imports this module where Python has no window, such as in a browser. The
picture appears in the output of the cell, first as an animation and then as an SVG image.

Examples
--------
>>> from je_kernel import turtle
>>> t = turtle.Turtle()
>>> for _ in range(3):
...     t.forward(100)
...     t.left(90)
>>> t.position(), t.heading()
((0.00,100.00), 270.0)
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from je_kernel.turtle.canvas import ScrolledCanvas
from je_kernel.turtle.errors import Terminator
from je_kernel.turtle.errors import TurtleGraphicsError as TurtleGraphicsError
from je_kernel.turtle.navigation import TNavigator as TNavigator
from je_kernel.turtle.navigation import Vec2D
from je_kernel.turtle.pens import TPen as TPen
from je_kernel.turtle.raw_turtle import RawTurtle, Turtle
from je_kernel.turtle.screen import Screen, StandardScreen, TurtleScreen
from je_kernel.turtle.shapes import Shape

if TYPE_CHECKING:
    from collections.abc import Callable

Pen = Turtle
RawPen = RawTurtle
TurtleScreenBase = TurtleScreen
_Screen = StandardScreen

_SCREEN_FUNCTIONS = [
    "addshape", "bgcolor", "bgpic", "bye", "clearscreen", "colormode", "delay", "exitonclick",
    "getcanvas", "getshapes", "listen", "mainloop", "mode", "no_animation", "numinput", "onkey",
    "onkeypress", "onkeyrelease", "onscreenclick", "ontimer", "register_shape", "resetscreen",
    "save", "screensize", "setup", "setworldcoordinates", "textinput", "title", "tracer",
    "turtles", "update", "window_height", "window_width",
]  # fmt: skip
_TURTLE_FUNCTIONS = [
    "back", "backward", "begin_fill", "begin_poly", "bk", "circle", "clear", "clearstamp",
    "clearstamps", "clone", "color", "degrees", "distance", "dot", "down", "end_fill", "end_poly",
    "fd", "fill", "fillcolor", "filling", "forward", "get_poly", "get_shapepoly", "getpen",
    "getscreen", "getturtle", "goto", "heading", "hideturtle", "home", "ht", "isdown",
    "isvisible", "left", "lt", "onclick", "ondrag", "onrelease", "pd", "pen", "pencolor",
    "pendown", "pensize", "penup", "poly", "pos", "position", "pu", "radians", "reset",
    "resizemode", "right", "rt", "seth", "setheading", "setpos", "setposition", "setundobuffer",
    "setx", "sety", "shape", "shapesize", "shapetransform", "shearfactor", "showturtle", "speed",
    "st", "stamp", "teleport", "tilt", "tiltangle", "towards", "turtlesize", "undo",
    "undobufferentries", "up", "width", "write", "xcor", "ycor",
]  # fmt: skip

__all__ = [
    "Pen",
    "RawPen",
    "RawTurtle",
    "Screen",
    "ScrolledCanvas",
    "Shape",
    "Terminator",
    "Turtle",
    "TurtleScreen",
    "Vec2D",
    *_SCREEN_FUNCTIONS,
    *_TURTLE_FUNCTIONS,
    "done",
    "write_docstringdict",
]


def _anonymous() -> Turtle:
    """Return the turtle of the functions of this module."""
    screen = Screen()
    if screen._anonymous is None:
        screen._anonymous = Turtle()
    turtle: Turtle = screen._anonymous
    return turtle


def _as_function(name: str, cls: type, owner: Callable[[], Any]) -> Callable[..., Any]:
    """Return a method as a function that calls it on the screen or turtle of this module."""
    method = getattr(cls, name)
    signature = inspect.signature(method)
    parameters = list(signature.parameters.values())[1:]

    def function(*args: Any, **kwargs: Any) -> Any:
        return getattr(owner(), name)(*args, **kwargs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = method.__doc__
    function.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return function


def write_docstringdict(filename: str = "turtle_docstringdict") -> None:
    """Write the docstrings of the functions into a Python file, for translation.

    Parameters
    ----------
    filename
        The name of the file, without ``.py``.
    """
    texts = {f"_Screen.{name}": getattr(StandardScreen, name).__doc__ for name in _SCREEN_FUNCTIONS}
    texts |= {f"Turtle.{name}": getattr(Turtle, name).__doc__ for name in _TURTLE_FUNCTIONS}
    entries = "".join(f"    {key!r}: {text!r},\n" for key, text in sorted(texts.items()))
    with open(f"{filename}.py", "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(f"docsdict = {{\n{entries}}}\n")


globals().update(
    {name: _as_function(name, StandardScreen, Screen) for name in _SCREEN_FUNCTIONS}
    | {name: _as_function(name, Turtle, _anonymous) for name in _TURTLE_FUNCTIONS}
)
done = globals()["mainloop"]
