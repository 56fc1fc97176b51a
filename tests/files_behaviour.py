"""What files do, whatever store they are in: one suite for all stores.

Each case is a function that is given a `Scene`: an empty folder of its own and
the public functions. The suite needs nothing but je-kernel and the standard
library (and pandas, NumPy, Pillow and matplotlib in the cases that are marked
so), because it also runs inside a browser's kernel, where there is no pytest.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib.util
import io
import json
import random
import shelve
import sqlite3
import string
import sys
import time
import traceback
import warnings
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from je_kernel import errors, files
from je_kernel.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CASES: list[Case] = []
SPEED = "speed"
"""Needed by cases that are a thousand trips to the page where a store has to make them."""


@dataclass(frozen=True)
class Case:
    name: str
    run: Callable[[], None]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    name: str
    milliseconds: float
    error: str | None


def case(*needs: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def register(function: Callable[[], None]) -> Callable[[], None]:
        CASES.append(Case(function.__name__, function, needs))
        return function

    return register


def cases_of(name: str, arguments: list[Any], *needs: str) -> Callable[..., None]:
    """Register a function once for each argument."""

    def register(function: Callable[[Any], None]) -> None:
        for number, argument in enumerate(arguments):
            CASES.append(
                Case(f"{name}[{number}]", lambda argument=argument: function(argument), needs)
            )

    return register


@contextlib.contextmanager
def raises(kind: type[BaseException], *words: str) -> Iterator[None]:
    try:
        yield
    except kind as error:
        for word in words:
            assert word in str(error), f"{word!r} is not in {str(error)!r}"
    else:
        raise AssertionError(f"{kind.__name__} was not raised")


def clean() -> None:
    """Empty the folder that a case works in."""
    for info in files.list():
        with contextlib.suppress(errors.ReadOnlyError):
            files.delete(info.name, recursive=True)


def there(case: Case) -> bool:
    """Tell whether the standard library that a case needs is here: Pyodide has no dbm."""
    return "dbm" not in case.needs or importlib.util.find_spec("dbm") is not None


def run_case(case: Case) -> Outcome:
    begin = time.perf_counter()
    error = None
    try:
        clean()
        case.run()
    except BaseException:
        error = traceback.format_exc()
    return Outcome(case.name, (time.perf_counter() - begin) * 1000, error)


def run_all(packages: bool = True, only: str = "") -> str:
    """Run the suite and return a report as JSON, for a browser's kernel to print."""
    chosen = [c for c in CASES if only in c.name and (packages or not c.needs) and there(c)]
    outcomes = [run_case(case) for case in chosen]
    clean()
    return json.dumps(
        {
            "ran": len(outcomes),
            "failed": {o.name: o.error for o in outcomes if o.error},
            "slowest": sorted(((o.milliseconds, o.name) for o in outcomes), reverse=True)[:5],
            "milliseconds": sum(o.milliseconds for o in outcomes),
        }
    )


# Bytes and text -------------------------------------------------------------


