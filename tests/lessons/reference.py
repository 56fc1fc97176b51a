"""Run the lessons on plain CPython, as a laptop does: ``python -m tests.lessons.reference``.

Each lesson runs from top to bottom in a fresh copy of the corpus, with the environment
``.lessons`` of ``tools/provision --lessons``. What its cells leave behind goes into
``reference.json``, so that comparing with CPython takes no such environment.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat.v4
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from tests.lessons.lesson_web import LessonWeb
from tests.lessons.lessons import (
    CORPUS,
    REFERENCE,
    Lesson,
    Outcome,
    read_lessons,
    read_reference,
    write_reference,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyter_client.blocking.client import BlockingKernelClient

__all__ = ["Laptop", "LaptopRun", "laptop"]

_ENVIRONMENT = Path(__file__).parents[2] / ".lessons"

# Seconds for one cell: some wait for somebody to close a window.
_PATIENCE = 40.0


@dataclass(frozen=True)
class LaptopRun:
    """What the cells of a lesson left behind, and how many seconds they took."""

    outcomes: Sequence[Outcome]
    seconds: float


class Laptop:
    """A copy of the corpus, and what starts CPython kernels in it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._corpus = folder / "lessons"
        shutil.copytree(CORPUS, self._corpus)
        self._environment = environment
        spec = folder / "kernels" / "python3"
        spec.mkdir(parents=True)
        python = str(_ENVIRONMENT / "bin" / "python")
        argv = [python, "-m", "ipykernel_launcher", "--log-level=ERROR", "-f", "{connection_file}"]
        text = {"argv": argv, "display_name": "Python 3"}
        (spec / "kernel.json").write_text(json.dumps({**text, "language": "python"}))
        self._specs = KernelSpecManager(kernel_dirs=[str(spec.parent)], ensure_native_kernel=False)

    def run(self, lesson: Lesson) -> LaptopRun:
        """Run all cells of a lesson, whatever they raise."""
        folder = (self._corpus / lesson.path).parent
        manager = KernelManager(kernel_name="python3", kernel_spec_manager=self._specs)
        manager.start_kernel(cwd=str(folder), env=self._environment)
        client = manager.blocking_client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=120)
            started = time.perf_counter()
            outcomes = []
            for cell in lesson.cells:
                try:
                    outputs = _execute(client, cell.source, cell.answers)
                except TimeoutError:
                    # It would be in the way of all that come after it.
                    break
                outcomes.append(Outcome.of(outputs, str(folder)))
            seconds = time.perf_counter() - started
            missing = len(lesson.cells) - len(outcomes)
            return LaptopRun([*outcomes, *[Outcome("Timeout")] * missing], seconds)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


@contextlib.contextmanager
def laptop() -> Iterator[Laptop]:
    """Set up a laptop with a home of its own, a screen that nobody sees, and the lessons' web."""
    if not (_ENVIRONMENT / "bin" / "python").exists():
        raise SystemExit("CPython's side of the lessons is not there: tools/provision --lessons")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        web = stack.enter_context(LessonWeb(folder))
        home = folder / "home"
        home.mkdir()
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
        }
        environment |= web.environment | {
            "HOME": str(home),
            "PATH": f"{_ENVIRONMENT / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "DISPLAY": stack.enter_context(_screen()),
            # No browser is to open.
            "BROWSER": "true",
        }
        yield Laptop(folder, environment)


@contextlib.contextmanager
def _screen() -> Iterator[str]:
    """Start an X server, which windows of turtles need, and give the name of its display."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1024x768x24"]
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as numbers:
            yield f":{numbers.readline().strip()}"
    finally:
        server.terminate()
        server.wait()


def _execute(
    client: BlockingKernelClient, code: str, answers: Sequence[str]
) -> list[dict[str, Any]]:
    """Run one cell and return its outputs; raise `TimeoutError` if it does not end."""
    outputs: list[dict[str, Any]] = []
    clear_first = False
    in_widget = False
    typed = iter(answers)

    def show(message: dict[str, Any]) -> None:
        nonlocal clear_first, in_widget
        kind = message["msg_type"]
        if kind == "comm_msg":
            # An Output widget takes what follows, and shows it in its own place.
            state = message["content"]["data"].get("state", {})
            in_widget = bool(state.get("msg_id", in_widget))
        elif in_widget:
            return
        elif kind == "clear_output":
            clear_first = True
            if not message["content"]["wait"]:
                outputs.clear()
        elif kind in ("stream", "display_data", "execute_result", "error"):
            if clear_first:
                outputs.clear()
                clear_first = False
            outputs.append(nbformat.v4.output_from_msg(message))  # type: ignore[no-untyped-call]

    client.execute_interactive(
        code,
        allow_stdin=True,
        stop_on_error=False,
        timeout=_PATIENCE,
        output_hook=show,
        stdin_hook=lambda _: client.input(next(typed, "")),
    )
    return outputs


def main() -> None:
    """Run the lessons and write the reference."""
    parser = argparse.ArgumentParser(prog="python -m tests.lessons.reference", description=__doc__)
    parser.add_argument("only", nargs="*", help="parts of the paths of the lessons to run again")
    only: list[str] = parser.parse_args().only
    known = read_reference() if REFERENCE.exists() else {}
    outcomes: dict[Lesson, Sequence[Outcome]] = {}
    with laptop() as machine:
        for lesson in read_lessons():
            if only and not any(part in lesson.path for part in only):
                if lesson.path in known:
                    outcomes[lesson] = [outcome for _, outcome in known[lesson.path]]
                continue
            run = machine.run(lesson)
            outcomes[lesson] = run.outcomes
            print(f"{run.seconds:6.1f} s  {lesson.path}", flush=True)
            for cell, outcome in zip(lesson.cells, run.outcomes, strict=True):
                if bool(outcome.error) != cell.raises and not cell.expected:
                    print(f"          {outcome.error}: {cell.source[:70]!r}", flush=True)
    version = subprocess.check_output([_ENVIRONMENT / "bin" / "python", "--version"], text=True)
    write_reference(version.strip(), outcomes)


if __name__ == "__main__":
    main()
