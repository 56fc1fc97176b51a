"""The commands ``wget`` and ``curl``, on `urllib`."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote_plus, unquote, urlsplit

from je_kernel.shell.calls import encode, program
from je_kernel.shell.options import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from je_kernel.shell.calls import Call, Output

_CHUNK = 1 << 16  # bytes


@program(
    "wget",
    "q/quiet O/output-document= P/directory-prefix= nv/no-verbose c/continue N/timestamping"
    " nc/no-clobber show-progress progress= no-check-certificate header= U/user-agent= t/tries="
    " T/timeout= i/input-file=",
)
def wget(call: Call) -> Output:
    """Download files."""
    options = call.options

    def note(text: str) -> None:
        if "q" not in options:
            call.streams.stderr(encode(f"{text}\n"))

    urls = list(call.operands)
    for name in options.every("i"):
        urls += Path(call.path(name)).read_text().split()
    if not urls:
        raise CommandError("missing URL")
    output = options.last("O")
    whole = b""
    for url in map(_with_scheme, urls):
        target = Path(call.path(output or str(Path(options.last("P")) / _file_name(url))))
        if not output:
            if target.exists() and ("nc" in options or options.any("Nc")):
                note(f"File '{target.name}' already there; not retrieving.")
                continue
            target = _unused(target)
        try:
            with _request(url, _headers(options.every("header"), options.last("U"))) as response:
                if output == "-":
                    yield from _chunks(response)
                    continue
                data = b"".join(_chunks(response))
        except URLError as error:
            call.complain(_reason(error), 8 if isinstance(error, HTTPError) else 4)
            # As with wget, the output file exists, and is empty.
            if output and output != "-":
                target.write_bytes(whole)
            continue
        whole += data
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(whole if output else data)
        note(f"'{output or target.name}' saved [{len(data)}]")


def _with_scheme(url: str) -> str:
    return url if "://" in url else f"http://{url}"


def _file_name(url: str) -> str:
    """Return the name of the file of an address, as wget makes it.

    Examples
    --------
    >>> _file_name("https://x.org/a/my%20data.csv?v=1"), _file_name("https://x.org/")
    ('my data.csv?v=1', 'index.html')
    """
    parts = urlsplit(url)
    name = unquote(parts.path.rpartition("/")[2]) or "index.html"
    return (f"{name}?{parts.query}" if parts.query else name).replace("/", "%2F").replace("\0", "")


def _unused(path: Path) -> Path:
    """Return a path without a file, as data.csv.1."""
    paths = (path.with_name(f"{path.name}.{number}") for number in itertools.count(1))
    return path if not path.exists() else next(each for each in paths if not each.exists())


def _headers(lines: list[str], agent: str) -> dict[str, str]:
    headers = {"User-Agent": agent} if agent else {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip()] = value.strip()
    return headers


def _request(
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


def _chunks(response: Any) -> Iterator[bytes]:
    while chunk := response.read(_CHUNK):
        yield chunk


def _reason(error: URLError) -> str:
    if type(error).__module__.startswith("je_kernel"):
        return str(error)
    return (
        f"ERROR {error.code}: {error.reason}" if isinstance(error, HTTPError) else str(error.reason)
    )


@program(
    "curl",
    "s/silent S/show-error L/location O/remote-name o/output= f/fail k/insecure H/header="
    " A/user-agent= X/request= d/data= data-raw= data-urlencode= G/get I/head i/include"
    " compressed create-dirs retry= m/max-time= #/progress-bar connect-timeout= url=",
    status=2,
)
def curl(call: Call) -> Output:
    """Send requests to web servers."""
    options = call.options
    urls = [*call.operands, *options.every("url")]
    if not urls:
        raise CommandError("no URL specified", 2)
    outputs = options.every("o")
    for i, url in enumerate(map(_with_scheme, urls)):
        output = outputs[i] if i < len(outputs) else ""
        if "O" in options and not output:
            output = _file_name(url).partition("?")[0]
            if not urlsplit(url).path.rpartition("/")[2]:
                raise CommandError("Remote file name has no length!", 23)
        try:
            yield from _transfer(call, url, output)
        except _CurlError as error:
            call.status = error.status
            if "s" not in options or "S" in options:
                call.complain(f"({error.status}) {error}", error.status)


class _CurlError(Exception):
    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


def _body(call: Call) -> str:
    texts = []
    for option, value in call.options.pairs:
        if option == "data-raw" or (option == "d" and not value.startswith("@")):
            texts.append(value)
        elif option == "d":
            texts.append(Path(call.path(value[1:])).read_text())
        elif option == "data-urlencode":
            name, sign, rest = value.partition("=") if "=" in value else ("", "", value)
            texts.append(f"{name}{sign}{quote_plus(rest)}")
    return "&".join(texts)


def _transfer(call: Call, url: str, output: str) -> Iterator[bytes]:
    options = call.options
    body = _body(call)
    headers = _headers(options.every("H"), options.last("A"))
    data = None
    if body and "G" in options:
        url += ("&" if "?" in url else "?") + body
    elif any(option.startswith("d") for option, _ in options.pairs):
        data = encode(body)
        if not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        method = options.last("X") or ("HEAD" if "I" in options else None)
        response = _request(url, headers, data, method)
    except HTTPError as error:
        if "f" in options or error.fp is None:
            raise _CurlError(f"The requested URL returned error: {error.code}", 22) from None
        response = error
    except URLError as error:
        raise _CurlError(_reason(error), 6) from None
    with response:
        head = b""
        if options.any("Ii"):
            lines = [f"HTTP/1.1 {response.status} {response.reason}"]
            lines += [f"{name}: {value}" for name, value in response.headers.items()]
            head = encode("\r\n".join([*lines, "", ""]))
        chunks = itertools.chain([head], () if "I" in options else _chunks(response))
        if not output or output == "-":
            yield from chunks
            return
        target = Path(call.path(output))
        if "create-dirs" in options:
            target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with target.open("wb") as file:
                file.writelines(chunks)
        except OSError as error:
            if isinstance(error, URLError):
                raise
            raise _CurlError(f"Failure writing output to {output}: {error.strerror}", 23) from None
