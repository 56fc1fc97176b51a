"""The shapes of turtles, and the image files of shapes and backgrounds."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from je_kernel.turtle.errors import TurtleGraphicsError

__all__ = ["BLANK", "Image", "Shape", "builtin_shapes", "read_image"]

_MIME_TYPES = {
    ".gif": "image/gif",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
}
_MOST_BYTES = 5_000_000


class Shape:
    """The shape of a turtle: a polygon, an image, or several polygons.

    Parameters
    ----------
    type_
        ``"polygon"``, ``"image"`` or ``"compound"``.
    data
        The polygon's corners, or the image's file name. A compound shape starts empty.

    Raises
    ------
    TurtleGraphicsError
        If there is no such type.
    """

    def __init__(self, type_: str, data: Any = None) -> None:
        if type_ == "polygon":
            data = tuple(data) if isinstance(data, list) else data
        elif type_ == "image":
            data = read_image(data) if isinstance(data, str) else data
        elif type_ == "compound":
            data = []
        else:
            raise TurtleGraphicsError(
                f"There is no shape type {type_}: it is polygon, image or compound"
            )
        self._type = type_
        self._data = data

    def addcomponent(self, poly: Any, fill: Any, outline: Any = None) -> None:
        """Add a polygon to a compound shape.

        Parameters
        ----------
        poly
            Its corners.
        fill
            Its fill colour.
        outline
            The colour of its outline; the same by default.
        """
        if self._type != "compound":
            raise TurtleGraphicsError(f"Cannot add component to {self._type} Shape")
        self._data.append([poly, fill, fill if outline is None else outline])


@dataclass(frozen=True)
class Image:
    """An image file.

    Parameters
    ----------
    width, height
        Its size in pixels.
    address
        The file as a ``data:`` URL; empty for the blank image.
    """

    width: int
    height: int
    address: str


BLANK = Image(1, 1, "")


def read_image(name: str) -> Image:
    """Read an image file.

    Parameters
    ----------
    name
        The file's name: of a GIF, PNG or JPEG file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TurtleGraphicsError
        If it is of another format, or too large for a notebook.
    """
    mime_type = _MIME_TYPES.get(Path(name).suffix.lower())
    if mime_type is None:
        raise TurtleGraphicsError(
            f"{name!r} is not a known image file: save it as .gif, .png or .jpg first"
        )
    data = Path(name).read_bytes()
    if len(data) > _MOST_BYTES:
        raise TurtleGraphicsError(
            f"{name!r} has {len(data) / 1e6:.0f} MB, too much for a picture in a notebook"
        )
    try:
        width, height = _SIZES[mime_type](data)
    except (IndexError, struct.error, ValueError):
        raise TurtleGraphicsError(f"{name!r} is corrupt, or not a {mime_type} file") from None
    return Image(width, height, f"data:{mime_type};base64,{base64.b64encode(data).decode('ascii')}")


def _size_of_gif(data: bytes) -> tuple[int, int]:
    if data[:4] != b"GIF8":
        raise ValueError("no GIF")
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _size_of_png(data: bytes) -> tuple[int, int]:
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("no PNG")
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _size_of_jpeg(data: bytes) -> tuple[int, int]:
    if data[:2] != b"\xff\xd8":
        raise ValueError("no JPEG")
    place = 2
    # The size is in the start-of-frame segment: its marker is C0 to CF, except three.
    while data[place + 1] not in range(0xC0, 0xD0) or data[place + 1] in (0xC4, 0xC8, 0xCC):
        place += 2 + struct.unpack_from(">H", data, place + 2)[0]
    height, width = struct.unpack_from(">HH", data, place + 5)
    return width, height


_SIZES = {"image/gif": _size_of_gif, "image/png": _size_of_png, "image/jpeg": _size_of_jpeg}

# Outlines of Python's own turtles; symmetric ones by half or quarter.
_HALF_OF_TURTLE = (
    (-2, 14), (-1, 10), (-4, 7), (-7, 9), (-9, 8), (-6, 5), (-7, 1), (-5, -3), (-8, -6), (-6, -8),
    (-4, -5),
)  # fmt: skip
_QUARTER_OF_CIRCLE: tuple[tuple[float, float], ...] = (
    (10, 0),
    (9.51, 3.09),
    (8.09, 5.88),
    (5.88, 8.09),
    (3.09, 9.51),
)


def builtin_shapes() -> dict[str, Shape]:
    """Return the shapes that every screen has, by name.

    Examples
    --------
    >>> sorted(builtin_shapes())
    ['arrow', 'blank', 'circle', 'classic', 'square', 'triangle', 'turtle']
    """
    other_half = tuple((-x, y) for x, y in reversed(_HALF_OF_TURTLE))
    quarters = [_QUARTER_OF_CIRCLE]
    for _ in range(3):
        quarters.append(tuple((-y, x) for x, y in quarters[-1]))
    polygons: dict[str, tuple[tuple[float, float], ...]] = {
        "arrow": ((-10, 0), (10, 0), (0, 10)),
        "turtle": ((0, 16), *_HALF_OF_TURTLE, (0, -7), *other_half),
        "circle": tuple(point for quarter in quarters for point in quarter),
        "square": ((10, -10), (10, 10), (-10, 10), (-10, -10)),
        "triangle": ((10, -5.77), (0, 11.55), (-10, -5.77)),
        "classic": ((0, 0), (-5, -9), (0, -7), (5, -9)),
    }
    shapes = {name: Shape("polygon", polygon) for name, polygon in polygons.items()}
    return {**shapes, "blank": Shape("image", BLANK)}
