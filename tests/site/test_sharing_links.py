"""Sharing from one origin by a service of another, in every engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("je_sharing")

from tests.browsers.lab import Lab
from tests.service.running_service import UNHURRIED, RunningService

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
print(made.how, made.unsaved)
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


@pytest.fixture
def notebook(lab, service):
    opened = lab.new_notebook()
    configure(opened, service)
    return opened


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
def test_the_link_is_the_same_after_a_restart_of_the_kernel(lab, notebook, service):
    first = run(notebook, "print(je.share().link)")
    notebook.restart_kernel()
    configure(notebook, service)
    run(notebook, "new = 'after the restart'")
    again = run(notebook, "share = je.share()\nprint(share.link, share.how)")
    assert again == f"{first} updated"
    assert "new = 'after the restart'" in sources(kept_by(service, first.rpartition("/")[2]))


def test_the_link_is_the_same_after_a_reload_of_the_page(page, lab, notebook, site, service):
    first = run(notebook, "print(je.share().link)")
    notebook.save()
    path = notebook.path
    reopened = Lab.open(page, site.url).open_notebook(path)
    configure(reopened, service)
    assert run(reopened, "share = je.share()\nprint(share.link, share.how)") == f"{first} updated"


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
    assert run(notebook, WITHOUT_THE_APPLICATION) == "new False"


def test_the_link_can_be_copied_from_the_card(page, notebook):
    shared = notebook.run("share = je.share()\nprint(share.link)\nshare")
    page.playwright.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = page.playwright.locator(".je-share button")
    button.click()
    page.playwright.locator(".je-share button", has_text="Copied").wait_for()
    assert page.evaluate("() => navigator.clipboard.readText()") == shared.stdout.strip()


def test_the_card_of_an_untrusted_notebook_still_shows_the_link(page, lab, notebook, site):
    link = run(notebook, "share = je.share()\nprint(share.link)")
    assert notebook.run("share").error is None
    notebook.save()
    # A copy from elsewhere is not trusted: its scripts do not run.
    page.evaluate(
        """async path => {
            const contents = jupyterapp.serviceManager.contents;
            const model = await contents.get(path, { type: 'notebook', content: true });
            for (const cell of model.content.cells) cell.metadata.trusted = false;
            await contents.save('untrusted.ipynb', model);
        }""",
        notebook.path,
    )
    Lab.open(page, site.url).open_notebook("untrusted.ipynb")
    # The workspace that is restored may have the trusted one open too, behind this one.
    shown = page.playwright.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .je-share input")
    shown.wait_for()
    assert shown.input_value() == link
    assert shown.evaluate("field => field.closest('.je-share').querySelector('script')") is None


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
    frame = page.playwright.frame_locator(".je-shared iframe")
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


def test_a_share_is_taken_back_from_a_cell_that_was_never_saved(notebook, service):
    readable_id = run(notebook, "print(je.share().readable_id)")
    said = notebook.run("je.share.take_back()")
    assert said.error is None, said.error
    assert "is shared no longer" in said.value
    answer = service.get(f"/notebooks/get-by-readable-id/{readable_id}")
    assert answer.status_code == 404


def test_personal_data_stay_in_the_browser(notebook, service):
    run(notebook, "ask = 'mia.lund' + '@' + 'school.org'; print(ask)")
    before = service.log().count("share_notebook")
    refused = notebook.run("je.share()")
    assert refused.error is not None
    assert "e-mail address in the output of cell 2, line 1" in refused.error.message
    assert service.log().count("share_notebook") == before
    assert run(notebook, "print(je.share(anyway=True).how)") == "new"


@ALL_ENGINES
def test_offline_nothing_is_lost(notebook, site, tmp_path):
    environment = {
        "JE_SHARING_DATA_DIR": str(tmp_path / "data"),
        "JE_SHARING_CORS_ORIGINS": site.url.rstrip("/"),
    }
    running = RunningService(environment | UNHURRIED, tmp_path / "service.log")
    configure(notebook, running)
    kept = notebook.run("kept = je.share()\nprint(kept.kept)\nkept")
    assert kept.error is None, kept.error
    assert kept.stdout.strip() == "True"
    assert "je_kernel.share.retry()" in last_html(kept)
    notebook.restart_kernel()
    running.start()
    try:
        configure(notebook, running)
        readable_id = run(notebook, "(sent,) = je.share.retry()\nprint(sent.readable_id)")
        assert kept_by(running, readable_id)["cells"]
    finally:
        running.stop()


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
            await contents.copy(path, '');
        }""",
        notebook.path,
    )
    index = len(notebook.cells()) - 1
    again = notebook.run_cell(index)
    assert again.error is not None
    assert "copies of each other" in again.error.message
    assert run(notebook, f"print(je.share({json.dumps(notebook.path)}).how)") == "updated"


def test_what_is_remembered_is_not_among_the_students_files(notebook):
    run(notebook, "print(je.share().link)")
    listed = run(notebook, "from je_kernel import files; print(files.list().names)")
    assert notebook.path in listed
    assert ".je-kernel" not in listed


def test_the_demonstration_makes_a_link_and_opens_it(lab, service):
    demo = lab.open_notebook("Sharing.ipynb")
    code = [index for index, cell in enumerate(demo.cells()) if cell.type == "code"]
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
