"""Takes the documentation's pictures of notebooks: ``.venv/bin/python tools/pictures.py``.

They come from the demonstration site, as it is built from this tree, in Chromium.
Words after the command choose some of them: ``tools/pictures.py sharing``.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from je_site.build import BuildOptions, build_if_needed, default_contents  # noqa: E402
from je_site.server import serve  # noqa: E402
from tests.browsers.chromium import ChromiumBrowser, ChromiumPage  # noqa: E402
from tests.browsers.lab import Lab, Notebook  # noqa: E402
from tests.service.running_service import RunningService  # noqa: E402
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


SHARING = """
import os
from je_kernel import settings
os.environ["JE_KERNEL_SHARING_URL"] = {url!r}
os.environ["JE_KERNEL_SHARING_LINK"] = "https://share.school.example/s/{{id}}"
settings.reload();
"""


def take_landing_page(page: ChromiumPage, site: str, _: Path) -> None:
    """Take the page to begin with."""
    page.playwright.set_viewport_size({"width": 1280, "height": 900})
    page.open(f"{site}je/")
    page.playwright.get_by_role("link", name="Turtle").wait_for()
    page.screenshot(IMAGES / "landing-page.png")


def take_offline(page: ChromiumPage, site: str, _: Path) -> None:
    """Take what the page to begin with says of a site that was used before."""
    notebook = Lab.open(page, site).new_notebook()
    notebook.run("import pandas, matplotlib.pyplot")
    page.playwright.set_viewport_size({"width": 1280, "height": 960})
    page.open(f"{site}je/")
    page.playwright.locator("#keep").wait_for()
    page.playwright.locator("#offline").scroll_into_view_if_needed()
    page.screenshot(IMAGES / "offline.png")


def take_first_notebook(page: ChromiumPage, site: str, _: Path) -> None:
    """Take the first notebook, run from top to bottom."""
    run_all(Lab.open(page, site).open_notebook("Start here.ipynb"))
    show(page, "first-notebook.png", height=1940)


def take_data_from_the_web(page: ChromiumPage, site: str, _: Path) -> None:
    """Take what the notebook on data from the web shows of errors."""
    run_all(Lab.open(page, site).open_notebook("Data from the web.ipynb"))
    show(page, "data-from-the-web.png", first=10, height=1050)


def take_doctor(page: ChromiumPage, site: str, _: Path) -> None:
    """Take the doctor's report."""
    Lab.open(page, site).new_notebook().run("je_kernel.doctor()")
    show(page, "doctor.png", height=1720)


def take_stop(page: ChromiumPage, site: str, _: Path) -> None:
    """Take a loop without an end, stopped."""
    notebook = Lab.open(page, site).new_notebook()
    notebook.run("heights = [163, 171, 158]")
    loop = notebook.start(
        "total, i = 0, 0\nwhile i < len(heights):\n    total += heights[i]  # and i stays 0"
    )
    page.playwright.locator(".jp-Notebook-ExecutionIndicator[data-status='busy']").wait_for()
    page.playwright.click("[data-command='notebook:interrupt-kernel']")
    loop.result()
    notebook.run("total > 0, sum(heights)")
    show(page, "stop.png", height=520)


FULL = """
numbers = []
while True:
    numbers.append(list(range(1_000_000)))
"""


def take_memory(page: ChromiumPage, site: str, _: Path) -> None:
    """Take a cell that fills the memory, and one after it."""
    notebook = Lab.open(page, site).new_notebook()
    for code in (FULL.strip(), "del numbers"):
        notebook.run(code)
    show(page, "memory.png", height=560)


