"""Downloading into files, awaiting, and packages that are not there, on CPython."""

from __future__ import annotations

import asyncio
import http.server
import sys
import threading

import pytest

from je_kernel import files
from je_kernel.errors import BadAddressError
from je_kernel.files import aio, store_selection
from je_kernel.files.download import Downloaded, name_for


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        found = self.path.startswith("/data/")
        self.send_response(200 if found else 404)
        if "named" in self.path:
            self.send_header("Content-Disposition", 'attachment; filename="../../named.csv"')
        self.end_headers()
        self.wfile.write(b"a,b\n1,2\n")

    def log_message(self, *_):
        pass


@pytest.fixture
def address():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store_selection.reset()
    yield
    store_selection.reset()


def test_fetch_names_the_file_as_the_address_does(address):
    info = files.fetch(f"{address}/data/my%20points.csv?version=2")
    assert (info.name, info.size) == ("my points.csv", 8)
    assert files.read_bytes("my points.csv") == b"a,b\n1,2\n"


def test_fetch_takes_a_name_and_makes_its_folder(address):
    assert files.fetch(f"{address}/data/x", "sub/y.csv").name == "sub/y.csv"


def test_fetch_takes_the_servers_name_but_not_its_folders(address):
    assert files.fetch(f"{address}/data/named").name == "named.csv"


def test_fetch_of_what_is_not_there_saves_nothing(address):
    with pytest.raises(OSError, match="404"):
        files.fetch(f"{address}/missing.csv")
    assert len(files.list()) == 0


def test_fetch_replaces_only_if_it_may(address):
    files.save("x.csv", "old")
    with pytest.raises(FileExistsError):
        files.fetch(f"{address}/data/x.csv", overwrite=False)
    assert files.read_text("x.csv") == "old"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a.example/x", "penguins.csv"])
def test_fetch_takes_web_addresses_only(url):
    with pytest.raises(ValueError, match="not a web address"):
        files.fetch(url)


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="a.csv"', "a.csv"),
        ("attachment; filename*=UTF-8''na%C3%AFve.csv", "naïve.csv"),
        ('attachment; filename="..\\\\..\\\\evil.exe"', "evil.exe"),
        ('attachment; filename=".je-kernel-x"', "download"),
        ("inline", "x.csv"),
    ],
)
def test_a_servers_name_is_made_safe(disposition, name):
    assert name_for(Downloaded("https://a.example/x.csv", disposition, b"")) == name


def test_a_bad_address_is_told_without_the_secret_in_it():
    with pytest.raises(BadAddressError) as caught:
        files.fetch("https:///data.csv?api_key=1a2b3c4d5e6f")
    assert "1a2b3c4d5e6f" not in f"{caught.value!r} {caught.value}"


def test_everything_can_be_awaited(address):
    async def lesson():
        await aio.save("a.txt", "1")
        await aio.copy("a.txt", "sub/b.txt")
        await aio.rename("a.txt", "c.txt")
        await aio.fetch(f"{address}/data/x.csv")
        async with aio.open("d.txt", "w") as file:
            file.write("d")
        async with aio.local("e.bin") as path:
            path.write_bytes(b"e")
        await aio.zip(["c.txt", "sub"], "all.zip")
        await aio.unzip("all.zip", "out")
        await aio.mkdir("empty")
        await aio.delete("empty", recursive=True)
        assert await aio.exists("out/sub/b.txt")
        assert (await aio.info("d.txt")).size == 1
        assert (await aio.usage()).used > 0
        assert await aio.read_text("out/c.txt") == "1"
        with pytest.raises(FileNotFoundError, match=r"c\.txt"):
            await aio.read("C.TXT")
        return (await aio.list()).names

    expected = ["out", "sub", "all.zip", "c.txt", "d.txt", "e.bin", "x.csv"]
    assert asyncio.run(lesson()) == expected


def test_a_missing_package_says_what_to_run(monkeypatch):
    files.save("x.xlsx", b"PK\x05\x06" + bytes(18))
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ImportError, match=r"This Excel file needs openpyxl: run '%pip install"):
        files.read("x.xlsx")


def test_a_link_that_leads_out_is_refused(tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.txt").write_text("secret")
    store_selection.current()
    (store_selection.select().store.root / "link").symlink_to(outside)
    with pytest.raises(ValueError, match="leads out"):
        files.read("link/secret.txt")
    with pytest.raises(ValueError, match="leads out"):
        files.save("link/new.txt", "x")
    assert sorted(path.name for path in outside.iterdir()) == ["secret.txt"]


def test_a_failed_write_leaves_no_traces(monkeypatch):
    files.save("x.txt", "old")

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(files.NoSpaceError, match="full"):
        files.save("x.txt", "new")
    assert files.read_text("x.txt") == "old"
    assert [path.name for path in store_selection.select().store.root.iterdir()] == ["x.txt"]