def sample(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


@cases_of("bytes_come_back_as_they_were", [0, 1, 2, 3, 4, 5, 57, 255, 256, 4095, 65536, 1_000_003])
def _bytes(size: int) -> None:
    data = sample(size, size)
    info = files.save("x.bin", data)
    assert info.size == size
    assert files.read_bytes("x.bin") == data
    assert files.info("x.bin").size == size


TEXTS = [
    "",
    "plain",
    "two\nlines\n",
    "windows\r\nlines\r\n",
    "äöü ß é ñ",
    "Ελληνικά Русский 中文 日本語 한국어",
    "😀👩🏽‍🔬🏳️‍🌈",
    "tabs\tand \x00 nothing",
    "\ufeffbegins with a mark",
    "a" * 100_000,
    "é" * 50_001,
    "\u2028 \u2029 \u00a0",
]


@cases_of("text_comes_back_as_it_was", TEXTS)
def _text(text: str) -> None:
    files.save("x.txt", text)
    assert files.read_bytes("x.txt") == text.encode()
    if not text.startswith("\ufeff"):
        assert files.read_text("x.txt") == text
        assert files.read("x.txt") == text


@cases_of("every_byte_survives", list(range(0, 256, 32)))
def _every_byte(start: int) -> None:
    data = bytes(range(start, start + 32)) * 3
    files.save("b.txt", data)
    assert files.read_bytes("b.txt") == data


@case()
def a_byte_order_mark_survives_and_is_not_part_of_the_text() -> None:
    files.save("bom.txt", "\ufeffhé".encode())
    assert files.read_bytes("bom.txt") == b"\xef\xbb\xbfh\xc3\xa9"
    assert files.read_text("bom.txt") == "hé"


@case()
def latin_1_text_survives_and_is_read_with_a_warning_that_names_the_encoding() -> None:
    files.save("old.txt", "Müller".encode("latin-1"))
    assert files.read_bytes("old.txt") == b"M\xfcller"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert files.read_text("old.txt") == "Müller"
    assert any("cp1252" in str(w.message) for w in caught)
    if sys.version_info >= (3, 12):  # then it points to the line that called us
        assert {w.filename for w in caught} == {sys._getframe().f_code.co_filename}


@case()
def utf_16_is_known_by_its_mark() -> None:
    files.save("wide.txt", "größer".encode("utf-16"))
    assert files.read_text("wide.txt") == "größer"


@case()
def an_encoding_that_is_said_is_used() -> None:
    files.save("x.txt", "größer", encoding="latin-1")
    assert files.read_bytes("x.txt") == "größer".encode("latin-1")
    assert files.read_text("x.txt", encoding="latin-1") == "größer"


@case()
def an_encoding_that_does_not_fit_says_so() -> None:
    files.save("x.txt", b"\xff\xfe\xff")
    with raises(errors.UnreadableError, "x.txt", "utf-8"):
        files.read_text("x.txt", encoding="utf-8")


@case()
def an_encoding_that_does_not_exist_says_so() -> None:
    files.save("x.txt", "x")
    with raises(ArgumentError, "no encoding 'utf-9'"):
        files.read_text("x.txt", encoding="utf-9")


@case()
def bytes_like_objects_are_saved() -> None:
    files.save("a.bin", bytearray(b"abc"))
    files.save("b.bin", memoryview(b"abcdef")[1:3])
    assert files.read_bytes("a.bin") == b"abc"
    assert files.read_bytes("b.bin") == b"bc"


# Names ----------------------------------------------------------------------

GOOD_NAMES = [
    "a",
    "a b.txt",
    " leading.txt",
    "trailing ",
    "UPPER.TXT",
    ".hidden",
    "no.extension.at.all.",
    "many.dots.csv",
    "ünïcödé.txt",
    "日本語.csv",
    "emoji 😀.txt",
    "quote'single.txt",
    'quote"double.txt',
    "10:30.csv",
    "a+b&c=d.txt",
    "a#b?c.txt",
    "<tag>.txt",
    "[1] (2) {3}.txt",
    "star*.txt",
    "con.txt",
    "x" * 200,
    "a,b;c.txt",
    "~tilde$dollar@at!.txt",
    "sub/x.txt",
    "sub folder/däta/x.txt",
    "a/b/c/d/e/f.txt",
]


@cases_of("a_file_can_be_called", GOOD_NAMES)
def _good_name(name: str) -> None:
    files.save(name, "x")
    assert files.exists(name)
    assert files.read_text(name) == "x"
    listed = files.list(name.rpartition("/")[0] or ".")
    assert name in listed.names
    files.delete(name)
    assert not files.exists(name)


BAD_NAMES: list[Any] = [
    "",
    ".",
    "/",
    "..",
    "../../../../../../x.txt",
    "a/../../../../../x.txt",
    "nul\x00.txt",
    "new\nline.txt",
    "bell\x07.txt",
    "del\x7f.txt",
    "c1\x85.txt",
    "gpj\u202excod.exe",
    "para\u2029.txt",
    "lone\ud800.txt",
    "back\\slash.txt",
    "y" * 256,
    "é" * 128,
    "/".join(["long"] * 300),
    "https://example.org/x.csv",
    "100%.txt",
    "%41.txt",
    ".je-kernel-x",
    "folder/",
    b"bytes.txt",
]


@cases_of("no_file_can_be_called", BAD_NAMES)
def _bad_name(name: Any) -> None:
    with raises((errors.BadNameError, errors.FolderError)):  # type: ignore[arg-type]
        files.save(name, "x")
    assert len(files.list()) == 0


@case()
def a_name_in_decomposed_unicode_is_the_same_name() -> None:
    files.save("cafe\u0301.txt", "x")
    assert files.list().names == ["caf\u00e9.txt"]
    assert files.exists("caf\u00e9.txt")
    assert files.read_text("cafe\u0301.txt") == "x"


@case()
def dots_in_names_are_resolved() -> None:
    files.save("a/b/../x.txt", "1")
    assert files.read_text("./a/./x.txt") == "1"
    assert files.read_text("a//x.txt") == "1"


@case()
def windows_hostile_names_are_flagged_for_download() -> None:
    files.save("a:b?.csv", "x")
    info = files.info("a:b?.csv")
    assert info.windows_problem is not None
    assert info.download_name == "a_b_.csv"
    assert files.save("fine.csv", "x").windows_problem is None


@case()
def paths_can_be_pathlib_paths() -> None:
    from pathlib import PurePosixPath

    files.save(PurePosixPath("a/b.txt"), "x")
    assert files.read_text(PurePosixPath("a") / "b.txt") == "x"


# Not found ------------------------------------------------------------------

SLIPS = [
    ("pengiuns.csv", "penguins.csv"),
    ("Penguins.csv", "penguins.csv"),
    ("PENGUINS.CSV", "penguins.csv"),
    ("penguins.txt", "penguins.csv"),
    ("penguins", "penguins.csv"),
    ("pen guins.csv", "penguins.csv"),
    ("penguins .csv", "penguins.csv"),
    ("my_data.csv", "my data.csv"),
    ("my-data.csv", "my data.csv"),
    ("points.csv", "data/points.csv"),
    ("Points.csv", "data/points.csv"),
    ("dta/points.csv", "data/points.csv"),
]


@cases_of("a_mistyped_name_is_guessed", SLIPS)
def _slip(slip: tuple[str, str]) -> None:
    wrong, right = slip
    for name in ("penguins.csv", "my data.csv", "data/points.csv", "plot.png"):
        files.save(name, b"x")
    with raises(errors.MissingFileError, repr(wrong), repr(right)):
        files.read(wrong)


@case()
def a_name_in_another_folder_says_which() -> None:
    files.save("data/points.csv", "x")
    with raises(errors.MissingFileError, "it is in the folder 'data'", "'data/points.csv'"):
        files.read("points.csv")


@case()
def a_name_like_no_other_says_how_to_list() -> None:
    with raises(errors.MissingFileError, "files.list()"):
        files.read("zzzzzz.csv")


@case()
def a_missing_file_is_a_file_not_found_error() -> None:
    for read in (files.read, files.read_bytes, files.read_text, files.info, files.delete):
        with raises(FileNotFoundError, "nothing here"):
            read("nothing here.xyz")


@case()
def exists_is_false_for_names_that_cannot_be() -> None:
    assert files.exists("\x00") is False
    assert files.exists("../../../../..") is False
    assert files.exists(".") is True


# Listing --------------------------------------------------------------------


@case()
def an_empty_folder_lists_nothing() -> None:
    listing = files.list()
    assert len(listing) == 0
    assert "No files" in repr(listing)
    assert "No files" in listing._repr_html_()


@case()
def a_listing_has_name_kind_size_and_time() -> None:
    before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=5)
    files.save("t.csv", "a,b\n1,2\n")
    info = files.list()[0]
    assert (info.name, info.kind, info.size) == ("t.csv", "table", 8)
    assert before < info.modified < before + datetime.timedelta(minutes=5)
    assert info.created <= info.modified
    assert info.mimetype == "text/csv"
    assert not info.from_site


