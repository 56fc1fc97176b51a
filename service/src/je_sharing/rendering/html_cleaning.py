"""Sanitise HTML from a notebook: keep structure and text, remove behaviour and styling."""

import re

import nh3

MAX_HTML_CHARACTERS = 2_000_000
# Elements that are open, added up over all tags: a parser may look at each of them at each tag.
_MOST_WORK = 5_000_000

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
_TAG_NAME = re.compile(r"</?([a-zA-Z][^ \t\n\f\r/>]*)")
# As a tokenizer reads it: a quote is one only where a value begins.
_TAG_REST = re.compile(
    r"""(?>[ \t\n\f\r/]++|[^ \t\n\f\r/>][^ \t\n\f\r/>=]*+
    (?:[ \t\n\f\r]*+=[ \t\n\f\r]*+(?:"[^"]*+"|'[^']*+'|[^ \t\n\f\r>"'][^ \t\n\f\r>]*+))?+
    )*+>""",
    re.VERBOSE,
)
_COMMENT_ENDS = re.compile("--!?>")
_RAW_TEXT = {
    "iframe",
    "noembed",
    "noframes",
    "noscript",
    "script",
    "style",
    "textarea",
    "title",
    "xmp",
}
_FOREIGN = {"svg", "math"}
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
        When it is too long, or nested so deeply that parsing it would take seconds.

    Examples
    --------
    >>> clean_html('<p onclick="x()">Hi <a href="javascript:x()">you</a><script>x()</script></p>')
    '<p>Hi <a rel="noopener noreferrer nofollow">you</a></p>'
    """
    if len(html) > MAX_HTML_CHARACTERS:
        raise TooComplexError("too long")
    if parsing_work(html, _MOST_WORK) > _MOST_WORK:
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


def parsing_work(html: str, enough: int) -> int:
    """Estimate how much looking around an HTML parser would do.

    Parameters
    ----------
    html
        Any HTML.
    enough
        Where to stop counting.

    Returns
    -------
    int
        The number of open elements, added up over all tags.

    Notes
    -----
    An HTML parser looks through all open elements at many a tag, so fifty thousand that are never
    closed cost seconds. An end tag counts here only where it certainly closes something.
    """
    stack: list[str] = []
    work = position = 0
    while work <= enough and (start := html.find("<", position)) >= 0:
        found = _TAG_NAME.match(html, start)
        if not found and not html.startswith("<!--", start):
            position = start + 1
            continue
        end = _TAG_REST.match(html, found.end()) if found else _COMMENT_ENDS.search(html, start + 2)
        if end is None:
            break  # A parser drops a tag or a comment that never ends.
        position = end.end()
        if not found:
            continue
        tag = found[1].lower()
        is_foreign = not _FOREIGN.isdisjoint(stack)
        if html[start + 1] == "/":
            _close(stack, tag)
        elif tag in _RAW_TEXT and not is_foreign:
            raw_end = re.compile(rf"</{tag}(?=[ \t\n\f\r/>])", re.IGNORECASE).search(html, position)
            position = raw_end.start() if raw_end else len(html)
        elif tag not in _VOID and not (is_foreign and html[position - 2] == "/"):
            stack.append(tag)
        work += len(stack)
    return work


def _close(stack: list[str], tag: str) -> None:
    last = len(stack) - 1
    while last >= 0 and stack[last] != tag and stack[last] in _ENDS_BY_ITSELF:
        last -= 1
    if last >= 0 and stack[last] == tag:
        del stack[last:]


def has_something_to_see(html: str) -> bool:
    """Tell whether cleaned HTML has any text or image left.

    Examples
    --------
    >>> has_something_to_see("<div> </div>"), has_something_to_see("<p>7</p>")
    (False, True)
    """
    first, *others = html.split("<")
    texts = [first, *(other.partition(">")[2] for other in others)]
    return "<img" in html or any(text.strip() for text in texts)
