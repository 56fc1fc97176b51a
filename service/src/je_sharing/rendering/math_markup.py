"""Convert LaTeX to MathML, which current browsers show without a script or a font."""

import html
import re
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert_to_element

_LONGEST = 4_000
_ELEMENTS = frozenset(
    """
    math menclose merror mfenced mfrac mi mmultiscripts mn mo mover mpadded mphantom
    mprescripts mroot mrow ms mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr
    munder munderover none
    """.split()  # noqa: SIM905
)
_ATTRIBUTES = frozenset(
    """
    accent accentunder align close columnalign columnlines columnspacing depth display
    displaystyle fence form height linethickness lspace mathcolor mathsize mathvariant maxsize
    minsize movablelimits notation open rowlines rowspacing rspace scriptlevel separator
    separators stretchy symmetric voffset width
    """.split()  # noqa: SIM905
)
_VALUE = re.compile(r"[\w .#%,+()\[\]{}|/\\⟨⟩⌈⌉⌊⌋‖∣-]{0,60}\Z")  # noqa: RUF001
# Environments that line up at the ampersands; the converter knows the one without numbers.
_ALIGNED = re.compile(r"\\(begin|end)\{(?:align|aligned|split|eqnarray)\*?\}")
_DELIMITERS = (("$$", "$$"), ("$", "$"), (r"\[", r"\]"), (r"\(", r"\)"))


def math_html(latex: str, *, block: bool) -> str:
    r"""Convert a formula.

    Parameters
    ----------
    latex
        The formula without its dollar signs.
    block
        Whether it stands on a line of its own.

    Returns
    -------
    str
        A `math` element; the formula's source in a `code` element when it cannot be converted.

    Examples
    --------
    >>> math_html(r"x^2", block=False).startswith('<math display="inline">')
    True
    >>> math_html(r"\frac{", block=False)
    '<code class="latex">\\frac{</code>'
    """
    try:
        if len(latex) > _LONGEST:
            raise ValueError("too long")
        aligned = _ALIGNED.sub(r"\\\1{align*}", latex)
        element = convert_to_element(aligned, display="block" if block else "inline")
        return _markup(element)
    # The converter has many exceptions of its own, and hostile input finds the others.
    except Exception:
        source = f'<code class="latex">{html.escape(latex)}</code>'
        return f'<div class="formula">{source}</div>' if block else source


def strip_delimiters(latex: str) -> str:
    r"""Take the outermost delimiters off a formula.

    Examples
    --------
    >>> strip_delimiters("$$x + 1$$"), strip_delimiters(r"$\displaystyle x$")
    ('x + 1', '\\displaystyle x')
    """
    text = latex.strip()
    for left, right in _DELIMITERS:
        if text.startswith(left) and text.endswith(right) and len(text) >= len(left + right):
            return text[len(left) : -len(right)].strip()
    return text


def _markup(element: Element) -> str:
    """Write an element out ourselves: the converter's own output does not escape text."""
    tag = element.tag.rpartition("}")[2]
    if tag not in _ELEMENTS:
        return "".join(_markup(child) for child in element)
    attributes = "".join(
        f' {name}="{html.escape(value)}"'
        for name, value in element.attrib.items()
        if name in _ATTRIBUTES and _VALUE.match(value)
    )
    # Characters arrive as the text "&#x0003C;".
    text = html.escape(html.unescape(element.text or ""))
    return f"<{tag}{attributes}>{text}{''.join(_markup(child) for child in element)}</{tag}>"