@case()
def a_listing_shows_as_a_table() -> None:
    files.save("a.csv", "x" * 1500)
    files.mkdir("sub")
    text = repr(files.list())
    lines = text.splitlines()
    assert lines[0].split() == ["name", "kind", "size", "modified"]
    assert lines[1].split()[:2] == ["sub/", "folder"]
    assert lines[2].split()[:4] == ["a.csv", "table", "1.5", "kB"]
    html = files.list()._repr_html_()
    assert html.startswith("<table>")
    assert "sub/" in html


@case()
def a_listing_shows_names_as_text_never_as_html() -> None:
    files.save("<b>&.txt", "x")
    html = files.list()._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;&amp;.txt" in html


@case()
def folders_come_first_then_names_whatever_their_capitals() -> None:
    for name in ("b.txt", "A.txt", "c.txt", "z/x.txt"):
        files.save(name, "x")
    assert files.list().names == ["z", "A.txt", "b.txt", "c.txt"]


@cases_of(
    "a_pattern_chooses",
    [
        ("*.csv", ["a.csv", "b.csv"]),
        ("a*", ["a.csv", "a.txt"]),
        ("?.csv", ["a.csv", "b.csv"]),
        ("[b]*", ["b.csv"]),
        ("*", ["a.csv", "a.txt", "b.csv"]),
        ("*.png", []),
    ],
)
def _pattern(wanted: tuple[str, list[str]]) -> None:
    for name in ("a.csv", "a.txt", "b.csv"):
        files.save(name, "x")
    assert files.list(pattern=wanted[0]).names == wanted[1]


@case()
def a_folder_lists_its_own_files_only() -> None:
    for name in ("a.txt", "s/b.txt", "s/t/c.txt", "s2/d.txt", "s.txt", "s-x/e.txt"):
        files.save(name, "x")
    assert files.list("s").names == ["s/t", "s/b.txt"]
    assert files.list("s/t").names == ["s/t/c.txt"]
    assert "s/b.txt" in files.list("s")
    assert set(files.list().names) == {"a.txt", "s", "s2", "s.txt", "s-x"}


@case()
def listing_a_file_says_it_is_one() -> None:
    files.save("a.txt", "x")
    with raises(NotADirectoryError, "'a.txt' is a file"):
        files.list("a.txt")


@case()
def listing_a_missing_folder_guesses() -> None:
    files.save("data/x.txt", "x")
    with raises(FileNotFoundError, "dta"):
        files.list("dta")


@case()
def a_listing_is_a_sequence() -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        files.save(name, "x")
    listing = files.list()
    assert len(listing) == 3
    assert [info.name for info in listing] == listing.names
    assert listing[1:].names == ["b.txt", "c.txt"]
    assert "b.txt" in listing
    assert listing == files.list()


# Replacing ------------------------------------------------------------------


@case()
def a_file_is_replaced_whole() -> None:
    files.save("x.txt", "long" * 1000)
    files.save("x.txt", "short")
    assert files.read_text("x.txt") == "short"
    assert files.info("x.txt").size == 5


@case()
def a_replaced_file_keeps_when_it_was_made() -> None:
    first = files.save("x.txt", "1")
    second = files.save("x.txt", "2")
    if sys.platform == "emscripten":  # a disk does not tell everywhere
        assert second.created == first.created
    assert second.modified >= first.modified
    assert second.version != first.version


@case()
def a_file_is_not_replaced_where_that_was_said() -> None:
    files.save("x.txt", "old")
    with raises(FileExistsError, "'x.txt'", "overwrite"):
        files.save("x.txt", "new", overwrite=False)
    assert files.read_text("x.txt") == "old"


@case()
def a_new_file_is_made_where_replacing_was_ruled_out() -> None:
    files.save("x.txt", "new", overwrite=False)
    assert files.read_text("x.txt") == "new"


@case()
def a_value_that_cannot_be_saved_leaves_the_old_file() -> None:
    files.save("x.json", [1])
    with raises(TypeError, "x.json"):
        files.save("x.json", object())
    assert files.read("x.json") == [1]


@case()
def a_file_that_is_unchanged_may_be_replaced() -> None:
    info = files.save("x.txt", "1")
    again = files.save("x.txt", "2", if_unchanged=info)
    files.save("x.txt", "3", if_unchanged=again)
    assert files.read_text("x.txt") == "3"


@case()
def a_file_that_was_changed_is_left_alone() -> None:
    info = files.info(files.save("x.txt", "1").name)
    files.save("x.txt", "2")
    with raises(errors.ChangedFileError, "'x.txt' was changed"):
        files.save("x.txt", "3", if_unchanged=info)
    assert files.read_text("x.txt") == "2"


@case()
def a_file_that_was_replaced_by_one_of_the_same_size_was_changed() -> None:
    info = files.save("x.txt", "1")
    for value in "234":
        files.save("x.txt", value)
    with raises(errors.ChangedFileError):
        files.save("x.txt", "5", if_unchanged=info)


@case()
def a_file_that_is_gone_was_changed() -> None:
    info = files.save("x.txt", "1")
    files.delete("x.txt")
    with raises(errors.ChangedFileError, "gone"):
        files.save("x.txt", "2", if_unchanged=info)
    assert not files.exists("x.txt")


@case()
def a_read_file_is_unchanged_also_after_reading() -> None:
    info = files.save("x.txt", "1")
    files.read("x.txt")
    files.list()
    files.save("x.txt", "2", if_unchanged=info)


# Folders --------------------------------------------------------------------


@case()
def folders_are_made_where_they_are_missing() -> None:
    files.save("a/b/c.txt", "x")
    assert files.info("a").kind == "folder"
    assert files.info("a/b").kind == "folder"
    assert files.info("a/b").size == 0


@case()
def a_folder_can_be_made() -> None:
    info = files.mkdir("a/b")
    assert info.kind == "folder"
    assert info.folder
    assert files.list("a").names == ["a/b"]
    assert len(files.list("a/b")) == 0


