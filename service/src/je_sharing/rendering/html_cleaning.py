"""HTML from a notebook, made harmless: structure and text stay, behaviour and styling go."""

import re

import nh3

MAX_HTML_CHARACTERS = 2_000_000
_DEEPEST = 400

_TAGS = frozenset(
    """
    a abbr b blockquote br caption center cite code col colgroup dd del details dfn div dl dt
    em figcaption figure h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q rp rt ruby s
    samp small span strong sub summary sup table tbody td tfoot th thead time tr tt u ul var
    wbr
    """.split()  # noqa: SIM905
)
_ATTRIBUTES = {
    "*": {"dir", "lang", "title"},
    "a": {"href"},
    "abbr": {"title"},
    "col": {"span"},
    "colgroup": {"span"},
    "details": {"open"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start", "type", "reversed"},
    "td": {"align", "colspan", "rowspan", "headers"},
    "th": {"align", "colspan", "rowspan", "scope", "abbr"},
    "time": {"datetime"},
}
# Their text is not for reading either.
_DROPPED_WITH_CONTENT = {
    "iframe", "math", "noembed", "noframes", "noscript", "object", "script", "select", "style",
    "svg", "template", "textarea", "title", "xmp",
}  # fmt: skip
_LINK = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)
_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]*\Z")
_NUMBER = re.compile(r"\d{1,4}\Z")
_NUMERIC = {"width", "height", "colspan", "rowspan", "span", "start"}
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)[^<>]*?(/?)>")
_VOID = {"br", "col", "hr", "img", "input", "wbr", "meta", "link", "source", "embed", "area"}
_ENDS_BY_ITSELF = {"p", "li", "td", "th", "tr", "dt", "dd", "tbody", "thead", "tfoot", "option"}


class TooComplexError(ValueError):
    """The HTML is too long or too deeply nested to be worth a browser's while."""


def clean_html(html: str, *, marker: str = "") -> str:
    """Keep what can be read of a piece of HTML and nothing that acts.

    Parameters
    ----------
    html
        What the notebook holds.
    marker
        Text that will be replaced by trusted HTML afterwards; attributes that contain it are
        dropped, for there the replacement would break out of the attribute.

    Returns
    -------
    str
        HTML without scripts, handlers, styles, classes, ids, forms, frames or remote images.

    Raises
    ------
    TooComplexError
        When it is too long, or nested so deeply that parsing it is an attack.

    Examples
    --------
    >>> clean_html('<p onclick="x()">Hi <a href="javascript:x()">you</a><script>x()</script></p>')
    '<p>Hi <a rel="noopener noreferrer nofollow">you</a></p>'
    """
    if len(html) > MAX_HTML_CHARACTERS:
        raise TooComplexError("too long")
    if nesting_depth(html) > _DEEPEST:
        raise TooComplexError("nested too deeply")

    def keep(_tag: str, name: str, value: str) -> str | None:
        if marker and marker in value:
            return None
        if name == "href":
            return value if _LINK.match(value.strip()) else None
        if name == "src":
            return value if _IMAGE.match(value) else None
        if name in _NUMERIC:
            return value if _NUMBER.match(value) else None
        return value

    return nh3.clean(
        html,
        tags=set(_TAGS),
        attributes=_ATTRIBUTES,
        clean_content_tags=_DROPPED_WITH_CONTENT,
        attribute_filter=keep,
        url_schemes={"http", "https", "mailto", "data"},
        link_rel="noopener noreferrer nofollow",
        strip_comments=True,
    )


def nesting_depth(html: str) -> int:
    """Estimate how deeply HTML nests; never less than what a parser would make of it.

    Parameters
    ----------
    html
        Any HTML.

    Returns
    -------
    int
        The depth.

    Notes
    -----
    An HTML parser looks through all open elements at many a tag, so fifty thousand that are never
    closed cost seconds. An end tag counts here only where it certainly closes something.
    """
    stack: list[str] = []
    deepest = 0
    for closing, name, closed in _TAG.findall(html):
        tag = name.lower()
        if not closing:
            if tag not in _VOID and not (closed and tag in {"path", "rect", "circle"}):
                stack.append(tag)
                deepest = max(deepest, len(stack))
            continue
        last = len(stack) - 1
        while last >= 0 and stack[last] != tag and stack[last] in _ENDS_BY_ITSELF:
            last -= 1
        if last >= 0 and stack[last] == tag:
            del stack[last:]
    return deepest


def has_something_to_see(html: str) -> bool:
    """Tell whether cleaned HTML has any text or image left.

    Examples
    --------
    >>> has_something_to_see("<div> </div>"), has_something_to_see("<p>7</p>")
    (False, True)
    """
    return "<img" in html or bool(re.sub(r"<[^>]*>", "", html).strip())