def take_sharing(page: ChromiumPage, site: str, folder: Path) -> None:
    """Take the card of a share, on light and on dark, its notebook opened, and its page."""
    environment = {"DATA_DIR": str(folder / "data"), "CORS_ORIGINS": site.rstrip("/")}
    environment |= {"PUBLIC_URL": "https://share.school.example"}
    named = {f"JE_SHARING_{name}": value for name, value in environment.items()}
    service = RunningService(named, folder / "service.log").start()
    try:
        lab = Lab.open(page, site)
        notebook = lab.open_notebook("Sharing.ipynb")
        notebook.run(SHARING.format(url=service.url))
        code = [i for i, cell in enumerate(notebook.cells()) if cell.type == "code"]
        for index in code[:2]:
            notebook.run_cell(index)
        words = page.playwright.locator(".je-share .je-words").inner_text()
        page.evaluate(
            "() => Promise.all(['toggle-left-area', 'toggle-header'].map("
            " name => jupyterapp.commands.execute(`application:${name}`)))"
        )
        for theme, name in (("Dark", "sharing-card-dark.png"), ("Light", "sharing-card.png")):
            page.evaluate(
                "theme => jupyterapp.commands.execute('apputils:change-theme', { theme })",
                f"JupyterLab {theme}",
            )
            page.playwright.locator(f"body[data-jp-theme-name='JupyterLab {theme}']").wait_for(
                state="attached"
            )
            page.playwright.locator("#jupyterlab-splash").wait_for(state="detached")
            page.playwright.locator(".je-share").screenshot(path=IMAGES / name)
        notebook.run(f"je_kernel.open_shared({words!r})")
        opened = page.playwright.locator(".je-shared")
        opened.frame_locator("iframe").locator("h1").wait_for()
        opened.screenshot(path=IMAGES / "opened-notebook.png")
        page.playwright.goto(f"{service.url}/s/{'-'.join(words.split())}")
        page.playwright.set_viewport_size({"width": 1000, "height": 900})
        page.screenshot(IMAGES / "shared-page.png")
    finally:
        service.stop()


def take_turtle(page: ChromiumPage, site: str, _: Path) -> None:
    """Take a star, a tree and a race, as they stay in the notebook."""
    notebook = Lab.open(page, site).open_notebook("Turtle.ipynb")
    code = [i for i, cell in enumerate(notebook.cells()) if cell.type == "code"]
    for number, index in enumerate(code[:4]):
        notebook.run_cell(index)
        page.playwright.locator(".jp-RenderedSVG img").nth(number).wait_for()
    show(page, "turtle.png", first=code[1] - 1, height=2300)


def take_icons(page: ChromiumPage, _: str, __: Path) -> None:
    """Take the icons of an installed site from their drawing; a system may cut one to its shape."""
    folder = ROOT / "site" / "src" / "je_site" / "icons"
    drawing = (folder / "app.svg").read_text("utf-8")
    whole = drawing.replace(' rx="112"', "")
    for name, svg, size in (
        ("app-192.png", drawing, 192),
        ("app-512.png", drawing, 512),
        ("app-maskable-512.png", whole, 512),
    ):
        page.playwright.set_viewport_size({"width": size, "height": size})
        page.playwright.set_content(
            f"<style>body, svg {{ margin: 0; display: block }}</style>{svg}"
        )
        page.playwright.screenshot(path=folder / name, omit_background=True)


PLOTS = (
    *("seaborn", "plotly", "choropleth", "altair", "bokeh", "networkx", "wordcloud"),
    *("folium", "ipyleaflet", "ipycanvas", "ipydatagrid", "ipympl"),
)


def take_plots(page: ChromiumPage, site: str, _: Path) -> None:
    """Take what plotting libraries draw."""
    notebook = Lab.open(page, site).open_notebook("Plots.ipynb")
    run_all(notebook)
    page.playwright.locator(".jupyter-matplotlib canvas").first.wait_for()
    path = default_contents()[0] / "Plots.ipynb"
    names = [cell["id"] for cell in json.loads(path.read_text("utf-8"))["cells"]]
    for name in PLOTS:
        cell = page.playwright.locator(".jp-Notebook .jp-Cell").nth(names.index(name))
        cell.scroll_into_view_if_needed()
        cell.locator(".jp-OutputArea").first.screenshot(path=IMAGES / f"plots-{name}.png")


PICTURES = {
    "icons": take_icons,
    "landing": take_landing_page,
    "offline": take_offline,
    "first": take_first_notebook,
    "web": take_data_from_the_web,
    "doctor": take_doctor,
    "stop": take_stop,
    "memory": take_memory,
    "sharing": take_sharing,
    "plots": take_plots,
    "turtle": take_turtle,
}


def main() -> None:
    """Take those that were asked for, or all."""
    chosen = [take for name, take in PICTURES.items() if name in sys.argv[1:] or not sys.argv[1:]]
    with tempfile.TemporaryDirectory() as folder:
        project = write_lite_dir(Path(folder) / "project")
        # Without a service, opening shared notebooks is not offered.
        env = {"JE_KERNEL_SHARING_URL": "https://share.school.example"}
        options = BuildOptions(contents=default_contents(), lite_dir=project, env=env, offline=True)
        build_if_needed(Path(folder) / "site", options, quiet=True)
        browser = ChromiumBrowser()
        with serve(Path(folder) / "site") as served:
            for take in chosen:
                page = browser.new_page()
                take(page, served.url, Path(folder))
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
