"""What happens as the kernel starts: ordered, named, timed and guarded steps.

A step that raises is recorded and logged to the browser's console; the steps
after it run, the kernel comes up, and nothing is printed in the notebook.
`je_kernel.doctor` shows what every step did.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Literal, NamedTuple

from je_kernel import runtime, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["STEPS", "Started", "Step", "StepResult", "start", "started", "stop"]

_log = logging.getLogger("je_kernel")
# Until a console is there, records go nowhere rather than to the notebook.
_log.addHandler(logging.NullHandler())


class Skip(Exception):  # noqa: N818
    """Raised by a step that has nothing to do here; its text says why."""


# Named tuples: making a dataclass costs a starting kernel two milliseconds.
class Step(NamedTuple):
    """One thing to do at start-up, and how it is taken back."""

    name: str
    run: Callable[[InteractiveShell | None], None]
    undo: Callable[[InteractiveShell | None], None] = lambda _: None


class StepResult(NamedTuple):
    """What one step did.

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
    """Formats a record without what its message or its error may tell of who asks."""

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


def _patch_network(_shell: InteractiveShell | None) -> None:
    if not runtime.in_browser():
        raise Skip("Python has the network by itself here")
    from je_kernel import net

    net.install()


def _unpatch_network(_shell: InteractiveShell | None) -> None:
    from je_kernel import net

    net.uninstall()


def _quicken_drive(_shell: InteractiveShell | None) -> None:
    if not runtime.in_browser():
        raise Skip("files are files here")
    from je_kernel import drive

    if not drive.install():
        raise Skip("no drive of a kind that je-kernel knows is mounted")


def _leave_drive(_shell: InteractiveShell | None) -> None:
    from je_kernel import drive

    drive.uninstall()


def _find_drive_modules(shell: InteractiveShell | None) -> None:
    if not runtime.in_browser():
        raise Skip("folders tell when they change here")
    from je_kernel.imports import drive_modules

    if not drive_modules.install(shell):
        raise Skip("no drive of a kind that je-kernel knows is mounted")


def _leave_drive_modules(shell: InteractiveShell | None) -> None:
    from je_kernel.imports import drive_modules

    drive_modules.uninstall(shell)


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


def _prepare_saved_copies(_shell: InteractiveShell | None) -> None:
    if not runtime.in_browser():
        raise Skip("copies of downloads are kept in a browser only")
    if runtime.can_run_sync():
        raise Skip("this browser reads the kept copies when they are needed")
    from je_kernel.net import response_cache

    response_cache.preload()


def _release_saved_copies(_shell: InteractiveShell | None) -> None:
    from je_kernel.net import response_cache

    response_cache.release()


def _find_site_packages(_shell: InteractiveShell | None) -> None:
    if not runtime.in_browser():
        raise Skip("pip installs packages here")
    from je_kernel.imports import site_packages

    site_packages.install()


def _leave_site_packages(_shell: InteractiveShell | None) -> None:
    from je_kernel.imports import site_packages

    site_packages.uninstall()


def _hint_imports(shell: InteractiveShell | None) -> None:
    if not runtime.in_browser():
        raise Skip("pip installs packages here")
    if shell is None:
        raise Skip("this Python has no IPython shell")
    from je_kernel import error_hints

    error_hints.install(shell)


def _unhint_imports(shell: InteractiveShell | None) -> None:
    if shell is not None:
        from je_kernel import error_hints

        error_hints.uninstall(shell)


def _limit_memory(shell: InteractiveShell | None) -> None:
    if not runtime.in_browser():
        raise Skip("the computer's memory is Python's here")
    from je_kernel import memory_limit

    memory_limit.install(shell)


def _leave_memory(shell: InteractiveShell | None) -> None:
    from je_kernel import memory_limit

    memory_limit.uninstall(shell)


def _stand_in(shell: InteractiveShell | None) -> None:
    if not runtime.in_browser():
        raise Skip("the real things are here")
    from je_kernel import stand_ins

    stand_ins.install(shell)


def _stand_out(_shell: InteractiveShell | None) -> None:
    from je_kernel import stand_ins

    stand_ins.uninstall()


def _bring_shell(shell: InteractiveShell | None) -> None:
    if not runtime.in_browser():
        raise Skip("programs run here")
    if shell is None:
        raise Skip("this Python has no IPython shell")
    from je_kernel.shell import hooks

    hooks.install(shell)


def _leave_shell(_shell: InteractiveShell | None) -> None:
    from je_kernel.shell import hooks

    hooks.uninstall()


def _hear_stop(shell: InteractiveShell | None) -> None:
    if not runtime.in_browser():
        raise Skip("a signal does it here")
    if not hasattr(shell, "kernel"):
        raise Skip("this Python has no kernel of JupyterLite's")
    from je_kernel import interrupts

    if not interrupts.install(shell):  # type: ignore[arg-type]
        raise Skip("the page has no script that tells of its Stop button")


def _hear_no_stop(_shell: InteractiveShell | None) -> None:
    from je_kernel import interrupts

    interrupts.uninstall()


def _adapt_plots(_shell: InteractiveShell | None) -> None:
    if not runtime.in_browser():
        raise Skip("plotting libraries are set up here")
    from je_kernel import plots

    plots.install()


def _leave_plots(_shell: InteractiveShell | None) -> None:
    from je_kernel import plots

    plots.uninstall()


STEPS: tuple[Step, ...] = (
    Step("console", _log_to_console, _leave_console),
    Step("network", _patch_network, _unpatch_network),
    Step("plots", _adapt_plots, _leave_plots),
    Step("drive", _quicken_drive, _leave_drive),
    Step("modules", _find_drive_modules, _leave_drive_modules),
    Step("copies", _prepare_saved_copies, _release_saved_copies),
    Step("packages", _find_site_packages, _leave_site_packages),
    Step("imports", _hint_imports, _unhint_imports),
    Step("memory", _limit_memory, _leave_memory),
    Step("stand-ins", _stand_in, _stand_out),
    Step("shell", _bring_shell, _leave_shell),
    Step("stop", _hear_stop, _hear_no_stop),
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
    """Take back all that the start-up steps changed, the last first, so that `start` does it anew.

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
    """Return what the start-up steps have done so far, without running any."""
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
