"""Sharing from one origin by a service of another, in every engine.

One notebook of each engine, with one kernel, for all that does not need another. The last test
in Chromium loads its page anew.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("je_sharing")

from tests.browsers.lab import Lab
from tests.service.running_service import UNHURRIED, RunningService
from tests.site.conftest import keep_evidence_of_failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from je_site.server import Served

ALL_ENGINES = pytest.mark.engines("chromium", "firefox", "webkit")

CONFIGURE = """
import os, je_kernel as je
from je_kernel import settings
os.environ["JE_KERNEL_SHARING_URL"] = {url!r}
settings.reload().sharing_url
"""

# What a site does not show its application to, has only the Save button to press.
WITHOUT_THE_APPLICATION = """
from IPython.display import HTML, display
display(HTML("<script>window.kept = jupyterapp; window.jupyterapp = undefined;</script>"))
try:
    made = je.share()
finally:
    display(HTML("<script>window.jupyterapp = window.kept;</script>"))
print(made.readable_id, made.unsaved)
"""


@pytest.fixture(scope="module")
def service(site: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """The sharing service, on an origin of its own, which lets the site's pages use it."""
    folder = tmp_path_factory.mktemp("service")
    origin = site.url.rstrip("/")
    environment = {"JE_SHARING_DATA_DIR": str(folder / "data"), "JE_SHARING_CORS_ORIGINS": origin}
    running = RunningService(environment | UNHURRIED, folder / "service.log").start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def opened(browser, site):
    page = browser.new_page()
    yield Lab.open(page, site.url).new_notebook()
    page.close()


@pytest.fixture
def notebook(opened, service, request, test_cache):
    configure(opened, service)
    yield opened
    keep_evidence_of_failure(opened.lab.page, test_cache, request)


@pytest.fixture
def lab(notebook):
    return notebook.lab


@pytest.fixture
def page(lab):
    return lab.page


def configure(opened, service):
    assert opened.run(CONFIGURE.format(url=service.url)).value == repr(service.url)


def run(opened, code):
    result = opened.run(code)
    assert result.error is None, result.error
    return result.stdout.strip()


def last_html(result):
    """What the cell shows in the end: the first output is where the save was asked for."""
    return [o["data"]["text/html"] for o in result.outputs if "text/html" in o.get("data", {})][-1]


