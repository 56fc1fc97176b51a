"""WebKit, the engine of Safari and of every browser on an iPad, as WebKitGTK.

WebKitGTK has no headless mode: it draws on a virtual X display.
"""

from __future__ import annotations

import os
import socket
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.remote_connection import RemoteConnection
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.webkitgtk.options import Options

from tests.browsers import child_process
from tests.browsers.executables import find, find_file
from tests.browsers.page import CALL_TIMEOUT, Engine, ScriptError

if TYPE_CHECKING:
    import subprocess

__all__ = ["WebKitBrowser", "WebKitPage"]

_START_TIMEOUT = 30.0
_KEEPING = Path(__file__).with_name("webkit_keeping.py")
_ENVIRONMENT = {
    "GDK_BACKEND": "x11",
    "NO_AT_BRIDGE": "1",
    # There is no graphics card: composing layers, as for JupyterLab's spinner, would take one and
    # a half processors all the time, and the kernel what is left.
    "WEBKIT_DISABLE_COMPOSITING_MODE": "1",
}
_KEYS = {
    "Shift": Keys.SHIFT,
    "Control": Keys.CONTROL,
    "Enter": Keys.ENTER,
    "Escape": Keys.ESCAPE,
    "ArrowDown": Keys.ARROW_DOWN,
    "ArrowLeft": Keys.ARROW_LEFT,
    "ArrowRight": Keys.ARROW_RIGHT,
    "ArrowUp": Keys.ARROW_UP,
}

# Selenium's scripts answer through a callback, which takes one argument.
_CALL = """
const [args, done] = arguments;
Promise.resolve()
  .then(() => (%s)(...args))
  .then(result => done({ result: result ?? null }), error => done({ error: String(error) }));
"""


class WebKitPage:
    """The page of one automation session, whose storage ends with it if there is no profile."""

    def __init__(self, address: str, profile: Path | None) -> None:
        options = Options()
        options.binary_location = find_file("lib/*/webkit2gtk-4.*/MiniBrowser")
        options.add_argument("--automation")
        if profile is not None:
            options.binary_location = str(_KEEPING)
            options.add_argument(str(profile))
        connection = RemoteConnection(
            client_config=ClientConfig(remote_server_addr=address, timeout=int(CALL_TIMEOUT) + 30)
        )
        self._driver = WebDriver(command_executor=connection, options=options)
        self._driver.set_script_timeout(CALL_TIMEOUT)
        self._driver.set_page_load_timeout(CALL_TIMEOUT)
        self._driver.set_window_size(1280, 900)

    def open(self, url: str) -> None:
        self._driver.get(url)

    def evaluate(self, function: str, *arguments: Any) -> Any:
        try:
            answer = self._driver.execute_async_script(_CALL % function, list(arguments))
        except WebDriverException as error:
            raise ScriptError(str(error)) from error
        if "error" in answer:
            raise ScriptError(answer["error"])
        return answer["result"]

    def screenshot(self, path: Path) -> None:
        self._driver.save_screenshot(str(path))

    def console(self) -> list[str]:
        return []  # WebKit's driver does not tell

    def type(self, text: str) -> None:
        ActionChains(self._driver).send_keys(text).perform()

    def press(self, *keys: str) -> None:
        codes = [_KEYS.get(key, key) for key in keys]
        chain = ActionChains(self._driver)
        for code in codes:
            chain.key_down(code)
        for code in reversed(codes):
            chain.key_up(code)
        chain.perform()

    def close(self) -> None:
        with suppress(WebDriverException):
            self._driver.quit()


class WebKitBrowser:
    """WebKit's driver on a display of its own; it starts a MiniBrowser for each page.

    Parameters
    ----------
    profile
        Folder of a profile that is kept when the page is closed.
    """

    engine: Engine = "webkit"

    def __init__(self, profile: Path | None = None) -> None:
        self._profile = profile
        with ExitStack() as started:
            display = self._start_display(started)
            self._address = self._start_driver(started, display)
            self._running = started.pop_all()

    def _start_display(self, started: ExitStack) -> str:
        read, write = os.pipe()
        os.set_inheritable(write, True)
        command = [
            find("Xvfb"),
            *("-displayfd", str(write)),
            *("-screen", "0", "1400x1000x24"),
            *("-nolisten", "tcp"),
        ]
        try:
            process = child_process.start(command, pass_fds=(write,))
            started.callback(child_process.stop, process)
        finally:
            os.close(write)
        # The X server writes the number it took once it accepts connections, or closes the pipe.
        with os.fdopen(read) as answers:
            number = answers.readline().strip()
        if not number:
            raise RuntimeError("Xvfb ended before it had a display.")
        return f":{number}"

    def _start_driver(self, started: ExitStack, display: str) -> str:
        port = _free_port()
        process = child_process.start(
            [find("WebKitWebDriver"), "--host=127.0.0.1", f"--port={port}"],
            environment={"DISPLAY": display, **_ENVIRONMENT},
        )
        started.callback(child_process.stop, process)
        address = f"http://127.0.0.1:{port}"
        _wait_until_ready(process, address)
        return address

    def new_page(self) -> WebKitPage:
        return WebKitPage(self._address, self._profile)

    def close(self) -> None:
        self._running.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(process: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"WebKitWebDriver ended with code {process.returncode}.")
        with (
            suppress(urllib.error.URLError, ConnectionError),
            urllib.request.urlopen(f"{address}/status", timeout=5),
        ):
            return
        time.sleep(0.05)
    raise RuntimeError(f"WebKitWebDriver did not answer within {_START_TIMEOUT:.0f} s.")
