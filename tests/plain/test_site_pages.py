"""Our pages in a site: added, added again, taken out, and nothing of the deployer's touched."""

import json
import re

import pytest

from je_site.progress import Reporter
from je_site.site_pages import LANDING, PageOptions, install_pages

pytestmark = [pytest.mark.plain, pytest.mark.usefixtures("cache")]

# What is JupyterLite's in each of its pages, in short.
STOCK = """<!DOCTYPE html>
<html>
  <head>
    <script id="jupyter-config-data" type="application/json" data-jupyter-lite-root=".">{}</script>
    <script type="module">await import('./config-utils.js');</script>
  </head>
</html>
"""
TAG = re.compile(r'<script src="([^"]+)" data-je-kernel="links"( data-front)?></script>')
SCRIPT = re.compile(
    r'\n    <script src="([^"]+)" data-je-kernel="(page|offline|lessons)"></script>'
)


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    for page in ("index.html", "lab/index.html", "notebooks/index.html", "repl/index.html"):
        path = folder / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(STOCK)
    (folder / "jupyter-lite.json").write_text('{"jupyter-config-data": {"appName": "Our School"}}')
    return folder


def install(site, **options):
    install_pages(site, PageOptions(**options), Reporter(lines=True))


def everything(site):
    return {
        path.relative_to(site).as_posix(): path.read_bytes()
        for path in site.rglob("*")
        if path.is_file()
    }


def config(site):
    return json.loads((site / "jupyter-lite.json").read_text())["jupyter-config-data"]


def test_the_landing_page_is_made_of_what_is_there(site):
    install(site)
    page = (site / LANDING).read_text()
    assert 'data-apps="lab notebooks"' in page
    named = re.findall(r'(?:src|href)="(\.\./static/[^"]+)"', page)
    assert [re.sub(r"-[0-9a-f]+", "", name).rpartition("/")[2] for name in named] == [
        *("icon.svg", "page.css", "offline.js", "landing.js"),
    ]
    assert all((site / "je" / name).resolve().is_file() for name in named)
    assert "{" not in page


def test_the_pages_have_no_script_and_no_style_of_their_own(site):
    install(site)
    page = (site / LANDING).read_text()
    assert not re.search(r"<style|\bstyle=|\bon\w+=|<script(?![^>]*\bsrc=)", page)


@pytest.mark.parametrize(
    ("page", "prefix"), [("index.html", "./static/"), ("lab/index.html", "../static/")]
)
def test_jupyterlites_own_pages_lead_links_to_ours(site, page, prefix):
    install(site)
    text = (site / page).read_text()
    (found,) = TAG.finditer(text)
    assert found[1].startswith(prefix)
    assert ((site / page).parent / found[1]).resolve().is_file()
    # Before anything of JupyterLite's can run.
    assert text.index(found[0]) < text.index("jupyter-config-data")


def test_an_application_that_opens_no_notebooks_gets_no_links(site):
    install(site)
    assert not TAG.search((site / "repl" / "index.html").read_text())


@pytest.mark.parametrize("pages", [True, False])
@pytest.mark.parametrize("offline", [True, False])
@pytest.mark.parametrize("page", ["index.html", "lab/index.html", "repl/index.html"])
def test_every_page_of_jupyterlites_has_the_scripts_before_all_else(site, page, pages, offline):
    install(site, pages=pages, offline=offline)
    text = (site / page).read_text()
    found = list(SCRIPT.finditer(text))
    assert [each[2] for each in found] == ["page", *(["offline", "lessons"] if offline else [])]
    assert all(((site / page).parent / each[1]).resolve().is_file() for each in found)
    assert text.index("<head>") + len("<head>") == found[0].start()
    if pages:
        assert ('data-je-kernel="offline"' in (site / LANDING).read_text()) == offline


def test_the_front_page_is_jupyterlites_unless_ours_is_wanted(site):
    install(site)
    assert TAG.search((site / "index.html").read_text())[2] is None
    install(site, front_page=True)
    assert TAG.search((site / "index.html").read_text())[2]
    assert TAG.search((site / "lab" / "index.html").read_text())[2] is None


def test_to_install_again_changes_nothing(site):
    install(site)
    before = everything(site)
    install(site)
    assert everything(site) == before


TRACKER = "@jupyterlab/notebook-extension:tracker"
NOTEBOOKS = {"autoStartDefaultKernel": True, "kernelShutdown": True}


def test_switched_off_there_is_nothing_left_of_the_pages(site):
    install(site, pages=False, expose_app=False)
    before = everything(site)
    install(site, front_page=True)
    install(site, pages=False, expose_app=False)
    assert everything(site) == before
    assert config(site) == {"appName": "Our School", "settingsOverrides": {TRACKER: NOTEBOOKS}}
    assert not (site / "je").exists()
    assert SCRIPT.sub("", (site / "index.html").read_text()) == STOCK


def test_a_front_page_of_the_deployers_own_stays_as_it_is(site):
    (site / "index.html").write_text("<html><head></head><h1>Our School</h1></html>")
    install(site, front_page=True)
    assert (site / "index.html").read_text() == "<html><head></head><h1>Our School</h1></html>"


def test_a_landing_page_that_the_deployer_changed_stays_and_works(site, capsys):
    install(site)
    page = site / LANDING
    changed = page.read_text().replace("Python notebooks", "Our notebooks")
    page.write_text(changed)
    (assets,) = site.glob("static/je-kernel/pages-*")
    # An update brings assets of another name: the page still needs those it was made of.
    older = assets.with_name("pages-0123456789")
    assets.rename(older)
    page.write_text(changed.replace(assets.name, older.name))
    capsys.readouterr()
    install(site)
    assert "Our notebooks" in page.read_text()
    assert older.is_dir()
    assert "stays as it is" in capsys.readouterr().err
    install(site, pages=False)
    assert "Our notebooks" in page.read_text()


def test_what_an_earlier_version_left_is_removed(site):
    (site / "static/je-kernel/pages-0123456789").mkdir(parents=True)
    (site / "static/je-kernel/page-0123456789.js").touch()
    install(site)
    assert len(list(site.glob("static/je-kernel/pages-*"))) == 1
    assert len(list(site.glob("static/je-kernel/page-*"))) == 1


def test_a_site_without_jupyterlab_and_notebook_gets_no_page(site):
    for app in ("lab", "notebooks"):
        (site / app / "index.html").unlink()
    install(site)
    assert not (site / "je").exists()
    assert not TAG.search((site / "index.html").read_text())


def test_the_application_is_shown_to_scripts_unless_the_deployer_says_no(site):
    install(site)
    assert config(site)["exposeAppInBrowser"] is True
    install(site, expose_app=False)
    assert "exposeAppInBrowser" not in config(site)
    (site / "jupyter-lite.json").write_text(
        '{"jupyter-config-data": {"exposeAppInBrowser": false}}'
    )
    install(site)
    assert config(site)["exposeAppInBrowser"] is False


def test_a_deployers_own_yes_is_not_taken_back(site):
    (site / "jupyter-lite.json").write_text('{"jupyter-config-data": {"exposeAppInBrowser": true}}')
    install(site)
    install(site, expose_app=False)
    assert config(site)["exposeAppInBrowser"] is True
