"""Files that are not what they say: each is one of our errors, which says why and what to do."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
import zlib
from typing import get_args

import pytest

from je_kernel import files
from je_kernel.errors import ArgumentError, JeKernelError, MissingPackageError, UnreadableError
from je_kernel.files import archives, kinds, store_selection

PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89\0\0\0\nIDATx\x9cc"
    b"\0\1\0\0\5\0\1\r\n-\xb4\0\0\0\0IEND\xaeB`\x82"
)

HUGE_ARRAY = (
    b"\x93NUMPY\1\0v\0{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}"
).ljust(127) + b"\n"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store_selection.reset()
    yield
    store_selection.reset()


def unreadable(name: str, data: bytes, **options: object) -> str:
    files.save(name, data)
    with pytest.raises(UnreadableError) as caught:
        files.read(name, **options)
    assert repr(name) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("kind", "meant"), [("tabel", "'table'"), ("Table", "'table'")])
def test_a_kind_that_does_not_exist_says_which_was_meant(kind, meant):
    files.save("x.csv", "a,b\n1,2\n")
    with pytest.raises(ArgumentError, match=f"Did you mean {meant}"):
        files.read("x.csv", kind=kind)


@pytest.mark.parametrize("kind", ["folder", "", 3, b"table", ["table"]])
def test_a_kind_is_one_of_a_few_words(kind):
    files.save("x.csv", "a,b\n1,2\n")
    with pytest.raises(ArgumentError, match="'table', 'text'"):
        files.read("x.csv", kind=kind)


@pytest.mark.parametrize("kind", ["text", "file", "database", "archive"])
def test_every_kind_that_is_listed_can_be_said(kind):
    files.save("x.csv", "a,b\n1,2\n")
    assert files.read("x.csv", kind=kind) in ("a,b\n1,2\n", b"a,b\n1,2\n")


@pytest.mark.parametrize("option", ["overwrite", "recursive", "exist_ok"])
@pytest.mark.parametrize("value", ["False", "no", 1, None])
def test_a_switch_is_true_or_false(option, value):
    files.save("x.txt", "1")
    uses = {
        "overwrite": lambda: files.save("x.txt", "2", overwrite=value),
        "recursive": lambda: files.delete("x.txt", recursive=value),
        "exist_ok": lambda: files.mkdir("new", exist_ok=value),
    }
    with pytest.raises(ArgumentError, match=option):
        uses[option]()
    assert files.read_text("x.txt") == "1"


@pytest.mark.parametrize("encoding", ["utf-9", "", "hex", "rot13", "\0", "\ud800", 8, b"utf-8"])
def test_an_encoding_is_one_of_text(encoding):
    files.save("x.txt", "1")
    for use in (
        lambda: files.read_text("x.txt", encoding=encoding),
        lambda: files.read("x.txt", encoding=encoding),
        lambda: files.save("y.txt", "1", encoding=encoding),
        lambda: files.open("x.txt", encoding=encoding),
    ):
        with pytest.raises(ArgumentError, match="encoding"):
            use()
    assert files.list().names == ["x.txt"]


def test_json_that_is_nested_too_deeply():
    for deep in (b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000):
        assert "deep" in unreadable("deep.json", deep)
        assert "deep" in unreadable("deep.ipynb", deep)
    unreadable("digits.json", b"9" * 5000)
    unreadable("half.json", b'{"a": "\xff')


def test_json_that_is_nested_too_deeply_is_not_saved():
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ArgumentError, match="deep"):
        files.save("deep.json", value)


def test_utf_16_without_its_mark_is_read():
    for encoding in ("utf-16-le", "utf-16-be"):
        files.save("x.txt", "Temperatur;Größe\n".encode(encoding))
        assert files.read("x.txt") == "Temperatur;Größe\n"


def test_a_picture_is_told_by_what_is_in_it():
    files.save("x.jpg", PNG)
    assert files.read("x.jpg").mimetype == "image/png"
    assert "not a picture" in unreadable("y.png", b"a,b\n1,2\n")
    assert "not a picture" in unreadable("z.png", b"PK\3\4" + b"\0" * 99)


def test_a_picture_that_pillow_cannot_read():
    pytest.importorskip("PIL")
    for data in (PNG[:40], PNG.replace(b"x\x9c", b"xx"), b"GIF89a", b"BM" + b"\xff" * 40):
        files.save("x.png", data)
        with pytest.raises(UnreadableError, match="Pillow"):
            files.read("x.png").pillow()


def test_a_picture_that_is_a_bomb():
    pytest.importorskip("PIL")
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
    bomb = PNG[:8] + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    files.save("bomb.png", bomb + PNG[33:])
    with pytest.raises(UnreadableError, match="pixels"):
        files.read("bomb.png").pillow()


def test_a_table_with_nul_bytes():
    pytest.importorskip("pandas")
    assert "NUL" in unreadable("x.csv", b"a,b\n1,\0\n")
    assert "NUL" in unreadable("x.tsv", b"SQLite format 3\0" + b"\1\2" * 99)
    files.save("wide.csv", "a,b\n1,é\n".encode("utf-16-le"))
    assert files.read("wide.csv")["b"].tolist() == ["é"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.csv", b'a,b\n"1,2\n3,4,5,6\n'),
        ("x.json", b"[{}, {}"),
        ("x.jsonl", b'{"a": 1}\n{"a"'),
        ("x.jsonl", b"[" * 100_000),
        ("x.jsonl", b'{"a":' * 3000 + b"1" + b"}" * 3000),
        ("x.xlsx", b"PK\5\6" + b"\0" * 18),
        ("x.npy", b"\x93NUMPY\1\0v\0"),
        ("x.npy", HUGE_ARRAY),
        ("x.npz", b"PK\3\4nothing"),
    ],
)
def test_a_damaged_file(name, data):
    pytest.importorskip("pandas")
    unreadable(name, data)


def test_a_pickle_is_never_loaded_unless_that_is_asked_for(tmp_path):
    numpy = pytest.importorskip("numpy")

    class Trap:
        def __reduce__(self):
            return open, (str(tmp_path / "sprung"), "w")

    target = io.BytesIO()
    numpy.save(target, numpy.array([Trap()], dtype=object), allow_pickle=True)
    packed = io.BytesIO()
    numpy.savez(packed, x=numpy.array([Trap()], dtype=object))
    (tmp_path / "sprung").unlink(missing_ok=True)
    unreadable("x.npy", target.getvalue())
    unreadable("x.npz", packed.getvalue())
    unreadable("y.npy", pickle.dumps(Trap()))
    files.save("x.pkl", pickle.dumps(Trap()))
    assert isinstance(files.read("x.pkl"), bytes)
    assert not (tmp_path / "sprung").exists()


def test_an_archive_of_another_name_is_no_bomb(monkeypatch):
    pytest.importorskip("pandas")
    monkeypatch.setattr(archives, "MOST_BYTES", 1000)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * 2000)
    for name in ("x.xlsx", "x.npz"):
        assert "too large" in unreadable(name, target.getvalue())


def test_parquet_without_its_package_says_what_to_do(monkeypatch):
    pytest.importorskip("pandas")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    files.save("x.parquet", b"PAR1" + b"\0" * 8 + b"PAR1")
    with pytest.raises(MissingPackageError, match="pip install pyarrow"):
        files.read("x.parquet")


def test_an_option_that_the_library_does_not_know():
    pytest.importorskip("pandas")
    files.save("x.csv", "a,b\n1,2\n")
    files.save("x.json", json.dumps({"a": 1}))
    for name in ("x.csv", "x.json"):
        with pytest.raises((ArgumentError, UnreadableError), match="sepp"):
            files.read(name, sepp=";")


def test_what_cannot_be_written_is_one_of_our_errors():
    for name, value in [
        ("x.txt", "half \ud800"),
        ("x.json", "half \ud800"),
        ("x.json", ["half \ud800"]),
        ("x.csv", [["half \ud800"]]),
        ("x.json", {(1, 2): 3}),
        ("x.json", object()),
        ("x.png", object()),
    ]:
        with pytest.raises(JeKernelError):
            files.save(name, value)
    assert len(files.list()) == 0


def test_a_message_does_not_repeat_a_huge_value():
    files.save("x.csv", "a,b\n1,2\n")
    for bad in ("k" * 100_000, b"k" * 100_000, list(range(100_000))):
        with pytest.raises(ArgumentError) as caught:
            files.read("x.csv", kind=bad)
        assert len(str(caught.value)) < 500


def test_every_kind_has_a_reader_or_is_bytes():
    for kind in get_args(kinds.ReadAs):
        files.save("x.bin", b"")
        try:
            files.read("x.bin", kind=kind)
        except (UnreadableError, MissingPackageError):
            continue
