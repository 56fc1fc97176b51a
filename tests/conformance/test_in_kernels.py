"""What `je_kernel.net` does to the Python it is installed in, seen in real browsers."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from tests.conformance import registry
from tests.kernel.cross_origin import CrossOriginServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browsers.page import Engine
    from tests.conformance.kernel import Kernel, NetworkEngine

pytestmark = pytest.mark.site

READ = """
from urllib.request import urlopen
with urlopen(site.local + "/redirect?to=/plain%3Fsize%3D7") as response:
    seen = (response.geturl() == site.local + "/plain?size=7", len(response.read()))
try:
    urlopen(site.local + "/status/404")
except OSError as error:
    seen = (*seen, error.code)
"""


@pytest.fixture(
    scope="session",  # one browser after the other, not by turns
    params=[("chromium", "auto"), ("webkit", "auto")],
    ids=["chromium", "webkit"],
)
def kernel(
    request: pytest.FixtureRequest, start_kernel: Callable[[Engine, NetworkEngine], Kernel]
) -> Kernel:
    return start_kernel(*request.param)


def test_pyodide_http_after_us_changes_nothing(kernel: Kernel) -> None:
    kernel.load("pyodide-http", "requests")
    assert kernel.python(
        READ
        + """
import urllib.request, requests
before = (urllib.request.urlopen, urllib.request.OpenerDirector.open, requests.Session.__init__)
import pyodide_http
pyodide_http.patch_all()
pyodide_http.patch_urllib()
pyodide_http.patch_requests()
after = (urllib.request.urlopen, urllib.request.OpenerDirector.open, requests.Session.__init__)
before == after
"""
    )
    assert kernel.python(READ + "str(seen)") == "(True, 7, 404)"


def test_pyodide_http_before_us_is_taken_back(kernel: Kernel) -> None:
    kernel.load("pyodide-http", "requests")
    assert (
        kernel.python(
            """
from je_kernel import net
net.uninstall()
import urllib.request, requests
import pyodide_http
pyodide_http.patch_all()
assert urllib.request.urlopen.__module__ == "pyodide_http._urllib"
net.install()
"""
            + READ
            + """
data = urllib.request.urlopen("data:,still here").read()
session = requests.Session()
str((*seen, data, session.adapters["https://"].__class__.__module__))
"""
        )
        == "(True, 7, 404, b'still here', 'requests.adapters')"
    )


def test_uninstalling_puts_everything_back_exactly(kernel: Kernel) -> None:
    kernel.load("requests", "httpx", "fsspec")
    assert kernel.python(
        """
import sys, http.client, urllib.request, requests, httpx, fsspec
import urllib3.contrib.emscripten.connection as emscripten
from je_kernel import net

def state():
    owners = [
        http.client, http.client.HTTPConnection, http.client.HTTPSConnection, urllib.request,
        urllib.request.HTTPDefaultErrorHandler, urllib.request.OpenerDirector, emscripten,
        emscripten.EmscriptenHTTPConnection, requests.adapters, requests.adapters.HTTPAdapter,
        httpx, httpx.HTTPTransport, httpx.AsyncHTTPTransport, sys.modules["fsspec.registry"],
    ]
    return [dict(vars(owner)) for owner in owners], list(sys.meta_path)

installed = state()
net.uninstall()
bare = state()
net.install()
again = state()
net.uninstall()
bare_again = state()
net.install()
bare == bare_again and installed[1] == again[1] and bare != installed
"""
    )


def test_uninstalling_also_takes_back_the_class_that_fsspec_has_kept(kernel: Kernel) -> None:
    kernel.load("fsspec")
    assert (
        kernel.python(
            """
import fsspec
from fsspec.registry import registry as kept
from je_kernel import net
fsspec.get_filesystem_class("memory")
before = dict(kept)
ours = fsspec.get_filesystem_class("https").__module__
net.uninstall()
after = dict(kept)
net.install()
str((ours, after == before, fsspec.get_filesystem_class("https").__module__ == ours))
"""
        )
        == "('je_kernel.net.adapters.fsspec_http', True, True)"
    )


def test_installing_takes_less_than_ten_milliseconds(kernel: Kernel) -> None:
    # The quickest of many, each with our modules imported anew: machines are noisy. Nor is it
    # to be a matter of the garbage that hundreds of cases have left in this kernel.
    assert (
        kernel.python(
            """
