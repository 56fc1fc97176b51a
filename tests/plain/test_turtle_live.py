"""Turtles that a page draws live: what the kernel sends, when it waits, and what events call.

Only the page is not there: messages to it go into a list, and those of it come from the test.
"""

import asyncio
import json
import sys
import time

import comm
import pytest
from comm.base_comm import BaseComm
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from je_kernel import turtle
from je_kernel.turtle import picture as pictures
from je_kernel.turtle import screen as screens
from je_kernel.turtle import stage as stages

VIEW = "application/vnd.jupyter.widget-view+json"


class Comm(BaseComm):
    """Keeps the messages that a kernel sends."""

    made: list = []  # noqa: RUF012

    def publish_msg(self, msg_type, data=None, **rest):
        if msg_type == "comm_open":
            self.made.append(self)
            self.messages = []
        self.messages.append((time.perf_counter(), msg_type, data))

    def sent(self, name):
        """Return all values that a part of the model's state was given."""
        states = [data["state"] for _, kind, data in self.messages if kind != "comm_close"]
        return [state[name] for state in states if name in state]

    @property
    def frames(self):
        count = self.sent("count")[-1]
        return [f for i in range(count) for f in json.loads(self.sent(f"c{i}")[0])]

    @property
    def closed(self):
        return self.messages[-1][1] == "comm_close"


class Channel:
    """The page's way to the kernel."""

    made: list = []  # noqa: RUF012

    def __init__(self, name, receive):
        self.receive = receive
        self.made.append(self)

    def close(self):
        self.receive = None


class Outputs(DisplayPublisher):
    def publish(self, data, metadata=None, *, transient=None, update=False, **_):
        self.shown[transient["display_id"]] = data


@pytest.fixture
def notebook(monkeypatch):
    shell = InteractiveShell.instance(display_pub_class=Outputs)
    shell.display_pub.shown = {}
    fresh = stages.Stage()
    monkeypatch.setattr(stages, "stage", fresh)
    monkeypatch.setattr(screens, "stage", fresh)
    monkeypatch.setattr(screens, "_screen", None)
    monkeypatch.setattr(pictures, "_can_be_live", lambda: True)
    monkeypatch.setattr(pictures, "_Channel", Channel)
    monkeypatch.setattr(comm, "create_comm", Comm)
    monkeypatch.setattr(Comm, "made", [])
    monkeypatch.setattr(Channel, "made", [])
    monkeypatch.setitem(sys.modules, "turtle", turtle)
    yield shell
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


def run(shell, source):
    shell.run_cell(source).raise_error()


def outputs(shell):
    return list(shell.display_pub.shown.values())


def page_has_drawn_all():
    Channel.made[-1].receive({"kind": "drawn", "count": Comm.made[-1].sent("count")[-1]})


SQUARE = """
import turtle
t = turtle.Turtle()
for i in range(4):
    t.forward(100)
    t.left(90)
"""


def test_a_drawing_is_animated_and_then_a_still_image(notebook):
    run(notebook, SQUARE)
    (model,) = Comm.made
    (output,) = outputs(notebook)
    assert output[VIEW]["model_id"] == model.comm_id
    assert "image/svg+xml" in output
    page_has_drawn_all()
    (output,) = outputs(notebook)
    assert set(output) == {"image/svg+xml", "text/plain"}
    assert model.closed


def test_frames_have_motions_and_durations(notebook):
    run(notebook, SQUARE)
    frames = Comm.made[0].frames
    moves = [motion for _, _, motion, _ in frames if motion and motion[0] == "move"]
    turns = [motion for _, _, motion, _ in frames if motion and motion[0] == "turn"]
    assert [move[4:6] for move in moves] == [[100, 0], [0, -100], [-100, 0], [0, 100]]
    assert moves[0][6:] == ["#000000", 1]
    assert [turn[4] for turn in turns] == [-90] * 4
    starts = [start for start, *_ in frames]
    assert starts == sorted(starts)
    # As on a desktop at speed 3: nine steps forward and eleven to turn, 10 ms each.
    assert {ms for _, ms, motion, _ in frames if motion} == {90, 110}


def test_a_fast_drawing_is_a_still_image_at_once(notebook):
    run(notebook, "import turtle\nturtle.tracer(0)\nturtle.circle(90)\nturtle.update()")
    (output,) = outputs(notebook)
    assert set(output) == {"image/svg+xml", "text/plain"}
    assert Comm.made == []


def test_a_drawing_in_another_cell_does_not_change_the_first_picture(notebook):
    run(notebook, SQUARE)
    left = outputs(notebook)[0]["image/svg+xml"]
    run(notebook, "for i in range(9): t.forward(100)")
    # As with "Run all": the first one is still under way.
    assert [VIEW in output for output in outputs(notebook)] == [True, True]
    Channel.made[0].receive({"kind": "drawn", "count": Comm.made[0].sent("count")[-1]})
    first, second = outputs(notebook)
    assert (VIEW in first, VIEW in second) == (False, True)
    assert first["image/svg+xml"] == left != second["image/svg+xml"]


