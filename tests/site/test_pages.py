"""The landing page and links of shared notebooks, in real browsers and on a real JupyterLite."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("je_sharing")

from je_site.server import Sharing, serve
from je_site.site_pages import LANDING
from tests.browsers.lab import Lab
from tests.service.running_service import UNHURRIED, RunningService
from tests.share_spellings import NO_SHARE, SPELLINGS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from je_site.server import Served
    from tests.browsers.lab import Notebook

ALL_ENGINES = pytest.mark.engines("chromium", "firefox", "webkit")
PATIENCE = 420.0

# Everything in JupyterLite's store of files: path, and what a notebook's cells say.
STORED = """async () => {
  const request = indexedDB.open('JupyterLite Storage - /');
  const files = await new Promise((resolve, reject) => {
    request.onerror = () => reject(request.error);
    request.onupgradeneeded = () => request.transaction.abort();
    request.onsuccess = () => {
      const all = request.result.transaction(['files']).objectStore('files').getAll();
      all.onsuccess = () => resolve(all.result);
    };
  }).catch(() => []);
  request.result?.close?.();
  return files.map(({ path, content }) => [path, content.cells?.map(cell => cell.source)]);
}"""


def cell(source: Any, kind: str = "code", **more: Any) -> dict[str, Any]:
    outputs = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {}, "source": source, **outputs, **more}


def notebook_of(*cells: dict[str, Any], minor: int = 4, **more: Any) -> dict[str, Any]:
    kernel = {"kernelspec": {"name": "python", "display_name": "Python (Pyodide)"}}
    return {"nbformat": 4, "nbformat_minor": minor, "metadata": kernel, "cells": [*cells], **more}


TEXT = json.dumps(notebook_of(cell("'é'")), ensure_ascii=False)
OLD = {
    "nbformat": 3,
    "nbformat_minor": 0,
    "metadata": {"name": "x"},
    "worksheets": [
        {
            "cells": [
                {"cell_type": "heading", "level": 2, "source": ["Rain"]},
                {
                    "cell_type": "code",
                    "input": ["1 + 1"],
                    "prompt_number": 3,
                    "outputs": [{"output_type": "pyout", "prompt_number": 3, "text": ["2"]}],
                },
            ]
        }
    ],
}

# What is uploaded, under which name it is then there, and what its cells say.
GOOD = {
    "utf-8.ipynb": (TEXT.encode(), ["'é'"]),
    "utf-8 with a mark.ipynb": (TEXT.encode("utf-8-sig"), ["'é'"]),
    "utf-16.ipynb": (b"\xff\xfe" + TEXT.encode("utf-16-le"), ["'é'"]),
    "utf-16 the other way.ipynb": (b"\xfe\xff" + TEXT.encode("utf-16-be"), ["'é'"]),
    "utf-16 without a mark.ipynb": (TEXT.encode("utf-16-le"), ["'é'"]),
    "latin-1.ipynb": (TEXT.encode("latin-1"), ["'é'"]),
    "nan.ipynb": (TEXT[:-1].encode() + b', "x": [NaN, -Infinity, "NaN \\" NaN"]}', ["'é'"]),
    "version 4.0.ipynb": (json.dumps(notebook_of(cell(["a\n", "b"]), minor=0)).encode(), None),
    "version 3.ipynb": (json.dumps(OLD).encode(), ["## Rain", ["1 + 1"]]),
    "no cells.ipynb": (json.dumps(notebook_of(minor=5)).encode(), []),
    "10 MB.ipynb": (json.dumps(notebook_of(cell("#" * 10_000_000))).encode(), None),
}
BAD = {
    "empty.ipynb": (b"", "It is empty"),
    "spaces.ipynb": (b" \n ", "nothing but spaces"),
    "page.ipynb": (b"\n<!DOCTYPE html><html>", "a web page"),
    "archive.ipynb": (b"PK\x03\x04" + bytes(99), "a ZIP archive"),
    "truncated.ipynb": (TEXT.encode()[:90], "breaks off in the middle"),
    "broken.ipynb": (b'{"cells": [,]}', "it is not correct JSON"),
    "map.ipynb": (b'{"type": "FeatureCollection"}', "but not a notebook"),
    "list.ipynb": (b"[1, 2]", "not a notebook"),
    "data.csv": (b"x,y\n1,2\n", "not a notebook"),
    "newer.ipynb": (b'{"nbformat": 5, "cells": []}', "made by a newer Jupyter"),
    "older.ipynb": (b'{"nbformat": 2, "worksheets": []}', "of before 2013"),
    "no list.ipynb": (b'{"nbformat": 4, "cells": {}}', "it has no list of cells"),
    "odd cell.ipynb": (json.dumps(notebook_of(cell("x", "poem"))).encode(), "cell 1 is of no"),
    "no text.ipynb": (json.dumps(notebook_of(cell(7))).encode(), "cell 1 has no text"),
}
NAMES = {
    "..%2f..\\secret\u202e?.ipynb.txt": "secret.ipynb",
    "Cafe\u0301.ipynb": "Caf\u00e9.ipynb",
    "con.ipynb": "_con.ipynb",
    f"{'ä' * 150}.ipynb": f"{'ä' * 100}.ipynb",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """The sharing service, as `je-kernel serve` has it beside a site."""
    folder = tmp_path_factory.mktemp("service")
    environment = {"JE_SHARING_DATA_DIR": str(folder / "data"), "JE_SHARING_SITE_URL": ".."}
    running = RunningService(environment | UNHURRIED, folder / "service.log").start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def shared_site(site_folder: Path, service: RunningService) -> Iterator[Served]:
    """The demo site with sharing, under one address."""
    with serve(site_folder, sharing=Sharing(port=service.port)) as served:
        yield served


@pytest.fixture
def landing(page, shared_site):
    page.open(f"{shared_site.url}{LANDING}")
    return page


def asked(page, function: str) -> Any:
    """Ask a page that may be on its way to another one."""
    try:
        return page.evaluate(function)
    except Exception:  # each driver has its own for a page that is gone
        return None


def until(page, function: str, what: str) -> Any:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := asked(page, function):
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited in vain for {what}: {asked(page, '() => location.href')}")


def opened(page, path: str) -> Notebook:
    """Wait until JupyterLab shows a notebook, which it was not told to by this test."""
    # What was open before may be shown first, and this one over it.
    shown = "() => window.jupyterapp?.shell?.currentWidget?.context?.path"
    until(page, f"() => ({shown})() === {json.dumps(path)}", f"JupyterLab to open {path}")
    return Lab.attached(page).open_notebook(path)


def message(page) -> str:
    said = "() => document.querySelector('#messages .message:not(.busy)')?.innerText"
    return str(until(page, said, "the page to say something"))


def stored(page) -> dict[str, Any]:
    return dict(page.evaluate(STORED))


def upload(page, files: dict[str, bytes]) -> None:
    page.playwright.locator("#files").set_input_files(
        [{"name": name, "mimeType": "", "buffer": content} for name, content in files.items()]
    )


# The hand-over, in every engine ----------------------------------------------------------------


@ALL_ENGINES
def test_a_link_of_a_shared_notebook_opens_a_copy_that_runs(page, shared_site, service):
    content = notebook_of(cell("# Rain in May", "markdown"), cell("6 * 7"), minor=4)
    words = service.shared(content)["readable_id"].upper().replace("-", "%20")
    # As Jupyter Everywhere's links are, and on the very first visit: there is no database yet.
    page.open(f"{shared_site.url}lab/index.html?notebook={words}")
    notebook = opened(page, "Rain in May.ipynb")
    assert [one.source for one in notebook.cells()] == ["# Rain in May", "6 * 7"]
    assert notebook.run_cell(1).value == "42"


# The three actions ---------------------------------------------------------------------------


def test_a_new_notebook_opens_and_can_be_shared_at_once(landing):
    landing.playwright.locator("#new").click()
    notebook = opened(landing, "Untitled.ipynb")
    shared = notebook.run("import je_kernel as je\nprint(je.share().readable_id)")
    assert shared.error is None, shared.error
    assert shared.stdout.count("-") >= 2
    # And again: what is there stays.
    landing.open(landing.evaluate("() => new URL('/je/', location.href).href"))
    landing.playwright.locator("#new").click()
    opened(landing, "Untitled (1).ipynb")


def test_what_is_uploaded_opens_or_the_page_says_what_it_is(landing):
    good = {name: content for name, (content, _) in GOOD.items()}
    upload(landing, {**good, **{name: content for name, (content, _) in BAD.items()}})
    lines = message(landing).splitlines()
    assert len(lines) == len(GOOD) + len(BAD)
    said = dict(zip([*GOOD, *BAD], lines, strict=True))
    assert [name for name in GOOD if said[name] != f"{name[:-6]} is ready."] == []
    assert {name: said[name] for name, (_, why) in BAD.items() if why not in said[name]} == {}
    kept = stored(landing)
    assert kept.keys() == GOOD.keys()
    assert {n: kept[n] for n, (_, sources) in GOOD.items() if sources not in (None, kept[n])} == {}
    # JupyterLab opens what was converted.
    landing.playwright.locator("#messages a", has_text="version 3").click()
    notebook = opened(landing, "version 3.ipynb")
    assert [one.source for one in notebook.cells()] == ["## Rain", "1 + 1"]
    assert notebook.cells()[1].outputs[0]["data"] == {"text/plain": ["2"]}


def test_a_single_upload_opens_at_once_under_a_name_that_is_free(landing):
    upload(landing, {"Start here.ipynb": TEXT.encode()})
    opened(landing, "Start here (1).ipynb")  # the site ships a "Start here"


def test_names_are_made_harmless(landing):
    upload(landing, dict.fromkeys(NAMES, TEXT.encode()))
    assert message(landing).count("is ready") == len(NAMES)
    assert stored(landing).keys() == set(NAMES.values())


def test_many_tabs_at_once_overwrite_nothing(landing):
    module = landing.evaluate("() => document.querySelector('script[type=module]').src")
    names = landing.evaluate(
        """async module => {
          const { saveNew } = await import(new URL('contents_database.js', module));
          const one = number => saveNew('JupyterLite Storage - /', 'rain.ipynb',
            { cells: [{ source: String(number) }] }, new Set(['rain (2).ipynb']));
          return Promise.all(Array.from({ length: 20 }, (_, number) => one(number)));
        }""",
        module,
    )
    assert len(set(names)) == 20
    assert "rain (2).ipynb" not in names
    assert sorted(sources[0] for sources in stored(landing).values()) == sorted(map(str, range(20)))


def test_what_no_browser_could_keep_is_refused_before_it_is_read(landing):
    module = landing.evaluate("() => document.querySelector('script[type=module]').src")
    said = landing.evaluate(
        """async module => {
          const { notebookIn } = await import(new URL('notebook_file.js', module));
          return notebookIn(new Blob([new Uint8Array(91_000_000)])).catch(error => error.message);
        }""",
        module,
    )
    assert said.startswith("It has 91 MB, and a browser keeps at most 90 MB in one file.")


def test_saved_widgets_of_somebody_elses_notebook_are_not_kept(landing):
    module = landing.evaluate("() => document.querySelector('script[type=module]').src")
    notebook = {"cells": [], "metadata": {"widgets": {"x": 1}, "title": "T"}, "nbformat": 4}
    kept = landing.evaluate(
        """async (module, text) => {
          const { notebookIn } = await import(new URL('notebook_file.js', module));
          return notebookIn(new Blob([text]));
        }""",
        module,
        json.dumps(notebook),
    )
    assert kept["metadata"] == {"title": "T"}


def test_a_browser_without_room_says_so_and_keeps_nothing_half(landing, shared_site):
    session = landing.playwright.context.new_cdp_session(landing.playwright)
    quota = {"origin": shared_site.url, "quotaSize": 1_000_000}
    session.send("Storage.overrideQuotaForOrigin", quota)
    # On the disk, text that repeats itself takes next to no room.
    large = notebook_of(cell(random.Random(1).randbytes(5_000_000).hex()))
    upload(landing, {"large.ipynb": json.dumps(large).encode()})
    assert "This browser has no room left for it." in message(landing)
    assert stored(landing) == {}


def test_a_file_that_is_dropped_is_uploaded(landing):
    landing.evaluate(
        """text => {
          const data = new DataTransfer();
          data.items.add(new File([text], 'dropped.ipynb'));
          for (const type of ['dragenter', 'dragover', 'drop']) {
            const how = { dataTransfer: data, bubbles: true, cancelable: true };
            document.body.dispatchEvent(new DragEvent(type, how));
          }
        }""",
        TEXT,
    )
    opened(landing, "dropped.ipynb")


def test_a_file_cannot_say_that_its_own_outputs_are_to_be_trusted(landing):
    evil = {"text/html": "<script>window.jeStolen = true</script>", "text/plain": "shown"}
    output = {"output_type": "display_data", "data": evil, "metadata": {}}
    mark = cell("'the last'", outputs=[{"output_type": "stream", "name": "stdout", "text": "end"}])
    trusted = cell("1", metadata={"trusted": True}, outputs=[output])
    upload(landing, {"evil.ipynb": json.dumps(notebook_of(trusted, mark)).encode()})
    opened(landing, "evil.ipynb")
    landing.playwright.locator(".jp-OutputArea-output", has_text="end").wait_for()
    assert landing.evaluate("() => window.jeStolen ?? null") is None


# Shared notebooks ----------------------------------------------------------------------------


def open_shared(page, text: str) -> None:
    page.playwright.locator("#reference").fill(text)
    page.playwright.locator("#open button").click()


def test_a_shared_notebook_is_copied_once_and_never_over_what_was_written(
    page, landing, shared_site, service
):
    ids = service.shared(
        notebook_of(cell("'from the teacher'"), minor=4, metadata={"title": "Mai"})
    )
    open_shared(landing, ids["readable_id"].replace("-", " ").title())
    opened(page, "Mai.ipynb")
    again = f"{shared_site.url}?notebook={ids['id']}"
    page.open(again)  # at the site's own address, and by UUID
    notebook = opened(page, "Mai.ipynb")
    notebook.run("'from the student'")
    notebook.save()
    page.open(again)
    assert "You have a copy of this notebook already, and you changed it: Mai" in message(page)
    page.playwright.get_by_role("button", name="Make a fresh copy").click()
    opened(page, "Mai (1).ipynb")
    kept = stored(page)
    assert "'from the student'" in kept["Mai.ipynb"]
    assert kept["Mai (1).ipynb"] == ["'from the teacher'"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Which notebook?"),
        ("https://school.example/", "names no shared notebook"),
        ("no such thing", "There is no shared notebook “no such thing”. Check it letter by letter"),
        ("https://share.example/s/no-such-thing", "The link leads to share.example: open it there"),
    ],
)
def test_what_cannot_be_opened_is_said(landing, typed, said):
    open_shared(landing, typed)
    assert said in message(landing)
    assert stored(landing) == {}


def test_the_page_understands_every_spelling_that_the_kernel_does(landing):
    module = landing.evaluate("() => document.querySelector('script[type=module]').src")
    understood = landing.evaluate(
        """async (module, texts) => {
          const { referenceOf } = await import(new URL('shared_notebooks.js', module));
          return texts.map(text => {
            const found = referenceOf(text);
            return found && [found.uuid ?? found.candidates[0], found.at, found.host];
          });
        }""",
        module,
        [*(text for text, *_ in SPELLINGS), *NO_SHARE],
    )
    assert understood == [[*meant] for _, *meant in SPELLINGS] + [None] * len(NO_SHARE)


@pytest.mark.parametrize("status", [200, 404, 511])
def test_a_log_in_page_in_place_of_the_service_is_told_apart(landing, status):
    portal = "<!doctype html><title>School Wi-Fi</title>"
    landing.playwright.context.route(
        "**/api/v1/**", lambda route: route.fulfill(status=status, body=portal)
    )
    open_shared(landing, "brave quiet otter")
    assert "Perhaps the network wants you to log in first" in message(landing)


def test_the_page_comes_again_when_the_service_says(landing):
    asked_at: list[float] = []

    def busy_once(route):
        asked_at.append(time.monotonic())
        if len(asked_at) > 1:
            route.continue_()
            return
        # Two seconds from then by the service's clock, which is an hour off.
        now = time.time() + 3600
        rest = {
            "Retry-After": formatdate(now + 3, usegmt=True),
            "Date": formatdate(now, usegmt=True),
        }
        route.fulfill(status=429, headers=rest, body="{}")

    landing.playwright.context.route("**/api/v1/auth/issue", busy_once)
    open_shared(landing, "no such thing")
    assert "There is no shared notebook" in message(landing)
    assert asked_at[1] - asked_at[0] >= 1.9


def test_without_a_sharing_service_the_page_does_not_offer_it(page, site):
    page.open(f"{site.url}{LANDING}?notebook=brave-quiet-otter")
    assert "This site has no sharing service" in message(page)
    until(page, "() => document.getElementById('shared').hidden", "the action to go")


HOLD_THE_LIST_OF_FILES = """
const { fetch } = globalThis;
const released = new Promise(resolve => (globalThis.release = resolve));
globalThis.held = 0;
globalThis.fetch = async (...request) => {
  if (new URL(new Request(...request).url).pathname.endsWith('/api/contents/all.json')) {
    held += 1;
    await released;
  }
  return fetch(...request);
};
"""


def test_what_was_open_before_does_not_take_the_place_of_what_is_asked_for(page, site):
    lab = f"{site.url}lab/index.html?path="
    page.open(f"{lab}Files.ipynb")
    opened(page, "Files.ipynb")
    saved = """() => jupyterapp.serviceManager.workspaces.fetch('default').then(
      ({ data }) => JSON.stringify(data['layout-restorer:data']?.main ?? '').includes('Files'))"""
    until(page, saved, "JupyterLab to keep its layout")
    # Without it what was open before cannot be put back: as on a slow machine. In the page, as
    # the service worker may have it already.
    page.playwright.add_init_script(HOLD_THE_LIST_OF_FILES)
    page.open(f"{lab}Plots.ipynb")
    until(page, "() => !!window.jupyterapp?.shell.currentWidget?.context", "the notebook asked for")
    assert page.evaluate("() => held")
    page.evaluate("() => release()")
    opened(page, "Plots.ipynb")
    both = "() => [...jupyterapp.shell.widgets('main')].map(({ context }) => context?.path).sort()"
    assert page.evaluate(both) == ["Files.ipynb", "Plots.ipynb"]


# What sort of site it is ---------------------------------------------------------------------


def test_files_go_where_the_site_keeps_them(landing):
    def say_so(route):
        response = route.fetch()
        config = response.json()
        config["jupyter-config-data"]["contentsStorageName"] = "Our School"
        route.fulfill(response=response, json=config)

    landing.playwright.context.route("**/lab/jupyter-lite.json", say_so)
    landing.playwright.reload()
    upload(landing, {"a.ipynb": TEXT.encode(), "b.ipynb": TEXT.encode()})
    assert "a is ready" in message(landing)
    names = landing.evaluate(
        "async () => (await indexedDB.databases()).map(database => database.name)"
    )
    assert names == ["Our School"]


def test_a_site_that_keeps_files_in_memory_says_so(landing):
    def say_so(route):
        response = route.fetch()
        config = response.json()
        config["jupyter-config-data"]["contentsStorageDrivers"] = ["memoryStorageDriver"]
        route.fulfill(response=response, json=config)

    landing.playwright.context.route(re.compile(r"/\d*/?jupyter-lite\.json$"), say_so)
    landing.playwright.reload()
    upload(landing, {"a.ipynb": TEXT.encode()})
    assert "keeps files only while its page is open" in message(landing)
    assert landing.evaluate("() => indexedDB.databases()") == []


def test_the_page_asks_nobody_else_and_keeps_its_own_policy(landing, shared_site):
    landing.playwright.locator("#lessons a", has_text="Start here").wait_for()
    open_shared(landing, "no such thing")
    message(landing)
    assert {address for address in landing.requests if shared_site.url not in address} == set()
    assert [line for line in landing.console() if "Content Security Policy" in line] == []


def test_the_page_can_be_used_with_the_keyboard_alone(landing):
    landing.playwright.locator("#lessons a").first.wait_for()
    reached = []
    for _ in range(5):
        landing.press("Tab")
        reached.append(landing.evaluate("() => document.activeElement.textContent.trim()"))
    assert reached[:2] == ["Start writing", "Choose a file"]
    assert reached[3] == "Open a copy"
    label = "() => document.getElementById('reference').labels[0].textContent"
    assert landing.evaluate(label) == "Its words, or its link"


# The command, as the README says it ----------------------------------------------------------


def test_with_je_kernel_serve_a_cell_is_shared_read_copied_and_run(page, site_folder, tmp_path):
    command = [sys.executable, "-m", "je_site.command", "serve", "--sharing", "--no-open"]
    command += ["--port", "0", "--output", str(site_folder)]
    environment = {**os.environ, "JE_SHARING_DATA_DIR": str(tmp_path / "shared")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        url = ""
        while not url:
            url = "".join(re.findall(r"^Serving .* at (http://\S+/) ", process.stdout.readline()))
        page.open(f"{url}{LANDING}")
        page.playwright.locator("#new").click()
        notebook = opened(page, "Untitled.ipynb")
        shared = notebook.run("import je_kernel as je\nprint(je.share().link)")
        assert shared.error is None, shared.error
        link = shared.stdout.strip()
        assert link.startswith(f"{url}s/")
        page.open(link)
        page.playwright.get_by_role("link", name="Open in JupyterLite").click()
        # Named by the words of the link, for want of a title; shared itself, it has its own link.
        copy = opened(page, f"{link.rpartition('/')[2].replace('-', ' ')}.ipynb")
        again = copy.run_cell(0)
        assert again.error is None, again.error
        assert again.stdout.startswith(f"{url}s/")
        assert again.stdout.strip() != link
        process.terminate()
        assert process.wait(60) == 0
