"""Writes a scene as SVG, as PostScript, and as a description in words."""

from __future__ import annotations

import html
import math
import zlib
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Any

from je_kernel.turtle.colors import hexadecimal
from je_kernel.turtle.scene import ImageItem, Line, Part, Polygon, Text, text_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from je_kernel.turtle.scene import Item, Scene
    from je_kernel.turtle.shapes import Image

__all__ = ["describe", "to_postscript", "to_svg"]

_MOST_WORDS = 200


def to_svg(scene: Scene) -> str:
    """Write a scene as an SVG document.

    Parameters
    ----------
    scene
        The scene.

    Returns
    -------
    str
        A document of the size of the view, with a description as its title.
    """
    view = scene.view
    left, top = view.center[0] - view.width / 2, view.center[1] - view.height / 2
    box = f"{_number(left)} {_number(top)} {_number(view.width)} {_number(view.height)}"
    place = f'x="{_number(left)}" y="{_number(top)}" width="100%" height="100%"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" width="{_number(view.width)}"'
        f' height="{_number(view.height)}" role="img" stroke-linecap="round"'
        ' stroke-linejoin="round" fill="none" fill-rule="evenodd">',
        f"<title>{html.escape(describe(scene))}</title>",
        f"<defs>{''.join(_svg_definition(image) for image in _images(scene))}</defs>",
        f'<rect {place} fill="{hexadecimal(scene.background) or "#ffffff"}"/>',
    ]
    if scene.backdrop is not None:
        parts.append(_svg_image(scene.backdrop, (0, 0)))
    for style, lines in groupby(scene.in_order(), _line_style):
        if style is not None:
            parts.append(_svg_lines(scene, style, lines))
        else:
            parts += (_svg_item(scene, item) for item in lines)
    for turtle in scene.turtles.values():
        parts += (_svg_part(scene, part) for part in turtle)
    return "\n".join([*filter(None, parts), "</svg>"])


def _line_style(item: Item) -> tuple[str, float] | None:
    return (item.color, item.width) if isinstance(item, Line) else None


