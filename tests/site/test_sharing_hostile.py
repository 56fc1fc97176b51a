"""What is shown of hostile notebooks, read by a real browser instead of by Python's parser."""

from __future__ import annotations

from je_kernel.sharing.protocol import Ids
from je_kernel.sharing.viewer import SharedNotebook
from tests.hostile_markup import FORMULAS, HOSTILE

ELEMENTS_AND_ATTRIBUTES = """
() => [...document.body.querySelectorAll('*')].map(it => [
    it.localName, Object.fromEntries([...it.attributes].map(a => [a.name, a.value]))])
"""
AGAIN = "() => { document.body.innerHTML = document.body.innerHTML; }"
OURS = {
    *("article", "header", "style", "strong", "code", "pre", "div", "span"),
    *("a", "b", "p", "ul", "ol", "li", "h1", "em", "hr", "img", "blockquote"),
    *("table", "thead", "tbody", "tr", "td", "th"),
}
ATTRIBUTES = {"class", "href", "target", "rel", "src", "alt", "colspan", "rowspan", "aria-label"}


def shown(markup):
    outputs = [
        {"output_type": "display_data", "data": {kind: markup}}
        for kind in ("text/html", "text/markdown", "text/latex", "image/svg+xml", "image/png")
    ]
    outputs.append({"output_type": "error", "ename": markup, "evalue": markup, "traceback": []})
    cells = [
        {"cell_type": kind, "source": markup, "outputs": outputs if kind == "code" else []}
        for kind in ("markdown", "raw", "code")
    ]
    content = {"cells": cells, "metadata": {"title": markup}}
    return SharedNotebook(Ids("u", "a-b-c"), "https://s/a", content)._repr_html_()


def test_a_browser_finds_only_harmless_elements_however_often_it_reads_them(page, data_server):
    articles = "".join(shown(markup) for markup in [*HOSTILE, *FORMULAS])
    trap = "<script>var stolen = 0; window.steal = window.alert = () => { stolen += 1; };</script>"
    page.open(
        data_server.put(
            "/", f"<!doctype html><head>{trap}<body>{articles}", "text/html; charset=utf-8"
        )
    )
    for _ in range(3):  # what is written out and read again may be something else
        for name, attributes in page.evaluate(ELEMENTS_AND_ATTRIBUTES):
            assert name in OURS, (name, attributes)
            assert set(attributes) <= ATTRIBUTES, (name, attributes)
            assert attributes.get("href", "https:").startswith(("https:", "http:", "mailto:"))
            assert attributes.get("src", "data:image/").startswith("data:image/")
        page.evaluate(AGAIN)
    assert len(page.evaluate(ELEMENTS_AND_ATTRIBUTES)) > len(HOSTILE)
    assert page.evaluate("() => stolen") == 0
    assert {request.path for request in data_server.requests} <= {"/", "/favicon.ico"}
    assert not [url for url in page.requests if "evil" in url]
