"""The first thing a student types reads data from the web, in every engine."""

import pytest

from tests.kernel.cross_origin import CrossOriginServer

pytestmark = pytest.mark.engines("chromium", "firefox", "webkit")

CSV = "city,people\nLübeck,216\nÅrhus,285\n"
READ = "import pandas as pd\nframe = pd.read_csv({url!r})\nframe.to_csv(index=False)"


def test_the_first_cell_reads_a_frame_from_another_origin(lab, data_server):
    url = data_server.put("/cities.csv", CSV)
    result = lab.new_notebook().run(READ.format(url=url))
    assert (result.error, result.value) == (None, repr(CSV))
    assert [request.path for request in data_server.requests] == ["/cities.csv"]


def test_the_first_cell_after_a_restart_reads_it_too(lab, data_server):
    url = data_server.put("/cities.csv", CSV)
    notebook = lab.new_notebook()
    notebook.run("before = True")
    notebook.restart_kernel()
    result = notebook.run(READ.format(url=url))
    assert (result.error, result.value) == (None, repr(CSV))
    assert result.execution_count == 1
    assert notebook.run("'before' in globals()").value == "False"


def test_two_notebooks_at_once_read_each_their_own(lab, data_server):
    codes = [
        READ.format(url=data_server.put(f"/{name}.csv", f"name\n{name}\n"))
        for name in ("first", "second")
    ]
    notebooks = [lab.new_notebook() for _ in codes]
    pending = [notebook.start(code) for notebook, code in zip(notebooks, codes, strict=True)]
    results = [cell.result() for cell in pending]
    assert [result.error for result in results] == [None, None]
    assert [result.value for result in results] == [r"'name\nfirst\n'", r"'name\nsecond\n'"]


SLOW = """
from urllib.request import urlopen
print("before")
print(len(urlopen({url!r}).read()))
"""
# Waits for the bar, and tells what it says to who cannot see it.
BAR = """() => new Promise(resolve => {
  const look = () => {
    const bar = document.querySelector('.jp-OutputArea progress');
    bar ? resolve(bar.ariaLabel) : requestAnimationFrame(look);
  };
  look();
})"""
VISIBLE = """() => [...document.querySelectorAll('.jp-OutputArea-output')]
  .filter(output => output.offsetHeight > 0).map(output => output.innerText.trim())"""


@pytest.mark.engines("chromium")
def test_a_progress_bar_comes_and_goes_and_leaves_the_other_outputs_alone(lab):
    with CrossOriginServer() as server:
        cell = lab.new_notebook().start(SLOW.format(url=f"{server.url}/slow.bin"))
        assert lab.page.evaluate(BAR) == "Reading slow.bin"
        result = cell.result()
    assert (result.error, result.stdout) == (None, "before\n4000000\n")
    assert lab.page.evaluate(VISIBLE) == ["before", "4000000"]
    # What is saved with the notebook holds nothing of it either.
    assert [output.get("data") for output in result.outputs] == [None, {}, None]