def _svg_lines(scene: Scene, style: tuple[str, float], lines: Iterator[Item]) -> str:
    color, width = hexadecimal(style[0]), max(style[1], 1)
    if color is None:
        return ""
    paths: list[str] = []
    end: Any = None
    for line in lines:
        assert isinstance(line, Line)
        numbers = [_number(number) for number in scene.pixels(line.points)]
        points = [f"{x} {y}" for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
        # Lines that continue each other are one stroke.
        paths.append(("L" if points[0] == end else "M") + "L".join(points))
        end = points[-1]
    return f'<path stroke="{color}" stroke-width="{_number(width)}" d="{"".join(paths)}"/>'


def _svg_item(scene: Scene, item: Item) -> str:
    match item:
        case Polygon():
            return _svg_polygon(scene, item)
        case Text():
            return _svg_text(scene, item)
        case ImageItem():
            return _svg_image(item.image, scene.pixel(item.at))
    return ""


def _svg_part(scene: Scene, part: Part) -> str:
    if part.image is not None:
        return _svg_image(part.image, scene.pixel(part.points[0]))
    return _svg_polygon(scene, part)


def _svg_polygon(scene: Scene, shape: Polygon | Part) -> str:
    fill, outline = hexadecimal(shape.fill), hexadecimal(shape.outline)
    if not fill and not outline:
        return ""
    points = " ".join(map(_number, scene.pixels(shape.points)))
    ink = f' fill="{fill}"' if fill else ""
    if outline:
        ink += f' stroke="{outline}" stroke-width="{_number(max(shape.width, 1))}"'
    return f'<polygon{ink} points="{points}"/>'


_ANCHORS = {"left": "start", "center": "middle", "right": "end"}


def _svg_text(scene: Scene, item: Text) -> str:
    font, color = item.font, hexadecimal(item.color)
    if not color:
        return ""
    family = f"'{font.family}', {font.generic}"
    style = (' font-weight="bold"' * font.bold) + (' font-style="italic"' * font.italic)
    style += ' text-decoration="underline"' * font.underline
    lines = "".join(
        f'<tspan x="{_number(x)}" y="{_number(y)}">{_escaped(line)}</tspan>'
        for line, x, y in text_lines(item, scene.pixel(item.at))
    )
    return (
        f'<text font-family="{family}" font-size="{_number(font.size)}"{style} fill="{color}"'
        f' text-anchor="{_ANCHORS[item.align]}" xml:space="preserve">{lines}</text>'
    )


def _images(scene: Scene) -> set[Image]:
    """Return the distinct images of a scene."""
    images = {item.image for item in scene.items.values() if isinstance(item, ImageItem)}
    images |= {part.image for turtle in scene.turtles.values() for part in turtle if part.image}
    images |= {scene.backdrop} if scene.backdrop is not None else set()
    return {image for image in images if image.address}


def _name(image: Image) -> str:
    # The id is global in a page: equal images have equal ids.
    return f"turtle-image-{zlib.crc32(image.address.encode('ascii')):08x}"


def _svg_definition(image: Image) -> str:
    size = f'width="{image.width}" height="{image.height}"'
    return f'<image id="{_name(image)}" {size} href="{image.address}"/>'


def _svg_image(image: Image, at: tuple[float, float]) -> str:
    if not image.address:
        return ""
    x, y = at[0] - image.width / 2, at[1] - image.height / 2
    return f'<use href="#{_name(image)}" x="{_number(x)}" y="{_number(y)}"/>'


def _escaped(text: str) -> str:
    """Escape a text for XML, without characters that XML forbids."""
    return html.escape("".join(c for c in text if c == "\t" or c.isprintable() or c == "\u00a0"))


def _number(value: float) -> str:
    """Format a number of pixels, rounded to tenths."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def describe(scene: Scene) -> str:
    """Describe a scene in words, for screen readers.

    Parameters
    ----------
    scene
        The scene.
    """
    counts: Counter[str] = Counter()
    colors: dict[str, None] = {}
    words: list[str] = []
    for item in scene.items.values():
        match item:
            case Line():
                counts["line"] += len(item.points) - 1
                colors[item.color] = None
            case Polygon() if item.fill:
                counts["filled shape"] += 1
                colors[item.fill] = None
            case Text():
                words.append(item.text.strip())
                colors[item.color] = None
            case ImageItem():
                counts["image"] += 1
    counts["turtle"] = len(scene.turtles)
    phrases = [f"{n:,} {name}{'s' * (n != 1)}" for name, n in counts.items() if n]
    color_names = [color for color in colors if color]
    text = f"Turtle drawing: {', '.join(phrases) or 'nothing yet'}"
    if color_names:
        text += f", in {', '.join(color_names[:8])}" + " and other colours" * (len(color_names) > 8)
    if words:
        text += f". It says: {' '.join(words)[:_MOST_WORDS]}"
    return text


def to_postscript(scene: Scene) -> str:
    """Write a scene as encapsulated PostScript, without its images.

    Parameters
    ----------
    scene
        The scene.
    """
    view = scene.view
    left, bottom = view.center[0] - view.width / 2, -view.center[1] - view.height / 2
    lines = [
        "%!PS-Adobe-3.0 EPSF-3.0",
        f"%%BoundingBox: 0 0 {math.ceil(view.width)} {math.ceil(view.height)}",
        "%%EndComments",
        f"{_number(-left)} {_number(-bottom)} translate 1 setlinecap 1 setlinejoin",
        _ps_color(scene.background),
        f"{_number(left)} {_number(bottom)} {_number(view.width)} {_number(view.height)} rectfill",
    ]
    for item in scene.in_order():
        match item:
            case Line() if item.color:
                width = f"{_number(max(item.width, 1))} setlinewidth"
                lines += [_ps_color(item.color), width, f"{_ps_path(scene, item.points)} stroke"]
            case Polygon():
                lines += _ps_polygon(scene, item)
            case Text() if item.color:
                lines += _ps_text(scene, item)
    for turtle in scene.turtles.values():
        for part in turtle:
            lines += _ps_polygon(scene, part)
    return "\n".join([*lines, "showpage", "%%EOF", ""])


def _ps_color(color: str) -> str:
    value = hexadecimal(color) or "#ffffff"
    parts = (int(value[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return " ".join(f"{part:.3f}" for part in parts) + " setrgbcolor"


def _ps_path(scene: Scene, points: Iterable[tuple[float, float]]) -> str:
    numbers = scene.pixels(points)
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    places = [f"{_number(x)} {_number(-y)}" for x, y in pairs]
    return " ".join([f"newpath {places[0]} moveto", *(f"{place} lineto" for place in places[1:])])


def _ps_polygon(scene: Scene, shape: Polygon | Part) -> list[str]:
    if not shape.points or (isinstance(shape, Part) and shape.image is not None):
        return []
    path = f"{_ps_path(scene, shape.points)} closepath"
    lines = []
    if shape.fill:
        lines += [_ps_color(shape.fill), f"{path} eofill"]
    if shape.outline:
        width = f"{_number(max(shape.width, 1))} setlinewidth"
        lines += [_ps_color(shape.outline), width, f"{path} stroke"]
    return lines


_PS_FONTS = {"monospace": "Courier", "serif": "Times-Roman", "sans-serif": "Helvetica"}
_PS_BACK = {"left": "", "center": " dup stringwidth pop 2 div neg 0 rmoveto"}


def _ps_text(scene: Scene, item: Text) -> list[str]:
    font = f"/{_PS_FONTS[item.font.generic]} findfont {_number(item.font.size)} scalefont setfont"
    back = _PS_BACK.get(item.align, " dup stringwidth pop neg 0 rmoveto")
    lines = [_ps_color(item.color), font]
    for line, x, y in text_lines(item, scene.pixel(item.at)):
        # These fonts have Latin-1 characters only; backslash and parentheses are escaped.
        text = line.encode("latin-1", "replace").decode("latin-1")
        text = "".join(f"\\{c}" if c in "\\()" else c for c in text if c.isprintable())
        lines.append(f"{_number(x)} {_number(-y)} moveto ({text}){back} show")
    return lines
