"""A shared notebook is shown without anything of it being run."""

from __future__ import annotations

import base64
import html
import json
import re
import sys
import time
from html.parser import HTMLParser

import pytest

from je_kernel.errors import FilesError
from je_kernel.sharing import markdown_text
from je_kernel.sharing.addresses import Service, reference_of
from je_kernel.sharing.markdown_text import formula, to_html
from je_kernel.sharing.protocol import Ids
from je_kernel.sharing.safe_html import safe_html
from je_kernel.sharing.share_display import NotShared, Retried, Share
from je_kernel.sharing.viewer import SharedNotebook
from tests.hostile_markup import FORMULAS, HOSTILE, MARKDOWN, MIME_TYPES, TERMINAL, TITLES
from tests.share_spellings import NO_SHARE, SPELLINGS

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\nxyz").decode()


class Inspector(HTMLParser):
    """Notes every element and attribute, as a browser would meet them."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.open = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


ATTRIBUTES = {
    "a": {"href", "target", "rel"},
    "img": {"src", "alt"},
    "td": {"colspan", "rowspan", "align"},
    "th": {"colspan", "rowspan", "align"},
    "ol": {"start", "type"},
    "details": {"open"},
    "math": {"display"},
}
EVERYWHERE = {"class", "dir", "title"}
MATH = {
    "mi",
    "mo",
    "mn",
    "mrow",
    "mspace",
    "mstyle",
    "mfrac",
    "mtext",
    "mtable",
    "mtd",
    "munderover",
}
NEVER = {"script", "style", "svg", "iframe", "form", "input", "base", "meta", "template", "link"}


def assert_harmless(text):
    for tag, attrs in Inspector(text).found:
        assert tag not in NEVER, tag
        assert not [name for name in attrs if name.startswith("on")], (tag, attrs)
        if tag not in MATH:
            assert set(attrs) <= ATTRIBUTES.get(tag, set()) | EVERYWHERE, (tag, attrs)
        if "href" in attrs:
            assert attrs["href"].startswith(("https://", "http://", "mailto:"))
        if "src" in attrs:
            assert attrs["src"].startswith("data:image/")


def body_of(shared):
    return shared.page().partition("<body>")[2]


def test_hostile_html_comes_out_harmless():
    for markup in HOSTILE:
        assert_harmless(safe_html(markup))
        assert safe_html(safe_html(markup)) == safe_html(markup)  # nothing is read anew


def test_hostile_markdown_comes_out_harmless():
    for markup in (*MARKDOWN, *FORMULAS, *HOSTILE, *(f"[x]({m})" for m in HOSTILE)):
        assert_harmless(to_html(markup))


def test_a_notebook_full_of_it_is_harmless_too():
    for markup in (*HOSTILE, *TERMINAL):
        data = {"text/html": markup, "text/plain": markup, "image/png": markup}
        outputs = [
            {"output_type": "display_data", "data": data},
            {"output_type": "display_data", "data": {"text/html": markup}},
            {"output_type": "display_data", "data": {"text/markdown": markup}},
            {"output_type": "display_data", "data": {"text/latex": markup}},
            {"output_type": "display_data", "data": {"image/svg+xml": markup}},
            {"output_type": "display_data", "data": {"application/javascript": markup}},
            {"output_type": "stream", "name": markup, "text": [markup]},
            {"output_type": "error", "ename": markup, "evalue": markup, "traceback": [markup]},
        ]
        cells = [
            {"cell_type": "markdown", "source": markup},
            {"cell_type": "raw", "source": markup},
            {"cell_type": "code", "source": markup, "outputs": outputs},
        ]
        assert_harmless(body_of(viewed(cells, metadata={"title": markup})))


@pytest.mark.parametrize("mime", [m for m in MIME_TYPES if m != "image/png"])
def test_a_picture_of_a_type_that_is_not_on_the_list_is_refused(mime):
    source = html.escape(f"data:{mime};base64,{PNG}")
    assert "<img" not in safe_html(f'x<img src="{source}">')
    assert "<img" not in to_html("![x](attachment:a)", {"a": {mime: PNG}})


def test_the_frame_may_run_nothing_and_fetch_nothing():
    ((_, frame),) = [it for it in Inspector(viewed([])._repr_html_()).found if it[0] == "iframe"]
    assert set(frame["sandbox"].split()) == {"allow-popups", "allow-popups-to-escape-sandbox"}
    assert frame["title"]
    (policy,) = [
        attrs["content"]
        for tag, attrs in Inspector(frame["srcdoc"]).found
        if attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "form-action 'none'; base-uri 'none'" in policy
    assert "unsafe" not in policy


def test_outside_of_the_frame_are_words_of_ours_alone():
    evil = "PECULIAR"
    cells = [{"cell_type": kind, "source": f"# {evil}"} for kind in ("markdown", "raw", "code")]
    shown = viewed(cells, metadata={"title": evil})._repr_html_()
    before, _, rest = shown.partition('srcdoc="')
    inside, _, after = rest.partition('"')
    assert evil in inside
    assert evil not in before + after


def test_the_table_of_a_data_frame_is_kept():
    table = (
        '<div><style scoped>td {color: red}</style><table border="1" class="dataframe"><thead>'
        '<tr><th></th><th colspan="2">city</th></tr></thead><tbody><tr><th>0</th><td>L&uuml;beck'
        "</td></tr></tbody></table><p>1 rows</p></div>"
    )
    assert safe_html(table) == (
        '<div><table><thead><tr><th></th><th colspan="2">city</th></tr></thead><tbody><tr><th>0'
        "</th><td>Lübeck</td></tr></tbody></table><p>1 rows</p></div>"
    )


def test_what_is_left_open_is_closed():
    assert safe_html("<ul><li><b>x") == "<ul><li><b>x</b></li></ul>"
    assert safe_html("a</div></b>b") == "ab"


def test_very_deep_markup_is_no_trouble():
    assert safe_html("<div>" * 100_000 + "x").count("<div>") == 100


def test_a_sea_of_elements_is_cut():
    assert safe_html("<b>x</b>" * 100_000).count("<b>") == 20_000


def test_what_is_a_number_only_to_python_is_text():
    assert safe_html("&#" + "9" * 5000 + ";") == "&amp;#" + "9" * 5000 + ";"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("# Rain", "<h1>Rain</h1>"),
        ("a *b* **c** `d<e`", "<p>a <em>b</em> <strong>c</strong> <code>d&lt;e</code></p>"),
        ("- a\n- b\n  - c", "<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>"),
        ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
        ("> said", "<blockquote><p>said</p></blockquote>"),
        ("```python\nx < 1\n```", "<pre><code>x &lt; 1</code></pre>"),
        (
            "a|b\n-|-\n1|2",
            "<table><thead><tr><th>a</th><th>b</th></tr></thead>"
            "<tbody><tr><td>1</td><td>2</td></tr></tbody></table>",
        ),
        ("---", "<hr>"),
        (r"\*x\*", "<p>*x*</p>"),
        ("~~a~~ <b>c</b>", "<p><s>a</s> <b>c</b></p>"),
        ("snake_case_name", "<p>snake_case_name</p>"),
        ("one\ntwo\n\nthree", "<p>one\ntwo</p><p>three</p>"),
    ],
)
def test_markdown_of_notebooks_is_shown(source, shown):
    assert re.sub(r"\n(?=<)|(?<=>)\n", "", to_html(source)) == shown


def test_formulas_are_typeset():
    shown = to_html("The area is $a^2 < b$, or\n\n$$\\frac{1}{2}$$")
    assert '<math display="inline">' in shown
    assert "<msup><mi>a</mi><mn>2</mn></msup><mo>&lt;</mo>" in shown
    assert '<math display="block">' in shown
    assert "<mfrac><mrow><mn>1</mn></mrow><mrow><mn>2</mn></mrow></mfrac>" in shown
    assert formula(r"\frac{") == r"<pre>\frac{</pre>"


def test_what_is_no_markdown_of_a_site_without_the_parser_is_shown_as_it_was_typed(monkeypatch):
    monkeypatch.setitem(sys.modules, "markdown_it", None)
    markdown_text._parser.cache_clear()
    try:
        shared = viewed([{"cell_type": "markdown", "source": "# Rain <b>"}])
        assert '<pre class="je-plain"># Rain &lt;b&gt;</pre>' in shared.page()
        assert "cannot format text" in shared.page()
        assert shared.title == "A b otter"
    finally:
        markdown_text._parser.cache_clear()


def test_a_formula_of_a_site_without_the_converter_is_shown_as_it_was_typed(monkeypatch):
    monkeypatch.setitem(sys.modules, "latex2mathml.converter", None)
    assert to_html("$x^2$") == "<p><code>x^2</code></p>"


def test_a_link_opens_elsewhere_and_tells_nothing():
    assert to_html("[x](https://a.org/b_(c))") == (
        '<p><a href="https://a.org/b_(c)" target="_blank" rel="noopener noreferrer nofollow">x</a>'
        "</p>"
    )


def test_an_attached_picture_is_shown_and_one_from_elsewhere_is_a_link():
    shown = to_html("![map](attachment:m.png)", {"m.png": {"image/png": PNG}})
    assert f'src="data:image/png;base64,{PNG}" alt="map"' in shown
    assert "<img" not in to_html("![pixel](https://evil.example/p.png)")


def quickest(function, text):
    def once():
        begin = time.thread_time()
        function(text)
        return time.thread_time() - begin

    return min(once() for _ in range(2))


def assert_linear(function, make, size):
    """Four times the input takes about four times the time; sixteen times would be quadratic."""
    for _ in range(4):  # a machine that is busy for a moment is no proof
        short, long = quickest(function, make(size)), quickest(function, make(4 * size))
        if long < 0.1 or long < 9 * short:
            return
    raise AssertionError(
        f"{short:.3f} s for {size} characters, {long:.3f} s for four times as many"
    )


@pytest.mark.parametrize(
    ("piece", "end"),
    [
        *(("x" + "`" * 400, ""), ("`" * 400 + " ", ""), ("# a" + " " * 400, "b"), ("# ", "")),
        *(("*", ""), ("**a", ""), ("a**", ""), ("*a **b ", ""), ("_a", ""), ("~~a", "")),
        *(("[", ""), ("![", ""), ("[a](", ""), ("[a](<", ""), ("[]", ""), ("[a]: b\n", "")),
        *(("> ", ""), ("- ", ""), ("|", "\n-|-"), ("|a", "|\n|-|"), ("1|2\n", ""), ("a\n", "===")),
        *(("$a", ""), ("$$a ", ""), ("$$\na\n", ""), ("\\begin{align}\n\n", ""), ("\\$", "")),
        *(("<", ""), ("<a ", ""), ("x<!--", ""), ("x<?", ""), ("x<![CDATA[", ""), ("&", "")),
        *(("<http://", ""), ("<div>\n\n", ""), ("```\n", ""), ("\\", "")),
    ],
)
def test_hostile_markdown_takes_time_in_proportion(piece, end):
    assert_linear(to_html, lambda size: piece * (size // len(piece)) + end, 3000)


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "<",
            "<a",
            "<a ",
            "<!--",
            "<!-- ",
            "<?",
            "<![CDATA[",
            "</",
            "</a ",
            "<a b='",
            '<a b="x> ',
        ),
        *(
            "<a b=\"<a b='",
            '<div title="<">',
            "<script>",
            "</script",
            "<svg>",
            "<b>",
            "</b>",
            "<p>",
        ),
        *("&#9", "&a", "&", " =", "/", "<math><mi>", "<table><td>", "<title>", "\x1b[", "\x1b]"),
    ],
)
def test_hostile_html_takes_time_in_proportion(piece):
    assert_linear(safe_html, lambda size: "<a " + piece * (size // len(piece)), 25_000)
    assert_linear(safe_html, lambda size: piece * (size // len(piece)) + ">", 25_000)


@pytest.mark.parametrize("piece", ["\x1b[", "\x1b[0", "\x1b]", "\x1b]8;;", "\x1b[0;", "\x1b[ "])
def test_hostile_output_of_a_terminal_takes_time_in_proportion(piece):
    def shown(text):
        return of_output({"output_type": "stream", "text": text})

    assert_linear(shown, lambda size: piece * (size // len(piece)), 100_000)
    assert_linear(shown, lambda size: "\x1b[" + "0" * size, 100_000)


@pytest.mark.parametrize("piece", ["x^", "{", r"\frac{", r"\sqrt{", r"\left(", "a", "&"])
def test_hostile_formulas_take_time_in_proportion(piece):
    assert_linear(formula, lambda size: piece * (size // len(piece)), 490)


def of_output(output):
    return body_of(viewed([{"cell_type": "code", "source": "", "outputs": [output]}]))


def of_data(**data):
    data = {kind.replace("_", "/"): value for kind, value in data.items()}
    return of_output({"output_type": "display_data", "data": data})


@pytest.mark.parametrize("empty", ["", " \n", [], "<p></p>", "<script>x()</script>", None, 7])
def test_an_output_with_nothing_to_see_is_shown_in_its_next_form(empty):
    assert "<pre" in of_data(text_html=empty, text_plain="the words")
    assert "the words" in of_data(text_html=empty, text_plain="the words")
    assert "<em>said</em>" in of_data(text_html=empty, text_markdown="*said*")
    assert "<math" in of_data(text_html=empty, text_markdown=empty, text_latex="$x$")


def test_html_is_shown_rather_than_the_name_of_its_class():
    shown = of_data(text_html="<b>wet</b>", text_plain="<IPython.core.display.HTML object>")
    assert "<b>wet</b>" in shown
    assert "IPython" not in shown


def test_what_is_cut_is_said():
    assert "the copy has all of it" in of_output({"output_type": "stream", "text": "x" * 200_000})
    large = of_data(text_html="x" * 600_000, text_plain="the words")
    assert "too large to be shown here" in large
    assert "the words" in large
    many = viewed([{"cell_type": "code", "source": f"line_{n}"} for n in range(1500)])
    assert "500 more cells are not shown here" in many.page()
    assert "line_999<" in many.page()
    assert "line_1000<" not in many.page()


def test_pictures_are_shown_up_to_a_total():
    picture = base64.b64encode(b"\x89PNG" + bytes(3_000_000)).decode()
    output = {"output_type": "display_data", "data": {"image/png": picture}}
    cells = [{"cell_type": "code", "source": "", "outputs": [output]} for _ in range(9)]
    shown = viewed(cells).page()
    assert len(shown) < 13_000_000
    assert "7 more cells are not shown here" in shown


def test_no_title_has_a_mark_that_turns_text_round_or_more_than_a_line():
    for title in TITLES:
        shown = viewed([], metadata={"title": title}).title
        assert shown.strip()
        assert shown.isprintable()
        assert len(shown) <= 120


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_copy_is_saved_under_a_harmless_name_whatever_its_title(folder):
    for title in TITLES:
        saved = viewed([], metadata={"title": title}).save_copy()
        assert saved.name.isprintable()
        assert not saved.name.startswith(".")
        assert "/" not in saved.name
        assert len(saved.name.encode()) < 200
        assert saved.name.partition(".")[0].lower() not in {"con", "nul"}
    assert {path.parent for path in folder.rglob("*.ipynb")} == {folder}


def test_a_copy_is_not_saved_under_a_reserved_name(folder):
    for name in (".je-kernel-sharing", "../x", "a\x00b"):
        with pytest.raises(FilesError):
            viewed([]).save_copy(name)
    assert list(folder.rglob("*")) == []


def test_a_copy_trusts_nothing(folder):
    widgets = {"application/vnd.jupyter.widget-state+json": {"state": {"x": {"_esm": "steal()"}}}}
    cells = [{"cell_type": "code", "source": "", "metadata": {"trusted": True, "tags": ["a"]}}]
    shared = viewed(cells, metadata={"widgets": widgets, "title": "T"})
    shared.save_copy()
    kept = json.loads((folder / "T.ipynb").read_text("utf-8"))
    assert kept["metadata"] == {"title": "T"}
    assert kept["cells"][0]["metadata"] == {"tags": ["a"]}


def viewed(cells, **more):
    return SharedNotebook(Ids("u-1", "a-b-otter"), "https://s/a", {"cells": cells, **more})


def test_the_title_is_its_own_or_its_heading_or_its_words():
    heading = [{"cell_type": "markdown", "source": "text\n\n## Rain at home ##"}]
    assert viewed([], metadata={"title": " T "}).title == "T"
    assert viewed(heading).title == "Rain at home"
    assert viewed([]).title == "A b otter"


def test_pictures_colours_and_errors_are_shown():
    outputs = [
        {
            "output_type": "display_data",
            "data": {"image/png": PNG + "\n", "text/plain": "<Figure>"},
        },
        {"output_type": "stream", "name": "stdout", "text": "\x1b[31mred\x1b[0m"},
        {"output_type": "error", "ename": "E", "evalue": "no", "traceback": []},
    ]
    shown = viewed([{"cell_type": "code", "source": "1 < 2", "outputs": outputs}]).page()
    assert 'alt="&lt;Figure&gt;"' in shown
    assert '<pre class="je-output">red</pre>' in shown
    assert "E: no" in shown
    assert "1 &lt; 2" in shown


def test_an_output_for_which_no_time_is_left_is_said_to_be_left_out(monkeypatch):
    monkeypatch.setattr("je_kernel.sharing.viewer._SECONDS", -1.0)
    output = {"output_type": "display_data", "data": {"text/html": "<b>rain</b>"}}
    page = viewed([{"cell_type": "code", "source": "1", "outputs": [output]}]).page()
    assert "The copy has this output." in page
    assert "rain" not in page


@pytest.mark.parametrize("content", [{}, {"cells": 7}, {"cells": [7, None, {}, {"source": 3}]}])
def test_what_is_no_notebook_breaks_nothing(content):
    broken = SharedNotebook(Ids("u", "a-b-c"), "https://s/a", content)
    assert "je-shared" in broken._repr_html_()
    assert "to read" in repr(broken)


# Naming a share -------------------------------------------------------------


@pytest.mark.parametrize(("text", "meant", "at", "host"), SPELLINGS)
def test_a_share_is_named_in_many_ways(text, meant, at, host):
    found = reference_of(text)
    assert (found.uuid or found.candidates[0], found.at) == (meant, at)
    assert (found.host or "").lower() == (host or "")


def test_slashes_too_many_do_not_hide_a_share():
    assert reference_of("https://x.org//s//brave-quiet-otter").candidates == ("brave-quiet-otter",)


@pytest.mark.parametrize("text", NO_SHARE)
def test_what_names_no_share_is_told_apart(text):
    assert reference_of(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "brave quiet sea lion",
        "https://x.org/api/v1/notebooks/get-by-readable-id/brave-quiet-sea%20lion",
    ],
)
def test_an_animal_of_two_words_may_be_written_in_two_ways(text):
    assert reference_of(text).candidates == ("brave-quiet-sea-lion", "brave-quiet-sea lion")


def test_an_id_cannot_leave_its_place_in_an_address():
    assert Service.at("https://x.org/").call("notebooks", "../a?b#c") == (
        "https://x.org/api/v1/notebooks/..%2Fa%3Fb%23c"
    )


def test_a_site_may_have_links_of_its_own():
    service = Service.at("https://x.org", "https://school.org/lab/?notebook={id}")
    assert service.link_to("a-b-sea lion") == "https://school.org/lab/?notebook=a-b-sea%20lion"


# Cards ----------------------------------------------------------------------


def test_the_card_says_what_the_link_is_and_from_when():
    card = Share("https://s/a-b-otter", "u", "a-b-otter", 0.0)._repr_html_()
    assert 'value="https://s/a-b-otter"' in card
    assert "a b otter" in card
    assert "when you share again" in card
    assert "not saved" not in card


def test_a_card_shows_what_a_service_answers_as_text():
    evil = '"><script>steal()</script>'
    card = Share(f"javascript:{evil}", "u", evil, 0.0, unsaved=True)._repr_html_()
    shown = card.partition("</style>")[2].rpartition("<script>")[0]
    assert "<script" not in shown
    assert "href" not in shown
    assert "not saved" in shown


def test_what_waited_is_shown_as_cards():
    made = Share("https://share.example/s/a-b-otter", "u", "a-b-otter", 0.0, "rain.ipynb")
    waiting = NotShared("There is no network.", "snow.ipynb", b"{}", kept=True)
    shown = Retried((made, waiting))._repr_html_()
    assert shown.count('class="je-share') == 2
    assert "Nothing waits" in Retried()._repr_html_()


def test_what_is_not_shared_can_be_downloaded():
    card = NotShared("Why.\n\nReally.", 'a"b.ipynb', b"{}", kept=True)._repr_html_()
    assert 'download="a&quot;b.ipynb"' in card
    assert "base64,e30=" in card
    assert "share.retry()" in card
