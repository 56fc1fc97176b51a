"""The server of a site: types, caching, compression, ranges, and nothing outside its folder."""

import gzip
import http.client
import os
import socket

import pytest

from je_site.errors import ServeError
from je_site.server import SiteServer, content_type, serve

pytestmark = [pytest.mark.plain, pytest.mark.usefixtures("cache")]

FOR_EVER = "public, max-age=31536000, immutable"


@pytest.fixture
def root(tmp_path):
    files = {
        "index.html": "<h1>site</h1>" + "x" * 5000,
        "lab/index.html": "<h1>lab</h1>",
        "build/lab/bundle.js": "1;" * 2000,
        "build/3429.e1b3e4e.js": "2;" * 2000,
        "build/schemas/all.json": "{}",
        "extensions/@org/ext/static/remoteEntry.abcac41d5ca77040.js": "3;",
        "static/je-kernel/pyodide-1/pyodide.asm.wasm": "wasm" * 1000,
        "static/je-kernel/wheels/0123456789/x-1-py3-none-any.whl": "PK" * 3000,
        "files/data/1234567.csv": "a,b\n" * 1000,
        "files/my notes.txt": "ü" * 10,
        "files/20251121.js": "x",
        "empty/file.txt": "",
    }
    for name, text in files.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "secret.txt").write_text("secret")
    return tmp_path / "site"


@pytest.fixture
def requests():
    return []


@pytest.fixture
def ask(root, requests):
    with serve(root, on_request=requests.append) as served:
        yield asker(served.port)


def asker(port):
    def ask(path, method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in named.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        answer.body = answer.read()
        connection.close()
        return answer

    return ask


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.wasm", "application/wasm"),
        ("a.whl", "application/zip"),
        ("a.ipynb", "application/json"),
        ("a.json", "application/json"),
        ("a.html", "text/html; charset=utf-8"),
        ("a.csv", "text/csv; charset=utf-8"),
        ("a.png", "image/png"),
        ("a.unheardof", "application/octet-stream"),
    ],
)
def test_types(path, kind):
    assert content_type(path) == kind


def test_a_folder_is_its_index(ask):
    assert ask("/lab/").body == b"<h1>lab</h1>"
    assert ask("/").body.startswith(b"<h1>site</h1>")


def test_a_folder_without_its_slash_is_redirected_with_its_query(ask):
    answer = ask("/lab?path=a%20b")
    assert (answer.status, answer.headers["Location"]) == (301, "/lab/?path=a%20b")


def test_a_redirect_does_not_lead_to_another_host(ask):
    answer = ask("//lab")
    assert answer.headers["Location"] == "/lab/"


def test_names_are_unquoted(ask):
    assert ask("/files/my%20notes.txt").body.decode() == "ü" * 10


@pytest.mark.parametrize("path", ["/none", "/files", "/files/", "/lab/none/", "/index.html/"])
def test_what_is_not_there_is_404(ask, path):
    assert ask(path).status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/lab/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/..\\secret.txt",
        "/%00",
        "//secret.txt/..//../secret.txt",
        "/link.txt",
    ],
)
def test_nothing_outside_of_the_folder_is_served(ask, root, path):
    (root / "link.txt").symlink_to(root.parent / "secret.txt")
    answer = ask(path)
    assert answer.status == 404
    assert b"secret" not in answer.body


@pytest.mark.parametrize(
    ("path", "caching"),
    [
        ("/static/je-kernel/pyodide-1/pyodide.asm.wasm", FOR_EVER),
        ("/static/je-kernel/wheels/0123456789/x-1-py3-none-any.whl", FOR_EVER),
        ("/extensions/@org/ext/static/remoteEntry.abcac41d5ca77040.js", FOR_EVER),
        ("/build/3429.e1b3e4e.js", FOR_EVER),
        ("/build/lab/bundle.js?_=428cebd", FOR_EVER),
        ("/build/lab/bundle.js", "no-cache"),
        ("/build/lab/bundle.js?_=", "no-cache"),
        ("/build/schemas/all.json", "no-cache"),
        ("/index.html", "no-cache"),
        ("/files/data/1234567.csv", "no-cache"),
        ("/files/20251121.js?v=1234567", "no-cache"),
        ("/none", "no-cache"),
    ],
)
def test_what_has_a_name_of_its_content_is_kept_for_ever(ask, path, caching):
    assert ask(path).headers["Cache-Control"] == caching


def test_what_has_not_changed_is_not_sent_again(ask):
    tag = ask("/index.html").headers["ETag"]
    answer = ask("/index.html", If_None_Match=f'"other", W/{tag}')
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["ETag"] == tag


def test_what_has_changed_is_sent_again(ask, root):
    tag = ask("/index.html").headers["ETag"]
    (root / "index.html").write_text("changed")
    answer = ask("/index.html", If_None_Match=tag)
    assert (answer.status, answer.body) == (200, b"changed")


def test_a_browser_without_the_tag_may_ask_by_time(ask):
    modified = ask("/index.html").headers["Last-Modified"]
    assert ask("/index.html", If_Modified_Since=modified).status == 304
    assert ask("/index.html", If_Modified_Since="Thu, 01 Jan 1970 00:00:00 GMT").status == 200
    assert ask("/index.html", If_Modified_Since="yesterday").status == 200


def test_text_is_compressed_for_those_who_accept_it(ask, root):
    answer = ask("/index.html", Accept_Encoding="br, gzip;q=0.8")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(answer.body) == (root / "index.html").read_bytes()