import gc, sys, time
from je_kernel import net

def install_anew():
    net.uninstall()
    saved = {n: sys.modules.pop(n) for n in list(sys.modules) if n.startswith("je_kernel.net")}
    begin = time.perf_counter()
    from je_kernel import net as fresh
    import je_kernel.net as fresh
    fresh._finder.adapt_imported = lambda: None  # a starting kernel has imported none of them
    fresh.install()
    took = (time.perf_counter() - begin) * 1000
    fresh.uninstall()
    sys.modules.update(saved)
    net.install()
    return took

quickest = float("inf")
for _ in range(20):
    gc.collect()
    gc.disable()
    quickest = min(quickest, *(install_anew() for _ in range(25)))
    gc.enable()
    if quickest < 10:
        break
quickest
"""
        )
        < 10
    )


def test_credentials_of_other_sites_are_sent_only_if_the_setting_says_so(kernel: Kernel) -> None:
    # httpbin allows credentials to any site; the cookie is set by a first request that has them.
    assert (
        kernel.python(
            """
import json, os
from urllib.request import urlopen
from je_kernel import settings

def cookies():
    with urlopen(site.httpbin + "/cookies") as response:
        return sorted(json.load(response)["cookies"])

os.environ["JE_KERNEL_NETWORK_CREDENTIALS"] = "on"
settings.reload()
try:
    urlopen(site.httpbin + "/cookies/set?biscuit=1").close()
    with_them = cookies()
finally:
    del os.environ["JE_KERNEL_NETWORK_CREDENTIALS"]
    settings.reload()
str((with_them, cookies()))
"""
        )
        == "(['biscuit'], [])"
    )


def test_a_streamed_answer_has_headers_that_are_true_of_its_body(kernel: Kernel) -> None:
    kernel.load("requests")
    assert kernel.python(
        """
import requests
with requests.get(site.local + "/negotiated", stream=True) as response:
    named = {name.lower() for name in response.headers}
    length = response.headers.get("Content-Length")
    size = sum(len(piece) for piece in response.iter_content(100))
str(("content-encoding" in named, length in (None, str(size)), response.url, size))
"""
    ) == f"(False, True, {kernel.python('site.local')!r} + '/negotiated', 1088)".replace(
        "' + '", ""
    )


# An endless stream needs the backend that an old urllib3 lacks.
OLD_CASES = [
    each.name
    for each in registry.load().values()
    if each.needs == ("requests",) and each.name != "requests streams what never ends"
]


def test_requests_works_with_a_urllib3_that_knows_no_browsers(
    kernel: Kernel, old_urllib3: bytes
) -> None:
    kernel.load("requests")
    told = kernel.python(
        f"""
import base64, json, pathlib, sys
from tests.conformance import registry

def forget():
    for name in list(sys.modules):
        if name.partition(".")[0] in ("requests", "urllib3"):
            del sys.modules[name]

pathlib.Path("/old-urllib3.zip").write_bytes(base64.b64decode({base64.b64encode(old_urllib3)!r}))
forget()
sys.path.insert(0, "/old-urllib3.zip")
try:
    import urllib3
    failures = {{"version": urllib3.__version__}}
    for name in {OLD_CASES!r}:
        failure = await registry.run(name, site)
        if failure is not None:
            failures[name] = failure
finally:
    sys.path.remove("/old-urllib3.zip")
    forget()
json.dumps(failures)
"""
    )
    assert json.loads(told) == {"version": "2.1.0"}


def test_a_site_that_leads_on_to_one_that_forbids_is_told_from_it(kernel: Kernel) -> None:
    failed = """
from urllib.request import urlopen
import js
def failing():
    try:
        urlopen(js.location.origin + "/away?" + site.local + "/no-cors")
    except OSError as error:
        return type(error).__name__ + ": " + str(error)
