"""What the build makes so that a site works offline: the list, the service worker, the manifest."""

import json

import pytest

from je_kernel import offline
from je_kernel.errors import NetworkError, NoSpaceError, NotInBrowserError
from je_kernel.site_offline import keep_all
from je_site.cache import sha256_of
from je_site.offline import install_offline
from je_site.progress import Reporter
from je_site.web_manifest import install_manifest

pytestmark = [pytest.mark.plain, pytest.mark.usefixtures("cache")]

STOCK = "self.addEventListener('fetch', drive);\n"
KERNEL = "@jupyterlite/pyodide-kernel-extension:kernel"
SNAPSHOTS = "static/je-kernel/snapshots"
LOCAL = "./static/je-kernel/pyodide-1/je-kernel-2.mjs?snapshot=aa&large=bb"


def config(pyodide):
    settings = {KERNEL: {"pyodideUrl": pyodide}} if pyodide else {}
    return json.dumps({"jupyter-config-data": {"litePluginSettings": settings}})


@pytest.fixture
def site(tmp_path):
    files = {
        "service-worker.js": STOCK,
        "jupyter-lite.json": config(LOCAL),
        "index.html": "front",
        "lab/index.html": "lab",
        "build/1.abcdef0.js": "x",
        "build/1.abcdef0.js.map": "{}",
        ".hidden/x": "",
        "api/contents/all.json": "{}",
        "files/b.ipynb": "b" * 100,
        "files/a.ipynb": "a" * 200,
        "files/small.csv": "1",
        "static/je-kernel/wheels/w.whl": "wheel",
        f"{SNAPSHOTS}/aa/memory-0.bin": "small",
        f"{SNAPSHOTS}/bb/memory-1.bin": "large",
    }
    for kind in ("aa", "bb"):
        files[f"{SNAPSHOTS}/{kind}/snapshot.json"] = json.dumps({"wheels": ["../../wheels/w.whl"]})
    for name, text in files.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "site"


def install(site, *, wanted=True):
    install_offline(site, Reporter(lines=True), wanted=wanted)


def listed(site):
    version = json.loads((site / "je-kernel-site.json").read_text())["version"]
    return json.loads((site / f"static/je-kernel/site-{version}.json").read_text())


def everything(site):
    return {
        path.relative_to(site).as_posix(): path.read_bytes()
        for path in site.rglob("*")
        if path.is_file()
    }


def test_the_list_has_each_file_that_a_page_may_need_with_its_hash_and_size(site):
    install(site)
    files = listed(site)["files"]
    assert files["files/a.ipynb"] == [sha256_of(site / "files/a.ipynb")[:16], 200]
    assert set(files) == {
        *("jupyter-lite.json", "index.html", "lab/index.html", "build/1.abcdef0.js"),
        *("api/contents/all.json", "files/a.ipynb", "files/b.ipynb", "files/small.csv"),
        *("static/je-kernel/wheels/w.whl", f"{SNAPSHOTS}/aa/memory-0.bin"),
        *(f"{SNAPSHOTS}/{kind}/snapshot.json" for kind in ("aa", "bb")),
    }


def test_every_browser_keeps_the_beginnings_and_lessons_before_data(site, monkeypatch):
    install(site)
    beginnings = ["api/contents/all.json", "index.html"]
    lessons = ["files/b.ipynb", "files/a.ipynb", "files/small.csv"]
    assert listed(site)["always"] == [*beginnings, *lessons]
    monkeypatch.setattr("je_site.offline._MAX_LESSONS_SIZE", 150)
    install(site)
    assert listed(site)["always"] == [*beginnings, "files/b.ipynb"]


def test_the_wheels_of_a_snapshot_are_kept_with_it(site):
    install(site)
    wheel = ["static/je-kernel/wheels/w.whl"]
    assert listed(site)["companions"] == {
        f"{SNAPSHOTS}/aa/memory-0.bin": wheel,
        f"{SNAPSHOTS}/bb/snapshot.json": wheel,
    }


@pytest.mark.parametrize(
    ("pyodide", "where"),
    [(LOCAL, "here"), ("https://cdn.example/p.mjs", "elsewhere"), (None, "elsewhere")],
)
def test_the_list_says_where_python_comes_from(site, pyodide, where):
    (site / "jupyter-lite.json").write_text(config(pyodide))
    install(site)
    assert listed(site)["python"] == where


def test_the_service_worker_runs_ours_and_then_the_one_that_was_there(site):
    install(site)
    text = (site / "service-worker.js").read_text()
    ours, theirs = json.loads(f"[{text.partition('(')[2].rpartition(')')[0]}]")
    assert (site / theirs).read_text() == STOCK
    assert "offline-worker" in ours
    assert (site / ours).is_file()


