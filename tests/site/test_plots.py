"""Plotting libraries draw in the page, in every engine, and ask nobody but the site.

One kernel of each engine draws, one figure after the other: in Chromium everything, in the others
what je-kernel changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.browsers.lab import Lab

if TYPE_CHECKING:
    from tests.browsers.lab import CellResult

pytestmark = pytest.mark.engines("chromium", "firefox", "webkit")


@dataclass
class Figure:
    """Code that draws, and a question to the page whose answer is true once it is drawn."""

    code: str
    seen: str
    #: Its library draws with what the page itself has, as in any JupyterLab.
    is_stock: bool = False


FRAME = "[...document.querySelectorAll('iframe')].map(f => f.contentDocument).filter(Boolean)"
FIGURES = {
    "plotly express": Figure(
        "import pandas as pd\n"
        "import plotly.express as px\n"
        "table = pd.DataFrame({'x': [1, 2, 3], 'y': [2, 1, 3], 'kind': ['a', 'b', 'a']})\n"
        "px.scatter(table, x='x', y='y', color='kind')",
        "document.querySelector('.js-plotly-plot .main-svg .scatterlayer .point')",
    ),
    "a figure for Colab": Figure(
        "import plotly.graph_objects as go\n"
        "go.Figure(go.Bar(x=['a', 'b'], y=[1, 3])).show(renderer='colab')",
        "document.querySelector('.js-plotly-plot .barlayer .point')",
    ),
    # First, while the page does not have the borders of countries yet.
    "countries in a widget": Figure(
        "import anywidget\ngo.FigureWidget(px.choropleth(locations=['DEU', 'FRA'], color=[1, 2]))",
        "document.querySelector('.js-plotly-plot .choroplethlayer path')",
    ),
    "countries": Figure(
        "px.choropleth(locations=['DEU', 'FRA'], color=[1, 2])",
        "document.querySelectorAll('.js-plotly-plot:has(.choroplethlayer path)').length === 2",
    ),
    "a figure widget": Figure(
        "import anywidget\ngo.FigureWidget(go.Pie(labels=['a', 'b'], values=[1, 2]))",
        "document.querySelector('.js-plotly-plot .pielayer .slice')",
        is_stock=True,
    ),
    "an animation": Figure(
        "import matplotlib.pyplot as plt\n"
        "from IPython.display import HTML\n"
        "from matplotlib.animation import FuncAnimation\n"
        "figure, axes = plt.subplots()\n"
        "line, = axes.plot([0, 1], [0, 1])\n"
        "movie = FuncAnimation(figure, lambda i: line.set_ydata([0, i]), frames=4)\n"
        "plt.close(figure)\n"
        "HTML(movie.to_jshtml())",
        "document.querySelector('.animation img[src^=\"data:image\"]')?.naturalWidth",
    ),
    "altair": Figure(
        "import altair as alt\nalt.Chart(table).mark_bar().encode(x='x:O', y='y')",
        "document.querySelector('.vega-embed .marks')?.clientWidth > 20",
    ),
    "a chart that is a widget": Figure(
        "alt.JupyterChart(alt.Chart(table).mark_line().encode(x='x:O', y='y'))",
        "document.querySelectorAll('.vega-embed .marks').length === 2",
        is_stock=True,
    ),
    "bokeh": Figure(
        "from bokeh.io import output_notebook\n"
        "from bokeh.plotting import figure, show\n"
        "output_notebook()\n"
        "plot = figure(width=300, height=200)\n"
        "plot.line([1, 2, 3], [4, 1, 6])\n"
        "show(plot)",
        "document.querySelector('.bk-Figure')?.shadowRoot.querySelector('.bk-Canvas')",
    ),
    "folium": Figure(
        "import folium\n"
        "places = folium.Map(location=[52.5, 13.4], zoom_start=6)\n"
        "folium.Marker([52.5, 13.4], popup='Berlin').add_to(places)\n"
        "places",
        f"{FRAME}.some(d => d.querySelector('.leaflet-marker-icon'))",
    ),
    "ipyleaflet": Figure(
        "import ipyleaflet\n"
        "area = ipyleaflet.Map(center=(52, 13), zoom=5)\n"
        "area.add(ipyleaflet.Marker(location=(52, 13)))\n"
        "area",
        "document.querySelector('.jp-OutputArea .leaflet-container .leaflet-marker-icon')",
    ),
    "ipycanvas": Figure(
        "from ipycanvas import Canvas\n"
        "canvas = Canvas(width=123, height=45)\n"
        "canvas.fill_style = 'red'\n"
        "canvas.fill_rect(0, 0, 123, 45)\n"
        "canvas",
        "[...document.querySelectorAll('.jp-OutputArea canvas')].some(c => c.width === 123"
        " && c.getContext('2d').getImageData(9, 9, 1, 1).data[0] === 255)",
        is_stock=True,
    ),
    "ipydatagrid": Figure(
        "from ipydatagrid import DataGrid\nDataGrid(table)",
        "document.querySelector('.jp-OutputArea .lm-DataGrid')?.clientWidth > 50",
        is_stock=True,
    ),
    "bqplot": Figure(
        "import bqplot.pyplot as bqp\ncurve = bqp.figure()\nbqp.plot([1, 2, 3], [1, 4, 2])\ncurve",
        "document.querySelector('.jp-OutputArea .bqplot path.line')",
        is_stock=True,
    ),
    "ipympl": Figure(
        "import ipympl\nplt.figure()\nplt.plot([1, 4, 2])\nplt.show()",
        "document.querySelector('.jp-OutputArea .jupyter-matplotlib canvas')?.width > 100",
        is_stock=True,
    ),
}
TILES = (
    "tiles = go.FigureWidget(px.scatter_map(lat=[52.5], lon=[13.4], map_style='open-street-map'))\n"
    "tiles._repr_mimebundle_()\n"
    "print(tiles._widget_layout['map']['style'])"
)
OURS = [name for name, figure in FIGURES.items() if not figure.is_stock]
PICTURES = {
    "a cloud of words": "from wordcloud import WordCloud\n"
    "WordCloud(random_state=1).fit_words({'penguin': 3, 'island': 2}).to_image()",
    "a network": "import networkx as nx\n"
    "import matplotlib.pyplot as plt\n"
    "nx.draw(nx.path_graph(4), with_labels=True)",
    "seaborn": "import seaborn\n"
    "seaborn.barplot({'kind': ['a', 'b'], 'y': [2, 3]}, x='kind', y='y');",
}

WAIT = """
seen => new Promise(resolve => {
  const end = Date.now() + 300_000;
  const look = () => {
    const found = Boolean(eval(seen));
    found || Date.now() > end ? resolve(found) : setTimeout(look, 50);
  };
  look();
})
"""
FOREIGN = """
() => [window, ...[...document.querySelectorAll('iframe')].map(frame => frame.contentWindow)]
  .flatMap(one => one.performance.getEntriesByType('resource').map(entry => entry.name))
  .filter(name => !name.startsWith(`${location.origin}/`) && !/^(data|blob):/.test(name))
