"""Data files in a real JupyterLite: which store is chosen, and that all of it agrees.

What je-kernel writes is compared with what JupyterLab's own contents manager
and plain ``open("/drive/…")`` see, and the other way round.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from je_site.build import BuildOptions, build_if_needed
from je_site.server import serve
from tests import drive_behaviour, files_behaviour
from tests.browsers.lab import Lab
from tests.site.bare_kernel import BareKernel
from tests.site.conftest import keep_evidence_of_failure, one_at_a_time, write_lite_dir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from je_site.server import Served
    from tests.browsers.lab import Notebook
    from tests.browsers.page import Browser, Page

SHIPPED = {
    "people.csv": "name,age\nZoë,36\nAlan,41\n".encode(),
    "notes.txt": b"\xef\xbb\xbfwith a mark\r\n",
    "data/points.csv": b"x,y\n1,2\n",
    "data/deep/things.json": b'{"a":  [1, 2]}\n',
    "data/latin.txt": "Köln".encode("latin-1"),
    "my notes/a b.txt": b"spaces",
}
EMPTY_DRIVE = """
os.chdir('/drive')
store_selection.reset()
for info in files.list():
    try:
        if not info.name.startswith('Untitled'):  # a notebook that is open
            files.delete(info.name, recursive=True)
    except files.ReadOnlyError:
        pass  # it came with the site
"""


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = b"".join(b"\0" + b"\xff\0\0" * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.fixture(scope="session")
def files_site_folder(test_cache: Path) -> Path:
    """A site with data files in its contents."""
    with one_at_a_time(test_cache / "files-site"):
        contents = test_cache / "files-contents"
        shutil.rmtree(contents, ignore_errors=True)
        for name, data in SHIPPED.items():
            (contents / name).parent.mkdir(parents=True, exist_ok=True)
            (contents / name).write_bytes(data)
            os.utime(contents / name, (1_700_000_000, 1_700_000_000))
        options = BuildOptions(
            contents=(contents,), lite_dir=write_lite_dir(test_cache / "files-project")
        )
        build_if_needed(test_cache / "files-site", options, quiet=True)
    return test_cache / "files-site"


def variant(folder: Path, name: str, **settings: Any) -> Path:
    """Copy a site and change its settings, without building it anew."""
    copy = folder.with_name(f"{folder.name}-{name}")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy, copy_function=os.link)
    config = json.loads((folder / "jupyter-lite.json").read_text())
    config["jupyter-config-data"].update(settings)
    (copy / "jupyter-lite.json").unlink()
    (copy / "jupyter-lite.json").write_text(json.dumps(config))
    return copy


@pytest.fixture(scope="session")
def files_site(files_site_folder: Path) -> Iterator[Served]:
    with serve(files_site_folder) as served:
        yield served


@pytest.fixture(scope="module")
def shared_notebook(browser: Browser, files_site: Served) -> Iterator[Notebook]:
    """One page and kernel for all tests that need nothing but an empty drive."""
    page = browser.new_page()
    opened = Lab.open(page, files_site.url).new_notebook()
    run(opened, "import os, je_kernel.drive, je_kernel.startup\nfrom je_kernel import files")
    run(opened, "from je_kernel.files import store_selection")
    yield opened
    page.close()


@pytest.fixture
def notebook(
    shared_notebook: Notebook, request: pytest.FixtureRequest, test_cache: Path
) -> Iterator[Notebook]:
    """The shared notebook, with a drive that holds nothing but notebooks and the site's files."""
    run(shared_notebook, EMPTY_DRIVE)
    yield shared_notebook
    keep_evidence_of_failure(shared_notebook.lab.page, test_cache, request)


@pytest.fixture
def page(notebook: Notebook) -> Page:
    return notebook.lab.page


@pytest.fixture
def files_lab(notebook: Notebook) -> Lab:
    return notebook.lab


def run(notebook: Notebook, code: str) -> str:
    """Run a cell that must not fail, and return what it printed."""
    result = notebook.run(code)
    assert result.error is None, f"{result.error.message}\n{result.error.traceback}"
    return result.stdout


