"""A picture in the output of a cell: an animation by a front-end module, then SVG.

While a program draws, the output is a widget view: the AFM in ``picture.js``, run by
anywidget's extension of JupyterLab. This module implements the widget protocol in a few lines,
so that a turtle starts without importing ipywidgets and anywidget. When the page has drawn all
and no event can come, SVG replaces the view: a saved notebook shows it without a kernel.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from functools import cache
from typing import TYPE_CHECKING, Any

from je_kernel import javascript, runtime
from je_kernel.turtle import svg

if TYPE_CHECKING:
    from collections.abc import Callable

    from je_kernel.turtle.scene import Scene

__all__ = ["Picture", "call_later"]

_VIEW = "application/vnd.jupyter.widget-view+json"
# Seconds from one message to the next.
_BETWEEN_MESSAGES = 1 / 30
# Shorter drawings (in seconds) are not animated.
_AT_ONCE = 0.25
_MOST_FRAMES = 4000
# Seconds for the page to load the front-end module and answer.
_PATIENCE = 20


class Picture:
    """A picture in the output of a cell.

    Parameters
    ----------
    scene
        The scene.
    publish
        Publishes display data: called with the data, the display id, and whether it is new.
    receive
        Called with each message from the page.
    """

    def __init__(
        self,
        scene: Scene,
        publish: Callable[[dict[str, Any], str, bool], None],
        receive: Callable[[Picture, dict[str, Any]], None],
    ) -> None:
        self._scene = scene
        self._publish = publish
        self._receive = receive
        self._display = uuid.uuid4().hex
        self._shown = False
        self._frames: list[Any] = []
        self._milliseconds = 0.0
        self._flushed = time.perf_counter()
        self._model: _Model | None = None
        self._at_end_of_cell: dict[str, Any] | None = None
        self._interest: dict[str, Any] = {}
        self._start = 0.0
        self._retired = False
        self.finished = False
        scene.forget_page()
        scene.before_dropping = lambda: self.draw(self._start, 0, None)

    @property
    def live(self) -> bool:
        """Whether the page animates the picture."""
        return self._model is not None

    def draw(self, start: float, milliseconds: float, motion: Any) -> None:
        """Append a frame with the changes of the scene.

        Parameters
        ----------
        start
            The time of the frame on the program's clock, in milliseconds.
        milliseconds
            The duration of the motion before the changes.
        motion
            The motion, or None.
        """
        if not _can_be_live():
            self._scene.discard_changes()
            return
        if self.finished:
            # A task that outlives the cell draws again.
            self.finished = False
            self._scene.forget_page()
        self._start = start
        changes = self._scene.take_changes()
        self._milliseconds += milliseconds
        self._frames.append([round(start, 1), round(milliseconds, 1), motion or 0, changes])
        now = time.perf_counter()
        if now - self._flushed > _BETWEEN_MESSAGES or len(self._frames) >= _MOST_FRAMES:
            self.flush()
        elif len(self._frames) == 1:
            # The program may await something next.
            call_later(_BETWEEN_MESSAGES, self.flush)

    def attend(self, interest: dict[str, Any]) -> None:
        """Send the page the kinds of events that have handlers."""
        if interest != self._interest:
            self._interest = interest
            if self._model is not None:
                self._model.update(interest=interest)

    def flush(self) -> None:
        """Send the pending frames, and show the picture if it is not shown yet."""
        self._flushed = time.perf_counter()
        if not self._frames or (not self._shown and self._scene.is_blank):
            return
        new = self._model is None
        if self._model is None:
            self._model = _Model(self._interest, lambda message: self._receive(self, message))
        # As text: a single value converts faster than thousands.
        self._model.send(json.dumps(self._frames, separators=(",", ":")))
        self._frames.clear()
        if new:
            self._show(self._bundle(live=True))

    def end_of_cell(self) -> None:
        """Show the picture at the end of a cell, with SVG for the saved notebook."""
        if not self._shown and self._scene.is_blank:
            self._frames.clear()
            return
        still = not self._interest and self._milliseconds < _AT_ONCE * 1000
        if self._model is None and (still or not _can_be_live()):
            self._frames.clear()
            self._milliseconds = 0.0
            self.finished = True
            self._show(self._bundle(live=False, drawn=svg.to_svg(self._scene)))
            return
        self.flush()
        if self._model is not None:
            self._model.update(label=svg.describe(self._scene), running=False)
        self._at_end_of_cell = self._bundle(live=True, drawn=svg.to_svg(self._scene))
        self._show(self._at_end_of_cell)
        call_later(_PATIENCE, self._finish_if_unseen)

    def _finish_if_unseen(self) -> None:
        """Show a still image where the page does not run the front-end module."""
        if self._model is not None and not self._model.heard:
            self.finish()

    def is_drawn(self, message: dict[str, Any]) -> bool:
        """Return whether, by its message, the page has drawn all frames."""
        model = self._model
        return model is not None and not self._frames and message.get("count") == model.count

    def retire(self) -> None:
        """Detach the picture from the scene; the page plays it to the end."""
        self._retired = True
        self._frames.clear()
        self.attend({})

    def finish(self, bitmap: str | None = None) -> None:
        """Replace the animation by SVG.

        Parameters
        ----------
        bitmap
            The page's bitmap as a ``data:`` URL, for a scene that has dropped items.
        """
        self.finished = True
        if self._model is None:
            return
        self._frames.clear()
        png = "data:image/png;base64,"
        if self._retired and self._at_end_of_cell is not None:
            bundle = {k: v for k, v in self._at_end_of_cell.items() if k != _VIEW}
        else:
            bundle = self._bundle(live=False, drawn=svg.to_svg(self._scene))
            if bitmap is not None and self._scene.truncated and bitmap.startswith(png):
                del bundle["image/svg+xml"]
                bundle["image/png"] = bitmap.removeprefix(png)
        self._show(bundle)
        self._model.close()
        self._model = None

    def _show(self, bundle: dict[str, Any]) -> None:
        self._publish(bundle, self._display, not self._shown)
        self._shown = True

    def _bundle(self, *, live: bool, drawn: str | None = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": svg.describe(self._scene)}
        if drawn is not None:
            bundle["image/svg+xml"] = drawn
        if live and self._model is not None:
            version = {"version_major": 2, "version_minor": 0}
            bundle[_VIEW] = {**version, "model_id": self._model.id}
        return bundle


class _Model:
    """A widget model, and a channel for messages from the page.

    Frames are entries ``c0``, ``c1``, … of the model's state until the page has read them: none
    is lost while the page loads the front-end module. Messages from the page come through a
    broadcast channel, since comm messages wait for the end of the cell, and a game needs its
    keys earlier.
    """

    def __init__(self, interest: dict[str, Any], receive: Callable[[dict[str, Any]], None]) -> None:
        import comm

        channel = f"je-kernel-turtle-{uuid.uuid4().hex}"
        anywidget = {"module": "anywidget", "module_version": "*"}
        self._state: dict[str, Any] = {
            **{f"_model_{key}": value for key, value in anywidget.items()},
            **{f"_view_{key}": value for key, value in anywidget.items()},
            "_model_name": "AnyModel",
            "_view_name": "AnyView",
            "_esm": javascript.source("turtle/picture.js"),
            "channel": channel,
            "count": 0,
            "interest": interest,
            "label": "Turtle drawing",
            "running": True,
        }
        self._comm = comm.create_comm(
            target_name="jupyter.widget",
            data={"state": self._state, "buffer_paths": []},
            metadata={"version": "2.1.0"},
        )
        self._comm.on_msg(self._answer)
        self.heard = False

        def hear(message: dict[str, Any]) -> None:
            self.heard = True
            receive(message)

        self._channel = _Channel(channel, hear)

    @property
    def id(self) -> str:
        """The model's id."""
        return str(self._comm.comm_id)

    @property
    def count(self) -> int:
        """The number of chunks so far."""
        return int(self._state["count"])

    def send(self, chunk: str) -> None:
        """Send a chunk of frames."""
        self._put({f"c{self.count}": chunk, "count": self.count + 1})
        self._state["count"] += 1

    def update(self, **state: Any) -> None:
        """Change the state of the model."""
        self._state.update(state)
        self._put(state)

    def close(self) -> None:
        """Close the widget and the channel."""
        self._channel.close()
        self._comm.close()

    def _put(self, state: dict[str, Any]) -> None:
        self._comm.send(data={"method": "update", "state": state, "buffer_paths": []})

    def _answer(self, message: dict[str, Any]) -> None:
        # A reloaded page of a running kernel.
        if message["content"]["data"].get("method") == "request_state":
            self._put(self._state)


class _Channel:
    """Receives messages from the page, also while a cell runs."""

    def __init__(self, name: str, receive: Callable[[dict[str, Any]], None]) -> None:
        import js
        from pyodide.ffi import create_proxy

        def read(event: Any) -> None:
            message = json.loads(str(event.data))
            if isinstance(message, dict):
                receive(message)

        self._read = create_proxy(read)
        self._channel = js.BroadcastChannel.new(name)
        self._channel.onmessage = self._read

    def close(self) -> None:
        """Close the channel."""
        self._channel.onmessage = None
        self._channel.close()
        self._read.destroy()


def call_later(seconds: float, function: Callable[[], Any]) -> asyncio.TimerHandle | None:
    """Call a function later in the running event loop; return None without a loop."""
    try:
        return asyncio.get_running_loop().call_later(seconds, function)
    except RuntimeError:
        return None


@cache
def _can_be_live() -> bool:
    """Return whether the page can animate pictures: a kernel in a browser, with comms."""
    if not runtime.in_browser():
        return False
    try:
        import comm  # noqa: F401
        from js import BroadcastChannel  # noqa: F401
    except ImportError:
        return False
    return True