@case()
def a_folder_is_made_once_unless_told() -> None:
    files.mkdir("a")
    with raises(FileExistsError, "folder called 'a'"):
        files.mkdir("a")
    files.mkdir("a", exist_ok=True)
    files.save("f", "x")
    with raises(FileExistsError, "file called 'f'"):
        files.mkdir("f", exist_ok=True)


@case()
def a_folder_cannot_be_made_inside_a_file() -> None:
    files.save("f", "x")
    with raises(NotADirectoryError, "'f'"):
        files.mkdir("f/g")
    with raises(NotADirectoryError, "'f'"):
        files.save("f/g.txt", "x")
    assert files.read_bytes("f") == b"x"


@case()
def a_file_cannot_replace_a_folder() -> None:
    files.save("a/x.txt", "x")
    with raises(IsADirectoryError, "'a'"):
        files.save("a", "y")
    assert files.read_text("a/x.txt") == "x"


@case()
def a_folder_cannot_be_read() -> None:
    files.mkdir("a")
    for read in (files.read, files.read_bytes, files.read_text):
        with raises(IsADirectoryError, "folder"):
            read("a")


@case()
def a_folder_is_deleted_only_when_asked() -> None:
    files.save("a/b/c.txt", "x")
    with raises(IsADirectoryError, "recursive=True"):
        files.delete("a")
    assert files.exists("a/b/c.txt")
    files.delete("a", recursive=True)
    assert not files.exists("a")
    assert not files.exists("a/b/c.txt")


@case()
def deleting_a_folder_leaves_its_neighbours() -> None:
    for name in ("a/x.txt", "ab/x.txt", "a.txt", "a0.txt", "a-b.txt"):
        files.save(name, "x")
    files.delete("a", recursive=True)
    assert files.list().names == ["ab", "a-b.txt", "a.txt", "a0.txt"]


@case()
def the_top_folder_cannot_be_deleted() -> None:
    with raises(errors.FilesError):
        files.delete("/", recursive=True)


# Renaming, copying, deleting ------------------------------------------------


@case()
def a_file_is_renamed() -> None:
    files.save("a.txt", "x")
    info = files.rename("a.txt", "b.csv")
    assert (info.name, info.kind, info.mimetype) == ("b.csv", "table", "text/csv")
    assert not files.exists("a.txt")
    assert files.read_bytes("b.csv") == b"x"


@case()
def renaming_keeps_when_the_file_was_made() -> None:
    created = files.save("a.txt", "x").created
    assert files.rename("a.txt", "b.txt").created == created or sys.platform != "emscripten"


@case()
def renaming_to_a_taken_name_is_refused_where_that_was_said() -> None:
    files.save("a.txt", "a")
    files.save("b.txt", "b")
    with raises(FileExistsError, "b.txt"):
        files.rename("a.txt", "b.txt", overwrite=False)
    assert files.read_text("b.txt") == "b"
    files.rename("a.txt", "b.txt")
    assert files.read_text("b.txt") == "a"
    assert not files.exists("a.txt")


@case()
def renaming_into_a_folder_keeps_the_name() -> None:
    files.save("a.txt", "a")
    files.mkdir("sub")
    assert files.rename("a.txt", "sub").name == "sub/a.txt"
    assert files.rename("sub/a.txt", "new/").name == "new/a.txt"


@case()
def renaming_makes_folders() -> None:
    files.save("a.txt", "a")
    files.rename("a.txt", "x/y/b.txt")
    assert files.info("x/y").kind == "folder"
    assert files.read_text("x/y/b.txt") == "a"


@case()
def a_folder_is_renamed_with_everything_in_it() -> None:
    files.save("a/x.txt", "1")
    files.save("a/b/y.txt", "2")
    files.rename("a", "c")
    assert not files.exists("a")
    assert not files.exists("a/x.txt")
    assert files.read_text("c/x.txt") == "1"
    assert files.read_text("c/b/y.txt") == "2"
    assert files.list("c").names == ["c/b", "c/x.txt"]


@case()
def a_folder_cannot_be_put_into_itself() -> None:
    files.save("a/x.txt", "1")
    for move in (files.rename, files.copy):
        with raises(ValueError, "itself"):
            move("a", "a/b")
        with raises(errors.FilesError):
            move("a", "a")
    assert files.read_text("a/x.txt") == "1"


@case()
def only_the_capitals_of_a_name_can_be_changed() -> None:
    files.save("a.txt", "x")
    files.rename("a.txt", "A.txt")
    assert files.list().names == ["A.txt"]


@case()
def a_file_cannot_be_renamed_to_itself() -> None:
    files.save("a.txt", "x")
    with raises(FileExistsError):
        files.rename("a.txt", "./a.txt")
    assert files.read_text("a.txt") == "x"


@case()
def a_missing_file_cannot_be_renamed_or_copied() -> None:
    files.save("penguins.csv", "x")
    for move in (files.rename, files.copy):
        with raises(FileNotFoundError, "'penguins.csv'"):
            move("pengiuns.csv", "b.txt")


@case()
def a_file_is_not_renamed_to_a_bad_name() -> None:
    files.save("a.txt", "x")
    with raises(ValueError):
        files.rename("a.txt", "b\x00.txt")
    with raises(ValueError):
        files.rename("a.txt", "50%.txt")
    assert files.list().names == ["a.txt"]


@case()
def a_file_is_copied() -> None:
    files.save("a.txt", "x")
    info = files.copy("a.txt", "sub/b.txt")
    assert info.name == "sub/b.txt"
    files.save("a.txt", "changed")
    assert files.read_text("sub/b.txt") == "x"


@case()
def copying_onto_a_file_is_refused_where_that_was_said() -> None:
    files.save("a.txt", "a")
    files.save("b.txt", "b")
    with raises(FileExistsError):
        files.copy("a.txt", "b.txt", overwrite=False)
    files.copy("a.txt", "b.txt")
    assert files.read_text("b.txt") == "a"
    assert files.read_text("a.txt") == "a"