def value(notebook: Notebook, expression: str) -> Any:
    """Return what an expression is, by way of JSON."""
    return json.loads(run(notebook, f"import json\nprint(json.dumps(({expression})))"))


def get(page, path: str, **options: Any) -> dict[str, Any]:
    """Ask JupyterLab's contents manager for a file."""
    model: dict[str, Any] = page.evaluate(
        "(path, options) => window.jupyterapp.serviceManager.contents.get(path, options)",
        path,
        {"content": True, **options},
    )
    return model


def put(page, path: str, **model: Any) -> None:
    page.evaluate(
        "(path, model) => window.jupyterapp.serviceManager.contents.save(path, model)"
        ".then(() => null)",
        path,
        model,
    )


def run_module(notebook: Notebook, path: Path, expression: str) -> dict[str, Any]:
    """Load a suite into a kernel, and return the JSON that an expression of it gives."""
    name = path.stem
    run(
        notebook,
        f"import sys, types\n{name} = sys.modules[{name!r}] = types.ModuleType({name!r})\n"
        f"exec(compile({path.read_text('utf-8')!r}, {path.name!r}, 'exec'), {name}.__dict__)",
    )
    report: dict[str, Any] = json.loads(
        run(notebook, f"print({name}.{expression})").strip().splitlines()[-1]
    )
    return report


def run_suite(notebook: Notebook, *, packages: bool) -> dict[str, Any]:
    run(notebook, "files.mkdir('suite', exist_ok=True)\nos.chdir('suite')")
    suite = Path(files_behaviour.__file__)
    return run_module(notebook, suite, f"run_all(packages={packages})")


def run_drive_suite(notebook: Notebook) -> dict[str, str]:
    """Run the suite of plain ``open``, and return what failed."""
    report = run_module(notebook, Path(drive_behaviour.__file__), "run_all()")
    assert report["ran"] == len(drive_behaviour.CASES)
    failed: dict[str, str] = report["failed"]
    return failed


# The suite, on each store ---------------------------------------------------


def test_the_suite_passes_on_the_contents_database(notebook):
    assert value(notebook, "store_selection.select().store.name").startswith(
        "the contents database"
    )
    # Named here, so that the kernel loads them: je-kernel would load them too.
    run(notebook, "import pandas, numpy, matplotlib, PIL, openpyxl")
    report = run_suite(notebook, packages=True)
    assert report["failed"] == {}
    assert report["ran"] >= 150


@pytest.mark.engines("firefox", "webkit")
def test_the_suite_passes_in_other_engines_and_on_the_mounted_drive(notebook, browser):
    expected = {"firefox": "the contents database", "webkit": "the mounted drive"}
    assert value(notebook, "store_selection.select().store.name").startswith(
        expected[browser.engine]
    )
    report = run_suite(notebook, packages=False)
    assert report["failed"] == {}
    assert report["ran"] >= 150
    assert run_drive_suite(notebook) == {}


# Which store ----------------------------------------------------------------


def facts_of(fresh_page, folder: Path, path: str = "") -> tuple[list[list[str]], str]:
    """Return what is chosen in a site, and what a file that was written there reads as."""
    with serve(folder) as served:
        lab = Lab.open(fresh_page, f"{served.url}{path}")
        opened = lab.new_notebook()
        run(opened, "from je_kernel import files\nfrom je_kernel.files import store_selection")
        facts = value(opened, "store_selection.facts()")
        run(opened, "files.save('a/b.txt', 'é')")
        return facts, value(opened, "files.read('a/b.txt')")


def in_a_folder(site: Path) -> Path:
    """Return what to serve for a site to be at ``lite/a/``, as a project of GitHub's pages is."""
    root = site.with_name(f"{site.name}-nested")
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(site, root / "lite" / "a", copy_function=os.link)
    return root


def test_in_a_folder_memory_storage_is_reached_through_the_drive(fresh_page, files_site_folder):
    site = variant(
        files_site_folder,
        "memory",
        enableMemoryStorage=True,
        contentsStorageDrivers=["memoryStorageDriver"],
    )
    (kept, why), text = facts_of(fresh_page, in_a_folder(site), "lite/a/")
    assert kept[1] == "the mounted drive"
    assert "memory" in why[1]
    assert text == "é"


