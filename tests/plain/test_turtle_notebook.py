"""Turtles in a notebook whose kernel is not in the browser: a still picture below the cell."""

import importlib
import importlib.util
import sys
import xml.etree.ElementTree as ElementTree
from unittest import mock

import pytest
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from je_kernel import turtle
from je_kernel.stand_ins import StandInFinder
from je_kernel.turtle import scene as scenes
from je_kernel.turtle import screen as screens
from je_kernel.turtle import stage as stages
from je_kernel.turtle import svg
from tests.plain.turtle_programs import PROGRAMS

SVG = "{http://www.w3.org/2000/svg}"


class Outputs(DisplayPublisher):
    """Keeps what is displayed, as a notebook does: a display that is updated is one output."""

    shown: dict

    def publish(self, data, metadata=None, *, transient=None, update=False, **_):
        self.shown[transient["display_id"]] = data


@pytest.fixture
def notebook(monkeypatch):
    """A shell that knows our turtle, and the pictures below its cells."""
    shell = InteractiveShell.instance(display_pub_class=Outputs)
    shell.display_pub.shown = {}
    fresh = stages.Stage()
    monkeypatch.setattr(stages, "stage", fresh)
    monkeypatch.setattr(screens, "stage", fresh)
    monkeypatch.setattr(screens, "_screen", None)
    monkeypatch.setitem(sys.modules, "turtle", turtle)
    yield shell
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


def run(shell, source):
    """Run a cell, and return the pictures that it has shown."""
    before = set(shell.display_pub.shown)
    result = shell.run_cell(source)
    result.raise_error()
    return [data for name, data in shell.display_pub.shown.items() if name not in before]


def points(data):
    """Return how many points the lines of a picture have."""
    picture = ElementTree.fromstring(data["image/svg+xml"])
    return sum(path.get("d").count("L") + 1 for path in picture.iter(f"{SVG}path"))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_lesson_ends_with_a_valid_and_described_image(notebook, name):
    (data,) = run(notebook, PROGRAMS[name])
    picture = ElementTree.fromstring(data["image/svg+xml"])
    assert picture.tag == f"{SVG}svg"
    assert picture.find(f"{SVG}title").text.startswith("Turtle drawing: ")
    assert data["text/plain"] == picture.find(f"{SVG}title").text


def test_a_cell_without_turtles_shows_nothing(notebook):
    assert run(notebook, "import turtle") == []
    assert run(notebook, "1 + 1") == []
    assert run(notebook, "wn = turtle.Screen()") == []


def test_each_cell_that_continues_a_drawing_shows_the_whole_picture(notebook):
    (first,) = run(notebook, "import turtle\nt = turtle.Turtle()\nt.forward(50)")
    (second,) = run(notebook, "t.left(90)\nt.forward(50)")
    assert (points(first), points(second)) == (2, 3)


def test_a_program_after_done_has_a_new_picture(notebook):
    program = "import turtle\nturtle.forward(50)\nturtle.done()"
    assert [points(data) for _ in range(3) for data in run(notebook, program)] == [2, 2, 2]


def test_a_turtle_continues_after_done(notebook):
    run(notebook, "import turtle\nt = turtle.Turtle()\nt.forward(50)\nturtle.done()")
    (data,) = run(notebook, "t.left(90)\nt.forward(50)")
    assert points(data) == 3


def test_bye_and_clear_give_an_empty_screen_and_no_terminator(notebook):
    run(notebook, "import turtle\nturtle.forward(50)")
    run(notebook, "turtle.bye()")
    (data,) = run(notebook, "turtle.left(90)\nturtle.forward(20)")
    assert points(data) == 2
    (data,) = run(notebook, "turtle.Screen().clear()\nturtle.forward(20)")
    assert points(data) == 2


def test_the_same_cell_again_has_a_new_picture(notebook, monkeypatch):
    monkeypatch.setattr(stages, "_cell_id", lambda: "the same cell")
    program = "import turtle\nt = turtle.Turtle()\nt.forward(50)"
    assert [points(data) for _ in range(3) for data in run(notebook, program)] == [2, 2, 2]
    assert len(turtle.Screen().turtles()) == 1


def test_a_picture_without_its_last_update_is_shown(notebook):
    (data,) = run(notebook, "import turtle\nturtle.tracer(0)\nturtle.forward(50)")
    assert points(data) == 2
    assert "polygon" in data["image/svg+xml"]


def test_an_error_keeps_the_drawing(notebook, capsys):
    before = set(notebook.display_pub.shown)
    notebook.run_cell("import turtle\nturtle.forward(50)\nturtle.forward(nowhere)")
    (data,) = (d for name, d in notebook.display_pub.shown.items() if name not in before)
    assert points(data) == 2


