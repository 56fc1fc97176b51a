"""Kernels have their files however late the service worker is, at the first visit and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from je_site.server import serve
from tests.browsers.lab import Lab
from tests.site.test_files_stores import files_site_folder, run, value, variant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from je_site.server import Served

__all__ = ["files_site_folder"]

# It takes its time to be there, and to be installed: a slow computer does both.
SLOW = """
for (const until = Date.now() + 3000; Date.now() < until;);
self.addEventListener('install', event => {
  event.waitUntil(new Promise(resolve => setTimeout(resolve, 2000)));
});
"""
BROKEN = "throw new Error('no service worker');\n"


@pytest.fixture
def changed_site(files_site_folder: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    """A site whose service worker has something before it."""
    folder = variant(files_site_folder, "service-worker")
    script = folder / "service-worker.js"
    stock = script.read_text()
    script.unlink()
    script.write_text(request.param + stock)
    with serve(folder) as served:
        yield served


@pytest.mark.engines("chromium", "firefox", "webkit")
@pytest.mark.parametrize("changed_site", [SLOW], indirect=True, ids=["slow"])
def test_a_kernel_waits_for_a_service_worker_that_is_late(page, changed_site):
    for visit in range(3):
        notebook = Lab.open(page, changed_site.url).new_notebook()
        run(notebook, f"with open('visit{visit}.txt', 'w') as file: file.write('here')")
        assert value(notebook, "__import__('os').getcwd()") == "/drive"
        assert value(notebook, f"open('visit{visit}.txt').read()") == "here"


@pytest.mark.parametrize("changed_site", [BROKEN], indirect=True, ids=["broken"])
def test_a_kernel_starts_without_a_service_worker(page, changed_site):
    notebook = Lab.open(page, changed_site.url).new_notebook()
    assert value(notebook, "1 + 1") == 2
    assert value(notebook, "__import__('os').path.exists('/drive')") is False