@case()
def a_folder_is_copied_with_everything_in_it() -> None:
    files.save("a/x.txt", "1")
    files.save("a/b/y.bin", b"\xff\x00")
    files.copy("a", "c")
    assert files.read_text("c/x.txt") == "1"
    assert files.read_bytes("c/b/y.bin") == b"\xff\x00"
    assert files.read_text("a/x.txt") == "1"


@case()
def a_deleted_file_is_gone_and_can_be_made_anew() -> None:
    files.save("a.txt", "1")
    files.delete("a.txt")
    assert not files.exists("a.txt")
    assert len(files.list()) == 0
    files.save("a.txt", "2")
    assert files.read_text("a.txt") == "2"


# Opening --------------------------------------------------------------------


@case()
def a_file_is_opened_to_write_and_saved_on_close() -> None:
    with files.open("a.txt", "w") as file:
        file.write("one\n")
        print("two", file=file)
        assert not files.exists("a.txt")
    assert files.read_bytes("a.txt") == b"one\ntwo\n"


@case()
def a_file_is_opened_to_read() -> None:
    files.save("a.txt", "one\ntwo\n")
    with files.open("a.txt") as file:
        assert [line.rstrip() for line in file] == ["one", "two"]


@case()
def a_file_is_opened_to_append() -> None:
    with files.open("log.txt", "a") as file:
        file.write("1")
    with files.open("log.txt", "a") as file:
        file.write("2")
    assert files.read_text("log.txt") == "12"


@case()
def a_file_is_opened_as_bytes() -> None:
    with files.open("a.bin", "wb") as file:
        file.write(b"\x00\xff")
    with files.open("a.bin", "rb") as file:
        assert file.read() == b"\x00\xff"


@case()
def a_file_is_opened_to_change_it_in_place() -> None:
    files.save("a.bin", b"0123456789")
    with files.open("a.bin", "r+b") as file:
        file.seek(3)
        file.write(b"xx")
    assert files.read_bytes("a.bin") == b"012xx56789"


@case()
def a_new_file_is_opened_only_if_it_is_new() -> None:
    with files.open("a.txt", "x") as file:
        file.write("1")
    with raises(FileExistsError):
        files.open("a.txt", "x")
    assert files.read_text("a.txt") == "1"


@case()
def an_opened_file_that_nothing_is_written_to_is_empty() -> None:
    files.open("a.txt", "w").close()
    assert files.read_bytes("a.txt") == b""


@case()
def a_block_that_raises_leaves_the_old_file() -> None:
    files.save("a.txt", "old")
    with raises(RuntimeError), files.open("a.txt", "w") as file:
        file.write("half of the n")
        raise RuntimeError
    assert files.read_text("a.txt") == "old"


@case()
def a_missing_file_cannot_be_opened_to_read() -> None:
    files.save("penguins.csv", "x")
    with raises(FileNotFoundError, "'penguins.csv'"):
        files.open("pengiuns.csv")


@case()
def a_folder_cannot_be_opened() -> None:
    files.mkdir("a")
    for mode in ("r", "w", "a", "x"):
        with raises((IsADirectoryError, FileExistsError)):  # type: ignore[arg-type]
            files.open("a", mode)


@cases_of("no_file_is_opened_with_mode", ["", "q", "rw", "r+w", "rbt", "rr", "b"])
def _bad_mode(mode: str) -> None:
    files.save("a.txt", "x")
    with raises(ValueError):
        files.open("a.txt", mode)


@case()
def a_file_opened_to_read_cannot_be_written() -> None:
    files.save("a.txt", "x")
    with files.open("a.txt", "rb") as file, raises(io.UnsupportedOperation):
        file.write(b"y")
    with files.open("b.txt", "wb") as file, raises(io.UnsupportedOperation):
        file.read()


@case()
def text_files_take_newline_and_encoding() -> None:
    with files.open("a.txt", "w", encoding="latin-1", newline="\r\n") as file:
        file.write("ü\n")
    assert files.read_bytes("a.txt") == b"\xfc\r\n"


@case()
def csv_of_the_standard_library_works_on_an_opened_file() -> None:
    import csv

    with files.open("a.csv", "w", newline="") as file:
        csv.writer(file).writerows([["a", "b"], [1, "x,y"]])
    with files.open("a.csv", newline="") as file:
        assert list(csv.reader(file)) == [["a", "b"], ["1", "x,y"]]


# JSON, rows, notebooks ------------------------------------------------------

VALUES: list[Any] = [
    None,
    True,
    0,
    -1.5,
    "text",
    [],
    {},
    [1, 2, 3],
    {"a": [1, {"b": None}]},
    {"ünï": "😀"},
    "x" * 10_000,
    [[1, 2], [3, 4]],
]


@cases_of("json_comes_back", VALUES)
def _json(value: Any) -> None:
    if isinstance(value, str):
        files.save("x.json", json.dumps(value))
    else:
        files.save("x.json", value)
    assert files.read("x.json") == value
    assert files.info("x.json").kind == "json"


@case()
def json_is_written_for_people() -> None:
    files.save("x.json", {"ä": [1]})
    assert files.read_bytes("x.json") == '{\n  "ä": [\n    1\n  ]\n}\n'.encode()


@case()
def broken_json_says_where() -> None:
    files.save("x.json", '{"a": 1,\n "b" 2}')
    with raises(errors.UnreadableError, "line 2"):
        files.read("x.json")


@case()
def records_can_be_read_as_objects() -> None:
    files.save("x.json", [{"a": 1}, {"a": 2}])
    assert files.read("x.json", kind="objects") == [{"a": 1}, {"a": 2}]


@case()
def rows_are_saved_as_csv() -> None:
    files.save("a.csv", [{"x": 1, "y": "a,b"}, {"x": 2, "z": "é"}])
    assert files.read_text("a.csv") == 'x,y,z\n1,"a,b",\n2,,é\n'
    files.save("b.tsv", [[1, 2], [3, 4]])
    assert files.read_text("b.tsv") == "1\t2\n3\t4\n"


