"""Connects turtle screens with the notebook: cells, animation times, and events.

On a desktop, a program waits while a turtle moves. Here it runs on, and the page plays the
animation at the same pace: every frame has a time on the clock of the program. The program
waits only when it is far ahead of the page.
"""

from __future__ import annotations

import itertools
import sys
import time
import traceback
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from je_kernel.compatibility import parent_header, set_parent_header
from je_kernel.runtime import pause
from je_kernel.turtle.events import key_name
from je_kernel.turtle.picture import Picture, call_later

if TYPE_CHECKING:
    from collections.abc import Callable

    from je_kernel.turtle.events import Handlers
    from je_kernel.turtle.scene import Scene

__all__ = ["ScreenTurtle", "Stage", "StageScreen", "stage"]

# Seconds that a program may be ahead of the page: a drawing, and a game with events.
_AHEAD = 30.0
_AHEAD_IN_A_GAME = 0.1
_SHORTEST_WAIT = 1 / 30
_BETWEEN_EVENTS = 0.015
_UNSEEN = 0.5
# Limit of events that wait for the running cell; a key that is held down repeats.
_MOST_WAITING = 256


class ScreenTurtle(Protocol):
    """A turtle, as a screen needs it."""

    def reset(self) -> None:
        """Return to the start, and delete the drawing."""

    def _setmode(self, mode: str) -> None: ...

    def _show_turtle(self) -> None: ...


class StageScreen(Protocol):
    """A screen, as the stage needs it."""

    xscale: float
    yscale: float
    _tracing: int
    _handlers: Handlers
    _turtles: list[ScreenTurtle]

    @property
    def _scene(self) -> Scene: ...

    def _check_open(self) -> None: ...

    def _restart(self) -> None: ...


_S = TypeVar("_S", bound=StageScreen)