def test_keys_and_clicks_after_the_cell_call_functions(notebook, capsys):
    run(notebook, SQUARE)
    run(
        notebook,
        "s = turtle.Screen()\n"
        "s.onkeypress(lambda: print('up'), 'Up')\n"
        "s.onkey(lambda: print('a'), 'a')\n"
        "s.onclick(lambda x, y: print('screen', x, y))\n"
        "t.onclick(lambda x, y: print('turtle', x, y))\n"
        "t.ondrag(t.goto)\n"
        "s.onkeypress(lambda: 1 / 0, 'x')\n"
        "t.forward(10)",
    )
    page = Channel.made[-1]
    key = t_key()
    page.receive({"kind": "press", "key": "ArrowUp", "code": "ArrowUp"})
    assert capsys.readouterr().out == ""  # nobody listens yet
    run(notebook, "s.listen(); t.forward(10)")
    page = Channel.made[-1]
    page.receive({"kind": "press", "key": "ArrowUp", "code": "ArrowUp"})
    page.receive({"kind": "release", "key": "a", "code": "KeyA"})
    page.receive({"kind": "press", "key": "q", "code": "KeyQ"})
    page.receive({"kind": "click", "button": 1, "turtle": None, "x": 30, "y": -40})
    page.receive({"kind": "click", "button": 1, "turtle": key, "x": 1, "y": 2})
    page.receive({"kind": "click", "button": 3, "turtle": key, "x": 1, "y": 2})
    shown = capsys.readouterr().out.splitlines()
    assert shown == ["up", "a", "screen 30.0 40.0", "turtle 1.0 -2.0", "screen 1.0 -2.0"]
    page.receive({"kind": "drag", "button": 1, "turtle": key, "x": 60, "y": -70})
    assert turtle.Screen().turtles()[0].pos() == (60, 70)
    # What a function raises is shown, and the next event is handled all the same.
    page.receive({"kind": "press", "key": "x", "code": "KeyX"})
    assert "ZeroDivisionError" in capsys.readouterr().err
    page_has_drawn_all()
    assert VIEW in outputs(notebook)[-1]
    page.receive({"kind": "close"})
    assert VIEW not in outputs(notebook)[-1]


def t_key():
    return turtle.Screen().turtles()[0]._key


def test_an_unknown_message_has_no_effect(notebook):
    run(notebook, SQUARE)
    for message in ({}, {"kind": "restart"}, {"kind": ["drawn"]}, {"kind": "drawn", "count": "x"}):
        Channel.made[-1].receive(message)
    assert VIEW in outputs(notebook)[0]


def test_an_endless_loop_does_not_flood_the_page_and_receives_keys(notebook, monkeypatch):
    monkeypatch.setattr(stages, "_AHEAD", 0.2)
    wait = stages.pause
    began = time.perf_counter()

    def wait_and_press(seconds):
        wait(seconds)
        if time.perf_counter() - began > 1:
            Channel.made[-1].receive({"kind": "press", "key": "q", "code": "KeyQ"})

    monkeypatch.setattr(stages, "pause", wait_and_press)
    run(
        notebook,
        "import turtle\n"
        "going = True\n"
        "def stop():\n"
        "    global going\n"
        "    going = False\n"
        "turtle.onkeypress(stop, 'q')\n"
        "turtle.listen()\n"
        "while going:\n"
        "    turtle.forward(1)\n"
        "    turtle.left(1)\n",
    )
    lasted = time.perf_counter() - began
    (model,) = Comm.made
    assert lasted >= 1
    assert model.sent("count")[-1] <= 40 * lasted
    starts = [start for start, *_ in model.frames]
    assert (starts[-1] - starts[0]) / 1000 <= lasted + 0.3
    assert sum(len(f"{m}") for m in model.messages) < 2_000_000


@pytest.mark.parametrize("seen", ["", "turtle.tracer(0)"])
def test_stop_ends_a_loop_with_terminator(notebook, monkeypatch, seen):
    monkeypatch.setattr(stages, "pause", lambda _: Channel.made[-1].receive({"kind": "close"}))
    result = notebook.run_cell(f"import turtle\n{seen}\nwhile True:\n    turtle.forward(1)")
    assert isinstance(result.error_in_exec, turtle.Terminator)
    monkeypatch.setattr(stages, "pause", lambda _: None)
    run(notebook, "t = turtle.Turtle()\nt.forward(50)")