def test_hostile_texts_and_fonts_are_text(notebook):
    text = '</text><script>alert(1)</script>&"\\x00\\x1b'
    font = "x' onload='alert(1)"
    (data,) = run(notebook, f"import turtle\nturtle.write({text!r}, font=({font!r}, 12))")
    picture = ElementTree.fromstring(data["image/svg+xml"])
    assert not list(picture.iter(f"{SVG}script"))
    assert "onload" not in str([element.attrib.keys() for element in picture.iter()])


def test_an_endless_drawing_keeps_its_newest_lines(monkeypatch):
    monkeypatch.setattr(scenes, "MOST_POINTS", 2000)
    monkeypatch.setattr(screens, "_screen", None)
    for i in range(5000):
        turtle.forward(i % 7)
        turtle.left(31)
        turtle.clearstamp(turtle.stamp())
    scene = turtle.Screen()._scene
    assert scene.truncated
    assert sum(len(i.points) for i in scene.items.values()) <= 2000
    assert len(scene._changed) <= 1000
    turtle.undo()
    ElementTree.fromstring(svg.to_svg(scene))


def test_ten_thousand_lines_are_a_small_picture(monkeypatch):
    monkeypatch.setattr(screens, "_screen", None)
    turtle.tracer(0)
    for i in range(10_000):
        turtle.forward(i / 50)
        turtle.left(89)
    assert len(svg.to_svg(turtle.Screen()._scene)) < 250_000


def test_saved_as_postscript_and_svg(monkeypatch, tmp_path):
    monkeypatch.setattr(screens, "_screen", None)
    turtle.write("a (b)")
    turtle.dot(20, "red")
    screen = turtle.Screen()
    screen.save(tmp_path / "a.eps")
    assert (tmp_path / "a.eps").read_text().startswith("%!PS-Adobe-3.0 EPSF-3.0")
    assert "(a \\(b\\)) show" in turtle.getcanvas().postscript()
    screen.save(tmp_path / "a.svg")
    ElementTree.parse(tmp_path / "a.svg")
    with pytest.raises(FileExistsError):
        screen.save(tmp_path / "a.svg")
    with pytest.raises(ValueError, match="Unknown file extension"):
        screen.save(tmp_path / "a.png")
    with pytest.raises(FileNotFoundError):
        screen.save(tmp_path / "nowhere" / "a.eps")


def test_numinput_repeats_until_the_number_is_valid(monkeypatch, capsys):
    monkeypatch.setattr(screens, "_screen", None)
    answers = iter(["three", "0", "99", "2,5", "", "Ada"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(answers))
    assert turtle.numinput("Poker", "Your stakes:", 10, minval=1, maxval=50) == 2.5
    assert turtle.numinput("Poker", "Your stakes:", 10) == 10
    assert turtle.textinput("Name", "Who are you?") == "Ada"
    assert capsys.readouterr().out.splitlines() == [
        "'three' is not a number. Please try again.",
        "The smallest number is 1. Please try again.",
        "The largest number is 50. Please try again.",
    ]


def test_images_are_shapes_and_backgrounds(monkeypatch, tmp_path):
    from PIL import Image

    monkeypatch.setattr(screens, "_screen", None)
    monkeypatch.chdir(tmp_path)
    for name in ("a.gif", "a.png", "a.jpg"):
        Image.new("RGB", (7, 5), "red").save(name)
        turtle.register_shape(name)
        turtle.shape(name)
        turtle.stamp()
    turtle.bgpic("a.png")
    assert turtle.bgpic() == "a.png"
    picture = ElementTree.fromstring(svg.to_svg(turtle.Screen()._scene))
    names = {image.get("id") for image in picture.iter(f"{SVG}image")}
    used = [use.get("href").removeprefix("#") for use in picture.iter(f"{SVG}use")]
    # Three stamps, a turtle and a background, of three files.
    assert (len(used), len(names), set(used)) == (5, 3, names)
    (tmp_path / "damaged.gif").write_bytes(b"GIF")
    for name in ("damaged.gif", "a.tiff"):
        with pytest.raises(turtle.TurtleGraphicsError):
            turtle.bgpic(name)
    with pytest.raises(FileNotFoundError):
        turtle.bgpic("missing.gif")
    turtle.bgpic("nopic")


def test_importing_turtle_without_tkinter_gives_our_module(monkeypatch):
    own = turtle.__spec__
    monkeypatch.setattr(sys, "meta_path", [StandInFinder(), *sys.meta_path])
    with mock.patch.dict(sys.modules):
        sys.modules.pop("turtle", None)
        assert importlib.import_module("turtle") is turtle
    assert turtle.__spec__ is own


def test_the_module_of_a_desktop_is_unchanged(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, StandInFinder()])
    assert importlib.util.find_spec("turtle").origin.startswith(sys.base_prefix)
