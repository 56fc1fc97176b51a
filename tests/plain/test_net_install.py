"""Libraries are adapted when they are imported, and put back as they were."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.plain


def in_a_fresh_python(source):
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_installing_imports_nothing_but_ours():
    # What a kernel has imported long before: it is not ours to answer for.
    printed = in_a_fresh_python(
        "from __future__ import annotations\n"
        "import sys, dataclasses, importlib.abc, logging\n"
        "before = set(sys.modules)\n"
        "from je_kernel import net\n"
        "net.install()\n"
        "print(sorted(name for name in set(sys.modules) - before if 'je_kernel' not in name))"
    )
    assert printed.strip() == "[]"


def test_http_client_is_adapted_when_it_is_imported():
    printed = in_a_fresh_python(
        "from je_kernel import net\n"
        "net.install()\n"
        "import http.client, urllib.request\n"
        "print(http.client.HTTPConnection.connect.__module__)\n"
        "print(http.client.__spec__.loader, http.client.__loader__)"
    )
    assert printed.startswith("je_kernel.net.adapters.http_client\n")
    assert "_ThenAdapt" not in printed


def test_what_is_imported_already_is_adapted_at_once_and_put_back_exactly():
    in_a_fresh_python(
        "import http.client, urllib.request, httpx, requests, fsspec.registry, sys\n"
        "owners = [http.client, http.client.HTTPConnection, http.client.HTTPSConnection,\n"
        "    urllib.request, urllib.request.HTTPDefaultErrorHandler, httpx, httpx.HTTPTransport,\n"
        "    httpx.AsyncHTTPTransport, requests.adapters, requests.adapters.HTTPAdapter,\n"
        "    sys.modules['fsspec.registry']]\n"
        "before = [dict(vars(owner)) for owner in owners]\n"
        "finders = list(sys.meta_path)\n"
        "from je_kernel import net\n"
        "for _ in range(2):\n"
        "    net.install(); net.install()\n"
        "    assert net.installed()\n"
        "    assert [dict(vars(owner)) for owner in owners] != before\n"
        "    net.uninstall(); net.uninstall()\n"
        "    assert not net.installed()\n"
        "    after = [dict(vars(owner)) for owner in owners]\n"
        "    assert after == before\n"
        "    assert sys.meta_path == finders\n"
    )


def test_an_adapter_that_fails_leaves_the_import_alone():
    in_a_fresh_python(
        "import logging; logging.disable()\n"
        "from je_kernel.net.import_hooks import PostImportFinder\n"
        "import sys\n"
        "sys.meta_path.insert(0, PostImportFinder({'http.client': 'no_such_adapter'}))\n"
        "import http.client\n"
        "assert http.client.HTTPConnection\n"
    )
