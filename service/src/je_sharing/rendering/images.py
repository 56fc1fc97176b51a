"""Convert images to data URLs, only for `img` elements: there an SVG cannot run scripts."""

import base64
import re
from typing import Any

from je_sharing.rendering.source_text import joined

_BITMAPS = {"image/png", "image/jpeg", "image/gif", "image/webp"}
_SVG = "image/svg+xml"
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}\Z")
IMAGE_TYPES = (_SVG, "image/png", "image/jpeg", "image/webp", "image/gif")


def image_source(mime: str, data: Any) -> str | None:
    r"""Make the `src` of an image.

    Parameters
    ----------
    mime
        Its type, as in a MIME bundle.
    data
        Base64 for a bitmap, markup for SVG.

    Returns
    -------
    str or None
        A data URL; None for what is not an image we show.

    Examples
    --------
    >>> image_source("image/png", "aGk=\n")
    'data:image/png;base64,aGk='
    """
    text = joined(data)
    if mime == _SVG and "<svg" in text:
        encoded = base64.b64encode(text.encode("utf-8", "replace")).decode()
        return f"data:{_SVG};base64,{encoded}"
    if mime in _BITMAPS or mime == _SVG:
        compact = re.sub(r"\s+", "", text)
        if compact and _BASE64.match(compact):
            return f"data:{mime};base64,{compact}"
    return None
