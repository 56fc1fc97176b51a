"""Run the start-up steps of the kernel in order, measure their time, and log their errors.

A step that raises is recorded and logged to the browser's console; the steps
after it run, the kernel starts, and nothing is printed in the notebook.
`je_kernel.doctor` shows the result of each step.
"""

from __future__ import annotations

import logging
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from je_kernel import runtime, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["STEPS", "Started", "Step", "StepResult", "start", "started", "stop"]

_log = logging.getLogger("je_kernel")
# Without a console, records are dropped: they must not reach the notebook.
_log.addHandler(logging.NullHandler())


class Skip(Exception):  # noqa: N818
    """Raised by a step that has nothing to do; its message is the reason."""


# Named tuples: making a dataclass costs a starting kernel two milliseconds.
class Step(NamedTuple):
    """One start-up step: a function, and another that undoes it."""

    name: str
    run: Callable[[InteractiveShell | None], None]
    undo: Callable[[InteractiveShell | None], None] = lambda _: None


class StepResult(NamedTuple):
    """The result of one step.

    Parameters
    ----------
    name
        The step's name.
    outcome
        ``"done"``, ``"skipped"`` or ``"failed"``.
    milliseconds
        How long it took.
    reason
        Why it was skipped, or the error that it failed with.
    """

    name: str
    outcome: Literal["done", "skipped", "failed"]
    milliseconds: float
    reason: str | None = None


class Started(NamedTuple):
    """The record of a start: one result for each step, in their order."""

    steps: tuple[StepResult, ...]

    @property
    def milliseconds(self) -> float:
        """How long all the steps took, in milliseconds."""
        return sum(step.milliseconds for step in self.steps)

    @property
    def failed(self) -> tuple[StepResult, ...]:
        """The steps that failed."""
        return tuple(step for step in self.steps if step.outcome == "failed")