class Stage:
    """Shows the pictures of screens in cells, and calls the handlers of their events."""

    def __init__(self) -> None:
        self.closed = False
        self._shell: Any = None
        self._watched = False
        self._running = True
        self._asynchronous = False
        self._handling = False
        # The number of the running cell, and of the last cell with a turtle.
        self._cell = 0
        self._joined = -1
        # The cell of the notebook in which the picture began; whether its program has ended.
        self._began_in: object = None
        self._ended = False
        self._pictures: dict[StageScreen, Picture] = {}
        self._timers: dict[int, tuple[StageScreen, Any]] = {}
        self._timer_numbers = itertools.count()
        self._waiting: deque[Callable[[], None]] = deque(maxlen=_MOST_WAITING)
        self._parent: Any = None
        # Seconds of the program's clock, and of the real clock, at the last drawing.
        self._clock = 0.0
        self._drawn_at = 0.0
        self._origin = self._events_at = time.perf_counter()

    # Cells and programs.

    def begin(self, screen: _S) -> _S:
        """Return a screen for a program that starts to use it.

        There is a new picture when the last program has ended, or when the cell in which the
        picture began runs again.
        """
        self._join(screen, begins=True)
        return screen

    def end_program(self) -> None:
        """End the program: the next cell that makes a turtle has a new picture."""
        self._ended = True

    def close_program(self, screen: StageScreen) -> None:
        """End the program and its events; the picture stays."""
        self._ended = True
        self._stop_events(screen)
        picture = self._pictures.get(screen)
        if picture is not None and not self._in_cell():
            picture.finish()

    def _join(self, screen: StageScreen, *, begins: bool) -> None:
        """Continue the picture in the running cell, or start a new one."""
        if self._handling:
            return
        self._watch()
        if self._joined == self._cell:
            return
        self._joined = self._cell
        cell = _cell_id() or self._cell
        restart = begins and (self._ended or cell == self._began_in)
        if restart or self._began_in is None:
            self._began_in = cell
        self._ended = self.closed = False
        earlier = self._pictures.pop(screen, None)
        if earlier is not None:
            earlier.retire()
        if restart:
            self._stop_events(screen)
            screen._restart()

    def _watch(self) -> None:
        """Register for IPython's events of cells."""
        if self._watched:
            return
        self._watched = True
        ipython = sys.modules.get("IPython")
        self._shell = ipython.get_ipython() if ipython is not None else None
        if self._shell is not None:
            self._shell.events.register("pre_run_cell", self._cell_begins)
            self._shell.events.register("post_run_cell", self._cell_ends)

    def _in_cell(self) -> bool:
        """Return whether a synchronous cell runs, which blocks the event loop."""
        return self._running and not self._asynchronous

    def _cell_begins(self, info: Any) -> None:
        self._cell += 1
        self._running = True
        code = self._shell.transform_cell(info.raw_cell)
        self._asynchronous = self._shell.should_run_async(info.raw_cell, transformed_cell=code)
        self._drawn_at = self._now()

    def _cell_ends(self, _result: Any) -> None:
        self._running = False
        if self._joined == self._cell:
            self.closed = False
            for screen, picture in self._pictures.items():
                if not screen._tracing:
                    self._show_all(screen)
                self.attend(screen)
                picture.end_of_cell()
        self._handle_waiting()

    def _show_all(self, screen: StageScreen) -> None:
        # The program may lack the last update().
        for turtle in screen._turtles:
            turtle._show_turtle()
        self.show(screen, 0, None)

    # Showing.

    def show(self, screen: StageScreen, milliseconds: float, motion: Any) -> None:
        """Show the changes of a screen.

        Parameters
        ----------
        screen
            The screen.
        milliseconds
            The duration of the motion.
        motion
            The motion of a turtle, or None.
        """
        self._join(screen, begins=False)
        if self._shell is None:
            screen._scene.discard_changes()
            return
        now = self._now()
        self._clock = self._clock + now - self._drawn_at if self._running else max(self._clock, now)
        picture = self._pictures.get(screen)
        if picture is None:
            picture = Picture(screen._scene, self._publish, self._receive)
            self._pictures[screen] = picture
            self.attend(screen)
            self._parent = parent_header(self._shell)
            self._clock = now
        picture.draw(self._clock * 1000, milliseconds, motion)
        self._clock += milliseconds / 1000
        self._drawn_at = now
        if picture.live and self._in_cell() and not self._handling:
            self._wait_for_page(screen)
            self._drawn_at = self._now()

    def skip_frame(self, screen: StageScreen) -> None:
        """Show nothing, except for the first time in half a second: the program may be endless."""
        if self._in_cell() and not self._handling and self._now() - self._drawn_at > _UNSEEN:
            self._show_all(screen)
            screen._check_open()

    def flush(self) -> None:
        """Send all frames to the page."""
        for picture in self._pictures.values():
            picture.flush()

    def _now(self) -> float:
        return time.perf_counter() - self._origin

    def _wait_for_page(self, screen: StageScreen) -> None:
        """Wait while the program is far ahead of the page, and handle events."""
        game = self._interest_of(screen) != {}
        ahead = self._clock - self._now() - (_AHEAD_IN_A_GAME if game else _AHEAD)
        if ahead > _SHORTEST_WAIT:
            self.flush()
            pause(ahead)
        elif time.perf_counter() - self._events_at < _BETWEEN_EVENTS:
            return
        else:
            pause(0)
        self._events_at = time.perf_counter()
        self._handle_waiting()

    def _publish(self, data: dict[str, Any], display: str, new: bool) -> None:
        self._shell.display_pub.publish(
            data=data, metadata={}, transient={"display_id": display}, update=not new
        )

    # Events.

    def attend(self, screen: StageScreen) -> None:
        """Send the page the kinds of events that have handlers."""
        picture = self._pictures.get(screen)
        if picture is not None:
            picture.attend(self._interest_of(screen))

    def call_later(self, screen: StageScreen, seconds: float, function: Callable[[], Any]) -> None:
        """Call a function some seconds after the page has drawn all."""
        self.show(screen, 0, None)
        number = next(self._timer_numbers)

        def due() -> None:
            if self._timers.pop(number, None) is not None:
                self._enqueue(screen, lambda: self._call(function))

        handle = call_later(seconds + max(0.0, self._clock - self._now()), due)
        if handle is not None:
            self._timers[number] = (screen, handle)
            self.attend(screen)

    def _interest_of(self, screen: StageScreen) -> dict[str, Any]:
        """Return the kinds of events that have handlers; empty if there are none."""
        handlers = screen._handlers
        kinds = set(handlers.kinds())
        interest: dict[str, Any] = {}
        if kinds & {"press", "release"}:
            interest["keys"] = handlers.listening
        if kinds & {"click", "unclick", "drag"}:
            interest["mouse"] = True
        if any(owner is screen for owner, _ in self._timers.values()):
            interest["timer"] = True
        return interest

    def _receive(self, picture: Picture, message: dict[str, Any]) -> None:
        """Handle a message of the page."""
        screen = self._screen_of(picture)
        match message.get("kind"):
            case "drawn":
                self._enqueue(screen, lambda: self._finish_if_over(picture, message))
            case "close" if screen is not None:
                self._close(screen)
            case "close":
                picture.finish()
            case "press" | "release" | "click" | "unclick" | "drag" if screen is not None:
                self._enqueue(screen, lambda: self._dispatch(screen, message))

    def _screen_of(self, picture: Picture) -> StageScreen | None:
        """Return the screen of a picture, unless it has another one now."""
        return next((s for s, shown in self._pictures.items() if shown is picture), None)

    def _close(self, screen: StageScreen) -> None:
        self._stop_events(screen)
        self.closed = self._in_cell()
        self._ended = True
        if not self._in_cell():
            self._pictures[screen].finish()

    def _stop_events(self, screen: StageScreen) -> None:
        screen._handlers.clear()
        self._waiting.clear()
        for number, (owner, handle) in list(self._timers.items()):
            if owner is screen:
                handle.cancel()
                del self._timers[number]
        self.attend(screen)

    def _finish_if_over(self, picture: Picture, message: dict[str, Any]) -> None:
        """Replace the animation by a still image when it is drawn and no event can come."""
        screen = self._screen_of(picture)
        is_active = screen is not None and (self._in_cell() or self._interest_of(screen))
        if not is_active and picture.is_drawn(message):
            bitmap = message.get("bitmap")
            picture.finish(bitmap=bitmap if isinstance(bitmap, str) else None)

    def _enqueue(self, screen: StageScreen | None, call: Callable[[], None]) -> None:
        """Call a function now, or when the running cell allows it."""
        self._waiting.append(call)
        if not self._in_cell() and not self._handling:
            self._handle_waiting()
            if screen is not None and screen in self._pictures:
                self._pictures[screen].flush()
                self.attend(screen)

    def _handle_waiting(self) -> None:
        if self._handling:
            return
        self._handling = True
        try:
            while self._waiting:
                self._waiting.popleft()()
        finally:
            self._handling = False

    def _dispatch(self, screen: StageScreen, message: dict[str, Any]) -> None:
        kind, handlers = message["kind"], screen._handlers
        if kind in ("press", "release"):
            if handlers.listening:
                key = key_name(str(message.get("key")), str(message.get("code")))
                for function in handlers.functions((kind, key)) or handlers.functions((kind, None)):
                    self._call(function)
            return
        x, y = float(message["x"]) / screen.xscale, -float(message["y"]) / screen.yscale
        turtle, button = message.get("turtle"), int(message["button"])
        names = [(kind, turtle, button)] if turtle is not None else []
        for function in handlers.functions(*names, (kind, None, button)):
            self._call(function, x, y)

    def _call(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Call a student's function; its output and errors appear below the cell of the picture."""
        parent = parent_header(self._shell)
        if not self._running and parent is not None:
            set_parent_header(self._shell, self._parent)
        try:
            function(*arguments)
        except Exception:
            traceback.print_exc()
        finally:
            if not self._running and parent is not None:
                set_parent_header(self._shell, parent)


def _cell_id() -> str | None:
    from je_kernel.notebook.discovery import running_cell

    return running_cell()


stage = Stage()
