"""Nothing is lost: pages killed while they write, storage that is full, tabs that disagree."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from je_kernel import javascript
from je_site.server import serve
from tests.browsers.chromium import ChromiumBrowser
from tests.browsers.lab import Lab
from tests.site.bare_kernel import BareKernel
from tests.site.test_files_stores import files_site, files_site_folder, run, value

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["files_site", "files_site_folder"]

KILLS = 100
SIZE = 400_000

# Writes one file again and again, each time all of one letter, beside one that never changes.
WRITER = """
const [size, ...sources] = %s;
const [codec, retryWhenFull, makeContents] = sources.map(source => (0, eval)(source));
const contents = makeContents(codec, retryWhenFull);
const buffer = data => ({ getBuffer: () => ({ data, release() {} }) });
(async () => {
  for (let turn = 0; ; turn++) {
    const batch = contents.batch();
    const bytes = new Uint8Array(size).fill(65 + (turn %% 26));
    for (const name of ['folder/a.bin', 'folder/b.bin']) {
      batch.add(name, 'octet/stream', buffer(bytes));
    }
    const options = { isNew: false, expected: {}, shipped: {} };
    await contents.write(batch, 'faults', JSON.stringify(options));
    postMessage(turn);
  }
})().catch(error => setTimeout(() => { throw error; }));  // the page hears of it
"""

CHECK = """async () => {
  const asked = request => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const db = await asked(indexedDB.open('faults'));
  const files = db.transaction('files').objectStore('files');
  const found = {};
  for (const key of await asked(files.getAllKeys())) {
    const record = await asked(files.get(key));
    if (record.type === 'directory') { found[key] = 'folder'; continue; }
    const bytes = Uint8Array.fromBase64(record.content);
    const letters = [...new Set(bytes)];
    found[key] = [bytes.length, record.size, letters.length, letters[0]];
  }
  db.close();
  return found;
}"""


@pytest.fixture(scope="session")
def blank_site(tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("blank")
    (folder / "index.html").write_text("<!doctype html><title>blank</title>")
    with serve(folder) as served:
        yield served.url


def test_a_page_killed_in_the_middle_of_a_write_leaves_the_old_files_or_the_new(
    browser, blank_site
):
    """The store's own JavaScript writes; its page dies a hundred times."""
    assert isinstance(browser, ChromiumBrowser)
    page = browser.new_page()
    context = page.playwright.context
    page.open(blank_site)
    page.evaluate(
        """() => new Promise((done, failed) => {
          const request = indexedDB.open('faults', 1);
          request.onupgradeneeded = () => {
            for (const name of ['files', 'checkpoints']) request.result.createObjectStore(name);
          };
          request.onsuccess = () => { request.result.close(); done(); };
          request.onerror = () => failed(request.error);
        })"""
    )
    sources = [
        javascript.source(f"files/{name}.js").replace("export default ", "", 1)
        for name in ("codec", "retry_when_full", "contents")
    ]
    writer = WRITER % json.dumps([SIZE, *sources])
    chance = random.Random(4)
    seen = set()
    victim = page.playwright
    for _ in range(KILLS):
        # One write is sure to be under way; how far, chance decides.
        victim.evaluate(
            """async ([source, pause]) => {
              const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
              const worker = new Worker(url);
              await new Promise((first, failed) => {
                worker.onmessage = first;
                worker.onerror = failed;
              });
              const until = performance.now() + pause;
              while (performance.now() < until) ;
              worker.terminate();
            }""",
            [writer, chance.random() * 40],
        )
        if chance.random() < 0.2:
            # The whole page too, as a tab is closed, without asking it.
            fresh = context.new_page()
            victim.close(run_before_unload=False)
            victim = fresh
            victim.goto(blank_site)
        found = victim.evaluate(CHECK)
        assert set(found) == {"folder", "folder/a.bin", "folder/b.bin"}
        assert found["folder/a.bin"] == found["folder/b.bin"]
        assert found["folder/a.bin"][:3] == [SIZE, SIZE, 1]
        seen.add(found["folder/a.bin"][3])
    assert len(seen) > 1
    page.close()