def test_each_encoding_has_its_own_tag(ask):
    plain = ask("/index.html").headers["ETag"]
    compressed = ask("/index.html", Accept_Encoding="gzip").headers["ETag"]
    assert plain != compressed
    assert ask("/index.html", Accept_Encoding="gzip", If_None_Match=compressed).status == 304


@pytest.mark.parametrize("accepted", ["identity", "gzip;q=0", "br", ""])
def test_others_get_it_as_it_is(ask, accepted):
    assert "Content-Encoding" not in ask("/index.html", Accept_Encoding=accepted).headers


@pytest.mark.parametrize(
    "path", ["/static/je-kernel/wheels/0123456789/x-1-py3-none-any.whl", "/lab/index.html"]
)
def test_what_is_compressed_already_or_tiny_is_sent_as_it_is(ask, path):
    assert "Content-Encoding" not in ask(path, Accept_Encoding="gzip").headers


def test_webassembly_is_compressed(ask):
    path = "/static/je-kernel/pyodide-1/pyodide.asm.wasm"
    assert len(ask(path, Accept_Encoding="gzip").body) < 200


def test_a_compressed_file_that_changes_is_compressed_anew(ask, root):
    ask("/index.html", Accept_Encoding="gzip")
    (root / "index.html").write_text("changed" * 1000)
    answer = ask("/index.html", Accept_Encoding="gzip")
    assert gzip.decompress(answer.body) == b"changed" * 1000


@pytest.mark.parametrize(
    ("asked", "status", "body", "span"),
    [
        ("bytes=0-3", 206, b"a,b\n", "bytes 0-3/4000"),
        ("bytes=3996-", 206, b"a,b\n", "bytes 3996-3999/4000"),
        ("bytes=-2", 206, b"b\n", "bytes 3998-3999/4000"),
        ("bytes=3998-9999", 206, b"b\n", "bytes 3998-3999/4000"),
        ("bytes=4000-", 416, b"", "bytes */4000"),
        ("bytes=-0", 416, b"", "bytes */4000"),
    ],
)
def test_parts_of_a_file(ask, asked, status, body, span):
    answer = ask("/files/data/1234567.csv", Range=asked, Accept_Encoding="gzip")
    assert (answer.status, answer.body, answer.headers["Content-Range"]) == (status, body, span)


@pytest.mark.parametrize("asked", ["bytes=0-1,3-4", "bytes=x", "lines=1-2"])
def test_a_range_that_is_not_understood_is_ignored(ask, asked):
    answer = ask("/files/data/1234567.csv", Range=asked)
    assert (answer.status, len(answer.body)) == (200, 4000)


def test_a_part_of_a_file_that_has_changed_is_the_whole(ask):
    answer = ask("/files/data/1234567.csv", Range="bytes=0-3", If_Range='"other"')
    assert answer.status == 200


def test_an_empty_file(ask):
    answer = ask("/empty/file.txt")
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "0")


@pytest.mark.parametrize("path", ["/index.html", "/none", "/files/data/1234567.csv"])
def test_head_says_what_get_would_send(ask, path):
    head, get = ask(path, "HEAD"), ask(path)
    assert (head.status, head.body) == (get.status, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


def test_other_methods_are_refused(ask):
    assert ask("/index.html", "POST").status == 405


def test_one_connection_answers_many_requests(root):
    with serve(root) as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
        for path in ("/index.html", "/none", "/lab", "/index.html"):
            connection.request("GET", path)
            connection.getresponse().read()
            assert connection.sock is not None
        connection.close()


def test_requests_are_recorded(ask, requests):
    ask("/index.html?a=1", X_Test="yes")
    ask("/none", "HEAD")
    assert [(r.method, r.path, r.status) for r in requests] == [
        ("GET", "/index.html?a=1", 200),
        ("HEAD", "/none", 404),
    ]
    assert requests[0].sent == 5013
    assert requests[0].headers["x-test"] == "yes"


def test_a_plain_site_is_not_isolated(ask):
    assert "Cross-Origin-Opener-Policy" not in ask("/index.html").headers


@pytest.mark.parametrize("path", ["/index.html", "/none", "/lab"])
def test_an_isolated_site_says_so_in_every_answer(root, path):
    with serve(root, isolated=True) as served:
        headers = asker(served.port)(path).headers
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_a_port_in_use_is_one_sentence_with_another_port(root):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ServeError, match=rf"^Port {port} is in use.*--port \d+\.$"):
            SiteServer(root, port=port)


def test_two_servers_do_not_share_a_port(root):
    with serve(root) as served, pytest.raises(ServeError, match="is in use"):
        SiteServer(root, port=served.port)


def test_a_port_that_is_none_is_one_sentence(root):
    with pytest.raises(ServeError, match="65535"):
        SiteServer(root, port=70_000)


def test_a_host_of_another_machine_is_one_sentence(root):
    with pytest.raises(ServeError, match=r"^192\.0\.2\.1:\d+ cannot be listened on"):
        SiteServer(root, host="192.0.2.1", port=8123)


def test_a_stopped_server_frees_its_port(root):
    with serve(root) as served:
        port = served.port
    with serve(root, port=port) as served:
        assert served.port == port


def test_large_compressed_files_are_kept_in_the_cache(ask, root, cache):
    path = root / "build" / "large.js"
    path.write_bytes(os.urandom(1000) * 400)
    ask("/build/large.js", Accept_Encoding="gzip")
    (kept,) = (cache / "gzip").iterdir()
    assert gzip.decompress(kept.read_bytes()) == path.read_bytes()