def kept_by(service, readable_id):
    answer = service.get(f"/notebooks/get-by-readable-id/{readable_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()["content"]


def sources(content):
    return ["".join(cell["source"]) for cell in content["cells"]]


@ALL_ENGINES
def test_a_notebook_that_was_never_saved_is_shared_opened_and_copied(lab, notebook, service):
    run(notebook, "print('wet')")
    shared = notebook.run("share = je.share()\nprint(share.readable_id, share.unsaved)\nshare")
    assert shared.error is None, shared.error
    readable_id, unsaved = shared.stdout.split()
    assert unsaved == "False"
    assert f"/s/{readable_id}" in last_html(shared)
    sent = kept_by(service, readable_id)
    assert "print('wet')" in sources(sent)
    # The running cell is in it, and nothing of what it was showing.
    assert sent["cells"][-1]["outputs"] == []
    opened = notebook.run("shared = je.open_shared(share.words.upper())\nshared")
    assert opened.error is None, opened.error
    assert "je-shared" in last_html(opened)
    assert "wet" in last_html(opened)
    name = run(notebook, "print(shared.save_copy('rain').name, shared.save_copy('rain').name)")
    assert name == "rain.ipynb rain (copy).ipynb"
    copy = lab.open_notebook("rain.ipynb")
    assert "print('wet')" in [cell.source for cell in copy.cells()]


@ALL_ENGINES
def test_after_a_restart_the_link_is_the_same_and_offline_nothing_is_lost(
    notebook, service, site, tmp_path
):
    first = run(notebook, "print(je.share().link)")
    environment = {
        "JE_SHARING_DATA_DIR": str(tmp_path / "data"),
        "JE_SHARING_CORS_ORIGINS": site.url.rstrip("/"),
    }
    other = RunningService(environment | UNHURRIED, tmp_path / "service.log")
    configure(notebook, other)
    kept = notebook.run("kept = je.share()\nprint(kept.kept)\nkept")
    assert kept.error is None, kept.error
    assert kept.stdout.strip() == "True"
    assert "je_kernel.share.retry()" in last_html(kept)

    notebook.restart_kernel()
    other.start()
    try:
        configure(notebook, other)
        readable_id = run(notebook, "(sent,) = je.share.retry()\nprint(sent.readable_id)")
        assert kept_by(other, readable_id)["cells"]
    finally:
        other.stop()
    configure(notebook, service)
    run(notebook, "new = 'after the restart'")
    again = run(notebook, "share = je.share()\nprint(share.link, share.how)")
    assert again == f"{first} updated"
    assert "new = 'after the restart'" in sources(kept_by(service, first.rpartition("/")[2]))


def test_sharing_the_same_again_changes_nothing(notebook, service):
    index = len(notebook.cells())
    first = notebook.run("share = je.share()\nprint(share.link, share.how)")
    before = service.log().count("share_notebook")
    again = notebook.run_cell(index)
    link = first.stdout.split()[0]
    assert again.stdout.strip() == f"{link} unchanged"
    assert service.log().count("share_notebook") == before


def test_the_save_button_is_pressed_where_the_site_does_not_show_its_application(
    lab, notebook, service
):
    # With a name, so that JupyterLab does not ask for one.
    lab.page.evaluate(
        "async () => { const it = jupyterapp.shell.currentWidget;"
        " await it.context.rename('named.ipynb'); it.isUntitled = false; }"
    )
    run(notebook, "typed = 'and not saved'")
    readable_id, unsaved = run(notebook, WITHOUT_THE_APPLICATION).split()
    assert unsaved == "False"
    assert "typed = 'and not saved'" in sources(kept_by(service, readable_id))


def test_the_link_can_be_copied_from_the_card(page, notebook):
    shared = notebook.run("share = je.share()\nprint(share.link)\nshare")
    page.playwright.context.grant_permissions(["clipboard-read", "clipboard-write"])
    card = page.playwright.locator(".je-share").last
    card.locator("button").click()
    card.locator("button", has_text="Copied").wait_for()
    assert page.evaluate("() => navigator.clipboard.readText()") == shared.stdout.strip()


def test_what_stands_in_the_frame_follows_the_theme_and_its_links_open(page, notebook, service):
    error = {"output_type": "error", "ename": "E", "evalue": "no", "traceback": ["E: no"]}
    stream = {"output_type": "stream", "name": "stdout", "text": "plain"}
    code = {"cell_type": "code", "id": "c", "metadata": {}, "source": "1 / 0"}
    text = (
        "# Rain\n\nThe sum $\\frac{a^2}{b}$ and [a link](http://127.0.0.1:9/rain).\n\n$$\\int_0^1$$"
    )
    cells = [
        {"cell_type": "markdown", "id": "m", "metadata": {}, "source": text},
        {**code, "outputs": [stream, error], "execution_count": 1},
    ]
    content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    assert notebook.run(f"je.open_shared({service.shared(content)['id']!r})").error is None
    frame = page.playwright.frame_locator(".je-shared iframe").last
    frame.locator(".je-error").wait_for()
    kinds = ["code", "output", "error"]
    background = "it => getComputedStyle(it).backgroundColor"
    # Formulas are shown in two dimensions, not as a line of letters.
    assert frame.locator("mfrac").bounding_box()["height"] > 15
    papers = []
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        page.evaluate(
            "theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme
        )
        wanted = json.dumps("Light" in theme)
        page.playwright.wait_for_function(
            f"() => document.body.dataset.jpThemeLight === '{wanted}'"
        )
        papers.append(frame.locator("body").evaluate(background))
        assert len({frame.locator(f".je-{it}").evaluate(background) for it in kinds}) == 3
    assert papers == ["rgb(17, 17, 17)", "rgb(255, 255, 255)"]
    with page.playwright.context.expect_page() as opened:
        frame.locator("a").click()
    assert opened.value != page.playwright
    opened.value.close()


def test_a_share_is_taken_back_from_a_cell_that_was_never_saved(notebook, service):
    readable_id = run(notebook, "print(je.share().readable_id)")
    said = notebook.run("je.share.revoke()")
    assert said.error is None, said.error
    assert "is no longer shared" in said.value
    answer = service.get(f"/notebooks/get-by-readable-id/{readable_id}")
    assert answer.status_code == 404


def test_personal_data_stay_in_the_browser(page, notebook, service):
    run(notebook, "ask = 'mia.lund' + '@' + 'school.org'; print(ask)")
    number = len(notebook.cells())
    before = service.log().count("share_notebook")
    refused = notebook.run("je.share()")
    assert refused.error is not None
    assert f"e-mail address in the output of cell {number}, line 1" in refused.error.message
    assert service.log().count("share_notebook") == before
    readable_id = run(notebook, "print(je.share(allow_personal_data=True).readable_id)")
    assert any("mia.lund" in source for source in sources(kept_by(service, readable_id)))
    page.evaluate("() => jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")


def test_a_service_that_does_not_know_this_site_is_told_apart(notebook, tmp_path):
    running = RunningService(
        {"JE_SHARING_DATA_DIR": str(tmp_path / "data"), **UNHURRIED}, tmp_path / "service.log"
    ).start()
    try:
        configure(notebook, running)
        said = run(notebook, "print(je.share().reason)")
        assert "does not let this site use it" in said
    finally:
        running.stop()


def test_two_copies_with_the_running_cell_are_not_guessed_between(page, notebook):
    run(notebook, "print(je.share().link)")
    page.evaluate(
        """async path => {
            const contents = jupyterapp.serviceManager.contents;
            window.copied = (await contents.copy(path, '')).path;
        }""",
        notebook.path,
    )
    index = len(notebook.cells()) - 1
    again = notebook.run_cell(index)
    assert again.error is not None
    assert "copies of each other" in again.error.message
    assert run(notebook, f"print(je.share({json.dumps(notebook.path)}).how)") == "updated"
    page.evaluate("() => jupyterapp.serviceManager.contents.delete(window.copied)")


def test_what_is_remembered_is_not_among_the_students_files(notebook):
    run(notebook, "print(je.share().link)")
    listed = run(notebook, "from je_kernel import files; print(files.list().names)")
    assert notebook.path in listed
    assert ".je-kernel" not in listed


def test_the_demonstration_makes_a_link_and_opens_it(lab, service):
    demo = lab.open_notebook("Sharing.ipynb")
    code = [index for index, cell in enumerate(demo.cells()) if cell.type == "code"]
    # Without a sharing service it says so, and fails nowhere.
    assert [demo.run_cell(index).error for index in code] == [None] * len(code)
    configure(demo, service)
    results = [demo.run_cell(index) for index in code]
    assert [result.error for result in results] == [None] * len(results)
    words = run(demo, "print(je.share(title='My week of rain').words)")
    assert words in last_html(results[1])
    assert "Tuesday" in service.http.get(f"/s/{words.replace(' ', '-')}").text
    opened = demo.run(f"je.open_shared({words!r})")
    assert "My week of rain" in last_html(opened)


def test_a_notebook_of_an_older_format_has_no_cell_ids_and_is_found_all_the_same(
    page, lab, service
):
    # As Google Colab writes them; JupyterLab saves them without ids too.
    page.evaluate(
        """async () => {
            const code = source => ({
                cell_type: 'code', source, metadata: {}, outputs: [], execution_count: null });
            const metadata = { kernelspec: { name: 'python', display_name: 'Python' } };
            const content = {
                cells: [code("print('old')")], metadata, nbformat: 4, nbformat_minor: 0 };
            const model = { type: 'notebook', format: 'json', content };
            await jupyterapp.serviceManager.contents.save('colab.ipynb', model);
            await jupyterapp.serviceManager.contents.save('other.ipynb', model);
        }"""
    )
    old = lab.open_notebook("colab.ipynb")
    configure(old, service)
    shared = run(old, "share = je.share()\nprint(share.notebook, share.readable_id)")
    path, readable_id = shared.split()
    assert path == "colab.ipynb"
    assert "print('old')" in sources(kept_by(service, readable_id))


def test_a_saved_copy_opens_by_the_link_that_is_shown(page, notebook, service):
    content = {
        "cells": [],
        "metadata": {"title": "Rain & snow"},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    readable_id = service.shared(content)["readable_id"]
    assert notebook.run(f"je.open_shared({readable_id!r}).save_copy()").error is None
    page.playwright.get_by_role("link", name="Rain & snow.ipynb").click()
    page.playwright.wait_for_function(
        "() => jupyterapp.shell.currentWidget?.context?.path === 'Rain & snow.ipynb'"
    )


def test_after_a_reload_the_link_is_the_same_and_the_card_shows_it_untrusted(
    page, notebook, site, service
):
    first = run(notebook, "share = je.share()\nprint(share.link)")
    assert notebook.run("share").error is None
    notebook.save()
    path = notebook.path
    # A copy from elsewhere is not trusted: its scripts do not run.
    page.evaluate(
        """async path => {
            const contents = jupyterapp.serviceManager.contents;
            const model = await contents.get(path, { type: 'notebook', content: true });
            for (const cell of model.content.cells) cell.metadata.trusted = false;
            await contents.save('untrusted.ipynb', model);
        }""",
        path,
    )
    reloaded = Lab.open(page, site.url, query="?reset")
    reloaded.open_notebook("untrusted.ipynb")
    shown = page.playwright.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .je-share input").last
    shown.wait_for()
    assert shown.input_value() == first
    assert shown.evaluate("field => field.closest('.je-share').querySelector('script')") is None
    page.evaluate("() => jupyterapp.commands.execute('application:close')")
    page.evaluate("() => jupyterapp.serviceManager.contents.delete('untrusted.ipynb')")
    reopened = reloaded.open_notebook(path)
    configure(reopened, service)
    assert run(reopened, "share = je.share()\nprint(share.link, share.how)") == f"{first} updated"