@case()
def lines_of_json_are_saved() -> None:
    files.save("a.jsonl", [{"x": 1}, {"x": "é"}])
    assert files.read_text("a.jsonl") == '{"x": 1}\n{"x": "é"}\n'


@case()
def a_notebook_is_saved_as_one() -> None:
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    info = files.save("a.ipynb", notebook)
    assert info.kind == "notebook"
    assert files.read("a.ipynb") == notebook


@case()
def what_is_no_notebook_survives_under_a_notebooks_name() -> None:
    files.save("a.ipynb", b"not json \xff")
    assert files.read_bytes("a.ipynb") == b"not json \xff"


@cases_of(
    "a_value_does_not_fit",
    [
        ("x.png", "text"),
        ("x.csv", 5),
        ("x.txt", {"a": 1}),
        ("x.bin", [1, 2]),
        ("x.json", {1, 2}),
        ("x.xlsx", "text"),
        ("x", object()),
    ],
)
def _misfit(misfit: tuple[str, Any]) -> None:
    with raises(TypeError, misfit[0]):
        files.save(*misfit)
    assert not files.exists(misfit[0])


# Pictures and pages ---------------------------------------------------------

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000" + "1f15c4890000000d49444154789c"
    "6360606060000000050001a5f645400000000049454e44ae426082"
)


@case()
def a_picture_shows_itself() -> None:
    files.save("p.png", PNG)
    picture = files.read("p.png")
    bundle = picture._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/png"}
    assert picture.data == PNG
    files.save("copy.png", picture)
    assert files.read_bytes("copy.png") == PNG


@case()
def a_drawing_shows_itself() -> None:
    files.save("p.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>")
    assert "image/svg+xml" in files.read("p.svg")._repr_mimebundle_()


@case()
def a_web_page_that_is_called_a_picture_says_so() -> None:
    files.save("p.png", b"<!DOCTYPE html><title>404</title>")
    with raises(errors.UnreadableError, "web page"):
        files.read("p.png")


@cases_of("an_empty_file_says_so", ["x.csv", "x.json", "x.png", "x.npy", "x.xlsx"])
def _empty(name: str) -> None:
    files.save(name, b"")
    with raises(errors.UnreadableError, "empty"):
        files.read(name)


@case()
def an_unknown_kind_is_read_as_bytes() -> None:
    files.save("x.unknown", b"\x00\x01")
    assert files.read("x.unknown") == b"\x00\x01"
    with raises(TypeError, "sep"):
        files.read("x.unknown", sep=";")


# Archives -------------------------------------------------------------------


@case()
def files_are_zipped_and_unzipped() -> None:
    files.save("a.txt", "1")
    files.save("sub/b.bin", b"\xff")
    files.zip(["a.txt", "sub"], "all.zip")
    files.delete("a.txt")
    files.delete("sub", recursive=True)
    out = files.unzip("all.zip")
    assert sorted(out.names) == ["a.txt", "sub/b.bin"]
    assert files.read_text("a.txt") == "1"
    assert files.read_bytes("sub/b.bin") == b"\xff"


@case()
def one_file_is_zipped() -> None:
    files.save("a.txt", "1")
    assert files.zip("a.txt", "a.zip").kind == "archive"
    with zipfile.ZipFile(io.BytesIO(files.read_bytes("a.zip"))) as archive:
        assert archive.namelist() == ["a.txt"]


@case()
def everything_is_zipped_but_the_archive_itself() -> None:
    files.save("a.txt", "1")
    files.zip(".", "all.zip")
    files.zip(".", "all.zip")
    with zipfile.ZipFile(io.BytesIO(files.read_bytes("all.zip"))) as archive:
        assert [n for n in archive.namelist() if not n.endswith("/")] in (
            ["a.txt"],
            [files.list()[0].path.rpartition("/")[0].rpartition("/")[2] + "/a.txt"],
        )


@case()
def an_archive_is_unzipped_into_a_folder() -> None:
    files.save("a.txt", "1")
    files.zip("a.txt", "a.zip")
    files.unzip("a.zip", "out")
    assert files.read_text("out/a.txt") == "1"


@case()
def unzipping_replaces_only_if_it_may() -> None:
    files.save("a.txt", "1")
    files.zip("a.txt", "a.zip")
    files.save("a.txt", "2")
    with raises(FileExistsError, "a.txt"):
        files.unzip("a.zip", overwrite=False)
    assert files.read_text("a.txt") == "2"
    files.unzip("a.zip")
    assert files.read_text("a.txt") == "1"