def test_in_a_folder_without_a_service_worker_the_database_of_the_sites_name_is_used(
    fresh_page, files_site_folder
):
    site = variant(
        files_site_folder,
        "unmounted",
        disabledExtensions=["@jupyterlite/application-extension:service-worker-manager"],
    )
    (kept, why), text = facts_of(fresh_page, in_a_folder(site), "lite/a/")
    assert kept[1] == "the contents database 'JupyterLite Storage - /lite/a/'"
    assert "no drive is mounted" in why[1]
    assert text == "é"
    assert get(fresh_page, "a/b.txt", format="text")["content"] == "é"


def test_without_storage_or_drive_files_are_kept_in_the_kernel(fresh_page, files_site_folder):
    folder = variant(
        files_site_folder,
        "bare",
        disabledExtensions=["@jupyterlite/application-extension:service-worker-manager"],
        enableMemoryStorage=True,
        contentsStorageDrivers=["memoryStorageDriver"],
    )
    (kept, why), text = facts_of(fresh_page, folder)
    assert kept[1] == "a folder of this computer"
    assert "lost when the kernel stops" in why[1]
    assert text == "é"


OTHER_DRIVE = """async () => {
  const { contents } = window.jupyterapp.serviceManager;
  const own = contents._defaultDrive;
  const other = new own.constructor({
    localforage: own._localforage,
    storageName: 'Another place',
    serverSettings: own.serverSettings,
  });
  Object.defineProperty(other, 'name', { value: 'Other' });
  contents.addDrive(other);
  window.otherDrive = other;
  const metadata = { kernelspec: { name: 'python', display_name: 'Python (Pyodide)' } };
  const content = { cells: [], metadata, nbformat: 4, nbformat_minor: 5 };
  await contents.save('Other:lesson.ipynb', { type: 'notebook', format: 'json', content });
  await contents.save('Other:notes.txt', { type: 'file', format: 'text', content: 'é' });
}"""
FORBID_SAVING = """() => {
  window.otherDrive.save = async () => { throw new Error('You may only read here.'); };
}"""


def test_a_notebook_on_another_drive_has_its_files_there(fresh_page, files_site):
    lab = Lab.open(fresh_page, files_site.url)
    fresh_page.evaluate(OTHER_DRIVE)
    opened = lab.open_notebook("Other:lesson.ipynb")
    run(opened, "from je_kernel import files\nfrom je_kernel.files import store_selection")
    kept, why = value(opened, "store_selection.facts()")
    assert kept[1] == "the mounted drive"
    assert "another drive (Other)" in why[1]
    assert value(opened, "files.read('notes.txt')") == "é"
    run(opened, "files.save('a/b.txt', 'ä')")
    assert get(fresh_page, "Other:a/b.txt", format="text")["content"] == "ä"
    assert value(opened, "files.read('a/b.txt')") == "ä"
    assert "b.txt" not in str(get(fresh_page, ""))

    # A drive that may only be read is read all the same, and a save says that it failed.
    fresh_page.evaluate(FORBID_SAVING)
    assert value(opened, "files.read('notes.txt')") == "é"
    error = opened.run("files.save('notes.txt', 'ö')").error
    assert error is not None
    assert "may be read-only" in error.message
    assert value(opened, "files.read('notes.txt')") == "é"