failing()
"""
    told = kernel.python(failed)
    if not told.startswith("SiteForbidsError"):
        # Where Python cannot wait for a probe, it is told when the cell is run again.
        kernel.python(
            "import asyncio\nfrom je_kernel.net import diagnostics\n"
            "await asyncio.gather(*diagnostics._probing)\nNone"
        )
        told = kernel.python(failed)
    assert told.startswith("SiteForbidsError: ")
    assert "The address leads on to another site, which answers, but does not let" in told


def test_a_cancelled_task_ends_its_request(kernel: Kernel) -> None:
    assert (
        kernel.python(
            """
import asyncio, time
from je_kernel.net import transport
from je_kernel.net.message import Request

begin = time.monotonic()
task = asyncio.ensure_future(transport.send_async(Request("GET", site.local + "/never")))
await asyncio.sleep(0.2)
task.cancel()
try:
    await task
    outcome = "answered"
except asyncio.CancelledError:
    outcome = "cancelled"
str((outcome, time.monotonic() - begin < 5))
"""
        )
        == "('cancelled', True)"
    )


def test_a_body_arrives_whole_while_pythons_memory_grows(kernel: Kernel) -> None:
    # Each time the memory has grown, JavaScript finds it elsewhere.
    assert kernel.python(
        """
import asyncio
from array import array
import pyodide_js
from je_kernel.net import transport
from je_kernel.net.message import Request

before = pyodide_js._module.HEAPU8.length
task = asyncio.ensure_future(transport.send_async(Request("GET", site.local + "/big?mb=24")))
ballast = []
while not task.done():
    if len(ballast) < 60:
        ballast.append(bytearray(5_000_000))
    await asyncio.sleep(0)
body = (await task).body
grown = pyodide_js._module.HEAPU8.length - before
del ballast
body == array("I", range(6 * 2**20)).tobytes() and grown > 0
"""
    )


# JupyterLite's kernel has no such buffer; other pages with Pyodide do. Here its own worker writes
# to it, as a page would that shares it.
INTERRUPTED = """
import asyncio, time
import js, pyodide_js
from pyodide.code import run_js
from urllib.request import urlopen

def hung_up():
    return int(urlopen(site.local + "/hung-up").read())

before = hung_up()
signals = js.Uint8Array.new(1)
pyodide_js.setInterruptBuffer(signals)
run_js("signals => {{ setTimeout(() => {{ signals[0] = 2; }}, 300); }}")(signals)
try:
    {wait}
    outcome = "answered"
except KeyboardInterrupt:
    outcome = "interrupted"
finally:
    pyodide_js.setInterruptBuffer(None)
begin = time.monotonic()
while hung_up() == before and time.monotonic() - begin < 30:
    await asyncio.sleep(0.05)
str((outcome, hung_up() - before))
"""


@pytest.mark.parametrize(
    "wait",
    [
        'urlopen(site.local + "/never")',
        'urlopen(site.local + "/stall").read()',
        'requests.get(site.local + "/stall", stream=True).content',
    ],
    ids=["head", "body", "stream"],
)
def test_an_interrupt_ends_the_request_that_is_waited_for(
    start_kernel: Callable[[Engine, NetworkEngine], Kernel], wait: str
) -> None:
    kernel = start_kernel("chromium", "auto")
    kernel.load("requests")
    told = kernel.python("import requests\n" + INTERRUPTED.format(wait=wait))
    assert told == "('interrupted', 1)"


def test_a_kept_copy_replaces_the_response_of_a_server_that_is_gone(kernel: Kernel) -> None:
    with CrossOriginServer() as server:
        kernel.python(
            f"""
from urllib.request import urlopen
from je_kernel.net import response_cache

address = {server.url + "/rain.csv"!r}
urlopen(address).read()
await response_cache._cache().descriptions()
None
"""
        )
    assert (
        kernel.python(
            """
import warnings

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    body = urlopen(address).read()
response_cache.clear_saved()
str((body, ["There is no network" in str(each.message) for each in caught]))
"""
        )
        == "(b'a,b\\n1,2\\n', [True])"
    )
