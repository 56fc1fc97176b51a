"""`doctor`: a report on the kernel and the site, for bug reports."""

from __future__ import annotations

import html
import time
from dataclasses import dataclass
from importlib import metadata

from je_kernel import memory_limit, runtime, settings, startup
from je_kernel._version import __version__
from je_kernel.memory_limit import shown_bytes
from je_kernel.net.credentials import redact_text

__all__ = ["Report", "Section", "doctor"]

# The distributions whose versions the report names.
_DISTRIBUTIONS = (
    ("pyodide-kernel", "JupyterLite's Pyodide kernel"),
    ("ipython", "IPython"),
    ("pyodide-http", "pyodide-http"),
    ("anywidget", "anywidget"),
)


@dataclass(frozen=True)
class Section:
    """One part of the report: a title, and lines of a name and a value."""

    title: str
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Report:
    """The report: a table in a notebook, text elsewhere."""

    sections: tuple[Section, ...]

    def __str__(self) -> str:
        width = max(len(name) for section in self.sections for name, _ in section.lines)
        blocks = (
            "\n".join(
                [section.title]
                + [f"  {name.ljust(width)}  {value}" for name, value in section.lines]
            )
            for section in self.sections
        )
        return "\n\n".join(blocks)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        bodies = "".join(
            f'<tr><th colspan="2" scope="rowgroup" style="text-align:left;padding-top:.8em">'
            f"{html.escape(section.title)}</th></tr>"
            + "".join(
                f'<tr><th scope="row" style="text-align:left;font-weight:normal">'
                f'{html.escape(name)}</th><td style="text-align:left;white-space:pre-wrap">'
                f"{html.escape(value)}</td></tr>"
                for name, value in section.lines
            )
            for section in self.sections
        )
        text = html.escape(str(self))
        return (
            f"<table>{bodies}</table>"
            "<details><summary>As text, to copy into a bug report</summary>"
            f"<pre>{text}</pre></details>"
        )


def doctor() -> Report:
    """Report the versions, the browser, the start-up steps and the settings of this kernel.

    The report names software, the settings of the site and its services. It does not
    identify the user: it has no names, files, logins, keys or tokens.

    Returns
    -------
    Report
        A notebook displays it; ``print`` it for plain text.

    Examples
    --------
    >>> print(doctor())  # doctest: +ELLIPSIS
    Versions
      je-kernel ...
    """
    facts = runtime.probe()
    sections = (_versions(facts), _surroundings(facts), _start_up(), _files(), _sharing())
    return Report(tuple(_without_secrets(section) for section in (*sections, _settings())))


def _without_secrets(section: Section) -> Section:
    """Remove secrets from addresses and error messages."""
    return Section(
        section.title, tuple((name, redact_text(value)) for name, value in section.lines)
    )


def _versions(facts: runtime.Runtime) -> Section:
    lines = [
        ("je-kernel", __version__),
        ("Pyodide", facts.pyodide or "no: this Python does not run in a browser"),
        ("Python", facts.python),
    ]
    # In a browser a package is loaded when it is first imported.
    absent = "not loaded" if facts.pyodide else "not installed"
    lines += [(title, _version_of(name) or absent) for name, title in _DISTRIBUTIONS]
    return Section("Versions", tuple(lines))


def _version_of(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _surroundings(facts: runtime.Runtime) -> Section:
    databases = facts.contents_databases
    return Section(
        "Surroundings",
        (
            ("browser", facts.browser or "none"),
            ("web worker", _yes_no(facts.worker)),
            ("synchronous waiting (JSPI)", _yes_no(facts.jspi)),
            ("cross-origin isolated", _yes_no(facts.cross_origin_isolated)),
            ("contents mounted at", facts.drive or "not mounted"),
            ("contents databases", _counted(databases)),
            *_memory(),
        ),
    )


def _memory() -> tuple[tuple[str, str], ...]:
    held = memory_limit.probe()
    if held is None:
        return (("memory", "the computer's"),)
    return (
        (
            "memory",
            f"{shown_bytes(held.used)} in use, {shown_bytes(held.heap)} taken from the computer,"
            f" {shown_bytes(held.limit)} at most",
        ),
        (
            "memory of the computer",
            f"about {held.device / 2**30:g} GB" if held.device else "not told by this browser",
        ),
    )


def _yes_no(fact: bool | None) -> str:
    return "does not apply" if fact is None else "yes" if fact else "no"


def _counted(databases: tuple[str, ...] | None) -> str:
    if databases is None:
        return "cannot be listed here"
    return ", ".join(databases) or "none"


def _start_up() -> Section:
    started = startup.started()
    if not started.steps:
        return Section("Start-up", (("not started", "je_kernel.start() starts je-kernel"),))
    began = "with the page" if runtime.began_early() else "when it was asked for"
    lines = [("began", began), ("memory snapshot", runtime.memory_snapshot())]
    lines += [(step.name, _outcome(step)) for step in started.steps]
    lines.append(("all steps", f"{started.milliseconds:.1f} ms"))
    return Section("Start-up", tuple(lines))


def _outcome(step: startup.StepResult) -> str:
    text = f"{step.outcome}, {step.milliseconds:.1f} ms"
    return f"{text}: {step.reason}" if step.reason else text


def _files() -> Section:
    """Describe the store of files, which is selected now if none was used before."""
    from je_kernel import drive
    from je_kernel.files import store_selection

    lines = store_selection.facts()
    if runtime.drive_mount() is not None:
        ours = "with je-kernel's operations" if drive.installed() else "as JupyterLite does it"
        lines = (*lines, ("plain open()", ours))
    return Section("Files", lines)


def _sharing() -> Section:
    """Describe the state of sharing, without a request to the service."""
    address = settings.current().sharing_url
    if address is None:
        return Section("Sharing", (("service", "(none): share() offers the notebook as a file"),))
    from je_kernel.errors import FilesError
    from je_kernel.sharing.addresses import Service
    from je_kernel.sharing.share_state import StateFile

    service = Service.at(address)
    lines = [("service", f"{service.root} (not asked for this report)")]
    try:
        state = StateFile(service.root).state()
    except FilesError as error:
        return Section("Sharing", (*lines, ("remembered", f"cannot be read: {error}")))
    session = "none yet"
    if state.token is not None:
        session = "ended" if state.token.expired(time.time()) else "open"
    return Section(
        "Sharing",
        (
            *lines,
            ("session", session),
            ("notebooks with a link", str(len(state.records))),
            ("notebooks that wait to be sent", str(len(state.queued))),
        ),
    )


def _settings() -> Section:
    in_force = settings.current()
    lines = [
        (settings.variable_name(name), _shown(value)) for name, value in in_force._asdict().items()
    ]
    problems = (*settings.problems(), *_unknown_steps())
    lines += [("problem", str(problem)) for problem in problems]
    return Section("Settings", tuple(lines))


def _shown(value: object) -> str:
    if value is None or value == ():
        return "(none)"
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def _unknown_steps() -> tuple[str, ...]:
    known = {step.name for step in startup.STEPS}
    return tuple(
        f"JE_KERNEL_SKIP_STEPS names {name!r}, which is no start-up step."
        for name in settings.current().skip_steps
        if name not in known
    )