OF_OTHERS = """async () => {
  const asked = request => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const make = name => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('files').put({ name: 'theirs.txt' }, 'theirs.txt');
    };
    return asked(request);
  };
  for (const name of ['JupyterLite Storage - /another/', 'Another program']) {
    (await make(name)).close();
  }
  // A connection stays, and a request for a higher version waits for it: so does who opens it now.
  window.kept = await make('Another JupyterLite, being changed');
  window.waiting = indexedDB.open('Another JupyterLite, being changed', 2);
  await new Promise(blocked => { window.waiting.onblocked = blocked; });
  window.keysOf = async name => {
    const database = await asked(indexedDB.open(name));
    const keys = await asked(database.transaction('files').objectStore('files').getAllKeys());
    database.close();
    return keys;
  };
}"""
WATCH_DATABASES = """(() => {
  self.opened = [];
  self.written = [];
  const watch = (prototype, method, note) => {
    const theirs = prototype[method];
    prototype[method] = function (...all) {
      note(this, ...all);
      return theirs.apply(this, all);
    };
  };
  watch(IDBFactory.prototype, 'open', (_, name) => opened.push(name));
  for (const method of ['put', 'add', 'delete', 'clear']) {
    watch(IDBObjectStore.prototype, method, store => written.push(store.transaction.db.name));
  }
})()"""


def test_renamed_storage_is_found_and_databases_of_others_are_left_alone(
    fresh_page, files_site_folder
):
    """One has the name of another JupyterLite, one is unrelated, and one lets nobody open it."""
    folder = variant(files_site_folder, "others", contentsStorageName="Our Lessons")
    with serve(folder) as served:
        keeper = fresh_page.playwright.context.new_page()
        keeper.goto(f"{served.url}api/contents/all.json")
        keeper.evaluate(OF_OTHERS)
        kernel = BareKernel.start(fresh_page.playwright, served.url)
        kernel.run(
            f"import asyncio, js\njs.eval({WATCH_DATABASES!r})\n"
            "from je_kernel import files\nfrom je_kernel.files import store_selection\n"
            "store_selection.reset()\n"
            "place = await asyncio.wait_for(store_selection.current_async(), 30)"
        )
        assert kernel.value("place.store.name") == "the contents database 'Our Lessons'"
        kept, why = kernel.value("store_selection.facts()")
        assert kept[1] == "the contents database 'Our Lessons'"
        assert "the page shows" in why[1]
        assert kernel.value("[set(js.opened) == {'Our Lessons'}, list(js.written)]") == [True, []]
        kernel.run("files.save('a.txt', 'é')")
        assert get(fresh_page, "a.txt", format="text")["content"] == "é"
        for name in ("JupyterLite Storage - /another/", "Another program"):
            assert keeper.evaluate("name => window.keysOf(name)", name) == ["theirs.txt"]


# The same contents everywhere -----------------------------------------------

SAMES = {
    "a.csv": "name,x\nZoë,1\n".encode(),
    "b.bin": bytes(range(256)) * 5,
    "c d.txt": "\ufeffmark and é\r\n".encode(),
    "latin.txt": "Köln".encode("latin-1"),
    "sub/däta/e.json": b'{"a":  1}',
    "empty.txt": b"",
    "p.png": png(4, 4),
    "script.py": b"print('hi')\n",
}


def test_what_is_saved_is_what_everybody_else_sees(notebook, page):
    run(notebook, f"same = {SAMES!r}\nfor name, data in same.items(): files.save(name, data)")
    for name, data in SAMES.items():
        model = get(page, name)
        assert (model["name"], model["path"]) == (name.rpartition("/")[2], name)
        assert model["type"] == "file"
        assert model["size"] == len(data)
        assert model["writable"] is True
        assert model["created"] == model["last_modified"]
    assert value(
        notebook, "{n: open(f'/drive/{n}', 'rb').read() == d for n, d in same.items()}"
    ) == (dict.fromkeys(SAMES, True))
    assert value(notebook, "{n: os.path.getsize(f'/drive/{n}') for n in same}") == {
        name: len(data) for name, data in SAMES.items()
    }
    assert value(notebook, "sorted(os.listdir('/drive/sub'))") == ["däta"]
    folder = get(page, "sub")
    assert folder["type"] == "directory"
    assert [model["name"] for model in folder["content"]] == ["däta"]
    assert get(page, "a.csv", format="text")["content"] == "name,x\nZoë,1\n"


