"""A site whose Pyodide comes from the content delivery network, with a stand-in for that.

The stand-in serves, under the network's name and paths, the release that JupyterLite
asks for. Its packages are those that this project builds from; their sha256 goes into
the lock in the place of that of the release's own, which only the network has.
"""

import datetime
import functools
import hashlib
import json
import ssl
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from jupyterlite_pyodide_kernel.constants import PYODIDE_CDN_URL

from je_site.assembly import assemble
from je_site.build import build
from je_site.lock import read_lock
from je_site.progress import progress_reporter
from je_site.server import serve
from tests.browsers.chromium import ChromiumBrowser
from tests.browsers.lab import Lab
from tests.data_server import Answer, DataServer
from tests.site.conftest import write_lite_dir

CDN = urlsplit(f"{PYODIDE_CDN_URL}/")
TYPES = {".mjs": "text/javascript", ".wasm": "application/wasm"}


def self_signed(folder, host):
    """Write a key and a certificate for a host, and return a server's context with them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    file = folder / "certificate.pem"
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


class StandIn(DataServer):
    """Serves files over HTTPS, under the paths of the network."""

    def __init__(self, files, context):
        super().__init__()
        self.files = files
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )

    def _answer(self, request):
        path = self.files.get(request.path.removeprefix(CDN.path))
        if path is None:
            return super()._answer(request)
        self.requests.append(request)
        kind = TYPES.get(path.suffix, "application/octet-stream")
        return Answer(path.read_bytes(), headers={"Content-Type": kind})


@functools.cache
def distribution():
    """Return the folder of Pyodide's core, and its packages as they were published."""
    with progress_reporter(quiet=True) as reporter:
        core, packages = assemble(read_lock(), reporter, compiled=False)
    return core, {package.name: package.path for package in packages}


@pytest.fixture
def cdn_site(tmp_path):
    """A site of ``je-kernel build --pyodide cdn``, and the files that its CDN has."""
    project = write_lite_dir(tmp_path / "project")
    (project / "files").mkdir()
    (project / "files" / "mine.csv").write_text("x\n7\n")
    site = build(tmp_path / "site", lite_dir=project, pyodide="cdn")
    (path,) = site.glob("static/je-kernel/pyodide-lock-*.json")
    lock = json.loads(path.read_text())
    core, wheels = distribution()
    files = {file.name: file for file in core.iterdir()}
    for name, entry in lock["packages"].items():
        address, _, file_name = entry["file_name"].rpartition("/")
        if f"{address}/" == CDN.geturl() and name in wheels:
            files[file_name] = wheels[name]
            entry["sha256"] = hashlib.sha256(wheels[name].read_bytes()).hexdigest()
    path.write_text(json.dumps(lock))
    return site, files


@pytest.fixture
def stand_in(cdn_site, tmp_path):
    with StandIn(cdn_site[1], self_signed(tmp_path, CDN.hostname)) as server:
        yield server


@pytest.fixture
def cdn_page(stand_in):
    """A page for which the network is the stand-in, and all else is this machine's."""
    port = urlsplit(stand_in.url).port
    rules = f"MAP {CDN.hostname}:443 127.0.0.1:{port}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    browser = ChromiumBrowser([f"--host-resolver-rules={rules}", "--ignore-certificate-errors"])
    yield browser.new_page()
    browser.close()


@pytest.mark.slow
def test_with_pyodide_from_the_cdn_the_first_cell_reads_a_table(cdn_site, stand_in, cdn_page):
    with serve(cdn_site[0]) as site:
        notebook = Lab.open(cdn_page, site.url).new_notebook()
        read = "import pandas as pd\nint(pd.read_csv(je_kernel.site_url('files/mine.csv')).x[0])"
        first = notebook.run(read)
    assert (first.error, first.value, first.execution_count) == (None, "7", 1)
    asked = {request.path.removeprefix(CDN.path) for request in stand_in.requests}
    assert {"pyodide.mjs", "pyodide.asm.wasm", "python_stdlib.zip"} < asked
    assert any(name.startswith("pandas-") for name in asked)
    # What is ours comes from the site, and nobody else is asked for anything.
    assert not any(name.startswith("je_kernel-") for name in asked)
    assert {
        urlsplit(address).netloc for address in cdn_page.requests if address.startswith("http")
    } <= {
        CDN.netloc,
        urlsplit(site.url).netloc,
    }
