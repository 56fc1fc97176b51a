"""Lessons with turtles, in JupyterLab: drawn live, played with, and kept as a picture."""

import io
import time

import pytest
from PIL import Image, ImageChops

from tests.browsers.lab import Lab
from tests.site.conftest import keep_evidence_of_failure

pytestmark = pytest.mark.engines("chromium", "firefox", "webkit")
# In these engines a cell that runs can wait for the page.
HEARS = pytest.mark.engines("chromium", "firefox")

PATIENCE = 60
VIEW = "application/vnd.jupyter.widget-view+json"
SVG = "image/svg+xml"


@pytest.fixture(scope="module")
def shared_notebook(browser, site):
    """One page and kernel for all."""
    page = browser.new_page()
    yield Lab.open(page, site.url).new_notebook()
    page.close()


@pytest.fixture
def notebook(shared_notebook, request, test_cache):
    yield shared_notebook
    keep_evidence_of_failure(shared_notebook.lab.page, test_cache, request)


@pytest.fixture
def page(notebook):
    return notebook.lab.page


def until(condition, what):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited in vain for {what}")


def run(notebook, code):
    result = notebook.run(code)
    assert result.error is None, result.error
    return result


def data(notebook):
    """Return the display data of the last cell that has some."""
    for cell in reversed(notebook.cells()):
        for output in cell.outputs:
            if SVG in output.get("data", {}) or VIEW in output.get("data", {}):
                return output["data"]
    return {}


def still(notebook):
    """Wait until the last picture is a still one, and return it."""
    return until(lambda: VIEW not in data(notebook) and data(notebook).get(SVG), "a still picture")


LIVE = """
() => {
  const canvas = [...document.querySelectorAll('.je-turtle > canvas')].at(-2);
  return canvas ? canvas.toDataURL() : null;
}
"""
STILL = """
async (svg) => {
  const image = new Image();
  image.src = 'data:image/svg+xml;charset=utf-8,' + encodeURIComponent(svg);
  await image.decode();
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.width, image.height];
  canvas.getContext('2d').drawImage(image, 0, 0);
  return canvas.toDataURL();
}
"""


def pixels(address):
    import base64

    return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGB")


def live(page):
    """Return what the page has drawn, without the turtles, or None."""
    address = page.evaluate(LIVE)
    return pixels(address) if address else None


