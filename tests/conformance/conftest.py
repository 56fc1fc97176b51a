"""The servers and the kernels of the conformance suite: one of each for a whole run."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conformance import registry, server
from tests.conformance.kernel import Kernel, serve_kernel
from tests.distribution import distribution

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.browsers.page import Engine
    from tests.conformance.kernel import NetworkEngine
    from tests.conformance.registry import Site

_HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def addresses() -> Iterator[dict[str, str]]:
    with server.serve() as port, server.serve_httpbin() as httpbin:
        yield {
            "httpbin": f"http://127.0.0.1:{httpbin}",
            "local": f"http://127.0.0.1:{port}",
            "other": f"http://localhost:{port}",
            "refused": "http://127.0.0.1:9",
        }


@pytest.fixture(scope="session")
def here(addresses: dict[str, str]) -> Site:
    return registry.Site(**addresses)


@pytest.fixture(scope="session")
def pyodide_dist(request: pytest.FixtureRequest) -> Path:
    """The distribution that tests inside Pyodide load from."""
    return distribution(request.config)


# A kernel takes long to start: whatever is asked of one is asked together.
_IN_THE_KERNEL_OF = {
    "test_in_chromium_by_fetch": 1,
    "test_an_interrupt_ends_the_request_that_is_waited_for": 1,
    "test_in_chromium_by_xhr": 2,
    "test_in_webkit": 3,
    "test_in_firefox": 4,
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the tests of this folder come kernel by kernel."""
    here = [number for number, item in enumerate(items) if item.path.parent == _HERE]
    ordered = sorted((items[number] for number in here), key=_kernel_of)
    for number, item in zip(here, ordered, strict=True):
        items[number] = item


def _kernel_of(item: pytest.Item) -> int:
    called = getattr(item, "callspec", None)
    browser, _ = called.params.get("kernel", (None, None)) if called is not None else (None, None)
    name = {"chromium": "test_in_chromium_by_fetch", "webkit": "test_in_webkit"}.get(browser)
    return _IN_THE_KERNEL_OF.get(name or item.name.partition("[")[0], 0)


class Kernels:
    """Starts a kernel when a test first needs it, and one browser at a time."""

    def __init__(self, address: str, addresses: dict[str, str]) -> None:
        self._address = address
        self._addresses = addresses
        self._running: tuple[tuple[Engine, NetworkEngine], Kernel] | None = None

    def get(self, browser: Engine, network: NetworkEngine) -> Kernel:
        if self._running is not None and self._running[0] == (browser, network):
            return self._running[1]
        self.close()
        waits = browser != "webkit" and network != "xhr"
        site = registry.Site(**self._addresses, in_browser=True, waits=waits)
        kernel = Kernel(browser, network, self._address, site)
        self._running = ((browser, network), kernel)
        return kernel

    def close(self) -> None:
        if self._running is not None:
            self._running[1].close()
            self._running = None


@pytest.fixture(scope="session")
def old_urllib3(test_cache: Path) -> bytes:
    """The last urllib3 without a backend for browsers, as a zip file of its modules."""
    wheel = test_cache / "urllib3-2.1.0-py3-none-any.whl"
    if not wheel.exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*command, "--dest", test_cache, "urllib3==2.1.0"], check=True)
    return wheel.read_bytes()


@pytest.fixture(scope="session")
def kernels(pyodide_dist: Path, addresses: dict[str, str]) -> Iterator[Kernels]:
    with ExitStack() as stack:
        address = stack.enter_context(serve_kernel(pyodide_dist))
        started = Kernels(address, addresses)
        stack.callback(started.close)
        yield started


@pytest.fixture(scope="session")
def start_kernel(kernels: Kernels) -> Callable[[Engine, NetworkEngine], Kernel]:
    return kernels.get
