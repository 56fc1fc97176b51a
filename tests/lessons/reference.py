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
import queue
import shutil
import subprocess
import sys
import tempfile
import time
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

__all__ = ["Laptop", "LessonRun", "laptop"]

_ENVIRONMENT = Path(__file__).parents[2] / ".lessons"

# Seconds: what waits for somebody to close a window is interrupted then.
_PATIENCE = 40.0


class LessonRun:
    """What a run of a lesson left behind, and how long it took, in seconds."""

    def __init__(self, outcomes: Sequence[Outcome], seconds: float) -> None:
        self.outcomes = outcomes
        self.seconds = seconds


class Laptop:
    """A copy of the corpus, and what starts CPython kernels in it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._corpus = folder / "lessons"
        shutil.copytree(CORPUS, self._corpus)
        self._environment = environment
        spec = folder / "kernels" / "python3"
        spec.mkdir(parents=True)
        argv = [str(_ENVIRONMENT / "bin" / "python"), "-m", "ipykernel_launcher"]
        text = {"argv": [*argv, "-f", "{connection_file}"], "display_name": "Python 3"}
        (spec / "kernel.json").write_text(json.dumps({**text, "language": "python"}))
        self._specs = KernelSpecManager(kernel_dirs=[str(spec.parent)], ensure_native_kernel=False)

    def run(self, lesson: Lesson) -> LessonRun:
        """Run all cells of a lesson, whatever they raise."""
        folder = (self._corpus / lesson.path).parent
        manager = KernelManager(
            kernel_name="python3", kernel_spec_manager=self._specs, transport="ipc"
        )
        started = time.perf_counter()
        manager.start_kernel(cwd=str(folder), env=self._environment)
        client = manager.blocking_client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=120)
            outcomes = [
                Outcome.of(_execute(manager, client, cell.source, cell.answers), str(folder))
                for cell in lesson.cells
            ]
            return LessonRun(outcomes, time.perf_counter() - started)
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
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1024x768x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as numbers:
            yield f":{numbers.readline().strip()}"
    finally:
        server.terminate()
        server.wait()


def _execute(
    manager: KernelManager, client: BlockingKernelClient, code: str, answers: Sequence[str]
) -> list[dict[str, Any]]:
    """Run one cell and return its outputs."""
    outputs: list[dict[str, Any]] = []
    clear_first = False
    typed = iter(answers)

    def show(message: dict[str, Any]) -> None:
        nonlocal clear_first
        kind = message["msg_type"]
        if kind == "clear_output":
            clear_first = True
            if not message["content"]["wait"]:
                outputs.clear()
        elif kind in ("stream", "display_data", "execute_result", "error"):
            if clear_first:
                outputs.clear()
                clear_first = False
            outputs.append(nbformat.v4.output_from_msg(message))

    def answer(_: dict[str, Any]) -> None:
        # Nobody answers more than the lesson says: an interrupt ends the question.
        line = next(typed, None)
        if line is None:
            manager.interrupt_kernel()
        else:
            client.input(line)

    def run(seconds: float) -> None:
        client.execute_interactive(
            code,
            allow_stdin=True,
            stop_on_error=False,
            timeout=seconds,
            output_hook=show,
            stdin_hook=answer,
        )

    try:
        run(_PATIENCE)
    except (TimeoutError, queue.Empty):
        manager.interrupt_kernel()
        outputs.append({"output_type": "error", "ename": "Timeout", "evalue": "", "traceback": []})
        client.kernel_info(reply=True, timeout=30)
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
    version = subprocess.run(
        [_ENVIRONMENT / "bin" / "python", "-c", "import platform; print(platform.python_version())"],
        capture_output=True,
        text=True,
        check=True,
    )
    write_reference(version.stdout.strip(), outcomes)


if __name__ == "__main__":
    sys.exit(main())