class ConsoleFormatter(logging.Formatter):
    """Formats a record without the secrets in its message or its error."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        from je_kernel.net.credentials import redact_text

        return redact_text(super().format(record))


def _log_to_console(_shell: InteractiveShell | None) -> None:
    if not runtime.in_browser():
        raise Skip("there is no browser console here")
    _log.setLevel(settings.current().log_level.upper())
    # Without propagation Python's handler of last resort cannot print to the notebook.
    _log.propagate = False
    if not any(isinstance(handler, runtime.ConsoleHandler) for handler in _log.handlers):
        handler = runtime.ConsoleHandler()
        handler.setFormatter(ConsoleFormatter("je-kernel: %(message)s"))
        _log.addHandler(handler)


def _leave_console(_shell: InteractiveShell | None) -> None:
    for handler in list(_log.handlers):
        if isinstance(handler, runtime.ConsoleHandler):
            _log.removeHandler(handler)
    _log.setLevel(logging.NOTSET)
    _log.propagate = True


def _name_ourselves(shell: InteractiveShell | None) -> None:
    if shell is None:
        raise Skip("this Python has no IPython shell")
    if "je_kernel" in shell.user_ns:
        raise Skip("the name is taken")
    import je_kernel

    # Not interactive: IPython then hides it from %who and its relatives.
    shell.push({"je_kernel": je_kernel}, interactive=False)  # type: ignore[no-untyped-call]


def _leave_namespace(shell: InteractiveShell | None) -> None:
    if shell is not None:
        import je_kernel

        # Only while it is ours, and not what the student has called so since.
        shell.drop_by_id({"je_kernel": je_kernel})  # type: ignore[no-untyped-call]


def _needs_shell(shell: InteractiveShell | None) -> None:
    if shell is None:
        raise Skip("this Python has no IPython shell")


def _needs_kernel(shell: InteractiveShell | None) -> None:
    if not hasattr(shell, "kernel"):
        raise Skip("this Python has no kernel of JupyterLite's")


def _preload_copies(_shell: InteractiveShell | None) -> None:
    if not runtime.in_browser():
        raise Skip("copies of downloads are kept in a browser only")
    if runtime.can_run_sync():
        raise Skip("this browser reads the kept copies when they are needed")
    from je_kernel.net import response_cache

    response_cache.preload()


def _module_step(
    name: str,
    module: str,
    elsewhere: str,
    *,
    check: Callable[[InteractiveShell | None], None] = lambda _: None,
    refusal: str = "",
    with_shell: tuple[str, ...] = (),
) -> Step:
    """Return a step that calls ``install`` of a module, and ``uninstall`` to undo it.

    Parameters
    ----------
    name
        The step's name.
    module
        The module, imported when the step runs.
    elsewhere
        Why the step is skipped outside a browser.
    check
        Raises `Skip` where the step has nothing to do.
    refusal
        Why the step is skipped if ``install`` returns False.
    with_shell
        Which of both functions take the shell as their argument.
    """

    def call(function: str, shell: InteractiveShell | None) -> Any:
        arguments = (shell,) if function in with_shell else ()
        return getattr(import_module(module), function)(*arguments)

    def run(shell: InteractiveShell | None) -> None:
        if not runtime.in_browser():
            raise Skip(elsewhere)
        check(shell)
        if call("install", shell) is False:
            raise Skip(refusal)

    return Step(name, run, lambda shell: call("uninstall", shell))


_NO_DRIVE = "no drive of a kind that je-kernel knows is mounted"
_BOTH = ("install", "uninstall")

STEPS: tuple[Step, ...] = (
    Step("console", _log_to_console, _leave_console),
    _module_step("network", "je_kernel.net", "Python has the network by itself here"),
    _module_step("plots", "je_kernel.plots", "plotting libraries are set up here"),
    _module_step("drive", "je_kernel.drive", "files are files here", refusal=_NO_DRIVE),
    _module_step(
        "modules",
        "je_kernel.imports.drive_modules",
        "folders tell when they change here",
        refusal=_NO_DRIVE,
        with_shell=_BOTH,
    ),
    Step("copies", _preload_copies),
    _module_step("packages", "je_kernel.imports.site_packages", "pip installs packages here"),
    _module_step(
        "imports",
        "je_kernel.error_hints",
        "pip installs packages here",
        check=_needs_shell,
        with_shell=_BOTH,
    ),
    _module_step(
        "memory",
        "je_kernel.memory_limit",
        "the computer's memory is Python's here",
        with_shell=_BOTH,
    ),
    _module_step(
        "stand-ins", "je_kernel.stand_ins", "the real things are here", with_shell=("install",)
    ),
    _module_step(
        "shell",
        "je_kernel.shell.hooks",
        "programs run here",
        check=_needs_shell,
        with_shell=("install",),
    ),
    _module_step(
        "stop",
        "je_kernel.interrupts",
        "a signal does it here",
        check=_needs_kernel,
        refusal="the page has no script that tells of its Stop button",
        with_shell=("install",),
    ),
    Step("namespace", _name_ourselves, _leave_namespace),
)

_results: dict[str, StepResult] = {}


def start(shell: InteractiveShell | None = None) -> Started:
    """Set the kernel up: run every start-up step that has not been done yet.

    Called by IPython as the kernel starts. Call it yourself in a Python that
    did not start je-kernel, such as a bare Pyodide page. Calling it again does
    no harm: steps that are done stay done, failed and skipped ones are tried again.

    Parameters
    ----------
    shell
        The IPython shell to serve. By default the running one, if there is one.

    Returns
    -------
    Started
        What each step did.
    """
    shell = _running_shell() if shell is None else shell
    left_out = settings.current().skip_steps
    for step in STEPS:
        earlier = _results.get(step.name)
        if earlier is None or earlier.outcome != "done":
            _results[step.name] = _run(step, shell, left_out)
    return started()


def stop(shell: InteractiveShell | None = None) -> None:
    """Undo the start-up steps, the last first, so that `start` runs them again.

    Parameters
    ----------
    shell
        The IPython shell that was served. By default the running one, if there is one.
    """
    shell = shell or _running_shell()
    for step in reversed(STEPS):
        result = _results.pop(step.name, None)
        # What failed may have been done in part.
        if result is None or result.outcome == "skipped":
            continue
        try:
            step.undo(shell)
        except Exception:
            _log.exception("the start-up step %r could not be taken back", step.name)


def started() -> Started:
    """Return the results of the start-up steps so far, without running any."""
    return Started(tuple(_results[step.name] for step in STEPS if step.name in _results))


def _run(step: Step, shell: InteractiveShell | None, left_out: tuple[str, ...]) -> StepResult:
    if step.name in left_out:
        return StepResult(step.name, "skipped", 0.0, "the setting JE_KERNEL_SKIP_STEPS says so")
    begin = time.perf_counter()
    outcome: Literal["done", "skipped", "failed"] = "done"
    reason = None
    try:
        step.run(shell)
    except Skip as skip:
        outcome, reason = "skipped", str(skip)
    except Exception as error:
        outcome, reason = "failed", f"{type(error).__name__}: {error}"
        _log.exception("the start-up step %r failed; the kernel works without it", step.name)
    return StepResult(step.name, outcome, (time.perf_counter() - begin) * 1000, reason)


def _running_shell() -> InteractiveShell | None:
    # Asking IPython only where it is loaded already keeps a bare Pyodide page light.
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None
