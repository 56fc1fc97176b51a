"""The kernel comes up with everything in place, and nothing to be seen of it."""

import zipfile

import pytest

from je_site.build import build
from je_site.own_wheel import own_wheel
from je_site.server import serve
from tests.browsers.lab import Lab
from tests.site.conftest import write_lite_dir

READ = "import urllib.request\nurllib.request.urlopen({url!r}).read()"


def test_the_first_cell_has_the_network_however_early_it_runs(browser, site, data_server):
    read = READ.format(url=data_server.put("/early.txt", "on time"))
    page = browser.new_page(empty_cache=True)
    # With nothing in the browser's cache, then with everything.
    results = [Lab.open(page, site.url, query=query).run_at_once(read) for query in ("", "?reset")]
    page.close()
    assert [(result.error, result.value) for result in results] == [(None, "b'on time'")] * 2
    # Each was taken before the kernel had said a word.
    assert {result.status_before for result in results} <= {"unknown", "connecting", "starting"}


# As many small modules as hundreds of kernels compile, one after the other, in a worker that has
# loaded what the site's kernels load. Resolves to the longest that one took, in milliseconds.
COMPILE_AGAIN_AND_AGAIN = """async entry => {
  const source = `
    await import(${JSON.stringify(entry)});
    const bytes = new Uint8Array([
      0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 4, 1, 2, 0, 11,
    ]);
    let longest = 0;
    for (let done = 0; done < 60_000; done += 1) {
      const began = performance.now();
      await WebAssembly.instantiate(bytes);
      longest = Math.max(longest, performance.now() - began);
    }
    postMessage(longest);
  `;
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const worker = new Worker(url, { type: 'module' });
  return new Promise((resolve, reject) => {
    const asleep = setTimeout(() => reject(new Error('The worker sleeps.')), 120_000);
    worker.onmessage = ({ data }) => { clearTimeout(asleep); resolve(data); };
    worker.onerror = event => reject(new Error(event.message));
  });
}"""


@pytest.mark.engines("webkit")
def test_a_kernel_is_told_of_every_module_that_is_compiled(page, site_folder, site):
    (entry,) = site_folder.glob("**/je-kernel-*.mjs")
    page.open(f"{site.url}jupyter-lite.json")
    url = f"{site.url}{entry.relative_to(site_folder).as_posix()}"
    assert page.evaluate(COMPILE_AGAIN_AND_AGAIN, url) < 60_000


def test_a_student_types_a_line_and_presses_shift_enter_and_sees_nothing_of_ours(lab, data_server):
    url = data_server.put("/typed.csv", "x\n41\n")
    notebook = lab.new_notebook()
    first = notebook.type_first_cell("%who")
    assert (first.stdout, first.execution_count) == ("Interactive namespace is empty.\n", 1)
    assert len(first.outputs) == 1
    assert notebook.run("pass").outputs == []
    assert notebook.run("je_kernel.__name__").value == "'je_kernel'"
    assert notebook.run("%who").stdout == "Interactive namespace is empty.\n"
    assert [cell.source for cell in notebook.cells()][:2] == ["%who", "pass"]
    result = notebook.run(f"import pandas as pd; pd.read_csv('{url}').x[0] + 1")
    assert (result.error, result.value) == (None, "np.int64(42)")


BROKEN_STEP = """

def _break(_shell):
    raise RuntimeError("broken on purpose")


STEPS = (Step("broken", _break), *STEPS)
"""


def write_broken_wheel(folder):
    """Copy our wheel, with a start-up step more, which comes first and fails."""
    path = folder / own_wheel().name
    with zipfile.ZipFile(own_wheel()) as ours, zipfile.ZipFile(path, "w") as broken:
        for name in ours.namelist():
            added = BROKEN_STEP.encode() if name == "je_kernel/startup.py" else b""
            broken.writestr(name, ours.read(name) + added)
    return path


@pytest.fixture
def site_with_a_broken_step(tmp_path):
    project = write_lite_dir(tmp_path / "project")
    wheels = [write_broken_wheel(tmp_path)]
    site = build(tmp_path / "site", lite_dir=project, wheels=wheels, snapshot_packages=())
    with serve(site) as served:
        yield served


def test_a_step_that_fails_leaves_a_working_kernel(page, site_with_a_broken_step, data_server):
    read = READ.format(url=data_server.put("/read.txt", "works"))
    notebook = Lab.open(page, site_with_a_broken_step.url).new_notebook()
    first = notebook.run(read)
    assert (first.error, first.value, first.execution_count) == (None, "b'works'", 1)
    assert len(first.outputs) == 1
    report = notebook.run("print(je_kernel.doctor())").stdout
    assert "RuntimeError: broken on purpose" in report