def test_what_others_write_is_read_back(notebook, page):
    put(page, "by lab.txt", type="file", format="text", content="é 😀")
    put(page, "by lab.json", type="file", format="json", content={"a": [1]})
    put(page, "by lab.bin", type="file", format="base64", content="AAH/")
    put(page, "by lab.ipynb", type="notebook", format="json", content={"cells": [], "nbformat": 4})
    run(notebook, "open('/drive/by drive.bin', 'wb').write(bytes(range(256)))")
    assert value(notebook, "files.read('by lab.txt')") == "é 😀"
    assert value(notebook, "files.read('by lab.json')") == {"a": [1]}
    assert value(notebook, "list(files.read('by lab.bin'))") == [0, 1, 255]
    assert value(notebook, "files.read('by lab.ipynb')") == {"cells": [], "nbformat": 4}
    assert value(notebook, "files.read('by drive.bin') == bytes(range(256))") is True
    assert value(notebook, "files.info('by drive.bin').size") == 256


def test_deleting_and_renaming_is_seen_by_the_drive_too(notebook, page):
    run(notebook, "open('/drive/a.txt', 'w').write('1')\nos.stat('/drive/a.txt')")
    run(notebook, "files.rename('a.txt', 'b.txt')")
    assert value(notebook, "os.path.exists('/drive/a.txt'), open('/drive/b.txt').read()") == [
        False,
        "1",
    ]
    run(notebook, "os.makedirs('/drive/f/g'); open('/drive/f/g/x.txt', 'w').write('2')")
    run(notebook, "files.delete('f', recursive=True)")
    assert value(notebook, "os.path.exists('/drive/f/g/x.txt'), os.path.exists('/drive/f')") == [
        False,
        False,
    ]
    run(notebook, "files.save('f', 'now a file')")
    assert value(notebook, "open('/drive/f').read()") == "now a file"


def test_media_types_are_those_that_jupyterlite_gives(notebook, page):
    from je_kernel.files.kinds import _BY_EXTENSION

    ours, theirs = {}, {}
    for ending in _BY_EXTENSION:
        put(page, f"theirs{ending}", type="file", format="text", content="{}")
        theirs[ending] = get(page, f"theirs{ending}", format="text")["mimetype"]
    run(notebook, f"for e in {list(_BY_EXTENSION)!r}: files.save(f'ours{{e}}', b'{{}}')")
    for ending in _BY_EXTENSION:
        ours[ending] = get(page, f"ours{ending}", format="text")["mimetype"]
    assert ours == theirs


def test_a_saved_picture_shows_in_a_markdown_cell(notebook, page):
    run(notebook, f"files.save('plot.png', {png(7, 5)!r})")
    size = page.evaluate(
        """async () => {
          const panel = window.jupyterapp.shell.currentWidget;
          const shared = panel.content.model.sharedModel;
          shared.insertCell(0, {cell_type: 'markdown', source: '![a plot](plot.png)'});
          const cell = panel.content.widgets[0];
          cell.rendered = true;
          const until = Date.now() + 60000;
          while (Date.now() < until) {
            const image = cell.node.querySelector('img');
            if (image && image.naturalWidth) return [image.naturalWidth, image.naturalHeight];
            await new Promise(next => setTimeout(next, 20));
          }
          return null;
        }"""
    )
    assert size == [7, 5]


def test_a_saved_text_opens_in_the_editor(notebook, page):
    run(notebook, "files.save('notes.md', '# Zoë\\n')")
    text = page.evaluate(
        """async () => {
          const widget = await window.jupyterapp.commands.execute(
            'docmanager:open', {path: 'notes.md', factory: 'Editor'});
          await widget.context.ready;
          const source = widget.context.model.sharedModel.getSource();
          widget.close();
          return source;
        }"""
    )
    assert text == "# Zoë\n"


# Files of the site ----------------------------------------------------------


def test_files_of_the_site_are_listed_and_read_as_they_are(notebook):
    assert value(notebook, "files.list().names[:4]") == [
        "data",
        "my notes",
        "notes.txt",
        "people.csv",
    ]
    assert value(notebook, "files.list('data').names") == [
        "data/deep",
        "data/latin.txt",
        "data/points.csv",
    ]
    assert value(notebook, "files.info('people.csv').from_site") is True
    run(notebook, f"shipped = {SHIPPED!r}")
    assert value(notebook, "[n for n, d in shipped.items() if files.read_bytes(n) != d]") == []
    assert value(notebook, "[n for n in shipped if not files.exists(n)]") == []


