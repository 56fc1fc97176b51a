"""A kernel in a real browser that conformance cases are sent to."""

from __future__ import annotations

import functools
import http.server
import importlib.util
import io
import threading
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import je_kernel
from tests import browsers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browsers.page import Engine, Page
    from tests.conformance.registry import Case, Site

__all__ = ["Kernel", "serve_kernel"]

NetworkEngine = Literal["auto", "fetch", "xhr"]

_HERE = Path(__file__).parent
# What a Pyodide distribution lacks and is pure Python comes from this environment.
# Beside each: what it needs of the distribution.
_FROM_HERE: dict[str, tuple[str, ...]] = {
    "platformdirs": (),
    "pooch": ("packaging", "requests"),
    "openpyxl": (),
    "et_xmlfile": (),
    "seaborn": ("matplotlib", "pandas"),
}
# Needed in ordinary Python only: je-kernel stands in for it.
_NOT_IN_BROWSERS = frozenset({"aiohttp"})


def _python_zip() -> bytes:
    """Pack what the kernel imports: je-kernel, the cases, and what the distribution lacks."""
    package = Path(je_kernel.__file__).parent
    sources = {
        path: Path("je_kernel") / path.relative_to(package)
        for suffix in ("py", "js")
        for path in package.rglob(f"*.{suffix}")
    }
    sources |= {path: Path("tests/conformance") / path.name for path in _HERE.glob("*.py")}
    for name in _FROM_HERE:
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.origin is not None, f"{name} is not installed"
        home = Path(spec.origin).parent
        sources |= {path: Path(name) / path.relative_to(home) for path in home.rglob("*.py")}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("tests/__init__.py", "")
        for path, place in sources.items():
            archive.write(path, str(place))
    return packed.getvalue()


class _Static(http.server.SimpleHTTPRequestHandler):
    extensions_map = {  # noqa: RUF012
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def __init__(self, *args: Any, dist: Path, python: bytes, **kwargs: Any) -> None:
        self._dist = dist
        self._python = python
        super().__init__(*args, directory=str(_HERE), **kwargs)

    def log_message(self, *_: Any) -> None:
        pass

    def translate_path(self, path: str) -> str:
        plain = path.partition("?")[0]
        if plain.startswith("/pyodide/"):
            return str(self._dist / Path(plain).name)
        return super().translate_path(path)

    def do_GET(self) -> None:
        if self.path == "/python.zip":
            self.send_response(200)
            self.send_header("Content-Length", str(len(self._python)))
            self.end_headers()
            self.wfile.write(self._python)
            return
        if self.path.startswith("/away?"):
            self.send_response(302)
            self.send_header("Location", self.path.partition("?")[2])
            self.end_headers()
            return
        super().do_GET()


@contextmanager
def serve_kernel(dist: Path) -> Iterator[str]:
    """Serve a Pyodide distribution and the page that starts it; gives the page's address."""
    handler = functools.partial(_Static, dist=dist, python=_python_zip())
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/page.html"
    finally:
        server.shutdown()
        server.server_close()


class Kernel:
    """A page of a browser whose kernel runs cases.

    Parameters
    ----------
    browser
        Which browser.
    network
        The engine that je-kernel's transport is to use.
    address
        Where the page is.
    site
        Where the cases find their servers.
    """

    def __init__(self, browser: Engine, network: NetworkEngine, address: str, site: Site) -> None:
        self._browser = browsers.launch(browser)
        try:
            self._page: Page = self._browser.new_page()
            self._page.open(address)
            env = {"JE_KERNEL_NETWORK_ENGINE": network}
            self.version = self._ask("start", {"env": env, "site": site.to_json()})
        except BaseException:
            self._browser.close()
            raise

    def _ask(self, verb: str, argument: Any) -> Any:
        return self._page.evaluate("(verb, argument) => ask(verb, argument)", verb, argument)

    def run(self, case: Case) -> str | None:
        """Run one case; return the traceback if it failed."""
        packages: set[str] = set()
        for name in case.needs:
            packages.update(_FROM_HERE.get(name, (name,)))
        packages -= _NOT_IN_BROWSERS
        failure: str | None = self._ask("run", {"name": case.name, "packages": sorted(packages)})
        return failure

    def load(self, *packages: str) -> None:
        """Load packages of the distribution."""
        self._ask("load", list(packages))

    def python(self, source: str) -> Any:
        """Evaluate Python in the kernel."""
        return self._ask("python", source)

    def close(self) -> None:
        """End the browser."""
        self._browser.close()
