"""Archives and names that strangers made: all of an archive comes out, or none and a sentence."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import stat
import struct
import subprocess
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from je_kernel import files
from je_kernel.errors import (
    BadNameError,
    ExistingFileError,
    FilesError,
    UnreadableError,
)
from je_kernel.files import archives, names, store_selection
from je_kernel.files.store_folder import FolderStore
from je_kernel.sharing.share_state import FOLDER
from je_kernel.sharing.viewer import SharedNotebook

RESERVED = [
    ".je-kernel-sharing/shares.json",
    ".je-kernel-sharing",
    "lesson/.je-kernel-sharing/shares.json",
    ".JE-Kernel-Sharing/shares.json",
    ".je-kernel-sharing./shares.json",
    ".je-kernel-sharing /shares.json",
    "a/../.je-kernel-sharing/shares.json",
    "./.je-kernel-sharing//shares.json",
    "/drive/.je-kernel-sharing/shares.json",
    ".je-\u212aernel-sharing/shares.json",
    ".je-kern\u00adel-sharing/shares.json",
    ".je\u200b-kernel-sharing/shares.json",
    ".je-kernel\ufe0f-sharing/shares.json",
    "\uff0eje-kernel-sharing/shares.json",
    ".je-kernel-sharing\\shares.json",
    ".je%2dkernel-sharing/shares.json",
    "%2eje-kernel-sharing%2fshares.json",
    "%252eje-kernel-sharing/shares.json",
]
"""Spellings of a name of ours that some browser, disk or server takes for it."""

FREE = [".profile", "je-kernel.csv", "x.je-kernel-sharing", ".jenkins", "\u00e9t\u00e9/je.txt"]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store_selection.reset()
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "shares.json").write_text("secret")
    yield
    assert (tmp_path / FOLDER / "shares.json").read_text() == "secret"
    store_selection.reset()


def packed(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(target, "w", method) as archive:
        warnings.simplefilter("ignore")  # names that are there twice
        for name, data in members:
            member = zipfile.ZipInfo("x")
            member.filename = name  # as it is: the constructor would tidy it
            member.compress_type = method
            archive.writestr(member, data)
    return target.getvalue()


def all_files() -> set[str]:
    return {path.as_posix() for path in Path().rglob("*") if path.is_file()}


def refused(data: bytes, kind: type[FilesError] = UnreadableError) -> str:
    """Unzip, and return what is said; nothing came out."""
    files.save("x.zip", data)
    before = all_files()
    with pytest.raises(kind) as caught:
        files.unzip("x.zip")
    assert all_files() == before
    return str(caught.value)


@pytest.mark.parametrize("name", RESERVED)
def test_no_operation_makes_a_name_of_ours(name):
    files.save("own.txt", "mine")
    files.mkdir("folder")
    makers = [
        lambda: files.save(name, "stolen"),
        lambda: files.save(f"{name}/inner.txt", "stolen"),
        lambda: files.rename("own.txt", name),
        lambda: files.rename("folder", name),
        lambda: files.copy("own.txt", name, overwrite=True),
        lambda: files.copy("own.txt", f"{name}/"),
        lambda: files.mkdir(name, exist_ok=True),
        lambda: files.zip("own.txt", name),
        lambda: files.open(name, "w").close(),
        lambda: files.open(name, "a").close(),
        lambda: files.open(name, "r+").close(),
        lambda: files.local(name).__enter__(),
        lambda: files.fetch("http://localhost:9/x", name),
        lambda: SharedNotebook.save_copy(_shared(), name),
    ]
    for make in makers:
        with pytest.raises((BadNameError, files.FolderError)):
            make()
    assert all_files() == {"own.txt", f"{FOLDER}/shares.json"}


@pytest.mark.parametrize("name", RESERVED)
def test_no_archive_holds_a_name_of_ours(name):
    said = refused(packed(("good.txt", b"1"), (name, b"stolen")), BadNameError)
    assert "x.zip" in said


@pytest.mark.parametrize("name", RESERVED)
def test_a_name_of_ours_is_known_in_every_spelling(name):
    assert any(names.is_reserved(part) for part in re.split(r"[/\\]|%2f", name))


@pytest.mark.parametrize("name", FREE)
def test_other_names_are_free(name):
    files.save(name, "mine")
    assert files.read_bytes(name) == b"mine"


def test_what_we_keep_is_neither_moved_away_nor_listed():
    with pytest.raises(BadNameError):
        files.rename(FOLDER, "mine")
    with pytest.raises(BadNameError):
        files.rename(f"{FOLDER}/shares.json", "mine.json")
    assert FOLDER not in files.list().names


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_the_landing_page_makes_no_name_of_ours():
    module = Path(__file__).parents[2] / "site/src/je_site/pages/file_names.js"
    script = (
        f"import {{ notebookName, numbered }} from {json.dumps(module.as_uri())};"
        "const names = JSON.parse(process.argv[1]);"
        "console.log(JSON.stringify(names.map(name => numbered(notebookName(name), 1))));"
    )
    wanted = [*RESERVED, *(re.sub(r".*(?=\.je)", "", name).partition("/")[0] for name in RESERVED)]
    wanted += [f"{name}.ipynb" for name in wanted]
    run = ["node", "--input-type=module", "-e", script, json.dumps(wanted)]
    made = json.loads(subprocess.run(run, check=True, capture_output=True).stdout)
    assert len(made) == len(wanted)
    for name in made:
        assert "/" not in name
        names.check_new(names.path_of(name))


def _shared() -> SharedNotebook:
    return SharedNotebook(None, "https://x.example/s/a", {"cells": [], "metadata": {}})


# Archives ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../../x.txt", "leads out"),
        ("a/../../x.txt", "leads out"),
        ("..\\x.txt", "leads out"),
        ("C:/x.txt", "C:"),
        ("c:\\x.txt", "c:"),
        ("C:x.txt", "C:"),
        ("\\\\server\\share\\x.txt", "server"),
        ("//server/share/x.txt", "server"),
        ("/etc/passwd", "/etc/passwd"),
        ("y" * 300, "too long"),
        ("a\u202etxt.exe", "invisible"),
        ("..", "'..'"),
    ],
)
def test_a_member_that_leads_elsewhere_is_named(name, words):
    said = refused(packed(("good.txt", b"1"), (name, b"2")), BadNameError)
    assert words in said
    assert "'x.zip'" in said


def test_a_link_is_no_file():
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        member = zipfile.ZipInfo("link.txt")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, f"{FOLDER}/shares.json")
    assert "'link.txt'" in refused(target.getvalue())


def test_a_name_that_is_there_twice_is_refused():
    assert "'a.txt'" in refused(packed(("a.txt", b"1"), ("b/../a.txt", b"2")))
    assert "'\u00e9'" in refused(packed(("\u00e9", b"1"), ("e\u0301", b"2")))


def test_a_file_where_a_folder_should_be_is_refused():
    assert "'a'" in refused(packed(("a", b"1"), ("a/b.txt", b"2")))
    assert "'a'" in refused(packed(("a/b.txt", b"2"), ("a", b"1")))
    assert "'a'" in refused(packed(("a", b"1"), ("a/", b"")))


def test_a_member_that_clashes_with_what_is_there_changes_nothing():
    files.save("taken.txt", "mine")
    files.mkdir("folder")
    refused(packed(("new.txt", b"1"), ("taken.txt/x.txt", b"2")), FilesError)
    refused(packed(("new.txt", b"1"), ("folder", b"2")), FilesError)
    files.save("y.zip", packed(("new.txt", b"1"), ("taken.txt", b"2")))
    with pytest.raises(ExistingFileError, match=r"taken\.txt"):
        files.unzip("y.zip", overwrite=False)
    assert files.read_text("taken.txt") == "mine"
    assert not files.exists("new.txt")


class _Capitals(FolderStore):
    """A folder on a disk that ignores capitals, as those of Macs and Windows do."""

    def _disk_path(self, path: str) -> Path:
        return super()._disk_path(path.lower())


def test_names_that_differ_in_capitals_come_out_where_both_can_be(tmp_path):
    data = packed(("a.txt", b"1"), ("A.txt", b"2"))
    files.save("x.zip", data)
    assert len(files.unzip("x.zip")) == 2
    assert (files.read_text("a.txt"), files.read_text("A.txt")) == ("1", "2")
    (tmp_path / "apple").mkdir()
    store_selection.use(_Capitals(tmp_path))
    files.delete("a.txt")
    assert "capitals" in refused(data)


def test_an_encrypted_archive_says_so():
    data = bytearray(packed(("a.txt", b"1")))
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    assert "password" in refused(bytes(data))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 9, 93, 99])
def test_a_compression_that_is_not_of_every_archive_is_refused(method):
    known = method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    data = bytearray(packed(("a.txt", b"1" * 99), method=method if known else 8))
    struct.pack_into("<H", data, 8, method)
    struct.pack_into("<H", data, data.index(b"PK\1\2") + 10, method)
    assert "compress" in refused(bytes(data))


def test_a_bomb_is_refused_by_what_it_says_and_by_what_it_holds():
    data = bytearray(packed(("a.txt", b"0" * 3_000_000)))
    where = data.index(b"PK\1\2") + 24
    struct.pack_into("<I", data, where, archives.MOST_BYTES + 1)
    assert "too large" in refused(bytes(data))
    # One that says less than it holds is cut off where it said.
    struct.pack_into("<I", data, where, 10)
    refused(bytes(data))
    many = [(f"{number}", b"") for number in range(archives.MOST_FILES + 1)]
    assert "too many" in refused(packed(*many, method=zipfile.ZIP_STORED))


def test_names_in_utf_8_without_the_mark_are_read_as_such():
    data = packed(("\u00dcbung.txt", b"1"))
    unmarked = bytearray(data)
    for start, at in ((0, 6), (data.index(b"PK\1\2"), 8)):
        flags = struct.unpack_from("<H", data, start + at)[0]
        struct.pack_into("<H", unmarked, start + at, flags & ~0x800)
    files.save("x.zip", bytes(unmarked))
    assert files.unzip("x.zip").names == ["\u00dcbung.txt"]
    broken = data.replace("\u00dc".encode(), b"\xff\xfe")
    refused(broken)


def test_files_of_one_name_are_not_zipped_over_each_other():
    files.save("a/x.txt", "1")
    files.save("b/x.txt", "2")
    with pytest.raises(ExistingFileError, match=r"'x\.txt'"):
        files.zip(["a/x.txt", "b/x.txt"], "both.zip")
    assert not files.exists("both.zip")


def test_a_corrupt_archive_is_one_of_our_errors():
    whole = packed(("a.txt", b"words " * 200), ("b/c.txt", b"more " * 200))
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        start = archive.infolist()[0].header_offset + 30 + len("a.txt")
    torn = bytearray(whole)
    torn[start : start + 8] = b"\xff" * 8
    assert "damaged" in refused(bytes(torn))
    for length in range(0, len(whole), 9):
        refused(whole[:length])


@settings(derandomize=True, max_examples=150, deadline=None, database=None)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4))
def test_an_archive_with_any_damage_comes_out_or_is_one_of_our_errors(changes):
    data = bytearray(packed(("a.txt", b"words " * 9), ("b/c.txt", b"more " * 9)))
    for at, value in changes:
        data[at % len(data)] = value
    with contextlib.suppress(FilesError):
        archives.unpacked(bytes(data), "x.zip")
