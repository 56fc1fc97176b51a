"""Takes the documentation's pictures of notebooks: ``.venv/bin/python tools/pictures.py``.

They come from the demonstration site, as it is built from this tree, in Chromium.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from je_site.build import BuildOptions, build_if_needed, default_contents  # noqa: E402
from je_site.server import serve  # noqa: E402
from tests.browsers.chromium import ChromiumBrowser, ChromiumPage  # noqa: E402
from tests.browsers.lab import Lab, Notebook  # noqa: E402
from tests.site.conftest import write_lite_dir  # noqa: E402

IMAGES = ROOT / "docs" / "images"


def run_all(notebook: Notebook) -> None:
    """Run every cell of code, down to the first that has none."""
    for index, cell in enumerate(notebook.cells()):
        if cell.type == "code":
            if cell.source.startswith("#"):
                return
            notebook.run_cell(index)


def show(page: ChromiumPage, name: str, *, first: int = 0, height: int) -> None:
    """Take a picture of the page with a cell at its top."""
    page.playwright.set_viewport_size({"width": 1280, "height": height})
    cells = page.playwright.locator(".jp-Notebook .jp-Cell")
    cells.nth(first).evaluate("cell => cell.scrollIntoView({ block: 'start' })")
    page.playwright.mouse.move(0, 0)
    page.screenshot(IMAGES / name)


def main() -> None:
    """Take them all."""
    with tempfile.TemporaryDirectory() as folder:
        project = write_lite_dir(Path(folder) / "project")
        options = BuildOptions(contents=default_contents(), lite_dir=project)
        build_if_needed(Path(folder) / "site", options, quiet=True)
        browser = ChromiumBrowser()
        with serve(Path(folder) / "site") as served:
            page = browser.new_page()
            notebook = Lab.open(page, served.url).open_notebook("Start here.ipynb")
            run_all(notebook)
            show(page, "first-notebook.png", height=1880)
            page.close()
            page = browser.new_page()
            notebook = Lab.open(page, served.url).open_notebook("Data from the web.ipynb")
            run_all(notebook)
            show(page, "data-from-the-web.png", first=10, height=1050)
            page.close()
            page = browser.new_page()
            Lab.open(page, served.url).new_notebook().run("je_kernel.doctor()")
            show(page, "doctor.png", height=1500)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
