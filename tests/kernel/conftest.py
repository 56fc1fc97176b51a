"""Runs the tests of this folder inside Pyodide, in the installed Chromium.

pytest-pyodide does it, on a distribution that `je_site` assembles: Pyodide,
our own wheel, and what `run_in_pyodide` needs to report a failed assertion.
"""

from __future__ import annotations

import os

import pytest
from pytest_pyodide.config import get_global_config
from pytest_pyodide.runner import SeleniumChromeRunner

from tests.browsers.chromium import FLAGS
from tests.browsers.executables import find
from tests.distribution import distribution

# Selenium would otherwise look for a driver to download.
os.environ.setdefault("SE_CHROMEDRIVER", find("chromedriver"))

# A name that looks public, and its subdomains, are this machine.
PUBLIC_HOST = "open-data.example"
_RESOLVING = f"--host-resolver-rules=MAP {PUBLIC_HOST} 127.0.0.1, MAP *.{PUBLIC_HOST} 127.0.0.1"

get_global_config().set_flags("chrome", [*FLAGS, "--js-flags=--expose-gc", _RESOLVING])

# Seconds for one call into the page: loading Pyodide takes several when the machine is busy.
SeleniumChromeRunner.script_timeout = 120


# Before the first module here is imported: what `run_in_pyodide` compiles depends on
# what there is in the distribution.
@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(parent: pytest.Collector) -> None:
    """Assemble the distribution."""
    distribution(parent.config)
