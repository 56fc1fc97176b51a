"""Parse Tk's descriptions of fonts, and measure the width of text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Font", "parse_font"]

# Points of 1/72 inch, on screens that count 96 pixels to the inch.
_PIXELS_PER_POINT = 96 / 72
_DEFAULT_POINTS = 8

# Advance widths of the printable ASCII characters in thousandths of the font's size, from the
# metrics of Helvetica and Times, which Arial and Times New Roman share.
_SANS = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
)  # fmt: skip
_SERIF = (
    250, 333, 408, 500, 500, 833, 778, 180, 333, 333, 500, 564, 250, 333, 250, 278, 500, 500, 500,
    500, 500, 500, 500, 500, 500, 500, 278, 278, 564, 564, 564, 444, 921, 722, 667, 667, 722, 611,
    556, 722, 722, 333, 389, 722, 611, 889, 722, 722, 556, 722, 667, 556, 611, 722, 722, 944, 722,
    722, 611, 333, 278, 333, 469, 500, 333, 444, 500, 444, 500, 444, 333, 500, 500, 278, 278, 500,
    278, 778, 500, 500, 500, 500, 333, 389, 278, 500, 500, 722, 500, 500, 444, 480, 200, 480, 541,
)  # fmt: skip
_MONOSPACED = 600
_WIDE = 1000  # Chinese, Japanese, Korean, emoji
_BOLD = 1.06

_FAMILIES = {
    "monospace": ("courier", "mono", "consol", "menlo", "terminal", "fixed"),
    "serif": ("times", "georgia", "garamond", "roman", "palatino", "book", "cambria", "serif"),
}


@dataclass(frozen=True)
class Font:
    """A font.

    Parameters
    ----------
    family
        Its name.
    size
        Its size in pixels.
    bold, italic, underline
        Its style.
    """

    family: str
    size: float
    bold: bool = False
    italic: bool = False
    underline: bool = False

    @property
    def generic(self) -> str:
        """The family of CSS that stands in where the font is not there."""
        lowered = self.family.lower()
        if "sans" in lowered:
            return "sans-serif"
        for generic, marks in _FAMILIES.items():
            if any(mark in lowered for mark in marks):
                return generic
        return "sans-serif"

    @property
    def line_height(self) -> float:
        """From one line to the next, in pixels."""
        return 1.15 * self.size

    @property
    def descent(self) -> float:
        """From the base line to the bottom of a line, in pixels."""
        return 0.22 * self.size

    def width_of(self, text: str) -> float:
        """Return how wide a text is, in pixels: measured in Latin script, guessed in others.

        Examples
        --------
        >>> Font("Arial", 10).width_of("Hello")
        22.78
        """
        widest = max(sum(map(self._advance, line)) for line in text.split("\n"))
        return widest * self.size * (_BOLD if self.bold else 1) / 1000

    def _advance(self, character: str) -> int:
        if self.generic == "monospace":
            return _MONOSPACED
        code = ord(character)
        widths = _SERIF if self.generic == "serif" else _SANS
        if 32 <= code < 127:
            return widths[code - 32]
        return _WIDE if code >= 0x1100 else widths[ord("n") - 32]


def parse_font(description: Any) -> Font:
    """Read a description of a font as Tk does.

    Parameters
    ----------
    description
        ``(family, size, style, …)``, its last parts left out at will, or the same as one text.
        The size is in points, or in pixels when it is negative.

    Examples
    --------
    >>> parse_font(("Arial", 12, "bold italic"))
    Font(family='Arial', size=16.0, bold=True, italic=True, underline=False)
    >>> parse_font("Courier -20")
    Font(family='Courier', size=20.0, bold=False, italic=False, underline=False)
    """
    if isinstance(description, str):
        words = description.split()
        numbers = [i for i, word in enumerate(words) if _is_number(word)]
        cut = numbers[0] if numbers else len(words)
        parts: list[Any] = [" ".join(words[:cut]), *words[cut:]]
    else:
        parts = list(description)
    # No more than a name has: what is left can stand in a style.
    family = "".join(c for c in str(parts[0]) if c.isalnum() or c in " -_") if parts else ""
    points = next((float(part) for part in parts[1:] if _is_number(part)), 0.0) or _DEFAULT_POINTS
    styles = " ".join(str(part) for part in parts[1:]).lower().split()
    return Font(
        family or "Arial",
        -points if points < 0 else points * _PIXELS_PER_POINT,
        "bold" in styles,
        "italic" in styles or "oblique" in styles,
        "underline" in styles,
    )


def _is_number(part: Any) -> bool:
    try:
        float(part)
    except (TypeError, ValueError):
        return False
    return True
