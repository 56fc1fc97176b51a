"""A shared notebook is shown without anything of it being run."""

from __future__ import annotations

import base64
import time
from html.parser import HTMLParser

import pytest

from je_kernel.sharing.addresses import Service, reference_of
from je_kernel.sharing.card import NotShared, Retried, Share
from je_kernel.sharing.markdown_text import to_html
from je_kernel.sharing.protocol import Ids
from je_kernel.sharing.safe_html import safe_html
from je_kernel.sharing.viewer import SharedNotebook
from tests.hostile_markup import HOSTILE
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
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}


def assert_harmless(text, allowed=frozenset()):
    for tag, attrs in Inspector(text).found:
        if tag in allowed:
            continue
        assert tag not in {"script", "style", "svg", "iframe", "form", "input", "base", "meta"}, tag
        assert set(attrs) <= ATTRIBUTES.get(tag, set()) | {"class"}, (tag, attrs)
        if "href" in attrs:
            assert attrs["href"].startswith(("https://", "http://", "mailto:"))
        if "src" in attrs:
            assert attrs["src"].startswith("data:image/")


@pytest.mark.parametrize("markup", HOSTILE)
def test_hostile_html_comes_out_harmless(markup):
    assert_harmless(safe_html(markup))


@pytest.mark.parametrize("markup", [*HOSTILE, *(f"[x]({m})" for m in HOSTILE)])
def test_hostile_html_in_markdown_stays_text(markup):
    assert_harmless(to_html(markup))


@pytest.mark.parametrize("markup", HOSTILE)
def test_a_notebook_full_of_it_is_harmless_too(markup):
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
    shown = viewed(cells, metadata={"title": markup})._repr_html_()
    own_style, _, rest = shown.partition("</style>")
    assert own_style.count("<style>") == 1
    assert_harmless(rest, allowed={"article", "header"})


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
    assert safe_html("<div>" * 100_000 + "x").count("<div>") == 200


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
        (r"$a_b * c_d$ and \*x\*", "<p>$a_b * c_d$ and *x*</p>"),
        ("snake_case_name", "<p>snake_case_name</p>"),
        ("one\ntwo\n\nthree", "<p>one\ntwo</p><p>three</p>"),
    ],
)
def test_markdown_of_notebooks_is_shown(source, shown):
    assert to_html(source) == shown


def test_a_link_opens_elsewhere_and_tells_nothing():
    assert to_html("[x](https://a.org/b_(c))") == (
        '<p><a href="https://a.org/b_(c)" target="_blank" rel="noopener noreferrer nofollow">x</a>'
        "</p>"
    )


def test_an_attached_picture_is_shown_and_one_from_elsewhere_is_a_link():
    shown = to_html("![map](attachment:m.png)", {"m.png": {"image/png": PNG}})
    assert f'src="data:image/png;base64,{PNG}" alt="map"' in shown
    assert "<img" not in to_html("![pixel](https://evil.example/p.png)")


@pytest.mark.parametrize(
    "hostile",
    [
        "*" * 5000,
        "[" * 5000,
        "`" * 4999,
        "**a" * 1600,
        "> " * 2500,
        "- " * 2500,
        "|" * 5000 + "\n-|-",
        "$a" * 2500,
        "![" * 2400,
        "\n".join(" " * n + "- x" for n in range(300)),
        "# " * 3000,
    ],
)
def test_hostile_markdown_takes_no_time(hostile):
    begin = time.perf_counter()
    to_html(hostile)
    assert time.perf_counter() - begin < 30


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
    shown = viewed([{"cell_type": "code", "source": "1 < 2", "outputs": outputs}])._repr_html_()
    assert 'alt="&lt;Figure&gt;"' in shown
    assert '<pre class="je-output">red</pre>' in shown
    assert "E: no" in shown
    assert "1 &lt; 2" in shown


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
    assert "until you share again" in card
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
