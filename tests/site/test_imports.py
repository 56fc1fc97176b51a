"""An import is enough, in a notebook, in each engine: also where Python cannot wait (WebKit).

One kernel of each engine; the first tests come before anything has been loaded into it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browsers.lab import Lab
from tests.site.conftest import keep_evidence_of_failure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from je_site.server import Served
    from tests.browsers.lab import Notebook
    from tests.browsers.page import Browser

pytestmark = pytest.mark.engines("chromium", "firefox", "webkit")

LOADED = "set(__import__('js').Object.keys(__import__('pyodide_js').loadedPackages).to_py())"


@pytest.fixture(scope="module")
def opened(browser: Browser, site: Served) -> Iterator[Notebook]:
    page = browser.new_page()
    yield Lab.open(page, site.url).new_notebook()
    page.close()


@pytest.fixture
def notebook(
    opened: Notebook, request: pytest.FixtureRequest, test_cache: Path
) -> Iterator[Notebook]:
    yield opened
    keep_evidence_of_failure(opened.lab.page, test_cache, request)


def value(notebook: Notebook, code: str) -> str | None:
    """Return what a cell shows as its value."""
    result = notebook.run(code)
    assert result.error is None, result.error
    return result.value


def test_nothing_is_loaded_before_it_is_imported(notebook):
    assert value(notebook, f"{{'numpy', 'pandas', 'matplotlib', 'tzdata'}} & {LOADED}") == "set()"


def test_python_itself_gets_its_time_zones(notebook):
    code = (
        "from datetime import datetime\nfrom zoneinfo import ZoneInfo\n"
        "datetime(2026, 7, 1, tzinfo=ZoneInfo('Europe/Berlin')).isoformat()"
    )
    assert value(notebook, code) == "'2026-07-01T00:00:00+02:00'"


def test_after_a_magic(notebook):
    code = "%matplotlib inline\nimport numpy as np\nint(np.arange(4).sum())"
    assert value(notebook, code) == "6"


def test_in_a_module_and_in_an_extension_of_ones_own(notebook):
    notebook.run("%%writefile my_helper.py\nimport xlrd\ndef name(): return xlrd.__name__")
    assert value(notebook, "from my_helper import name\nname()") == "'xlrd'"
    notebook.run(
        "%%writefile my_extension.py\nimport soupsieve\n"
        "def load_ipython_extension(shell): shell.push({'sieve': soupsieve.__name__})"
    )
    assert value(notebook, "%load_ext my_extension\nsieve") == "'soupsieve'"


def test_a_slow_load_says_what_is_loaded_and_the_line_goes_again(notebook):
    notebook.lab.page.evaluate(
        """() => {
          window.said = new Set();
          window.watching = new MutationObserver(() => {
            for (const bar of document.querySelectorAll('.jp-OutputArea progress')) {
              window.said.add(bar.parentElement.textContent);
            }
          });
          window.watching.observe(document.body, { childList: true, subtree: true });
        }"""
    )
    notebook.run(
        "from je_kernel.net import progress\n"
        "patience, progress._STEPS_PATIENCE_SECONDS = progress._STEPS_PATIENCE_SECONDS, 0\n"
        "__import__('sympy')\nprogress._STEPS_PATIENCE_SECONDS = patience"
    )
    said, left = notebook.lab.page.evaluate(
        """() => {
          window.watching.disconnect();
          const left = document.querySelectorAll('.jp-OutputArea progress').length;
          return [[...window.said], left];
        }"""
    )
    assert "Loading sympy  2 of 2" in said
    assert left == 0


def test_compiled_and_with_libraries_beside_it_when_a_figure_asks_for_it(notebook):
    assert value(notebook, f"import seaborn as sns\n'scipy' in {LOADED}") == "False"
    code = "grid = sns.clustermap([[1, 2], [2, 3], [9, 9]])\ngrid.dendrogram_row.reordered_ind"
    assert value(notebook, code) == "[2, 0, 1]"


def test_what_pandas_needs_now_and_then(notebook):
    code = (
        "import pandas as pd, io\n"
        "table = pd.read_html(io.StringIO('<table><tr><td>7</td></tr></table>'))[0]\n"
        "table.to_excel('table.xlsx', index=False)\n"
        "int(pd.read_excel('table.xlsx').iloc[0, 0])"
    )
    assert value(notebook, code) == "7"


def test_from_two_tasks_at_once(notebook):
    code = (
        "import asyncio, importlib\n"
        "async def version():\n    return importlib.import_module('bs4').__version__\n"
        "len(set(await asyncio.gather(version(), version())))"
    )
    assert value(notebook, code) == "1"


def test_from_the_callback_of_a_widget(notebook):
    code = "import ipywidgets\nbutton = ipywidgets.Button(description='load')\n"
    code += "button.on_click(lambda _: setattr(button, 'icon', __import__('yaml').__name__))\n"
    notebook.run(f"{code}display(button)")
    icon = notebook.lab.page.evaluate(
        """async () => {
          const end = Date.now() + 60_000;
          let button, clicked = false;
          while (!button?.querySelector('.fa-yaml') && Date.now() < end) {
            button = document.querySelector('.jp-OutputArea button.widget-button');
            if (button && !clicked) { clicked = true; button.click(); }
            await new Promise(next => setTimeout(next, 20));
          }
          return button?.innerHTML;
        }"""
    )
    assert "fa-yaml" in icon


def test_the_start_was_done(notebook):
    code = "je_kernel.startup.started()"
    assert value(notebook, f"[s.outcome for s in {code}.steps if s.name == 'packages']") == (
        "['done']"
    )