def test_a_kernel_killed_in_the_middle_of_a_write_leaves_a_whole_file(page, files_site):
    """The same with a real kernel: the page is gone while its worker writes."""
    chance = random.Random(5)
    tab = page.playwright
    kernel = BareKernel.start(tab, files_site.url)
    kernel.run("from je_kernel import files\nfiles.save('victim.bin', b'A' * 3_000_000)")
    for _ in range(2):
        kernel.begin(
            "for turn in range(10_000):\n"
            "    files.save('victim.bin', bytes([65 + turn % 26]) * 3_000_000)"
        )
        tab.evaluate(
            """async pause => {
              const { contents } = window.jupyterapp.serviceManager;
              const first = (await contents.get('victim.bin')).last_modified;
              while ((await contents.get('victim.bin')).last_modified === first);
              const until = performance.now() + pause;
              while (performance.now() < until);
            }""",
            chance.random() * 100,
        )
        tab.goto("about:blank")
        kernel = BareKernel.start(tab, files_site.url)
        kernel.run("from je_kernel import files\ndata = files.read_bytes('victim.bin')")
        assert kernel.value("len(data), len(set(data))") == [3_000_000, 1]
        assert kernel.value("files.info('victim.bin').size") == 3_000_000
    # And plain open(): the old file is there until the new one is closed.
    kernel.run("import os\nwith open('/drive/plain.txt', 'w') as file: file.write('old')")
    kernel.begin(
        "file = open('/drive/plain.txt', 'w')\nfile.write('new' * 100_000)\nfile.flush()\n"
        "os.mkdir('/drive/begun')\nwhile True: pass"
    )
    tab.evaluate(
        """async () => {
          const { contents } = window.jupyterapp.serviceManager;
          while (!(await contents.get('begun').catch(() => null)));
        }"""
    )
    tab.goto("about:blank")
    kernel = BareKernel.start(tab, files_site.url)
    assert kernel.value("open('/drive/plain.txt').read()") == "old"


def test_a_full_storage_says_what_fills_it_and_keeps_the_old_file(page, files_site):
    # The override holds as long as the page that made it, and for databases opened later.
    keeper = page.playwright.context.new_page()
    session = page.playwright.context.new_cdp_session(keeper)
    origin = files_site.url.rstrip("/")
    session.send("Storage.overrideQuotaForOrigin", {"origin": origin, "quotaSize": 12_000_000})
    notebook = Lab.open(page, files_site.url).new_notebook()
    run(notebook, "from je_kernel import files\nimport os")
    run(notebook, "files.save('old.bin', b'old')\nfiles.save('large.bin', os.urandom(3_000_000))")
    error = notebook.run("files.save('old.bin', os.urandom(30_000_000))").error
    assert error is not None
    assert "NoSpaceError" in error.name
    for words in ("full", "30.0 MB", "'large.bin' (3.0 MB)", "files.delete"):
        assert words in error.message
    assert value(notebook, "files.read_bytes('old.bin').decode()") == "old"
    run(notebook, "files.delete('large.bin')\nfiles.save('old.bin', os.urandom(2_000_000))")
    assert value(notebook, "files.info('old.bin').size") == 2_000_000
    # What a lesson imports comes all the same, and a module that cannot be kept is not there.
    run(notebook, "files.save('filling.bin', os.urandom(5_000_000))")
    large = "repr(os.urandom(2_000_000).hex())"
    full = notebook.run(f"get_ipython().run_cell_magic('writefile', 'helper.py', {large})").error
    assert full is not None
    assert "No space left on device" in full.message
    run(notebook, "import seaborn, openpyxl")
    missing = notebook.run("import helper").error
    assert missing is not None
    assert "ModuleNotFoundError" in missing.name
    run(notebook, "files.delete('filling.bin')")
    run(notebook, "get_ipython().run_cell_magic('writefile', 'helper.py', 'note = 1')")
    assert value(notebook, "__import__('helper').note") == 1


