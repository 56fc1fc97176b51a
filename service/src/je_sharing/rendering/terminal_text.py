"""Convert terminal output to HTML: apply ANSI colours and carriage returns, escape the rest."""

import html
import re
from collections import deque

_ESCAPE = re.compile(
    r"\x1b\[([0-9;:]*)([A-Za-z@`])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][A-Za-z0-9]|\x1b."
)
_OTHER_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]")
_LEVELS = (0, 95, 135, 175, 215, 255)
_PALETTE = (
    (0, 0, 0), (187, 0, 0), (0, 187, 0), (187, 187, 0),
    (0, 0, 187), (187, 0, 187), (0, 187, 187), (187, 187, 187),
    (85, 85, 85), (255, 85, 85), (85, 255, 85), (255, 255, 85),
    (85, 85, 255), (255, 85, 255), (85, 255, 255), (255, 255, 255),
)  # fmt: skip
_EXTENDED = {38: "f", 48: "b"}


def terminal_html(text: str) -> str:
    r"""Convert terminal output.

    Parameters
    ----------
    text
        With ANSI escape sequences; those that are not about colour are left out.

    Returns
    -------
    str
        HTML for inside a `pre` element: spans with the classes `t-f0` to `t-f15` (text colour),
        `t-b0` to `t-b15` (background), `t-bold`, `t-italic`, `t-under`.

    Examples
    --------
    >>> terminal_html("\x1b[0;31mNo!\x1b[0m <b>")
    '<span class="t-f1">No!</span> &lt;b&gt;'
    """
    style: dict[str, str] = {}
    parts: list[str] = []
    position = 0
    text = _obey_returns(text)
    for match in _ESCAPE.finditer(text):
        parts.append(_styled(text[position : match.start()], style))
        if match.group(2) == "m":
            _apply(match.group(1), style)
        position = match.end()
    parts.append(_styled(text[position:], style))
    return "".join(parts)


def plain_text(text: str) -> str:
    r"""Leave the escape sequences out.

    Examples
    --------
    >>> plain_text("\x1b[31mred\x1b[0m")
    'red'
    """
    return _OTHER_CONTROLS.sub("", _ESCAPE.sub("", text))


def _obey_returns(text: str) -> str:
    """Show only the last state of a line that was written over, as a progress bar's is."""
    text = text.replace("\r\n", "\n")
    if "\r" not in text:
        return text
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _styled(text: str, style: dict[str, str]) -> str:
    shown = html.escape(_OTHER_CONTROLS.sub("", text), quote=False)
    if not shown or not style:
        return shown
    return f'<span class="{" ".join(sorted(style.values()))}">{shown}</span>'


def _apply(codes: str, style: dict[str, str]) -> None:
    numbers = deque(
        int(code) if code and len(code) < 4 else 0 for code in codes.replace(":", ";").split(";")
    )
    while numbers:
        number = numbers.popleft()
        if number in _EXTENDED:
            colour = _extended_colour(numbers)
            if colour is not None:
                layer = _EXTENDED[number]
                style[layer] = f"t-{layer}{colour}"
        else:
            _apply_one(number, style)


def _apply_one(number: int, style: dict[str, str]) -> None:
    if number == 0:
        style.clear()
    elif number in {1, 3, 4}:
        style[f"a{number}"] = {1: "t-bold", 3: "t-italic", 4: "t-under"}[number]
    elif number in {22, 23, 24}:
        style.pop({22: "a1", 23: "a3", 24: "a4"}[number], None)
    elif number in {39, 49}:
        style.pop("f" if number == 39 else "b", None)
    else:
        for first, layer, offset in ((30, "f", 0), (40, "b", 0), (90, "f", 8), (100, "b", 8)):
            if first <= number < first + 8:
                style[layer] = f"t-{layer}{number - first + offset}"


def _extended_colour(numbers: deque[int]) -> int | None:
    """Read `5;n` or `2;r;g;b` off the front, as the nearest of the sixteen colours."""
    kind = numbers.popleft() if numbers else None
    if kind == 5 and numbers:
        return _from_256(numbers.popleft())
    if kind == 2 and len(numbers) >= 3:
        return _nearest((numbers.popleft(), numbers.popleft(), numbers.popleft()))
    return None


def _from_256(number: int) -> int:
    if number < 16:
        return number
    if number >= 232:
        grey = 8 + 10 * (min(number, 255) - 232)
        return _nearest((grey, grey, grey))
    cube = number - 16
    return _nearest((_LEVELS[cube // 36], _LEVELS[cube // 6 % 6], _LEVELS[cube % 6]))


def _nearest(colour: tuple[int, int, int]) -> int:
    def distance(index: int) -> int:
        return sum((a - b) ** 2 for a, b in zip(colour, _PALETTE[index], strict=True))

    return min(range(len(_PALETTE)), key=distance)