def test_doing_it_again_changes_nothing_and_an_update_only_what_it_must(site):
    install(site)
    before = everything(site)
    install(site)
    assert everything(site) == before
    (site / "files/a.ipynb").write_text("corrected")
    install(site)
    after = everything(site)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert {name.partition("site-")[0] for name in changed} == {
        *("files/a.ipynb", "je-kernel-site.json", "static/je-kernel/"),
    }
    assert len([name for name in after if name.startswith("static/je-kernel/site-")]) == 1


def test_it_can_be_switched_off_and_on_again(site):
    install(site)
    before = everything(site)
    install(site, wanted=False)
    assert not (site / "je-kernel-site.json").exists()
    assert "caches.delete" in (site / "service-worker.js").read_text()
    assert not list(site.glob("static/je-kernel/offline-worker-*"))
    install(site)
    assert everything(site) == before


def test_a_new_service_worker_of_jupyterlites_takes_the_place_of_the_old_one(site):
    install(site)
    (site / "service-worker.js").write_text("// newer\n")
    install(site)
    (stock,) = site.glob("static/je-kernel/service-worker-*.js")
    assert stock.read_text() == "// newer\n"


def test_a_site_without_a_service_worker_is_built_with_a_warning(site, capsys):
    (site / "service-worker.js").unlink()
    install(site)
    assert "does not work offline" in capsys.readouterr().err
    assert not (site / "je-kernel-site.json").exists()


# The manifest ----------------------------------------------------------------------------------

JUPYTERLITES = '{"name": "JupyterLite", "description": "WASM powered JupyterLite app"}'


def test_the_manifest_has_the_name_of_the_site_where_it_begins_and_our_icons(site):
    path = site / "manifest.webmanifest"
    path.write_text(JUPYTERLITES)
    said = json.dumps({"jupyter-config-data": {"appName": "Our School"}})
    (site / "jupyter-lite.json").write_text(said)
    install_manifest(site)
    manifest = json.loads(path.read_text())
    assert (manifest["name"], manifest["start_url"]) == ("Our School", "./lab/index.html")
    assert {icon["sizes"] for icon in manifest["icons"]} == {"any", "192x192", "512x512"}
    assert [icon["purpose"] for icon in manifest["icons"]].count("maskable") == 1
    assert all((site / icon["src"]).is_file() for icon in manifest["icons"])
    # It can be done again, now with the page to begin with.
    (site / "je").mkdir()
    (site / "je/index.html").write_text("ours")
    install_manifest(site)
    assert json.loads(path.read_text())["start_url"] == "./je/index.html"


@pytest.mark.parametrize("own", ['{"name": "Mine"}', "[]", "not JSON"])
def test_a_manifest_of_the_deployers_stays(site, own):
    path = site / "manifest.webmanifest"
    path.write_text(own)
    install_manifest(site)
    assert path.read_text() == own
    assert not list(site.glob("static/je-kernel/icons-*"))


# je_kernel.offline() -----------------------------------------------------------------------------


def states(*kept, **more):
    last = {"full": False, "reached": True, "python": "here", **more}
    whole = {"files": 3, "bytes": 3_000_000}
    each = [{"kept": {"files": n, "bytes": n * 1_000_000}, "all": whole, **last} for n in kept]
    return iter(each).__next__


class Display:
    def __init__(self):
        self.said = []

    def show(self, label, words, done, total):
        self.said.append((label, words, done, total))

    def clear(self):
        self.said.append("cleared")


def test_more_is_kept_until_all_is_and_it_is_shown_how_far_that_is():
    display = Display()
    kept = keep_all(states(1, 2, 3), display)
    assert (
        repr(kept) == "All of this site is on this device now (3 MB): it works without a network."
    )
    label = "Making this site available offline"
    assert display.said == [
        (label, "1 MB of 3 MB", 1_000_000, 3_000_000),
        (label, "2 MB of 3 MB", 2_000_000, 3_000_000),
        "cleared",
    ]


def test_a_python_from_elsewhere_is_said_to_need_the_network():
    assert "Python comes from another site" in repr(keep_all(states(3, python="elsewhere")))


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        ({"full": True}, NoSpaceError, "no room for all of the site: 1 MB of 3 MB"),
        ({"reached": False}, NetworkError, "does not answer: 1 MB of 3 MB"),
    ],
)
def test_why_not_all_can_be_kept_is_said(more, error, words):
    with pytest.raises(error, match=words):
        keep_all(states(1, **more))


def test_in_ordinary_python_there_is_nothing_to_keep():
    with pytest.raises(NotInBrowserError, match="nothing to do"):
        offline()
