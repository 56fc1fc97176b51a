"""The internet that the lessons speak of: a proxy that serves their hosts out of a folder.

A lesson reads ``https://data.example.org/quakes.csv``. Whoever runs it, a browser or CPython and
the programs that it starts, is told to use this proxy. It answers for each host that has a folder
in ``web/``, over HTTPS too, with the headers that a site for open data sends, and refuses all
others.
"""

from __future__ import annotations

import datetime
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["HOSTS", "LessonWeb"]

# A folder for each host; in it what the host serves.
_WEB = Path(__file__).with_name("web")

HOSTS = frozenset(host.name for host in _WEB.iterdir())
"""The hosts of the lessons."""

_TYPES = {
    ".csv": "text/csv",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".py": "text/x-python",
    ".txt": "text/plain; charset=utf-8",
    ".zip": "application/zip",
    "": "application/json",  # of an API
}


class LessonWeb:
    """Serves the hosts of the lessons while a block runs.

    Parameters
    ----------
    folder
        Where the certificate and a configuration of ``wget`` are written.

    Examples
    --------
    >>> import tempfile, urllib.request
    >>> with tempfile.TemporaryDirectory() as folder, LessonWeb(Path(folder)) as web:
    ...     proxy = urllib.request.ProxyHandler({"https": web.url})
    ...     trust = ssl.create_default_context(cafile=str(web.certificate))
    ...     https = urllib.request.HTTPSHandler(context=trust)
    ...     opener = urllib.request.build_opener(proxy, https)
    ...     opener.open("https://data.example.org/quakes.csv").readline()
    b'time,latitude,longitude,depth,mag,place\\n'
    >>> web.refused
    []
    """

    def __init__(self, folder: Path) -> None:
        self.refused: list[str] = []
        """The hosts that were asked for and are none of the lessons'."""
        self.certificate = folder / "certificate.pem"
        self._wget = folder / "wgetrc"
        self._wget.write_text(f"ca_certificate = {self.certificate}\n")
        self._tls = _self_signed(folder / "key.pem", self.certificate, sorted(HOSTS))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """The proxy's own address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """What makes Python, requests, curl and wget use this proxy and trust it."""
        certificate = str(self.certificate)
        return {
            **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), self.url),
            **dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost"),
            **dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), certificate),
            "WGETRC": str(self._wget),
        }

    @property
    def chromium_flags(self) -> tuple[str, ...]:
        """What makes Chromium use this proxy, though not for this machine, and trust it."""
        return (f"--proxy-server={self.url}", "--ignore-certificate-errors")

    def __enter__(self) -> LessonWeb:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            host = ""

            def do_CONNECT(self) -> None:
                host, _, port = self.path.rpartition(":")
                if host not in HOSTS or port != "443":
                    self._refuse(host)
                    return
                self.send_response_only(200)
                self.end_headers()
                self.host = host
                # From here on, the connection is the host's own.
                self.connection = web._tls.wrap_socket(self.connection, server_side=True)
                self.rfile = self.connection.makefile("rb")
                self.wfile = self.connection.makefile("wb", 0)
                self.close_connection = False

            def _reply(self) -> None:
                address = urlsplit(self.path)
                host = self.host or address.hostname or ""
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if host not in HOSTS:
                    self._refuse(host)
                    return
                status, kind, content = _answer(self.command, host, address.path, body)
                self.send_response(status)
                for name, value in _cors(
                    self.headers.get("Access-Control-Request-Headers")
                ).items():
                    self.send_header(name, value)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_HEAD = do_POST = do_OPTIONS = _reply  # noqa: N815

            def _refuse(self, host: str) -> None:
                web.refused.append(host)
                self.send_error(403, "This host is none of the lessons'")

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler


def _answer(method: str, host: str, path: str, body: bytes) -> tuple[int, str, bytes]:
    """Return the status, the media type and the content of an answer."""
    if method == "OPTIONS":
        return 200, "text/plain", b""
    if method == "POST":
        return 200, "application/json", json.dumps({"json": json.loads(body or b"null")}).encode()
    root = (_WEB / host).resolve()
    file = (root / unquote(path).lstrip("/")).resolve()
    if not file.is_relative_to(root) or not file.is_file():
        return 404, "text/plain", b"There is nothing here.\n"
    return 200, _TYPES.get(file.suffix, "application/octet-stream"), file.read_bytes()


def _cors(asked: str | None) -> dict[str, str]:
    return {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "*",
        "Access-Control-Allow-Headers": asked or "*",
    }


def _self_signed(key_file: Path, certificate_file: Path, hosts: list[str]) -> ssl.SSLContext:
    """Write a key and a certificate for all hosts, and return a server's context with them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "The web of the lessons")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(h) for h in hosts]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key_file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    certificate_file.write_bytes(certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    return context
