"""A kernel without a notebook around it: for tests whose pages come and go."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["BareKernel"]

_START = """async path => {
  const until = async condition => {
    while (!condition()) await new Promise(next => setTimeout(next, 20));
  };
  await until(() => window.jupyterapp);
  const { serviceManager } = window.jupyterapp;
  await serviceManager.ready;
  await until(() => serviceManager.kernelspecs.specs?.kernelspecs.python);
  const session = await serviceManager.sessions.startNew({
    name: path, path, type: 'notebook', kernel: { name: 'python' },
  });
  window.bareRuns ??= [];
  window.bareKernels ??= [];
  return window.bareKernels.push(session.kernel) - 1;
}"""

_RUN = """([number, code]) => {
  const said = [];
  const future = window.bareKernels[number].requestExecute({ code });
  future.onIOPub = ({ header, content }) => {
    if (header.msg_type === 'stream') said.push(content.text);
  };
  window.bareRuns.push(future.done.then(reply => ({
    said: said.join(''),
    error: reply.content.status === 'error' ? [reply.content.ename, reply.content.evalue] : null,
  })));
  return window.bareRuns.length - 1;
}"""


@dataclass(frozen=True)
class BareKernel:
    """A running kernel of a page."""

    page: Page
    number: int = 0

    @classmethod
    def start(cls, page: Page, site_url: str, path: str = "bare.ipynb") -> BareKernel:
        """Open a site and start a kernel for a notebook that need not be there."""
        page.set_default_timeout(420_000)
        page.goto(f"{site_url}lab/index.html?reset")
        return cls(page).another(path)

    def another(self, path: str) -> BareKernel:
        """Start one more kernel in the same page."""
        return BareKernel(self.page, self.page.evaluate(_START, path))

    def end_kernel(self) -> None:
        """End it, for good."""
        self.page.evaluate("number => window.bareKernels[number].shutdown()", self.number)

    def begin(self, code: str) -> int:
        """Run code without waiting for it."""
        number: int = self.page.evaluate(_RUN, [self.number, code])
        return number

    def end(self, number: int) -> tuple[str, list[str] | None]:
        """Wait for what was begun: what it printed, and the name and message of its error."""
        answer = self.page.evaluate("number => window.bareRuns[number]", number)
        return answer["said"], answer["error"]

    def fail(self, code: str) -> list[str]:
        """Run code that must fail, and return the name and message of its error."""
        _, error = self.end(self.begin(code))
        assert error is not None
        return error

    def run(self, code: str) -> str:
        """Run code that must not fail, and return what it printed."""
        said, error = self.end(self.begin(code))
        assert error is None, error
        return said

    def value(self, expression: str) -> Any:
        """Return what an expression is, by way of JSON."""
        return json.loads(self.run(f"import json\nprint(json.dumps(({expression})))"))