def test_a_file_of_the_site_is_shadowed_when_changed(notebook, page):
    run(notebook, "files.save('data/points.csv', 'mine')\nfiles.save('data/new.txt', 'new')")
    assert value(notebook, "files.read_text('data/points.csv')") == "mine"
    assert value(notebook, "files.info('data/points.csv').from_site") is False
    assert value(notebook, "files.list('data').names") == [
        "data/deep",
        "data/latin.txt",
        "data/new.txt",
        "data/points.csv",
    ]
    assert get(page, "data/points.csv", format="text")["content"] == "mine"
    listed = {model["name"] for model in get(page, "data")["content"]}
    assert listed == {"deep", "latin.txt", "new.txt", "points.csv"}
    run(notebook, "files.delete('data/points.csv')")
    assert value(notebook, "files.read_text('data/points.csv')") == "x,y\n1,2\n"


def test_a_file_of_the_site_is_neither_deleted_nor_renamed_nor_taken_for_nothing(notebook):
    for code, words in {
        "files.delete('people.csv')": "came with this site",
        "files.rename('people.csv', 'x.csv')": "came with this site",
        "files.save('people.csv', '', overwrite=False)": "already",
        "files.save('data', 'x')": "folder",
        "files.save('people.csv/x', 'x')": "cannot be a folder",
        "files.read('Points.csv')": "'data/points.csv'",
    }.items():
        error = notebook.run(code).error
        assert error is not None
        assert words in error.message
    run(notebook, "files.copy('people.csv', 'mine/people.csv')\nfiles.copy('data', 'copied')")
    assert value(notebook, "files.read_bytes('mine/people.csv') == files.read_bytes('people.csv')")
    assert value(notebook, "files.read_text('copied/points.csv')") == "x,y\n1,2\n"


def test_a_changed_file_of_the_site_is_not_replaced_by_a_stale_save(notebook):
    run(notebook, "info = files.info('people.csv')\nfiles.save('people.csv', 'other tab')")
    error = notebook.run("files.save('people.csv', 'mine', if_unchanged=info)").error
    assert error is not None
    assert "was changed" in error.message
    run(notebook, "i = files.info('notes.txt'); files.save('notes.txt', 'mine', if_unchanged=i)")


# The notebook's folder, and awaiting ----------------------------------------


def test_another_kernel_sees_it_at_once_and_names_are_relative_to_its_notebooks_folder(
    notebook, files_lab
):
    run(notebook, "files.save('shared.txt', 'one')\nfiles.mkdir('lesson')")
    inside = files_lab.new_notebook()
    # As JupyterLite does for a notebook that is in a folder.
    run(inside, "import os\nos.chdir('/drive/lesson')")
    run(inside, "from je_kernel import files\nfiles.save('x.txt', 'in the lesson')")
    assert value(inside, "files.read('../people.csv', kind='text')").startswith("name")
    assert value(inside, "files.read('/lesson/x.txt')") == "in the lesson"
    assert value(inside, "files.list().names") == ["x.txt"]
    assert value(inside, "files.read('../shared.txt')") == "one"
    run(inside, "files.save('../shared.txt', 'two')")
    # Out of the drive, it is the folder that Python started in.
    run(inside, "os.chdir('/tmp')")
    assert value(inside, "files.list().names") == ["x.txt"]
    assert value(notebook, "files.read('lesson/x.txt')") == "in the lesson"
    assert value(notebook, "files.read('shared.txt')") == "two"
    assert value(notebook, "open('/drive/shared.txt').read()") == "two"


