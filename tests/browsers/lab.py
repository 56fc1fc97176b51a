"""JupyterLab in a page: open notebooks, run cells, read what they show.

It goes through JupyterLab's own application object and commands, so the same
code drives every browser. The site has to be built with ``exposeAppInBrowser``.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.browsers.page import Page

__all__ = ["Cell", "CellError", "CellResult", "Lab", "Notebook", "PendingCell"]

_VERBS = Path(__file__).with_name("lab.js").read_text("utf-8")


@dataclass(frozen=True)
class CellError:
    """What a cell raised."""

    name: str
    message: str
    traceback: str


@dataclass(frozen=True)
class CellResult:
    """What a cell left in the notebook.

    Attributes
    ----------
    execution_count
        The number beside the cell, or None if it did not run.
    outputs
        Its outputs, as nbformat has them.
    status_before
        The kernel's status just before the cell was sent to it.
    """

    execution_count: int | None
    outputs: Sequence[Mapping[str, Any]]
    status_before: str = ""

    @property
    def stdout(self) -> str:
        """Everything the cell printed."""
        return self._stream("stdout")

    @property
    def stderr(self) -> str:
        """Everything the cell wrote to its error stream."""
        return self._stream("stderr")

    @property
    def value(self) -> str | None:
        """The text of the cell's last expression."""
        return self._first("text/plain", "execute_result")

    @property
    def html(self) -> str | None:
        """The first HTML the cell shows."""
        return self._first("text/html")

    @property
    def png(self) -> bytes | None:
        """The first PNG image the cell shows."""
        image = self._first("image/png")
        return base64.b64decode(image) if image is not None else None

    @property
    def error(self) -> CellError | None:
        """What the cell raised, if it did."""
        for output in self.outputs:
            if output["output_type"] == "error":
                trace = "\n".join(output["traceback"])
                return CellError(output["ename"], output["evalue"], trace)
        return None

    def _stream(self, name: str) -> str:
        return "".join(
            _text(output["text"])
            for output in self.outputs
            if output["output_type"] == "stream" and output["name"] == name
        )

    def _first(self, mimetype: str, output_type: str | None = None) -> str | None:
        for output in self.outputs:
            if output_type in (None, output["output_type"]) and mimetype in output.get("data", {}):
                return _text(output["data"][mimetype])
        return None


def _text(value: str | Sequence[str]) -> str:
    """Join what nbformat allows to be a list of lines."""
    return value if isinstance(value, str) else "".join(value)


def _result(answer: Mapping[str, Any]) -> CellResult:
    return CellResult(
        execution_count=answer["executionCount"],
        outputs=answer["outputs"],
        status_before=answer["statusBefore"],
    )


@dataclass(frozen=True)
class Cell:
    """One cell of an open notebook."""

    type: str
    source: str
    outputs: Sequence[Mapping[str, Any]]
    execution_count: int | None


@dataclass(frozen=True)
class PendingCell:
    """A cell that was told to run."""

    notebook: Notebook
    index: int

    def result(self) -> CellResult:
        """Wait for the cell to finish."""
        return _result(self.notebook.lab.call("result", self.notebook.id, self.index))


@dataclass(frozen=True)
class Notebook:
    """An open notebook with its kernel."""

    lab: Lab
    id: str

    @property
    def path(self) -> str:
        """Where the notebook is in the site's contents."""
        path: str = self.lab.call("path", self.id)
        return path

    @property
    def kernel_status(self) -> str:
        """What JupyterLab shows as the kernel's status."""
        status: str = self.lab.call("kernelStatus", self.id)
        return status

    def cells(self) -> list[Cell]:
        """Return the notebook's cells as they are now."""
        return [
            Cell(cell["type"], cell["source"], cell["outputs"], cell["executionCount"])
            for cell in self.lab.call("cells", self.id)
        ]

    def start(self, code: str) -> PendingCell:
        """Append a cell and run it, without waiting for it to finish."""
        return self.start_cell(self.lab.call("append", self.id, code))

    def start_cell(self, index: int) -> PendingCell:
        """Run a cell that is there, without waiting for it to finish."""
        self.lab.call("start", self.id, index)
        return PendingCell(self, index)

    def run(self, code: str) -> CellResult:
        """Append a cell and run it."""
        return self.start(code).result()

    def run_cell(self, index: int) -> CellResult:
        """Run a cell that is there."""
        return self.start_cell(index).result()

    def type_first_cell(self, code: str) -> CellResult:
        """Type into the first cell and press Shift and Enter, as a student does."""
        self.lab.call("editFirstCell", self.id)
        self.lab.page.type(code)
        self.lab.page.press("Shift", "Enter")
        return _result(self.lab.call("waitForExecution", self.id, 0))

    def restart_kernel(self) -> None:
        """Restart the kernel, as the menu does once the student has confirmed."""
        self.lab.call("restartKernel", self.id)

    def close(self) -> None:
        """Save the notebook and close its tab."""
        self.lab.call("close", self.id)

    def save(self) -> None:
        """Save the notebook into the site's contents."""
        self.lab.call("save", self.id)


@dataclass(frozen=True)
class Lab:
    """JupyterLab, loaded in a page."""

    page: Page

    @classmethod
    def open(cls, page: Page, site_url: str, query: str = "") -> Lab:
        """Load a site's JupyterLab.

        Parameters
        ----------
        page
            Where to load it.
        site_url
            The site's root.
        query
            Of the address: ``?reset`` forgets which notebooks were open.
        """
        page.open(f"{site_url.rstrip('/')}/lab/index.html{query}")
        return cls.attached(page)

    @classmethod
    def attached(cls, page: Page) -> Lab:
        """Take over the JupyterLab that a page has come to by itself."""
        lab = cls(page)
        page.evaluate(f"() => {{ window.jeVerbs = {_VERBS.strip()}; }}")
        lab.call("ready")
        return lab

    def call(self, verb: str, *arguments: Any) -> Any:
        """Call one of the verbs of ``lab.js`` in the page."""
        return self.page.evaluate(
            "(verb, ...rest) => window.jeVerbs[verb](...rest)", verb, *arguments
        )

    def new_notebook(self) -> Notebook:
        """Open a new, empty notebook."""
        return Notebook(self, self.call("newNotebook"))

    def open_notebook(self, path: str) -> Notebook:
        """Open a notebook of the site's contents."""
        return Notebook(self, self.call("openNotebook", path))

    def wait_for_kernels(self, number: int) -> None:
        """Wait until so many kernels run in the page."""
        self.call("kernels", number)

    def run_at_once(self, code: str) -> CellResult:
        """Open a new notebook and run code in it as soon as JupyterLab takes it."""
        return _result(self.call("runAtOnce", code))