def color_at(image, x, y):
    return image.getpixel((image.width // 2 + x, image.height // 2 - y)) if image else None


RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)

LESSON = """
import turtle
t = turtle.Turtle()
t.speed(10)
t.pensize(8)
t.color("red", "blue")
t.begin_fill()
for i in range(4):
    t.forward(100)
    t.left(90)
t.end_fill()
turtle.done()
"""


def test_a_lesson_is_drawn_and_ends_as_a_still_image(notebook, page):
    run(notebook, LESSON)
    drawn = pixels(page.evaluate(STILL, still(notebook)))
    assert color_at(drawn, 50, 0) == RED
    assert color_at(drawn, 50, 50) == BLUE
    assert color_at(drawn, -50, 50) == WHITE
    width = page.evaluate(
        "() => { const all = document.querySelectorAll('.jp-RenderedSVG img');"
        " return all[all.length - 1].decode().then(() => all[all.length - 1].naturalWidth); }"
    )
    assert width == 800
    assert page.evaluate(LIVE) is None


def test_the_drawing_appears_while_the_cell_runs(notebook, page):
    cell = notebook.start(
        "import time, turtle\n"
        "t = turtle.Turtle()\n"
        "t.pensize(8)\n"
        "t.color('red')\n"
        "t.forward(100)\n"
        "for i in range(50):\n"
        "    time.sleep(0.1)\n"
        "    t.left(1)\n"
    )
    until(lambda: color_at(live(page), 50, 0) == RED, "the line")
    assert notebook.kernel_status == "busy"
    assert cell.result().error is None
    still(notebook)


def test_the_animation_and_the_still_image_look_the_same(notebook, page):
    run(notebook, "import turtle\nturtle.done()")
    run(
        notebook,
        "import turtle\n"
        "s = turtle.Screen()\n"
        "s.setup(500, 400)\n"
        "s.bgcolor('lightyellow')\n"
        "s.onkey(lambda: None, 'q')\n"
        "t = turtle.Turtle(visible=False)\n"
        "t.speed(0)\n"
        "t.color('darkgreen', 'orange')\n"
        "t.begin_fill()\n"
        "for i in range(5):\n"
        "    t.forward(180)\n"
        "    t.right(144)\n"
        "t.end_fill()\n"
        "t.pensize(6)\n"
        "t.circle(-60, 270)\n"
        "t.dot(40, 'purple')\n"
        "t.write('Turtle', align='center', font=('Arial', 24, 'bold'))\n",
    )
    kept = pixels(page.evaluate(STILL, data(notebook)[SVG]))

    def differ():
        drawn = live(page)
        if drawn is None or drawn.size != kept.size:
            return True
        difference = ImageChops.difference(drawn, kept).convert("L")
        far = sum(count for value, count in enumerate(difference.histogram()) if value > 96)
        return far > 0.002 * kept.width * kept.height

    until(lambda: not differ(), "the same picture")
    assert color_at(kept, 90, -30) == (255, 255, 224)  # the middle of the star is empty


def has_focus(page):
    return page.evaluate("() => !!document.activeElement.closest('.je-turtle')")


def test_keys_clicks_and_timers_after_the_cell_has_ended(notebook, page):
    run(notebook, "import turtle\nturtle.done()")
    run(
        notebook,
        "import turtle\n"
        "s = turtle.Screen()\n"
        "t = turtle.Turtle('square')\n"
        "t.shapesize(3)\n"
        "t.speed(0)\n"
        "t.onclick(lambda x, y: print('the turtle,'))\n"
        "s.onclick(lambda x, y: print(f'clicked at {x:.0f} {y:.0f}'))\n"
        "s.onkeypress(lambda: print('up'), 'Up')\n"
        "s.onkey(lambda: print('no longer a'), 'a')\n"
        "s.ontimer(lambda: print('it is time'), 300)\n"
        "s.listen()\n"
        "s.mainloop()\n"
        "print('main loop left')",
    )

    def printed():
        cell = [c for c in notebook.cells() if "it is time" in c.source][-1]
        return "".join(o["text"] for o in cell.outputs if o["output_type"] == "stream")

    until(lambda: "it is time" in printed(), "the timer")
    until(lambda: has_focus(page), "focus")
    page.press("ArrowUp")
    page.press("a")
    until(lambda: "no longer a" in printed(), "the keys")
    page.evaluate(
        "() => { const top = [...document.querySelectorAll('.je-turtle > canvas')].at(-1);"
        " const box = top.getBoundingClientRect(), scale = box.width / 800;"
        " for (const [x, y] of [[100, 50], [10, 5]]) for (const kind of ['down', 'up'])"
        "  top.dispatchEvent(new PointerEvent('pointer' + kind, { bubbles: true, button: 0,"
        "   clientX: box.left + (400 + x) * scale, clientY: box.top + (300 - y) * scale })); }"
    )
    until(lambda: "clicked at 10 5" in printed(), "the clicks")
    said = [line for line in printed().splitlines() if line != "it is time"]
    assert said == [
        *("main loop left", "up", "no longer a", "clicked at 100 50", "the turtle,"),
        "clicked at 10 5",
    ]
    page.evaluate("() => [...document.querySelectorAll('.je-turtle button')].at(-1).click()")
    still(notebook)


def test_a_picture_that_is_detached_and_attached_keeps_the_focus(notebook, page):
    run(notebook, "import turtle\nturtle.done()")
    run(notebook, "import turtle\nturtle.dot()\nturtle.onkey(lambda: None, 'q')\nturtle.listen()")
    until(lambda: has_focus(page), "focus")
    page.evaluate(
        "() => { const { parentNode: place } = document.activeElement.closest('.je-turtle');"
        " place.parentNode.insertBefore(place, place.nextSibling); }"
    )
    until(lambda: has_focus(page), "focus again")
    page.evaluate("() => document.querySelector('.jp-Cell').focus()")
    page.evaluate("() => new Promise(next => requestAnimationFrame(() => setTimeout(next)))")
    assert not has_focus(page)


@HEARS
def test_a_game_loop_receives_keys_while_the_cell_runs(notebook, page):
    cell = notebook.start(
        "import turtle\n"
        "s = turtle.Screen()\n"
        "s.tracer(0)\n"
        "ball = turtle.Turtle('circle')\n"
        "presses = 0\n"
        "def press():\n"
        "    global presses\n"
        "    presses += 1\n"
        "s.onkeypress(press, 'space')\n"
        "s.listen()\n"
        "while presses < 3:\n"
        "    s.update()\n"
        "    ball.setx((ball.xcor() + 2) % 100)\n"
        "print('over')"
    )
    until(lambda: has_focus(page), "focus")
    for _ in range(3):
        page.press(" ")
        time.sleep(0.2)
    result = cell.result()
    assert (result.error, result.stdout) == (None, "over\n")


@HEARS
def test_stop_ends_an_endless_loop(notebook, page):
    run(notebook, "import turtle\nturtle.bye()")
    still(notebook)
    cell = notebook.start("import turtle\nwhile True:\n    turtle.forward(1)\n    turtle.left(1)")
    until(lambda: live(page) is not None, "the picture")
    until(
        lambda: page.evaluate(
            "() => { const stop = [...document.querySelectorAll('.je-turtle button')].at(-1);"
            " if (!stop || stop.hidden) return false; stop.click(); return true; }"
        ),
        "the button",
    )
    assert "Terminator" in cell.result().error.name
    still(notebook)


def test_ten_thousand_lines_do_not_stall_the_page(notebook, page):
    page.evaluate(
        "() => { let last = performance.now(); window.longest = 0;"
        " window.watch = setInterval(() => { const now = performance.now();"
        " window.longest = Math.max(window.longest, now - last); last = now; }, 10); }"
    )
    run(
        notebook,
        "import turtle\n"
        "turtle.onkey(lambda: None, 'q')\n"
        "turtle.tracer(50)\n"
        "turtle.hideturtle()\n"
        "for i in range(10_000):\n"
        "    turtle.forward(i / 40)\n"
        "    turtle.left(91)\n"
        "turtle.update()",
    )
    until(lambda: color_at(live(page), 0, 120) not in (None, WHITE), "the drawing")
    longest = page.evaluate("() => { clearInterval(window.watch); return window.longest; }")
    print(f"longest pause of the page: {longest:.0f} ms")
    assert longest < 2000
