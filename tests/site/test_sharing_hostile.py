"""A hostile notebook runs nothing, fetches nothing and changes nothing, in every engine.

Each of the two walls of `open_shared()` is tested by itself, then both in JupyterLab,
then the view page. Everything is in one notebook: it takes one page for each place. That
the canary would be heard is shown on the same page, by planting a script behind the wall.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("je_sharing")

from je_kernel.sharing.protocol import Ids
from je_kernel.sharing.viewer import SharedNotebook
from tests.hostile_markup import CANARY, HOSTILE, armed, hostile_notebook
from tests.service.running_service import UNHURRIED, RunningService

if TYPE_CHECKING:
    from collections.abc import Iterator

    from je_site.server import Served

pytestmark = pytest.mark.engines("chromium", "firefox", "webkit")

# Hears every canary: of this window, and of any frame in it.
LISTENER = """
window.heard = 0;
window.addEventListener('message', event => { if (event.data === 'stolen') window.heard += 1; });
document.addEventListener('load', event => {
    if (event.target.localName !== 'iframe') return;
    event.target.loaded = true;
    window.framesLoaded = (window.framesLoaded || 0) + 1;
}, true);
"""
# What is posted before is heard before; a picture that cannot be loaded takes one turn more.
STOLEN = """
async () => {
    for (let turn = 0; turn < 5; turn += 1) {
        const picture = new Image();
        const failed = new Promise(resolve => { picture.onerror = resolve; });
        picture.src = 'data:image/png;base64,AAAA';
        await failed;
        await new Promise(resolve => setTimeout(resolve, 20));
    }
    return (window.heard || 0) + (window.stolen === 1 ? 1 : 0);
}
"""
PLANT = """
markup => { const place = document.createElement('div'); place.innerHTML = markup;
            document.body.append(place); }
"""
HEARD = """
async () => {
    for (let turn = 0; turn < 500 && !window.heard; turn += 1)
        await new Promise(resolve => setTimeout(resolve, 20));
    return window.heard;
}
"""
ELEMENTS_AND_ATTRIBUTES = """
() => [...document.body.querySelectorAll('*')].map(it => [
    it.localName, Object.fromEntries([...it.attributes].map(a => [a.name, a.value]))])
"""
AGAIN = "() => { document.body.innerHTML = document.body.innerHTML; }"
# What no sanitiser of ours may let through, whatever else it allows.
NEVER = {
    *("applet", "audio", "base", "body", "button", "embed", "form", "frame", "head", "html"),
    *("iframe", "input", "link", "map", "meta", "noscript", "object", "script", "select"),
    *("style", "svg", "template", "textarea", "title", "video", "annotation-xml", "mglyph"),
}
PLANTED = f"<img src=x onerror={CANARY}>"


def shared(content):
    return SharedNotebook(Ids("u", "a-b-c"), "https://s/a", content)


def trapped(server, path, body):
    page = f"<!doctype html><head><script>{LISTENER}</script>{body}"
    return server.put(path, page, "text/html; charset=utf-8")


def assert_nothing_got_out(page, server, address):
    assert page.evaluate(STOLEN) == 0
    assert page.evaluate("() => location.href") == address
    assert [it.path for it in server.requests if it.path.startswith("/evil")] == []


def without_policy(document):
    bare, count = re.subn(r"<meta http-equiv=.Content-Security-Policy.[^>]*>", "", document)
    assert count == 1
    return bare


def test_the_first_wall_holds_by_itself(page, data_server):
    content = hostile_notebook(f"{data_server.url}/evil")
    document = without_policy(shared(content).page())
    assert "the last output" in document
    address = trapped(data_server, "/first", document)
    page.open(address)
    for _ in range(3):  # what is written out and read again may be something else
        found = page.evaluate(ELEMENTS_AND_ATTRIBUTES)
        assert len(found) > 1000
        for name, attributes in found:
            assert name not in NEVER, (name, attributes)
            assert not [it for it in attributes if it.startswith("on")], (name, attributes)
            assert not {"style", "id", "name", "srcset"} & set(attributes), attributes
            assert attributes.get("href", "https:").startswith(("https:", "http:", "mailto:"))
            assert attributes.get("src", "data:image/").startswith("data:image/")
        page.evaluate(AGAIN)
    assert_nothing_got_out(page, data_server, address)
    page.evaluate(PLANT, PLANTED)
    assert page.evaluate(HEARD) > 0


# Chromium now and then never ends loading a frame in which the policy forbids a frame or a video.
# That a frame is in it can be seen from outside, and says that it was read up to there.
READ = "<p><iframe></iframe>"


def raw_frames(shell, server, *, walls):
    """Put the corpus into the frame of `open_shared()` as it is: as if the first wall were none."""
    before, inside, after = re.match(r'(?s)(.*srcdoc=")(.*)(".*)', shell).groups()
    if not walls:
        before = before.replace('sandbox="', 'sandbox="allow-scripts ')
        inside = html.escape(without_policy(html.unescape(inside)))
    frames = []
    for at in range(0, len(HOSTILE), 12):
        markup = "".join(armed(it, f"{server.url}/evil") for it in HOSTILE[at : at + 12]) + READ
        raw = inside.replace("&lt;/body&gt;", f"{html.escape(markup)}&lt;/body&gt;")
        assert raw != inside
        frames.append(f"{before}{raw}{after}")
    return "".join(frames), len(frames)


ALL_LOADED = """
async count => {
    for (let turn = 0; turn < 3000 && (window.framesLoaded || 0) < count; turn += 1)
        await new Promise(resolve => setTimeout(resolve, 20));
    return window.framesLoaded >= count;
}
"""


ALL_READ = """
async markup => {
    document.body.innerHTML = markup;
    const frames = [...document.querySelectorAll('iframe')];
    const read = () => frames.every(it => it.loaded || it.contentWindow.length > 0);
    for (let turn = 0; turn < 3000 && !read(); turn += 1)
        await new Promise(resolve => setTimeout(resolve, 20));
    return read() && frames.length;
}
"""


def test_the_second_wall_holds_by_itself(page, data_server):
    shell = shared({"cells": []})._repr_html_()
    frames, count = raw_frames(shell, data_server, walls=True)
    address = trapped(data_server, "/second", "<body>")
    page.open(address)
    assert page.evaluate(ALL_READ, frames) == count
    assert page.evaluate(STOLEN) == 0
    assert page.evaluate("() => location.href") == address
    # What asks elsewhere is for the first wall: a frame may navigate itself, and Firefox fetches
    # pictures ahead, before it has read the policy.
    frames, count = raw_frames(shell, data_server, walls=False)
    page.open(trapped(data_server, "/none", "<body>"))
    assert page.evaluate(ALL_READ, frames) == count
    assert page.evaluate(HEARD) > 0


@pytest.fixture(scope="module")
def service(site: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """The sharing service, on an origin of its own, which lets the site's pages use it."""
    folder = tmp_path_factory.mktemp("service")
    origin = site.url.rstrip("/")
    environment = {"JE_SHARING_DATA_DIR": str(folder / "data"), "JE_SHARING_CORS_ORIGINS": origin}
    running = RunningService(environment | UNHURRIED, folder / "service.log").start()
    yield running
    running.stop()


