"""The classes and functions of turtle screens: size, colours, shapes and events."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from je_kernel.turtle import svg
from je_kernel.turtle.canvas import ScrolledCanvas
from je_kernel.turtle.colors import is_color
from je_kernel.turtle.errors import Terminator, TurtleGraphicsError
from je_kernel.turtle.events import Handlers
from je_kernel.turtle.scene import View
from je_kernel.turtle.shapes import Shape, builtin_shapes, read_image
from je_kernel.turtle.stage import ScreenTurtle, stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Screen", "StandardScreen", "TurtleScreen"]

_MODES = ("standard", "logo", "world")
_DELAY = 10
# Milliseconds of a step without animation, and of a picture of a game.
_JUMP = 2
_PICTURE = 8


class TurtleScreen:
    """A screen that turtles draw on.

    Parameters
    ----------
    cv
        The canvas.
    mode
        ``"standard"``, ``"logo"`` or ``"world"``.
    colormode
        The largest red, green and blue: 1.0 or 255.
    delay
        Milliseconds per step of an animation.
    """

    def __init__(
        self,
        cv: ScrolledCanvas,
        mode: str = "standard",
        colormode: float = 1.0,
        delay: int = _DELAY,
    ) -> None:
        self.cv = cv
        self.canvwidth, self.canvheight = cv.canvwidth, cv.canvheight
        self.xscale = self.yscale = 1.0
        self._shapes = builtin_shapes()
        self._mode = mode
        self._colormode: float = colormode
        self._delayvalue = delay
        self._handlers = Handlers()
        TurtleScreen.clear(self)

    # Drawing.

    @property
    def _scene(self) -> Any:
        return self.cv.scene

    def clear(self) -> None:
        """Delete all drawings, all turtles and all event handlers."""
        self._delayvalue = _DELAY
        self._colormode = 1.0
        self._tracing: int = 1
        self._counter = 0
        self._turtles: list[ScreenTurtle] = []
        self._bgpicname = "nopic"
        self._anonymous: Any = None
        self._handlers.clear()
        self._scene.clear()
        self._show()

    def _restart(self) -> None:
        """Start a new picture, as for a new program."""
        self._mode = "standard"
        self._shapes = builtin_shapes()
        self.xscale = self.yscale = 1.0
        self.cv.reset_sizes()
        self.canvwidth, self.canvheight = self.cv.canvwidth, self.cv.canvheight
        TurtleScreen.clear(self)
        self._fit_view()

    def reset(self) -> None:
        """Return all turtles to their start, and delete their drawings."""
        for turtle in self._turtles:
            turtle._setmode(self._mode)
            turtle.reset()

    def update(self) -> None:
        """Show all changes since the last picture; for use when `tracer` is off."""
        self._check_open()
        for turtle in self._turtles:
            turtle._show_turtle()
        self._show(_PICTURE)

    def turtles(self) -> list[Any]:
        """Return the turtles on the screen."""
        return self._turtles

    def tracer(self, n: int | None = None, delay: int | None = None) -> int | None:
        """Set how often the picture is updated, or return it.

        Parameters
        ----------
        n
            Show every n-th picture; 0 shows none until `update`.
        delay
            Milliseconds per step of an animation.
        """
        if n is None:
            return self._tracing
        self._tracing = int(n)
        self._counter = 0
        if delay is not None:
            self._delayvalue = int(delay)
        if self._tracing:
            self.update()
        return None

    def delay(self, delay: int | None = None) -> int | None:
        """Set the milliseconds from one step of an animation to the next, or return them."""
        if delay is None:
            return self._delayvalue
        self._delayvalue = int(delay)
        return None

    @contextmanager
    def no_animation(self) -> Iterator[None]:
        """Update the picture only at the end of the block of this ``with`` statement."""
        tracing = self._tracing
        try:
            self.tracer(0)
            yield
        finally:
            self.tracer(tracing)

    def _check_open(self) -> None:
        if stage.closed:
            stage.closed = False
            raise Terminator("the picture was closed while the program was running")

    def _skip_frame(self) -> None:
        stage.skip_frame(self)

    def _counts_step(self) -> bool:
        """Count a step; return whether `tracer` shows it."""
        self._check_open()
        if self._tracing > 0:
            self._counter = (self._counter + 1) % self._tracing
        return self._tracing > 0 and self._counter == 0

    def _show(self, milliseconds: float = _JUMP, motion: Any = None) -> None:
        stage.show(self, milliseconds, motion)

    def _show_steps(self, steps: int, motion: Any) -> None:
        """Show a motion of several steps; a single step is not animated."""
        # Without a delay, an endless loop would flood the page with messages.
        if steps > 1:
            self._show(max(1, steps * self._delayvalue), motion)
        else:
            self._show(max(1, min(self._delayvalue, _JUMP)))

    # Mode, size and colours.

    def mode(self, mode: str | None = None) -> str | None:
        """Set the mode and reset the turtles, or return it.

        Parameters
        ----------
        mode
            ``"standard"``: turtles start to the right, angles run counterclockwise. ``"logo"``:
            upwards, clockwise. ``"world"``: with coordinates of `setworldcoordinates`.
        """
        if mode is None:
            return self._mode
        mode = mode.lower()
        if mode not in _MODES:
            raise TurtleGraphicsError(f"No turtle-graphics-mode {mode}")
        self._mode = mode
        if mode != "world":
            self.xscale = self.yscale = 1.0
            self._look_at((0.0, 0.0))
        self.reset()
        return None

    def setworldcoordinates(self, llx: float, lly: float, urx: float, ury: float) -> None:
        """Define the coordinates of the lower left and the upper right corner.

        Parameters
        ----------
        llx, lly
            The lower left corner.
        urx, ury
            The upper right corner.
        """
        if self._mode != "world":
            self.mode("world")
        self.screensize(self.window_width() - 20, self.window_height() - 20)
        self.xscale = self.canvwidth / float(urx - llx)
        self.yscale = self.canvheight / float(ury - lly)
        self._look_at(((llx + urx) / 2 * self.xscale, -(lly + ury) / 2 * self.yscale))
        self.update()

    def _look_at(self, center: tuple[float, float]) -> None:
        self.cv.center = center
        self._fit_view()

    def _fit_view(self) -> None:
        width, height = self.cv.visible_size
        view = View(width, height, self.cv.center, self.xscale, self.yscale)
        self._scene.set_paper(view=view)

    def screensize(
        self, canvwidth: int | None = None, canvheight: int | None = None, bg: Any = None
    ) -> tuple[int, int] | None:
        """Set the size of the drawing area, or return it.

        Parameters
        ----------
        canvwidth, canvheight
            Its width and height in pixels.
        bg
            The background colour.
        """
        if canvwidth is None and canvheight is None and bg is None:
            return self.cv.canvwidth, self.cv.canvheight
        self.canvwidth = self.cv.canvwidth = canvwidth or self.cv.canvwidth
        self.canvheight = self.cv.canvheight = canvheight or self.cv.canvheight
        if bg is not None:
            self._scene.set_paper(background=self._colorstr((bg,)))
        self._fit_view()
        self._show()
        return None

    def window_width(self) -> int:
        """Return the width of the picture, in pixels."""
        return self.cv.winfo_width()

    def window_height(self) -> int:
        """Return the height of the picture, in pixels."""
        return self.cv.winfo_height()

    def colormode(self, cmode: float | None = None) -> float | None:
        """Set the largest red, green and blue, or return it.

        Parameters
        ----------
        cmode
            1.0 or 255.
        """
        if cmode is None:
            return self._colormode
        if cmode in (1, 255):
            self._colormode = float(cmode) if cmode == 1 else 255
        return None

    def bgcolor(self, *args: Any) -> Any:
        """Set the background colour, or return it."""
        if not args:
            return self._color(self._scene.background)
        self._scene.set_paper(background=self._colorstr(args))
        self._show()
        return None

    def bgpic(self, picname: str | None = None) -> str | None:
        """Set the background image, or return its name.

        Parameters
        ----------
        picname
            The name of a GIF, PNG or JPEG file; ``"nopic"`` removes the image.
        """
        if picname is None:
            return self._bgpicname
        image = self._shapes["blank"]._data if picname == "nopic" else read_image(picname)
        self._scene.set_paper(backdrop=image)
        self._bgpicname = picname
        self._show()
        return None

    def _colorstr(self, color: Any) -> Any:
        if isinstance(color, (str, tuple, list)) and len(color) == 1:
            color = color[0]
        if isinstance(color, str):
            if color and not is_color(color):
                raise TurtleGraphicsError(f"bad color string: {color}")
            return color
        try:
            red, green, blue = color
        except (TypeError, ValueError):
            raise TurtleGraphicsError(f"bad color arguments: {color}") from None
        if self._colormode == 1.0:
            red, green, blue = (round(255.0 * part) for part in (red, green, blue))
        if not all(0 <= part <= 255 for part in (red, green, blue)):
            raise TurtleGraphicsError(f"bad color sequence: {color}")
        return f"#{red:02x}{green:02x}{blue:02x}"

    def _color(self, color: str) -> Any:
        digits = color.removeprefix("#")
        if digits == color:
            return color
        if len(digits) not in (3, 6):
            raise TurtleGraphicsError(f"bad colorstring: {color}")
        size = len(digits) // 3
        parts = (int(digits[i : i + size], 16) for i in range(0, len(digits), size))
        largest = self._colormode
        return tuple((16 if size == 1 else 1) * part * largest / 255 for part in parts)

    # Shapes.

    def register_shape(self, name: str, shape: Any = None) -> None:
        """Add a shape that turtles can have.

        Parameters
        ----------
        name
            Its name, or the name of an image file.
        shape
            A `Shape`, or the corners of a polygon. Not given for an image file.
        """
        if shape is None:
            if "." not in name:
                raise TurtleGraphicsError(
                    f"Bad arguments for register_shape: {name!r} is no image file, and no corners"
                    " of a polygon are given"
                )
            shape = Shape("image", name)
        elif isinstance(shape, tuple):
            shape = Shape("polygon", shape)
        self._shapes[name] = shape

    def getshapes(self) -> list[str]:
        """Return the names of all shapes that turtles can have."""
        return sorted(self._shapes)

    def getcanvas(self) -> ScrolledCanvas:
        """Return the canvas."""
        return self.cv

    # Events.

    def onclick(self, fun: Callable[..., Any] | None, btn: int = 1, add: Any = None) -> None:
        """Call a function with the coordinates of each click on the screen.

        Parameters
        ----------
        fun
            The function; None removes the present handler.
        btn
            The mouse button: 1 is the left one.
        add
            Whether to keep the present handlers.
        """
        self._bind(("click", None, btn), fun, add)

    def onkey(self, fun: Callable[[], Any] | None, key: str) -> None:
        """Call a function when a key is released; needs `listen`.

        Parameters
        ----------
        fun
            The function; None removes the present handler.
        key
            The key: ``"a"``, ``"space"``, ``"Up"``.
        """
        self._bind(("release", key), fun)

    def onkeypress(self, fun: Callable[[], Any] | None, key: str | None = None) -> None:
        """Call a function when a key is pressed; needs `listen`.

        Parameters
        ----------
        fun
            The function; None removes the present handler.
        key
            The key; any key by default.
        """
        self._bind(("press", key), fun)

    def _bind(self, event: tuple[Any, ...], function: Any, add: Any = None) -> None:
        self._handlers.bind(event, function, add)
        # A cell that only binds events shows the picture, too.
        self._show(0)
        stage.attend(self)

    def listen(self, xdummy: Any = None, ydummy: Any = None) -> None:  # noqa: ARG002
        """Send key presses to the picture."""
        self._handlers.listening = True
        self._show(0)
        stage.attend(self)

    def ontimer(self, fun: Callable[[], Any], t: int = 0) -> None:
        """Call a function after a time.

        Parameters
        ----------
        fun
            The function.
        t
            The time in milliseconds.
        """
        stage.call_later(self, t / 1000, fun)

    def mainloop(self) -> None:
        """End the program; event handlers are called from now on.

        Unlike on a desktop, this returns at once. A later cell that makes a turtle or a screen
        has a new picture.
        """
        stage.end_program()

    def textinput(self, title: str, prompt: str) -> str | None:
        """Ask for a text, below the cell.

        Parameters
        ----------
        title, prompt
            The question.
        """
        return _ask(title, prompt)

    def numinput(
        self,
        title: str,
        prompt: str,
        default: float | None = None,
        minval: float | None = None,
        maxval: float | None = None,
    ) -> float | None:
        """Ask for a number, below the cell, until it is one.

        Parameters
        ----------
        title, prompt
            The question.
        default
            The number for an empty answer.
        minval, maxval
            The smallest and the largest number.
        """
        hint = "" if default is None else f" [{default:g}]"
        while True:
            answer = _ask(title, f"{prompt}{hint}")
            if answer is None:
                return None
            if not answer.strip() and default is not None:
                return float(default)
            try:
                number = float(answer.replace(",", "."))
            except ValueError:
                print(f"{answer!r} is not a number. Please try again.")
                continue
            if minval is not None and number < minval:
                print(f"The smallest number is {minval:g}. Please try again.")
            elif maxval is not None and number > maxval:
                print(f"The largest number is {maxval:g}. Please try again.")
            else:
                return number

    onscreenclick = onclick
    resetscreen = reset
    clearscreen = clear
    addshape = register_shape
    onkeyrelease = onkey


def _ask(title: str, prompt: str) -> str | None:
    stage.flush()
    try:
        return input(f"{title}: {prompt} " if title else f"{prompt} ")
    except EOFError:
        return None


class StandardScreen(TurtleScreen):
    """The screen that `Screen` returns, with the methods of a window."""

    _title = "Python Turtle Graphics"

    def __init__(self) -> None:
        TurtleScreen.__init__(self, ScrolledCanvas())

    def setup(
        self,
        width: float = 0.5,
        height: float = 0.75,
        startx: int | None = None,  # noqa: ARG002
        starty: int | None = None,  # noqa: ARG002
    ) -> None:
        """Set the size of the picture.

        Parameters
        ----------
        width, height
            In pixels; at most 1.0, as a fraction of a screen of 1600 by 800 pixels.
        startx, starty
            The position of a window; ignored in a notebook.
        """
        self.cv.set_window(width, height)
        self._fit_view()
        self.update()

    def title(self, titlestring: str) -> None:
        """Set the title of the picture."""
        StandardScreen._title = titlestring

    def bye(self) -> None:
        """End the program: the picture stays, and the next drawing has a new one."""
        stage.close_program(self)

    def exitonclick(self) -> None:
        """End the program; unlike on a desktop, this returns at once."""
        self.mainloop()

    def save(self, filename: Any, *, overwrite: bool = False) -> None:
        """Save the picture as a file.

        Parameters
        ----------
        filename
            The name, with the suffix ``.ps`` or ``.eps`` for PostScript, or ``.svg``.
        overwrite
            Whether to overwrite an existing file.
        """
        path = Path(filename)
        if not path.parent.exists():
            raise FileNotFoundError(
                f"The directory '{path.parent}' does not exist. Cannot save to it."
            )
        if not overwrite and path.exists():
            raise FileExistsError(
                f"The file '{path}' already exists. To overwrite it, call save with overwrite=True."
            )
        writers = {".ps": svg.to_postscript, ".eps": svg.to_postscript, ".svg": svg.to_svg}
        if path.suffix not in writers:
            raise ValueError(
                f"Unknown file extension: '{path.suffix}', must be one of .ps, .eps, .svg"
            )
        path.write_text(writers[path.suffix](self._scene), "utf-8")


_screen: StandardScreen | None = None


def Screen() -> StandardScreen:  # noqa: N802
    """Return the default screen of turtles."""
    global _screen
    if _screen is None:
        _screen = StandardScreen()
    return stage.begin(_screen)