@pytest.mark.engines("chromium", "firefox", "webkit")
def test_the_same_can_be_awaited(notebook, page, files_site):
    run(notebook, "from je_kernel.files import aio\nawait aio.save('a/b.txt', 'é')")
    run(notebook, "async with aio.open('a/c.txt', 'w') as file: file.write('c')")
    run(notebook, "async with aio.local('d.bin') as path: path.write_bytes(b'd')")
    names = "print((await aio.list('a')).names, await aio.read('a/b.txt'), await aio.read('d.bin'))"
    assert run(notebook, names) == "['a/b.txt', 'a/c.txt'] é b'd'\n"
    store = run(notebook, "print((await store_selection.current_async()).store.name)")
    assert store.startswith("the contents database")
    assert value(notebook, "files.read('a/b.txt')") == "é"
    assert get(page, "a/c.txt", format="text")["content"] == "c"
    fetch = f"await aio.fetch('{files_site.url}files/{{}}')"
    run(notebook, fetch.format("data/points.csv"))
    assert value(notebook, "files.read_text('points.csv')") == "x,y\n1,2\n"
    error = notebook.run(fetch.format("data/none.csv")).error
    assert error is not None
    assert "NotFoundError" in error.name


@pytest.mark.engines("chromium", "firefox", "webkit")
def test_text_and_bytes_agree_with_jupyterlab_and_the_drive(notebook, page):
    run(notebook, f"same = {SAMES!r}\nfor name, data in same.items(): files.save(name, data)")
    assert [n for n, d in SAMES.items() if get(page, n)["size"] != len(d)] == []
    wrong = "[n for n, d in same.items() if files.read_bytes(n) != d]"
    assert value(notebook, wrong) == []
    wrong = "[n for n, d in same.items() if open(f'/drive/{n}', 'rb').read() != d]"
    assert value(notebook, wrong) == []
    run(notebook, f"shipped = {SHIPPED!r}")
    assert value(notebook, "files.read_text('people.csv')") == SHIPPED["people.csv"].decode()


# Files that are too large for a record -----------------------------------------

LARGE = 100_000_000

DOWNLOADED = """async path => {
  const { contents } = window.jupyterapp.serviceManager;
  const response = await fetch(await contents.getDownloadUrl(path));
  const digest = await crypto.subtle.digest('SHA-256', await response.arrayBuffer());
  return new Uint8Array(digest).toHex();
}"""


@pytest.mark.engines("chromium", "firefox")
def test_a_file_above_90_mb_is_kept_downloaded_renamed_and_copied(notebook, page):
    run(
        notebook,
        "import hashlib\n"
        f"data = os.urandom(1_000_000) * {LARGE // 1_000_000}\n"
        "info = files.save('large.bin', data)",
    )
    digest = value(notebook, "hashlib.sha256(data).hexdigest()")
    assert value(notebook, "[info.size, files.info('large.bin').size]") == [LARGE, LARGE]
    run(notebook, "del data")
    assert value(notebook, "hashlib.sha256(files.read_bytes('large.bin')).hexdigest()") == digest
    assert page.evaluate(DOWNLOADED, "large.bin") == digest
    # As the page's file browser does.
    folder = page.evaluate(
        """async () => {
          const { contents } = window.jupyterapp.serviceManager;
          await contents.rename('large.bin', 'renamed.bin');
          const { path } = await contents.newUntitled({ path: '', type: 'directory' });
          await contents.copy('renamed.bin', path);
          await contents.delete('renamed.bin');
          return path;
        }"""
    )
    assert get(page, folder)["content"][0]["size"] == LARGE
    run(notebook, f"files.rename('{folder}/renamed.bin', 'back.bin')")
    assert value(notebook, "hashlib.sha256(files.read_bytes('back.bin')).hexdigest()") == digest
    assert page.evaluate(DOWNLOADED, "back.bin") == digest
    assert value(notebook, "os.path.getsize('/drive/back.bin')") == LARGE
    refused = page.evaluate(
        """() => window.jupyterapp.serviceManager.contents
          .get('back.bin', { content: true, format: 'text' }).catch(error => error.message)"""
    )
    assert "download the file, or read it with je_kernel.files" in refused
    assert value(notebook, "os.path.exists('/drive/back.bin')") is True
    opened = notebook.run("open('/drive/back.bin')")
    assert opened.error is not None
    assert "File too large" in opened.error.message
    run(notebook, "files.save('back.bin', b'small again')")
    assert get(page, "back.bin", format="text")["content"] == "small again"
