"""Sharing from Python in a browser, by the real service on another origin."""

import pytest
from pytest_pyodide import run_in_pyodide

pytest.importorskip("je_sharing")

from tests.service.running_service import UNHURRIED, RunningService

PACKAGES = ["je-kernel"]


@pytest.fixture(scope="module")
def service(tmp_path_factory, selenium_module_scope):
    """The service, which lets the page of these tests use it."""
    folder = tmp_path_factory.mktemp("service")
    page = selenium_module_scope
    environment = {
        "JE_SHARING_DATA_DIR": str(folder / "data"),
        "JE_SHARING_CORS_ORIGINS": page.base_url,
    }
    running = RunningService(environment | UNHURRIED, folder / "service.log").start()
    yield running
    running.stop()


@run_in_pyodide(packages=PACKAGES)
def do(selenium, url, code, *arguments):
    """Call a function of the student's, with the site's service set."""
    import os

    from je_kernel import settings
    from je_kernel.files import store_selection

    os.environ["JE_KERNEL_SHARING_URL"] = url
    settings.reload()
    store_selection.reset()  # as a new kernel does
    defined: dict = {}
    exec(code, defined)
    return defined["act"](*arguments)


SHARE = """
def act(source):
    import json
    from pathlib import Path
    import je_kernel
    cell = {"cell_type": "code", "id": "a1", "metadata": {}, "source": source,
            "outputs": [], "execution_count": None}
    content = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    Path("rain.ipynb").write_text(json.dumps(content))
    shared = je_kernel.share("rain")
    return shared.how, getattr(shared, "readable_id", "")
"""
OPEN = """
def act(words):
    import je_kernel
    opened = je_kernel.open_shared(words)
    return opened.content["cells"][0]["source"], opened.save_copy("copy").name
"""
AGE = """
def act(seconds):
    import dataclasses
    from je_kernel import settings
    from je_kernel.sharing.share_state import StateFile
    memory = StateFile(settings.current().sharing_url)
    token = memory.state().token
    memory.remember_token(dataclasses.replace(token, received=token.received - seconds))
    return token.text
"""
RETRY = """
def act():
    import je_kernel
    return [shared.readable_id for shared in je_kernel.share.retry()]
"""
OFFLINE = SHARE.replace("shared.how, ", "shared.kept, shared.reason, ")


def kept_by(service, readable_id):
    answer = service.get(f"/notebooks/get-by-readable-id/{readable_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()["content"]["cells"][0]["source"]


def test_a_notebook_is_shared_updated_renewed_and_opened(selenium_module_scope, service):
    kernel, url = selenium_module_scope, service.url
    how, words = do(kernel, url, SHARE, "rain = 1")
    assert (how, kept_by(service, words)) == ("new", "rain = 1")
    assert do(kernel, url, SHARE, "rain = 1") == ("unchanged", words)
    token = do(kernel, url, AGE, 7000)
    assert do(kernel, url, SHARE, "rain = 2") == ("updated", words)
    assert do(kernel, url, AGE, 0) != token
    assert do(kernel, url, OPEN, words.upper().replace("-", " ")) == ("rain = 2", "copy.ipynb")


def test_a_service_that_is_gone_loses_nothing(selenium_module_scope, service):
    kernel, url = selenium_module_scope, service.url
    _, words = do(kernel, url, SHARE, "rain = 3")
    service.kill()
    kept, reason, _ = do(kernel, url, OFFLINE, "rain = 4")
    assert kept
    assert "cannot be reached" in reason
    service.restart()
    assert do(kernel, url, RETRY) == [words]
    assert kept_by(service, words) == "rain = 4"
