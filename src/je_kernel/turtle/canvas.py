"""The canvas of a screen, with the methods of Tk's canvas that apply to a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from je_kernel.turtle import svg
from je_kernel.turtle.colors import hexadecimal
from je_kernel.turtle.errors import TurtleGraphicsError
from je_kernel.turtle.scene import Scene, View

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ScrolledCanvas"]

# The size of the reader's screen is unknown; fractions of it mean fractions of this size.
_COMPUTER_SCREEN = (1600, 800)
_WINDOW = (800, 600)
_AREA = (400, 300)


class ScrolledCanvas:
    """A canvas to draw on.

    Parameters
    ----------
    master
        Ignored: a notebook has no window.
    width, height
        The visible size, in pixels.
    canvwidth, canvheight
        The size of the drawing area, in pixels.
    """

    def __init__(
        self,
        master: Any = None,  # noqa: ARG002
        width: int = _WINDOW[0],
        height: int = _WINDOW[1],
        canvwidth: int = _AREA[0],
        canvheight: int = _AREA[1],
    ) -> None:
        self.width, self.height = width, height
        self.canvwidth, self.canvheight = canvwidth, canvheight
        self.center = (0.0, 0.0)
        self.scene = Scene(View(*self.visible_size))

    @property
    def visible_size(self) -> tuple[int, int]:
        """The size of the picture: all of the drawing area, since a notebook scrolls."""
        return max(self.width, self.canvwidth), max(self.height, self.canvheight)

    def reset_sizes(self) -> None:
        """Set the default sizes."""
        (self.width, self.height), (self.canvwidth, self.canvheight) = _WINDOW, _AREA
        self.center = (0.0, 0.0)

    def set_window(self, width: float, height: float) -> None:
        """Set the visible size.

        Parameters
        ----------
        width, height
            In pixels, or as a fraction of the screen.
        """
        sizes = [
            int(whole * size if isinstance(size, float) and 0 <= size <= 1 else size)
            for size, whole in zip((width, height), _COMPUTER_SCREEN, strict=True)
        ]
        if not all(1 <= size <= 10_000 for size in sizes):
            raise TurtleGraphicsError(
                f"A picture of {sizes[0]} by {sizes[1]} pixels cannot be shown:"
                " each is to be from 1 to 10,000"
            )
        self.width, self.height = sizes

    def winfo_width(self) -> int:
        """Return the visible width, in pixels."""
        return self.width

    def winfo_height(self) -> int:
        """Return the visible height, in pixels."""
        return self.height

    def winfo_rgb(self, color: str) -> tuple[int, int, int]:
        """Return red, green and blue of a colour, each from 0 to 65535."""
        value = hexadecimal(color)
        if value is None:
            raise TurtleGraphicsError(f'unknown color name "{color}"')
        red, green, blue = (int(value[i : i + 2], 16) * 257 for i in (1, 3, 5))
        return red, green, blue

    def postscript(self, *, file: Any = None, **_options: Any) -> str:
        """Return the picture as PostScript, or write it.

        Parameters
        ----------
        file
            The name of a file to write to.
        **_options
            Other options of Tk's canvas, which are ignored.
        """
        text = svg.to_postscript(self.scene)
        if file is None:
            return text
        with open(file, "w", encoding="latin-1", errors="replace") as output:  # noqa: PTH123
            output.write(text)
        return ""

    def winfo_toplevel(self) -> _Window:
        """Return a stand-in for the window."""
        return _Window()

    @property
    def _rootwindow(self) -> _Window:
        return _Window()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"the canvas of a turtle in a notebook is not Tk's, and has no {name!r}:"
            " use the turtle's own functions"
        )


class _Window:
    """A stand-in for a window: its methods have no effect."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *_args, **_kwargs: None
