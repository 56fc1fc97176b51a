"""``wget`` and ``curl``, through Python's own network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit

from je_kernel.shell.calls import CommandError
from je_kernel.shell.options import Given, Options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from je_kernel.shell.calls import Call, Program, Running

__all__ = ["PROGRAMS"]

_PIECE = 1 << 16  # bytes
_WGET = Options(
    "q/quiet O/output-document= P/directory-prefix= nv/no-verbose c/continue N/timestamping"
    " nc/no-clobber show-progress progress= no-check-certificate header= U/user-agent= t/tries="
    " T/timeout= i/input-file="
)


def wget(call: Call) -> Running:
    """Download files."""
    # Options of two letters are wget's alone.
    args = [{"-nv": "--no-verbose", "-nc": "--no-clobber"}.get(arg, arg) for arg in call.args]
    given = _WGET.split(args)
    urls = list(given.operands)
    for name in given.every("i"):
        urls += Path(call.path(name)).read_text().split()
    if not urls:
        raise CommandError("missing URL")
    output = given.last("O")
    whole = b""
    status = 0
    for url in urls:
        url = url if "://" in url else f"http://{url}"
        target = Path(call.path(output or str(Path(given.last("P")) / _file_name(url))))
        if not output:
            if target.exists() and ("nc" in given or "N" in given or "c" in given):
                _note(call, given, f"File '{target.name}' already there; not retrieving.")
                continue
            target = _free(target)
        try:
            with _opened(url, _headers(given.every("header"), given.last("U"))) as response:
                if output == "-":
                    yield from _pieces(response)
                    continue
                data = b"".join(_pieces(response))
        except URLError as error:
            call.complain(_why(error))
            # As wget does: what it was to write is there, and empty.
            if output and output != "-":
                target.write_bytes(whole)
            status = 8 if isinstance(error, HTTPError) else 4
            continue
        whole += data
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(whole if output else data)
        _note(call, given, f"'{output or target.name}' saved [{len(data)}]")
    return status


def _note(call: Call, given: Given, text: str) -> None:
    if "q" not in given:
        call.streams.stderr(f"{text}\n".encode("utf-8", "surrogateescape"))


def _file_name(url: str) -> str:
    """Return what wget calls the file of an address.

    Examples
    --------
    >>> _file_name("https://x.org/a/my%20data.csv?v=1"), _file_name("https://x.org/")
    ('my data.csv?v=1', 'index.html')
    """
    parts = urlsplit(url)
    name = unquote(parts.path.rpartition("/")[2]) or "index.html"
    return (f"{name}?{parts.query}" if parts.query else name).replace("/", "%2F").replace("\0", "")


def _free(path: Path) -> Path:
    """Return a name that is not taken: data.csv.1, as wget does."""
    number = 1
    free = path
    while free.exists():
        free = path.with_name(f"{path.name}.{number}")
        number += 1
    return free


def _headers(lines: list[str], agent: str) -> dict[str, str]:
    found = {}
    for line in lines:
        name, _, value = line.partition(":")
        found[name.strip()] = value.strip()
    if agent:
        found["User-Agent"] = agent
    return found


def _opened(
    url: str, headers: dict[str, str], data: bytes | None = None, method: str | None = None
) -> Any:
    import http.client
    import urllib.request

    if urlsplit(url).scheme not in ("http", "https"):
        raise CommandError(f"'{url}': only http and https are known here", 1)
    try:
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310
        return urllib.request.urlopen(request)  # noqa: S310
    except (ValueError, http.client.InvalidURL) as error:
        raise CommandError(f"'{url}': {error}", 3) from None


def _pieces(response: Any) -> Iterator[bytes]:
    while piece := response.read(_PIECE):
        yield piece


def _why(error: URLError) -> str:
    if type(error).__module__.startswith("je_kernel"):
        return str(error)
    return (
        f"ERROR {error.code}: {error.reason}" if isinstance(error, HTTPError) else str(error.reason)
    )


_CURL = Options(
    "s/silent S/show-error L/location O/remote-name o/output= f/fail k/insecure H/header="
    " A/user-agent= X/request= d/data= data-raw= data-urlencode= G/get I/head i/include v/verbose"
    " compressed create-dirs retry= m/max-time= #/progress-bar"
    " connect-timeout= w/write-out= url=",
    status=2,
)


def curl(call: Call) -> Running:
    """Ask web servers."""
    given = _CURL.read(call)
    for option in ("w", "v"):
        if option in given:
            raise CommandError(f"the option -{option} is not known here", 2)
    urls = [*given.operands, *given.every("url")]
    if not urls:
        raise CommandError("no URL specified", 2)
    outputs = given.every("o")
    status = 0
    for i, url in enumerate(urls):
        url = url if "://" in url else f"http://{url}"
        output = outputs[i] if i < len(outputs) else ""
        if "O" in given and not output:
            output = _file_name(url).partition("?")[0]
            if not urlsplit(url).path.rpartition("/")[2]:
                raise CommandError("Remote file name has no length!", 23)
        try:
            yield from _fetched(call, given, url, output)
        except _CurlError as failed:
            if "s" not in given or "S" in given:
                call.complain(f"({failed.status}) {failed}")
            status = failed.status
    return status


class _CurlError(Exception):
    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


def _fetched(call: Call, given: Given, url: str, output: str) -> Iterator[bytes]:
    from urllib.parse import quote_plus

    texts = []
    for option, value in given.options:
        if option in ("d", "data-raw"):
            plain = option == "data-raw" or not value.startswith("@")
            texts.append(value if plain else Path(call.path(value[1:])).read_text())
        elif option == "data-urlencode":
            name, sign, rest = value.partition("=")
            texts.append(f"{name}{sign}{quote_plus(rest)}" if sign else quote_plus(value))
    body = "&".join(texts)
    headers = _headers(given.every("H"), given.last("A"))
    if texts and "G" in given:
        url += ("&" if "?" in url else "?") + body
    data = body.encode("utf-8", "surrogateescape") if texts and "G" not in given else None
    if data is not None and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    method = given.last("X") or ("HEAD" if "I" in given else None)
    try:
        response = _opened(url, headers, data, method)
    except HTTPError as error:
        if "f" in given or error.fp is None:
            raise _CurlError(f"The requested URL returned error: {error.code}", 22) from None
        response = error
    except URLError as error:
        raise _CurlError(_why(error), 6) from None
    with response:
        shown = b""
        if "I" in given or "i" in given:
            lines = [f"HTTP/1.1 {response.status} {response.reason}"]
            lines += [f"{name}: {value}" for name, value in response.headers.items()]
            shown = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
        pieces = iter(()) if "I" in given else _pieces(response)
        if not output or output == "-":
            if shown:
                yield shown
            yield from pieces
            return
        target = Path(call.path(output))
        if "create-dirs" in given:
            target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with target.open("wb") as file:
                file.write(shown)
                for piece in pieces:
                    file.write(piece)
        except OSError as error:
            if isinstance(error, URLError):
                raise
            raise _CurlError(f"Failure writing output to {output}: {error.strerror}", 23) from None


PROGRAMS: dict[str, Program] = {"curl": curl, "wget": wget}
