"""A figure is drawn, and the page shows it."""

import io

from PIL import Image

PLOT = """
import matplotlib.pyplot as plt
plt.plot([1, 3, 2], color="#ff0000", linewidth=8)
plt.title("A line")
plt.show()
"""


def test_the_page_shows_the_figure_of_a_cell_with_and_without_plt_show(lab):
    notebook = lab.new_notebook()
    result = notebook.run(PLOT)
    assert result.error is None
    assert result.png is not None
    picture = Image.open(io.BytesIO(result.png)).convert("RGB")
    assert min(picture.size) > 200
    colours = {colour: count for count, colour in picture.getcolors(1 << 24)}
    assert colours[255, 0, 0] > 1000  # the line
    assert colours[255, 255, 255] > 10_000  # the paper
    notebook.run("plt.plot([1, 2]);")
    widths = lab.page.evaluate(
        "() => Promise.all([...document.querySelectorAll('.jp-RenderedImage img')]"
        ".map(picture => picture.decode().then(() => picture.width)))"
    )
    assert len(widths) == 2
    assert min(widths) > 200
