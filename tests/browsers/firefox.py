"""Firefox, driven over WebDriver BiDi by a small Node program beside this file."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

from tests.browsers import child_process
from tests.browsers.executables import find
from tests.browsers.page import CALL_TIMEOUT, BrowserMissingError, Engine, ScriptError

__all__ = ["FirefoxBrowser", "FirefoxPage"]

_HERE = Path(__file__).parent
_DRIVER = _HERE / "firefox_bidi.mjs"
# Firefox is started by the driver, which gives up first and says why.
_SILENCE = CALL_TIMEOUT + 30


class _Driver:
    """The Node program: it owns a Firefox and answers one request at a time."""

    def __init__(self, profile: Path | None) -> None:
        if not (_HERE / "node_modules" / "puppeteer-core").is_dir():
            raise BrowserMissingError(
                "The Firefox driver's Node packages are not installed. "
                "`bash tools/provision` installs them."
            )
        command = [
            find("node", "nodejs"),
            str(_DRIVER),
            find("firefox-esr", "firefox"),
            str(int(CALL_TIMEOUT * 1000)),
            *([] if profile is None else [str(profile)]),
        ]
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the driver)
        self._process = child_process.start(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            # It sees its input end when we die, and closes Firefox itself.
            killed_with_us=False,
        )
        self._read()  # its first line says that Firefox is there

    def call(self, verb: str, tab: int | None, *arguments: Any) -> Any:
        request = {"verb": verb, "tab": tab, "arguments": arguments}
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._died() from None
        answer = self._read()
        if "error" in answer:
            raise ScriptError(answer["error"])
        return answer["result"]

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        watchdog = threading.Timer(_SILENCE, self._process.kill)
        watchdog.start()
        try:
            line = self._process.stdout.readline()
        finally:
            watchdog.cancel()
        if not line:
            raise self._died()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _died(self) -> ScriptError:
        self._errors.seek(0)
        return ScriptError("The Firefox driver ended: " + self._errors.read().decode()[-2000:])

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            pass
        finally:
            child_process.stop(self._process)
            self._errors.close()


class FirefoxPage:
    """A tab, in a container of its own if there is no profile."""

    def __init__(self, driver: _Driver) -> None:
        self._driver = driver
        self._tab: int = driver.call("newPage", None)

    def open(self, url: str) -> None:
        self._driver.call("open", self._tab, url)

    def evaluate(self, function: str, *arguments: Any) -> Any:
        return self._driver.call("evaluate", self._tab, function, arguments)

    def screenshot(self, path: Path) -> None:
        self._driver.call("screenshot", self._tab, str(path))

    def console(self) -> list[str]:
        messages: list[str] = self._driver.call("console", self._tab)
        return messages

    def type(self, text: str) -> None:
        self._driver.call("type", self._tab, text)

    def press(self, *keys: str) -> None:
        self._driver.call("press", self._tab, keys)

    def close(self) -> None:
        self._driver.call("close", self._tab, self._tab)


class FirefoxBrowser:
    """A headless Firefox that can reach this machine and nothing else.

    Parameters
    ----------
    profile
        Folder of a profile that is kept when the browser is closed.
    """

    engine: Engine = "firefox"

    def __init__(self, profile: Path | None = None) -> None:
        if profile is not None:
            profile.mkdir(exist_ok=True)
        self._driver = _Driver(profile)

    def new_page(self) -> FirefoxPage:
        return FirefoxPage(self._driver)

    def close(self) -> None:
        self._driver.close()
