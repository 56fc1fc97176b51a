"""The first thing a student types reads data from the web, in every engine."""

import pytest

from tests.kernel.cross_origin import CrossOriginServer

pytestmark = pytest.mark.engines("chromium", "firefox", "webkit")

CSV = "city,people\nLübeck,216\nÅrhus,285\n"
READ = "import pandas as pd\nframe = pd.read_csv({url!r})\nframe.to_csv(index=False)"


def test_two_first_cells_at_once_read_each_their_own_and_a_restarted_kernel_too(lab, data_server):
    texts = [CSV, CSV.replace("Lübeck", "Łódź")]
    urls = [data_server.put(f"/cities{number}.csv", text) for number, text in enumerate(texts)]
    notebooks = [lab.new_notebook() for _ in urls]
    pending = [
        notebook.start(READ.format(url=url)) for notebook, url in zip(notebooks, urls, strict=True)
    ]
    results = [cell.result() for cell in pending]
    assert [(each.error, each.value) for each in results] == [(None, repr(text)) for text in texts]
    asked = [request.path for request in data_server.requests]
    assert sorted(asked) == ["/cities0.csv", "/cities1.csv"]
    notebook = notebooks[0]
    notebook.run("before = True")
    notebook.restart_kernel()
    again = notebook.run(READ.format(url=urls[0]))
    assert (again.error, again.value, again.execution_count) == (None, repr(CSV), 1)
    assert notebook.run("'before' in globals()").value == "False"


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
