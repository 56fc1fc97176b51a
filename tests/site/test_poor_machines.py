"""A kernel on a machine with little memory says so, lives on, and leaves none behind."""

import pytest

from tests.browsers.lab import Lab
from tests.site.bare_kernel import BareKernel

ENGINES = ("chromium", "firefox", "webkit")

# As a site sets it, for a kernel that has been started already.
LIMIT = """
import os
from je_kernel import settings, startup
os.environ["JE_KERNEL_MEMORY_LIMIT_MB"] = "300"
settings.reload(); startup.stop(); startup.start();
"""
FILL = "while True: much.append({})"
USED = "print(je_kernel.memory_limit.probe().used // 1_000_000)"
DATA_FRAME = """
import pandas as pd
def too_much():
    more = [pd.DataFrame({"a": range(1000), "b": 0.5})]
    while True: more.append(pd.concat([more[-1]] * 2))
too_much()
"""


def words(text):
    """What it says, however its lines are broken."""
    return " ".join(text.split())


@pytest.mark.engines(*ENGINES)
def test_a_kernel_whose_memory_is_full_says_what_is_in_it_and_lives_on(lab):
    notebook = lab.new_notebook()
    said = notebook.run("print(je_kernel.doctor())").stdout
    assert " in use, " in said and " taken from the computer, 2.1 GB at most" in said
    notebook.run(LIMIT)
    assert "300 MB at most" in notebook.run("print(je_kernel.doctor())").stdout
    before = int(notebook.run(USED).stdout)
    quiet = notebook.run("much = [bytes(1_000_000) for _ in range(20)]")
    assert quiet.stderr == ""

    warned = notebook.run("more = [bytes(1_000_000) for _ in range(150)]").stderr
    warned = words(warned)
    assert "it can have 300 MB. The largest: more (150 MB)" in warned
    assert "`del more`" in warned
    assert notebook.run("again = [bytes(1_000_000) for _ in range(10)]").stderr == ""

    # Down to the last byte: to show an error takes memory, too.
    for piece in ("bytearray(100_000)", "bytearray(1000)", "object()", "object()"):
        full = notebook.run(FILL.format(piece))
        assert (full.error.name, full.stdout, full.stderr) == ("<class 'MemoryError'>", "", "")
        assert "a notebook here can have 300 MB" in words(full.error.traceback)
        assert "more (150 MB)" in words(full.error.traceback)
    assert notebook.run("del much, more, again").error is None
    assert int(notebook.run(USED).stdout) < before + 5

    assert notebook.run("import pandas as pd").error is None
    before = int(notebook.run(USED).stdout)
    full = notebook.run(DATA_FRAME)
    assert "a notebook here can have 300 MB" in words(full.error.traceback)
    assert "usecols=" in words(full.error.traceback)
    # What the function had made is not kept by the error.
    assert int(notebook.run(USED).stdout) < before + 30


LARGE = """
import numpy as np
large = []
while True: large.append(np.zeros(10_000_000))
"""
SMALL = """
text = "abc" * 50_000
files.save("text.txt", text); print(files.read_text("text.txt") == text, text[:300])
"""


def test_a_kernel_that_has_all_it_can_have_still_prints_and_saves(lab):
    notebook = lab.new_notebook()
    full = notebook.run(LARGE)
    assert "a notebook here can have 2.1 GB" in words(full.error.traceback)
    notebook.run("del large[-1]\nfrom je_kernel import files\nsmall = []")
    notebook.run("for _ in range(700): small.append(bytearray(100_000))")
    assert int(notebook.run(USED).stdout) > 2_000
    # Above 2 GiB, where Pyodide's memory may reach, a text becomes zeros.
    assert notebook.run(SMALL).stdout == "True " + "abc" * 100 + "\n"


@pytest.mark.parametrize("code", ["import numpy as np\nnp.ones(10**9)", "[0] * 10**10"])
def test_what_32_bits_cannot_count_is_explained(lab, code):
    error = lab.new_notebook().run(code).error
    assert "This is too large for Python in a browser" in words(error.traceback)


@pytest.mark.engines(*ENGINES)
def test_a_python_that_has_crashed_says_so_in_the_cell_and_can_be_restarted(lab):
    notebook = lab.new_notebook()
    crashed = notebook.run("import ctypes\nctypes.CDLL(None).abort()")
    after = notebook.run("1")
    for result in (crashed, after):
        assert result.error.name == "PythonEnded"
        assert "Kernel > Restart Kernel" in result.error.traceback
    notebook.restart_kernel()
    assert notebook.run("1 + 1").value == "2"


def test_the_kernel_of_a_closed_notebook_ends_and_the_next_is_a_new_one(lab):
    first, second = lab.new_notebook(), lab.new_notebook()
    for notebook in (first, second):
        notebook.run("here = 1")
    path = first.path
    first.close()
    lab.wait_for_kernels(1)
    assert second.run("here").value == "1"
    opened = lab.open_notebook(path)
    assert "NameError" in opened.run("here").error.name


@pytest.mark.engines("firefox")
def test_six_notebooks_work_at_once(lab):
    notebooks = [lab.new_notebook() for _ in range(6)]
    code = "import pandas as pd\nprint(pd.DataFrame({{'a': [{}, 1]}}).a.sum())"
    cells = [each.start(code.format(number)) for number, each in enumerate(notebooks)]
    assert [cell.result().stdout for cell in cells] == [f"{n + 1}\n" for n in range(6)]


def test_ten_kernels_work_in_one_tab_and_their_workers_end_with_them(page, site):
    kernels = [BareKernel.start(page.playwright, site.url, "0.ipynb")]
    kernels += [kernels[0].another(f"{number}.ipynb") for number in range(1, 10)]
    begun = [each.begin("import numpy as np\nprint(np.arange(5).sum())") for each in kernels]
    assert [each.end(n) for each, n in zip(kernels, begun, strict=True)] == [("10\n", None)] * 10
    lab = Lab.attached(page)
    before = len(page.playwright.workers)
    for kernel in kernels:
        kernel.end_kernel()
    lab.wait_for_kernels(0)
    page.evaluate("() => new Promise(done => requestIdleCallback(done))")
    assert len(page.playwright.workers) == before - 10