def test_timers_run_after_the_cell_and_after_the_last_the_image_is_still(notebook):
    program = """
import turtle
turtle.tracer(0)
steps = []
def step():
    steps.append(turtle.xcor())
    turtle.forward(10)
    turtle.update()
    if len(steps) < 5:
        turtle.ontimer(step, 20)
step()
turtle.mainloop()
"""

    async def kernel():
        run(notebook, program)
        assert notebook.user_ns["steps"] == [0]
        while len(notebook.user_ns["steps"]) < 5:
            await asyncio.sleep(0.01)

    asyncio.run(kernel())
    assert notebook.user_ns["steps"] == [0, 10, 20, 30, 40]
    assert VIEW in outputs(notebook)[0]
    page_has_drawn_all()
    assert VIEW not in outputs(notebook)[0]


def test_sleeping_takes_time_in_the_animation(notebook):
    run(
        notebook,
        "import time, turtle\nturtle.forward(200)\ntime.sleep(0.2)\nturtle.forward(200)",
    )
    moves = [frame for frame in Comm.made[0].frames if frame[2]]
    (first, lasts, *_), (second, *_) = moves
    assert 195 <= second - (first + lasts) <= 400


def test_an_endless_drawing_is_saved_as_the_bitmap_of_the_page(notebook, monkeypatch):
    from je_kernel.turtle import scene

    monkeypatch.setattr(scene, "MOST_POINTS", 100)
    run(notebook, "import turtle\nfor i in range(400):\n    turtle.forward(9)\n    turtle.left(31)")
    assert any(op[0] == "keep" for *_, operations in Comm.made[0].frames for op in operations)
    message = {"kind": "drawn", "count": Comm.made[0].sent("count")[-1]}
    Channel.made[0].receive({**message, "bitmap": "data:image/png;base64,iVBORw0KGgo="})
    assert set(outputs(notebook)[0]) == {"image/png", "text/plain"}


def test_a_page_without_the_module_shows_a_still_image(notebook, monkeypatch):
    monkeypatch.setattr(pictures, "_PATIENCE", 0.05)

    async def kernel(message):
        run(notebook, SQUARE)
        if message:
            Channel.made[-1].receive(message)
        await asyncio.sleep(0.2)

    asyncio.run(kernel(None))
    asyncio.run(kernel({"kind": "here"}))
    assert [VIEW in output for output in outputs(notebook)] == [False, True]


def test_a_task_that_outlives_its_cell_draws_in_its_picture(notebook):
    async def kernel():
        run(notebook, SQUARE)
        page_has_drawn_all()
        short = outputs(notebook)[0]["image/svg+xml"]
        notebook.user_ns["t"].forward(300)
        await asyncio.sleep(0.1)
        assert len(Comm.made) == 2
        page_has_drawn_all()
        (output,) = outputs(notebook)
        assert VIEW not in output
        assert len(output["image/svg+xml"]) > len(short)

    asyncio.run(kernel())


def test_timers_without_an_event_loop_are_ignored(notebook):
    run(notebook, "import turtle\nturtle.ontimer(print, 10)\nturtle.forward(10)")
    assert VIEW not in outputs(notebook)[0]


def test_a_drawing_during_another_cell_is_still_at_its_end(notebook):
    run(notebook, SQUARE)
    notebook.user_ns["page_has_drawn_all"] = page_has_drawn_all
    run(notebook, "page_has_drawn_all()")
    assert VIEW not in outputs(notebook)[0]


def test_events_bound_before_a_drawing_reach_the_program(notebook):
    run(notebook, SQUARE)
    run(notebook, "turtle.onkey(print, 'a')\nturtle.listen()\nt.forward(100)")
    assert Comm.made[-1].sent("interest")[-1] == {"keys": True}


def test_dropped_lines_have_been_sent(notebook, monkeypatch):
    from je_kernel.turtle import scene

    monkeypatch.setattr(scene, "MOST_POINTS", 100)
    run(
        notebook,
        "import turtle\nturtle.tracer(0)\nfor i in range(400):\n"
        "    turtle.forward(9)\n    turtle.left(31)\n"
        "turtle.onkey(print, 'a')",
    )
    operations = [op for *_, operations in Comm.made[0].frames for op in operations]
    assert len({number for name, number, *_ in operations if name == "line"}) == 10
    assert any(name == "keep" for name, *_ in operations)
    run(notebook, "turtle.clear()")
    assert not turtle.Screen()._scene.truncated


def test_a_cell_that_only_binds_keys_shows_the_picture(notebook):
    run(notebook, "import turtle\nturtle.tracer(0)\nturtle.circle(90)\nturtle.update()")
    assert Comm.made == []
    run(notebook, "turtle.onkeypress(lambda: turtle.forward(10), 'a')\nturtle.listen()")
    assert VIEW in outputs(notebook)[1]
    assert any(op[0] == "line" for *_, operations in Comm.made[0].frames for op in operations)
    Channel.made[0].receive({"kind": "press", "key": "a", "code": "KeyA"})
    assert turtle.xcor() == pytest.approx(10)