@cases_of("an_archive_cannot_leave_its_folder", ["../evil.txt", "a/../../evil.txt", "..\\evil.txt"])
def _evil(name: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("good.txt", "x")
        archive.writestr(name, "x")
    files.save("sub/evil.zip", packed.getvalue())
    with raises(ValueError, "leads out"):
        files.unzip("sub/evil.zip")
    assert files.list("sub").names == ["sub/evil.zip"]
    assert not files.exists("evil.txt")


@case()
def what_is_no_archive_says_so() -> None:
    files.save("a.zip", b"not a zip")
    with raises(errors.UnreadableError, "a.zip"):
        files.unzip("a.zip")
    files.save("b.zip", b"<html>login</html>")
    with raises(errors.UnreadableError, "web page"):
        files.unzip("b.zip")


# Local copies ---------------------------------------------------------------


@case()
def sqlite_works_on_a_local_copy() -> None:
    with files.local("school.db") as path:
        connection = sqlite3.connect(path)
        connection.execute("create table pupils (name text, grade real)")
        connection.executemany(
            "insert into pupils values (?, ?)", [(f"pupil {n}", n / 7) for n in range(5000)]
        )
        connection.commit()
        connection.close()
    with files.local("school.db") as path:
        connection = sqlite3.connect(path)
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        assert connection.execute("select count(*) from pupils").fetchone() == (5000,)
        connection.execute("delete from pupils where grade > 100")
        connection.commit()
        connection.close()
    assert files.list().names == ["school.db"]


@case()
def a_transaction_that_was_left_open_is_undone_once_and_undoes_nothing_later() -> None:
    def count() -> int:
        with files.local("a.db") as path, contextlib.closing(sqlite3.connect(path)) as database:
            assert database.execute("pragma integrity_check").fetchone() == ("ok",)
            counted: int = database.execute("select count(*) from t").fetchone()[0]
            return counted

    def insert() -> None:
        with files.local("a.db") as path, contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("create table if not exists t (x)")
            database.execute("insert into t values ('kept')")
            database.commit()

    insert()
    with raises(RuntimeError), files.local("a.db") as path:
        left_open = sqlite3.connect(path)
        left_open.execute("pragma cache_size = 5")  # pages: so that the file is written to early
        left_open.executemany("insert into t values (?)", [("x" * 500,)] * 2000)
        raise RuntimeError
    assert files.list().names == ["a.db", "a.db-journal"]
    assert count() == 1
    assert files.list().names == ["a.db"]
    insert()
    assert count() == 2
    with contextlib.suppress(sqlite3.Error):  # its file is gone
        left_open.close()


@case("dbm")
def a_shelf_works_on_a_local_copy() -> None:
    with files.local("shelf") as path, shelve.open(str(path)) as shelf:
        shelf["a"] = [1, 2]
    with files.local("shelf") as path, shelve.open(str(path)) as shelf:
        assert shelf["a"] == [1, 2]


@case()
def a_local_copy_that_is_only_read_is_not_written_back() -> None:
    version = files.save("a.bin", b"123").version
    with files.local("a.bin") as path:
        assert path.read_bytes() == b"123"
    assert files.info("a.bin").version == version


@case()
def a_local_copy_is_written_back_also_if_the_block_raises() -> None:
    with raises(RuntimeError), files.local("a.bin") as path:
        path.write_bytes(b"kept")
        raise RuntimeError
    assert files.read_bytes("a.bin") == b"kept"


@case()
def a_local_copy_that_became_stale_is_kept_beside_the_file() -> None:
    files.save("a.bin", b"old")
    with raises(errors.ChangedFileError, "a (mine).bin"), files.local("a.bin") as path:
        path.write_bytes(b"mine")
        files.save("a.bin", b"theirs")
    assert files.read_bytes("a.bin") == b"theirs"
    assert files.read_bytes("a (mine).bin") == b"mine"


@case()
def a_local_copy_can_insist_on_the_file() -> None:
    with raises(FileNotFoundError), files.local("a.bin", must_exist=True):
        raise AssertionError("the block must not run")


@case()
def a_local_copy_leaves_nothing_on_the_disk() -> None:
    with files.local("a.bin") as path:
        path.write_bytes(b"x")
        folder = path.parent
    assert not folder.exists()


# How full -------------------------------------------------------------------


@case()
def usage_names_the_largest_files() -> None:
    files.save("small.bin", b"x")
    files.save("large.bin", bytes(200_000))
    usage = files.usage()
    assert usage.used >= 0
    assert usage.largest[0][0].endswith("large.bin")
    assert usage.largest[0][1] == 200_000


# Many ----------------------------------------------------------------------


def against_a_model(seed: int) -> None:
    """Do the same to the files and to a dictionary, and compare."""
    chance = random.Random(seed)
    model: dict[str, bytes] = {}
    names = [f"{folder}{name}" for folder in ("", "f/", "f/g/") for name in ("a.txt", "b.bin")]
    for _ in range(25):
        name, other = chance.choice(names), chance.choice(names)
        match chance.choice(("save", "save", "delete", "rename", "copy", "append")):
            case "save":
                model[name] = chance.randbytes(chance.randrange(300))
                files.save(name, model[name])
            case "append":
                more = chance.randbytes(10)
                model[name] = model.get(name, b"") + more
                with files.open(name, "ab") as file:
                    file.write(more)
            case "delete" if name in model:
                del model[name]
                files.delete(name)
            case "rename" if name in model and name != other:
                model[other] = model.pop(name)
                files.rename(name, other, overwrite=True)
            case "copy" if name in model and name != other:
                model[other] = model[name]
                files.copy(name, other, overwrite=True)
    assert {name: files.read_bytes(name) for name in model} == model
    assert {name for name in names if files.exists(name)} == set(model)


cases_of("random_changes_agree_with_a_dictionary", list(range(3)))(against_a_model)
cases_of("more_random_changes_agree", list(range(3, 12)), SPEED)(against_a_model)


@cases_of("random_names_and_bytes_come_back", list(range(12)))
def _random_name(seed: int) -> None:
    chance = random.Random(1000 + seed)
    alphabet = string.ascii_letters + string.digits + " .-_()[]äöüßéñ中日한😀'&+,;=@!~$#?:*<>|\""
    name = "n" + "".join(chance.choice(alphabet) for _ in range(chance.randrange(1, 30)))
    data = chance.randbytes(chance.randrange(2000))
    files.save(f"sub/{name}", data)
    assert files.read_bytes(f"sub/{name}") == data
    assert files.list("sub").names == [f"sub/{name}"]
    files.rename(f"sub/{name}", f"sub/{name}2")
    assert files.list("sub").names == [f"sub/{name}2"]


@case(SPEED)
def two_hundred_small_files_are_listed() -> None:
    with_many = io.BytesIO()
    with zipfile.ZipFile(with_many, "w") as archive:
        for number in range(200):
            archive.writestr(f"n{number:03}.txt", str(number))
    files.save("many/all.zip", with_many.getvalue())
    files.unzip("many/all.zip")
    assert len(files.list("many", "*.txt")) == 200


# With packages --------------------------------------------------------------


def table() -> Any:
    import pandas as pd

    return pd.DataFrame({"name": ["Ada", "Zoë"], "age": [36, 41], "score": [1.5, None]})


@cases_of(
    "a_table_comes_back", ["x.csv", "x.tsv", "x.json", "x.jsonl", "sub/x.csv", "x.CSV"], "pandas"
)
def _table(name: str) -> None:
    files.save(name, table())
    back = files.read(name)
    assert list(back.columns) == ["name", "age", "score"]
    assert back["name"].tolist() == ["Ada", "Zoë"]
    assert back["age"].tolist() == [36, 41]


@case("pandas", "openpyxl")
def a_workbook_comes_back() -> None:
    files.save("x.xlsx", table())
    assert files.read("x.xlsx")["name"].tolist() == ["Ada", "Zoë"]
    files.save("two.xlsx", {"one": table(), "two": table().head(1)})
    assert len(files.read("two.xlsx", sheet_name="two")) == 1
    with raises(errors.UnreadableError, "nope"):
        files.read("two.xlsx", sheet_name="nope")


@case("pandas")
def what_is_no_workbook_says_so() -> None:
    files.save("x.xlsx", b"a,b\n1,2\n")
    with raises(errors.UnreadableError, "Excel workbook"):
        files.read("x.xlsx")


@case("pandas")
def row_numbers_are_not_saved_but_a_real_index_is() -> None:
    files.save("a.csv", table())
    assert files.read_text("a.csv").startswith("name,age,score\n")
    files.save("b.csv", table().set_index("name"))
    assert files.read_text("b.csv").startswith("name,age,score\n")
    files.save("c.csv", table()["age"])
    assert files.read_text("c.csv") == "age\n36\n41\n"


@case("pandas")
def options_reach_pandas() -> None:
    files.save("a.csv", "x;y\n1;2\n3;4\n")
    assert files.read("a.csv", sep=";", nrows=1).shape == (1, 2)
    files.save("b.csv", table(), sep="|", index=False)
    assert "|" in files.read_text("b.csv")


@case("pandas")
def a_latin_1_table_is_read_with_a_warning() -> None:
    files.save("a.csv", "Name,Ort\nMüller,Köln\n".encode("latin-1"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert files.read("a.csv")["Ort"].tolist() == ["Köln"]
    assert any("cp1252" in str(w.message) for w in caught)


@case("pandas")
def a_table_with_a_byte_order_mark_has_clean_column_names() -> None:
    files.save("a.csv", "\ufeffname,x\nA,1\n".encode())
    assert list(files.read("a.csv").columns) == ["name", "x"]


@case("pandas")
def a_table_of_semicolons_gets_a_hint() -> None:
    files.save("a.csv", "x;y\n1;2\n")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        files.read("a.csv")
    assert any("sep=';'" in str(w.message) for w in caught)


@case("pandas")
def a_web_page_that_is_called_a_table_says_so() -> None:
    files.save("a.csv", "\n <!doctype HTML><html><body>404</body></html>")
    with raises(errors.UnreadableError, "web page", "a.csv"):
        files.read("a.csv")


@case("pandas")
def a_broken_table_says_which_line() -> None:
    files.save("a.csv", "x,y\n1,2\n1,2,3,4\n")
    with raises(errors.UnreadableError, "line 3", "skiprows"):
        files.read("a.csv")


@case("pandas")
def a_large_table_comes_back() -> None:
    import pandas as pd

    frame = pd.DataFrame({"n": range(50_000), "text": "é" * 5})
    files.save("a.csv", frame)
    assert files.read("a.csv").equals(frame)


@case("numpy")
def an_array_comes_back() -> None:
    import numpy as np

    array = np.arange(12.0).reshape(3, 4)
    files.save("a.npy", array)
    assert (files.read("a.npy") == array).all()
    files.save("a.npz", {"x": array, "y": array * 2})
    assert (files.read("a.npz")["y"] == array * 2).all()
    files.save("a.csv", np.array([[1, 2], [3, 4]]))
    assert files.read_text("a.csv") == "1,2\n3,4\n"
    files.save("a.json", np.array([1, 2]))
    assert files.read("a.json") == [1, 2]


@case("numpy")
def what_is_no_array_says_so() -> None:
    files.save("a.npy", b"rubbish")
    with raises(errors.UnreadableError, "a.npy"):
        files.read("a.npy")


@case("PIL", "numpy")
def a_pillow_image_and_an_array_are_saved_as_pictures() -> None:
    import numpy as np
    from PIL import Image

    files.save("a.png", Image.new("RGBA", (4, 3), "red"))
    assert files.read("a.png").pillow().size == (4, 3)
    files.save("a.jpg", Image.new("RGBA", (4, 3), "red"))
    assert files.read_bytes("a.jpg").startswith(b"\xff\xd8")
    files.save("b.png", np.zeros((5, 6, 3), "uint8"))
    assert files.read("b.png").pillow().size == (6, 5)


@case("PIL", "numpy")
def the_numbers_of_a_picture_go_to_255_or_are_fractions_of_1() -> None:
    import numpy as np

    for row, pixels in [
        (np.array([[0, 128, 300]]), [0, 128, 255]),
        (np.array([[0.0, 127.6, 255.0]]), [0, 128, 255]),
        (np.array([[0.0, 0.5, 1.0]]), [0, 128, 255]),
        (np.array([[False, True]]), [0, 255]),
    ]:
        files.save("a.png", row)
        assert np.asarray(files.read("a.png").pillow()).tolist() == [pixels]


@case("matplotlib")
def a_figure_is_saved_as_a_picture() -> None:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.plot([1, 2], [3, 4])
    files.save("fig.png", figure)
    files.save("axes.svg", axes)
    files.save("plt.pdf", plt)
    plt.close(figure)
    assert files.read_bytes("fig.png").startswith(b"\x89PNG")
    assert b"<svg" in files.read_bytes("axes.svg")
    assert files.read_bytes("plt.pdf").startswith(b"%PDF")
    with raises(TypeError, "x.csv"):
        files.save("x.csv", figure)


if __name__ == "__main__":
    sys.stdout.write(run_all() + "\n")