"""


@dataclass
class Drawn:
    """What one kernel has drawn."""

    results: dict[str, CellResult]
    seen: dict[str, bool]
    foreign: list[str]


@pytest.fixture(scope="module")
def drawn(browser, site):
    page = browser.new_page()
    try:
        lab = Lab.open(page, site.url)
        # More than the 250 requests that a page remembers by itself.
        page.evaluate("() => performance.setResourceTimingBufferSize(10_000)")
        notebook = lab.new_notebook()
        results, seen = {}, {}
        everything = browser.engine == "chromium"
        for name, code in PICTURES.items():
            if everything:
                results[name] = notebook.run(code)
        for name, figure in FIGURES.items():
            if figure.is_stock and not everything:
                continue
            results[name] = notebook.run(figure.code)
            seen[name] = results[name].error is None and page.evaluate(WAIT, figure.seen)
        results["tiles in a widget"] = notebook.run(TILES)
        foreign = page.evaluate(FOREIGN)
        # Where the driver hears of all requests, those of workers are among them.
        foreign += [
            address
            for address in getattr(page, "requests", ())
            if not address.startswith((site.url, "data:", "blob:"))
        ]
        yield Drawn(results, seen, foreign)
    finally:
        page.close()


@pytest.mark.parametrize("name", OURS)
def test_it_draws(drawn, name):
    assert drawn.results[name].error is None
    assert drawn.seen[name]


@pytest.mark.engines("chromium")
@pytest.mark.parametrize("name", [name for name in FIGURES if name not in OURS])
def test_a_stock_library_draws(drawn, name):
    assert drawn.results[name].error is None
    assert drawn.seen[name]


@pytest.mark.engines("chromium")
@pytest.mark.parametrize("name", PICTURES)
def test_it_gives_a_picture(drawn, name):
    assert drawn.results[name].error is None
    assert drawn.results[name].png


def test_all_requests_go_to_the_site(drawn):
    assert drawn.foreign == []


def test_a_widget_map_has_no_tiles(drawn):
    assert drawn.results["tiles in a widget"].stdout == "white-bg\n"


def test_a_map_explains_missing_tiles_once(drawn):
    said = "".join(result.stderr for result in drawn.results.values())
    assert said.count("(tile.openstreetmap.org), which this site does not ask by itself") == 1


def test_a_figure_is_saved_in_the_notebook_as_json(drawn):
    mime_types = [set(output.get("data", ())) for output in drawn.results["altair"].outputs]
    assert {"application/vnd.vegalite.v5+json", "text/plain"} in mime_types
    (figure,) = drawn.results["a figure for Colab"].outputs
    assert "text/html" not in figure["data"]


def test_bokehs_scripts_are_in_the_notebook_once(drawn):
    copies = [
        name
        for output in drawn.results["bokeh"].outputs
        for name, content in output.get("data", {}).items()
        if len(content) > 1_000_000
    ]
    assert copies == ["application/javascript"]