def test_two_tabs_never_corrupt_the_store_and_a_stale_save_is_refused(page, files_site):
    first = BareKernel.start(page.playwright, files_site.url, "one.ipynb")
    first.run("from je_kernel import files\ninfo = files.save('both.txt', 'first')")
    tab = page.playwright.context.new_page()
    second = BareKernel.start(tab, files_site.url, "two.ipynb")
    second.run("from je_kernel import files\nassert files.read('both.txt') == 'first'")
    write = (
        "for turn in range(60):\n"
        "    files.save('both.txt', {letter!r} * (100_000 + turn))\n"
        "    data = files.read('both.txt')\n"
        "    assert len(set(data)) == 1 and len(data) >= 100_000, (len(data), set(data))\n"
        "    files.save(f'{letter}{{turn % 7}}.txt', 'x')"
    )
    running = second.begin(write.format(letter="b"))
    # JupyterLab itself writes the same file in the meantime.
    page.evaluate(
        """async () => {
          const { contents } = window.jupyterapp.serviceManager;
          for (let turn = 0; turn < 20; turn++) {
            const content = 'c'.repeat(100000 + turn);
            await contents.save('both.txt', { type: 'file', format: 'text', content });
          }
        }"""
    )
    first.run(write.format(letter="a"))
    name, _ = first.fail("files.save('both.txt', 'stale', if_unchanged=info)")
    assert "ChangedFileError" in name
    assert second.end(running)[1] is None
    names = second.value("files.list(pattern='[ab][0-6].txt').names")
    assert names == [f"{letter}{n}.txt" for letter in "ab" for n in range(7)]
    assert second.value("len(set(files.read('both.txt')))") == 1


def test_no_line_of_two_notebooks_that_append_is_lost_in_either_store(page, files_site):
    first = BareKernel.start(page.playwright, files_site.url, "one.ipynb")
    tab = page.playwright.context.new_page()
    second = BareKernel.start(tab, files_site.url, "two.ipynb")
    append = (
        "from je_kernel import files\nfrom je_kernel.files import store_selection\n{use}\n"
        "for turn in range(15):\n"
        "    with files.open('log.txt', 'a') as one, files.open('log.txt', 'a') as other:\n"
        "        one.write(f'{letter}{{turn}}\\n')\n        other.write(f'{letter}x{{turn}}\\n')"
    )
    lines = sorted(f"{a}{x}{n}" for a in "ab" for x in ("", "x") for n in range(15))
    for a, b in (
        ("", ""),
        ("store_selection.use(store_selection._drive())",) * 2,
        ("store_selection.reset()", ""),
    ):
        first.run("from je_kernel import files\nfiles.save('log.txt', '')")
        running = second.begin(append.format(use=b, letter="b"))
        first.run(append.format(use=a, letter="a"))
        assert second.end(running)[1] is None
        assert first.value("sorted(files.read('log.txt').split())") == lines


def test_what_could_not_be_looked_at_is_looked_at_again(page, files_site):
    """Files of the site while offline, and the store where a callback was first to ask."""
    kernel = BareKernel.start(page.playwright, files_site.url)
    kernel.run(
        "import js\nfrom je_kernel import files, runtime\n"
        "from je_kernel.files import store_selection\n"
        "def called(): return runtime.can_run_sync(), files.exists('x.csv')\n"
        "first = js.eval('work => { answer = work(); return [...answer] }')(called).to_py()"
    )
    assert kernel.value("first") == [False, False]
    assert kernel.value("store_selection.select().store.name").startswith("the contents database")
    # A page that is offline still answers its workers in this driver: so their fetch fails.
    kernel.run(
        "import js\njs.eval('self.kept = fetch; self.fetch = async () => { throw Error() }')"
    )
    kernel.run(
        "import warnings\nwith warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n    own = files.list().names"
    )
    assert kernel.value("[str(one.message)[:48] for one in caught]") == [
        "The files that came with this site cannot be lis"
    ]
    kernel.run("js.eval('self.fetch = kept')")
    assert "people.csv" in kernel.value("files.list().names")


def test_a_folder_of_the_site_is_copied_whole_and_not_renamed(page, files_site):
    kernel = BareKernel.start(page.playwright, files_site.url)
    kernel.run("from je_kernel import files\nfiles.save('data/own.txt', 'own')")
    kernel.run("files.save('data/latin.txt', 'edited')\nfiles.copy('data', 'copy')")
    names = kernel.value("files.list('copy').names")
    assert names == ["copy/deep", "copy/latin.txt", "copy/own.txt", "copy/points.csv"]
    assert kernel.value("files.list('copy/deep').names") == ["copy/deep/things.json"]
    assert kernel.value("files.read('copy/latin.txt')") == "edited"
    name, message = kernel.fail("files.rename('data', 'renamed')")
    assert "ReadOnlyError" in name
    assert "copy" in message
    assert kernel.value("files.read('data/own.txt'), files.exists('renamed')") == ["own", False]
