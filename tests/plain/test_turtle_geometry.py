"""The turtle draws what Python's own one draws."""

import inspect
import sys
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from je_kernel import turtle as ours
from je_kernel.turtle import scene as scenes
from je_kernel.turtle import screen as screens
from tests.plain import real_turtle
from tests.plain.turtle_programs import PROGRAMS

pytestmark = pytest.mark.skipif(
    not real_turtle.PATH.exists(), reason="this Python comes without its turtle module"
)

# What came after Python 3.11, the oldest that these tests run on; its own module may not have it.
NEWER = {"teleport", "fill", "poly", "no_animation", "save"}
NO_LONGER = {"settiltangle"}


def start_anew():
    """Forget our picture, as a new Python would."""
    screens._screen = None
    ours.RawTurtle.screens.clear()


def run(module, source):
    with mock.patch.dict(sys.modules, {"turtle": module}):
        exec(compile(source, "<lesson>", "exec"), {"__name__": "__main__"})
    screen = module.Screen()
    screen.update()
    return screen


def our_drawing(screen):
    """Return what is drawn, as `real_turtle.drawing` does."""
    found = []
    for item in screen._scene.in_order():
        match item:
            case scenes.Line():
                points = [screen._scene.pixel(point) for point in item.points]
                found.append(("line", points, item.color, item.width))
            case scenes.Polygon() if item.fill or item.outline:
                points = [screen._scene.pixel(point) for point in item.points]
                found.append(("polygon", points, item.fill, item.outline, item.width))
            case scenes.Text():
                place = [screen._scene.pixel(item.at)]
                found.append(("text", place, item.text, item.align, item.color))
    return real_turtle.joined(found)


def state(turtle):
    """Return all that a program can learn of a turtle."""
    return {
        "position": turtle.pos(),
        "heading": turtle.heading(),
        "pen": turtle.pen(),
        "color": turtle.color(),
        "down": turtle.isdown(),
        "visible": turtle.isvisible(),
        "filling": turtle.filling(),
        "undo": turtle.undobufferentries(),
        "poly": turtle.get_poly(),
        "shape": turtle.shape(),
        "corners": turtle.get_shapepoly(),
        "tilt": turtle.tiltangle(),
        "matrix": turtle.shapetransform(),
        "size": turtle.shapesize(),
    }


def state_of_screen(screen):
    return {
        "mode": screen.mode(),
        "colormode": screen.colormode(),
        "background": screen.bgcolor(),
        "tracer": screen.tracer(),
        "delay": screen.delay(),
        "size": screen.screensize(),
        "window": (screen.window_width(), screen.window_height()),
        "shapes": screen.getshapes(),
        "turtles": len(screen.turtles()),
    }


def same(one, other):
    """Tell whether values are equal, numbers but for the last digits."""
    if isinstance(one, float) or isinstance(other, float):
        return one == pytest.approx(other, abs=1e-8)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def assert_same(source):
    real, theirs = real_turtle.load(), None
    start_anew()
    theirs, mine = run(real, source), run(ours, source)
    assert same(state_of_screen(mine), state_of_screen(theirs))
    for turtle, other in zip(mine.turtles(), theirs.turtles(), strict=True):
        assert same(state(turtle), state(other))
    drawn, expected = our_drawing(mine), real_turtle.drawing(real)
    assert [item[0] for item in drawn] == [item[0] for item in expected]
    for item, other in zip(drawn, expected, strict=True):
        assert item[2:] == other[2:]
        assert real_turtle.near(item[1], other[1])


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_lesson_draws_the_same_as_on_a_desktop(name):
    assert_same(PROGRAMS[name])


small = st.integers(-90, 90)
sizes = st.integers(1, 12)
colors = st.sampled_from(["red", "blue", "green", "#102030"])

CALLS = st.one_of(
    st.tuples(st.sampled_from(["forward", "back", "left", "right", "setx", "sety"]), small),
    st.tuples(st.just("goto"), small, small),
    st.tuples(st.just("circle"), small, st.integers(-360, 360)),
    st.tuples(st.just("circle"), small, st.integers(-360, 360), st.integers(1, 9)),
    st.tuples(st.just("setheading"), small),
    st.tuples(st.just("pensize"), sizes),
    st.tuples(st.sampled_from(["color", "pencolor", "fillcolor"]), colors),
    st.tuples(st.just("dot"), sizes, colors),
    st.tuples(st.just("write"), st.sampled_from(["a", "bc"])),
    st.tuples(st.just("speed"), st.sampled_from([0, 1, 3, 10, "fast"])),
    st.tuples(st.just("shape"), st.sampled_from(["turtle", "arrow", "circle"])),
    st.tuples(st.just("tilt"), small),
    st.tuples(st.just("shapesize"), sizes, sizes),
    st.tuples(st.just("clearstamps"), st.integers(-2, 2)),
    st.tuples(
        st.sampled_from(
            ["penup", "pendown", "begin_fill", "end_fill", "begin_poly", "end_poly", "stamp"]
            + ["hideturtle", "showturtle", "home", "clear", "reset", "degrees", "radians", "clone"]
            + 4 * ["undo"]
        )
    ),
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), CALLS), max_size=40),
    st.sampled_from(["standard", "logo"]),
    st.sampled_from([0, 1, 2]),
)
def test_random_calls_draw_the_same_as_on_a_desktop(calls, mode, tracing):
    lines = ["import turtle", f"turtle.mode({mode!r})", f"turtle.tracer({tracing})"]
    lines += ["turtles = [turtle.Turtle(), turtle.Turtle()]"]
    for number, (name, *arguments) in calls:
        lines.append(f"turtles[{number}].{name}({', '.join(map(repr, arguments))})")
    assert_same("\n".join(lines))


def parameters(function):
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


def test_every_public_name_exists_with_the_same_signature():
    real = real_turtle.load()
    assert set(real.__all__) - set(ours.__all__) <= NO_LONGER
    assert set(ours.__all__) - set(real.__all__) <= NEWER
    for name in set(real.__all__) & set(ours.__all__):
        mine, theirs = getattr(ours, name), getattr(real, name)
        if inspect.isfunction(theirs):
            assert parameters(mine) == parameters(theirs), name
    for name in ("RawTurtle", "Turtle", "Shape", "Vec2D", "TurtleScreen", "_Screen", "TPen"):
        mine, theirs = getattr(ours, name), getattr(real, name)
        for method, function in inspect.getmembers(theirs, inspect.isfunction):
            if method.startswith("_") or method in NO_LONGER:
                continue
            assert parameters(getattr(mine, method)) == parameters(function), method


def test_a_wrong_colour_or_shape_is_a_turtle_graphics_error():
    start_anew()
    for call in (
        lambda: ours.color("reddish"),
        lambda: ours.color(2, 0, 0),
        lambda: ours.color(1, 2),
        lambda: ours.shape("cat"),
        lambda: ours.mode("upside down"),
        lambda: ours.Shape("cat"),
        lambda: ours.shapesize(0),
        lambda: ours.RawTurtle("canvas"),
        lambda: ours.register_shape("mine"),
        lambda: ours.write("x", align="middle"),
    ):
        with pytest.raises(ours.TurtleGraphicsError):
            call()