OPEN = """
import os, je_kernel as je
from je_kernel import settings
os.environ["JE_KERNEL_SHARING_URL"] = {url!r}
settings.reload()
je.open_shared({readable_id!r})
"""
DISPLAY = "from IPython.display import HTML, display\ndisplay(HTML({markup!r}))"


def test_in_jupyterlab_a_hostile_notebook_harms_nothing(page, lab, service, data_server):
    readable_id = service.shared(hostile_notebook(f"{data_server.url}/evil"))["readable_id"]
    notebook = lab.new_notebook()
    page.evaluate(f"() => {{ {LISTENER} }}")
    shown = notebook.run(OPEN.format(url=service.url, readable_id=readable_id))
    assert shown.error is None, shown.error
    assert "the last output" in shown.html
    assert page.evaluate(ALL_LOADED, 1)
    # In the page itself there are the frame and words of ours; the frame has no origin to share.
    found = page.evaluate(
        "() => [...document.querySelectorAll('.jp-OutputArea-output .je-shared *')]"
        ".map(it => it.localName)"
    )
    assert found == ["style", "header", "strong", "span", "code", "div", "iframe"]
    frame = "document.querySelector('.je-shared iframe')"
    assert page.evaluate(f"() => {frame}.contentDocument") is None
    # JupyterLab changes its address by itself; a page that was left would hear nothing more.
    assert page.evaluate("() => window.heard") == 0
    assert_nothing_got_out(page, data_server, page.evaluate("() => location.href"))
    planted = notebook.run(DISPLAY.format(markup=PLANTED))
    assert planted.error is None, planted.error
    assert page.evaluate(HEARD) > 0


def test_on_the_view_page_a_hostile_notebook_harms_nothing(page, service, data_server):
    readable_id = service.shared(hostile_notebook(f"{data_server.url}/evil"))["readable_id"]
    address = f"{service.url}/s/{readable_id}"
    page.open(address)
    assert "the last output" in page.evaluate("() => document.body.textContent")
    assert page.evaluate(ELEMENTS_AND_ATTRIBUTES)
    assert_nothing_got_out(page, data_server, address)
    # The same without the service's policy, so that what was built is judged by itself.
    document = service.http.get(f"/s/{readable_id}").text
    bare = trapped(data_server, "/view", document)
    page.open(bare)
    assert "the last output" in page.evaluate("() => document.body.textContent")
    for name, attributes in page.evaluate(ELEMENTS_AND_ATTRIBUTES):
        assert not [it for it in attributes if it.startswith("on")], (name, attributes)
    assert_nothing_got_out(page, data_server, bare)
    page.open(trapped(data_server, "/planted", document.replace("</main>", f"{PLANTED}</main>", 1)))
    assert page.evaluate(HEARD) > 0
