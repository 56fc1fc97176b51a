"""What is adapted of plotting libraries, seen on Matplotlib as it is on this machine."""

import json
import os
import subprocess
import sys
from random import Random

import pytest

# Matplotlib is imported twice, in processes of its own.
pytestmark = [pytest.mark.plain, pytest.mark.slow]

pytest.importorskip("matplotlib")

# In a Python of its own: what other tests have imported cannot be adapted whole.
PROGRAM = """
import contextlib, io, json, sys
from je_kernel import plots

facts = {}
plots.install()
facts["imported for it"] = sorted({"matplotlib", "numpy"} & sys.modules.keys())

import matplotlib
said = io.StringIO()
with contextlib.redirect_stderr(said):
    matplotlib.use("TkAgg")
    matplotlib.use("TkAgg")
    facts["TkAgg"] = matplotlib.get_backend()
    from matplotlib.backends.registry import backend_registry
    facts["nbagg"] = backend_registry.resolve_gui_or_backend("nbagg")
facts["said"] = said.getvalue()
facts["svg"] = backend_registry.resolve_gui_or_backend("svg")
matplotlib.use("agg")

import matplotlib.pyplot as plt
figure, axes = plt.subplots()
said = io.StringIO()
with contextlib.redirect_stderr(said):
    for y in range(3):
        text = plt.text(0, y, "日本語 漢字 🦊🦉")
        figure.canvas.draw()
facts["missing"] = said.getvalue()

figure, axes = plt.subplots(figsize=(1, 1), dpi=30)
from matplotlib.animation import FuncAnimation
line, = axes.plot([0, 1], [0, 1])
animation = FuncAnimation(figure, lambda i: line.set_ydata([0, i]), frames=3)
facts["html"] = animation.to_jshtml()
facts["video"] = animation.to_html5_video()
try:
    animation.save("ball.mp4")
except ValueError as error:
    facts["mp4"] = str(error)
animation.save(sys.argv[1], writer="pillow")

use = matplotlib.use
plots.uninstall()
facts["taken back"] = matplotlib.use is not use and not plots.installed()
print(json.dumps(facts))
"""


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    return tmp_path_factory.mktemp("plots") / "ball.gif"


@pytest.fixture(scope="module")
def facts(picture):
    """What a Python without ffmpeg saw."""
    command = [sys.executable, "-c", PROGRAM, str(picture)]
    done = subprocess.run(
        command,
        env={**os.environ, "PATH": "", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_installing_imports_no_library(facts):
    assert facts["imported for it"] == []


def test_a_window_backend_draws_inline_with_one_message(facts):
    assert facts["TkAgg"] in ("inline", "module://matplotlib_inline.backend_inline")
    assert facts["said"].count("A browser has no windows for 'TkAgg'") == 1


def test_matplotlib_notebook_without_ipympl_draws_inline_with_a_message(facts):
    assert facts["nbagg"] == ["module://matplotlib_inline.backend_inline", None]
    assert facts["said"].count("This site does not have ipympl") == 1


def test_other_backends_are_unchanged(facts):
    assert facts["svg"] == ["svg", None]


def test_missing_glyphs_are_one_message_for_each_script(facts):
    assert facts["missing"].count("Matplotlib's font has no picture for") == 2
    assert "Chinese, Japanese or Korean characters such as 日" in facts["missing"]
    assert "emoji such as 🦊" in facts["missing"]


def test_an_animation_as_html_makes_no_requests(facts):
    assert "<script" in facts["html"]
    assert "▶" in facts["html"]
    assert not [word for word in ("http:", "https:", "fa-", "src=//") if word in facts["html"]]


def test_without_ffmpeg_a_video_is_html(facts):
    assert "new Animation(frames" in facts["video"]


def test_without_ffmpeg_saving_a_video_is_an_error(facts):
    assert "animation.save('ball.gif', writer='pillow')" in facts["mp4"]


def test_an_animated_picture_is_saved(facts, picture):
    from PIL import Image

    assert Image.open(picture).n_frames == 3


def test_uninstalling_restores_everything(facts):
    assert facts["taken back"]


def test_a_word_cloud_has_the_layout_of_the_compiled_module():
    import numpy as np

    from je_kernel.plots.wordcloud_layout import query_integral_image

    def compiled(image, size_x, size_y, random_state):
        """What the compiled module does, in Python."""
        places = [
            (i, j)
            for i in range(image.shape[0] - size_x)
            for j in range(image.shape[1] - size_y)
            if image[i, j] + image[i + size_x, j + size_y]
            == image[i + size_x, j] + image[i, j + size_y]
        ]
        if not places:
            return None
        goal = random_state.randint(0, len(places))
        return places[goal - 1] if goal else None

    marks = np.random.default_rng(0).random((30, 40)) > 0.97
    image = np.cumsum(np.cumsum(marks, axis=0), axis=1).astype(np.uint32)
    ours, theirs = Random(1), Random(1)
    sizes = [(x, y) for x in (1, 4, 7, 29, 31) for y in (1, 5, 9, 39, 50)]
    assert [query_integral_image(image, *size, ours) for size in sizes] == [
        compiled(image.astype(int), *size, theirs) for size in sizes
    ]


# Seaborn is imported while scipy cannot be, as where it is not loaded yet.
SEABORN = """
import json, sys
import matplotlib, pandas
from je_kernel import plots

matplotlib.use("agg")
plots.install()
sys.modules["scipy"] = None
import seaborn

facts = {}
points = pandas.DataFrame({"x": [1, 2, 4, 7], "y": [0, 1, 1, 0]})
try:
    seaborn.kdeplot(points, x="x", cumulative=True)
except RuntimeError as error:
    facts["missing"] = str(error)
del sys.modules["scipy"]
seaborn.kdeplot(points, x="x")
facts["loaded early"] = "scipy" in sys.modules
seaborn.kdeplot(points, x="x", cumulative=True)
from seaborn import objects
objects.Plot(points, x="x").add(objects.Line(), objects.KDE(cumulative=True)).plot()
facts["clusters"] = type(seaborn.clustermap([[1, 2], [2, 3], [9, 9]])).__name__
try:
    seaborn.regplot(points, x="x", y="y", logistic=True)
except RuntimeError as error:
    facts["statsmodels"] = str(error)
print(json.dumps(facts))
"""


def test_seaborn_imports_scipy_with_the_figure_that_needs_it():
    command = [sys.executable, "-W", "ignore", "-c", SEABORN]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts == {
        "missing": "Cumulative KDE evaluation requires scipy",
        "loaded early": False,
        "clusters": "ClusterGrid",
        "statsmodels": "`logistic=True` requires statsmodels, an optional dependency,"
        " to be installed.",
    }
