"""An HTTP server on another origin than the site, as a site for open data is."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Answer", "DataServer", "ReceivedRequest"]


@dataclass(frozen=True)
class Answer:
    """What a server says to a request.

    Attributes
    ----------
    body
        The bytes of the answer's body.
    status
        HTTP status.
    headers
        More headers.
    """

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReceivedRequest:
    """A request as it reached a server."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class DataServer:
    """Serves what it is told to, and remembers what it was asked for.

    Parameters
    ----------
    cors
        Whether it lets pages of other origins read its answers.

    Examples
    --------
    >>> import urllib.request
    >>> with DataServer() as server:
    ...     url = server.put("/numbers.csv", "x,y\\n1,2\\n")
    ...     urllib.request.urlopen(url).read()
    b'x,y\\n1,2\\n'
    >>> [request.path for request in server.requests]
    ['/numbers.csv']
    """

    def __init__(self, *, cors: bool = True) -> None:
        self.cors = cors
        self.requests: list[ReceivedRequest] = []
        """Every request, in the order of arrival; those that only ask for permission too."""
        self._answers: dict[str, Answer] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """The server's origin, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def put(self, path: str, body: str | bytes, content_type: str = "text/csv") -> str:
        """Serve a document.

        Parameters
        ----------
        path
            Where, with a leading slash.
        body
            What; text is sent as UTF-8.
        content_type
            Its media type.

        Returns
        -------
        str
            The document's address.
        """
        content = body.encode() if isinstance(body, str) else body
        return self.put_answer(path, Answer(content, headers={"Content-Type": content_type}))

    def put_answer(self, path: str, answer: Answer) -> str:
        """Give this answer to every request for a path, and return the path's address."""
        self._answers[path] = answer
        return self.url + path

    def __enter__(self) -> DataServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, request: ReceivedRequest) -> Answer:
        self.requests.append(request)
        if request.method == "OPTIONS":
            return Answer(b"", 204)
        missing = Answer(b"There is nothing here.\n", 404, {"Content-Type": "text/plain"})
        return self._answers.get(request.path.partition("?")[0], missing)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _reply(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = owner._answer(ReceivedRequest(self.command, self.path, headers, body))
                self.send_response(answer.status)
                for name, value in {**_cors(owner.cors, headers), **answer.headers}.items():
                    self.send_header(name, value)
                if answer.status != 204:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = _reply  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """Say nothing: `requests` remembers."""

        return Handler


def _cors(allowed: bool, request: Mapping[str, str]) -> dict[str, str]:
    if not allowed:
        return {}
    return {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "*",
        "Access-Control-Allow-Headers": request.get("access-control-request-headers", "*"),
        "Access-Control-Expose-Headers": "*",
    }
