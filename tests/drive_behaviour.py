"""What plain ``open`` does on the mounted drive with je-kernel: a suite that runs in a kernel.

Each case works in an empty folder of its own. `kept` is what the page has at
that moment, past everything that the kernel still holds back.
"""

# Plain functions on names are what is tested.
# ruff: noqa: PTH102, PTH104, PTH105, PTH107, PTH110, PTH123, PTH202, PTH208, SIM115

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import traceback
from typing import TYPE_CHECKING

from je_kernel import coroutines, files
from je_kernel.files import store_selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CASES: list[Callable[[], None]] = []
ROOT = "/drive/plain"


def case(function: Callable[[], None]) -> Callable[[], None]:
    CASES.append(function)
    return function


def kept(name: str) -> bytes | None:
    path = f"{ROOT}/{name}".removeprefix("/drive/")
    # Not `Operations.run`, which first saves what is open.
    file = coroutines.run(store_selection.current().store.read(path))
    return None if file is None else file[1]


def write(name: str, data: bytes) -> None:
    with open(name, "wb") as file:
        file.write(data)


def read(name: str) -> bytes:
    with open(name, "rb") as file:
        return file.read()


@contextlib.contextmanager
def fails(number: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        assert error.errno == number, error
    else:
        raise AssertionError("no OSError was raised")


def run_all() -> str:
    """Run the suite and return a report as JSON."""
    failed = {}
    for function in CASES:
        os.chdir("/drive")
        shutil.rmtree(ROOT, ignore_errors=True)
        os.mkdir(ROOT)
        os.chdir(ROOT)
        try:
            function()
        except BaseException:
            failed[function.__name__] = traceback.format_exc()
    os.chdir("/drive")
    shutil.rmtree(ROOT)
    return json.dumps({"ran": len(CASES), "failed": failed})


@case
def a_file_is_saved_at_its_close_and_at_an_fsync() -> None:
    with open("a.txt", "w") as file:
        file.write("abc")
        file.flush()
        assert os.path.getsize("a.txt") == 3
        assert read("a.txt") == b"abc"
        os.fsync(file.fileno())
        assert kept("a.txt") == b"abc"
        file.write("def")
    assert kept("a.txt") == b"abcdef"


@case
def a_file_that_is_being_written_is_the_old_one_or_what_was_written_and_never_empty() -> None:
    write("a.txt", b"old")
    file = open("a.txt", "w")
    # To ask what is kept lets the kernel rest, and a kernel at rest saves what is open.
    file.write("half")
    file.flush()
    assert kept("a.txt") in (b"old", b"half")
    file.close()
    assert kept("a.txt") == b"half"


@case
def many_small_writes_make_the_file() -> None:
    piece = bytes(range(256)) * 4
    with open("a.bin", "wb", buffering=0) as file:
        for number in range(300):
            assert file.tell() == number * len(piece)
            file.write(piece)
    assert read("a.bin") == kept("a.bin") == piece * 300


@case
def append_update_seek_and_truncate_are_pythons() -> None:
    write("a.txt", b"abcdef")
    with open("a.txt", "a") as file:
        file.write("g")
        assert file.tell() == 7
    with open("a.txt", "r+") as file:
        assert file.read(2) == "ab"
        file.seek(0)
        file.write("AB")
        file.seek(0)
        assert file.read() == "ABcdefg"
        file.seek(3)
        file.truncate()
        assert os.fstat(file.fileno()).st_size == 3
    assert kept("a.txt") == b"ABc"
    os.truncate("a.txt", 5)
    assert kept("a.txt") == b"ABc\0\0"
    os.truncate("a.txt", 0)
    assert read("a.txt") == b""
    with open("a.txt", "wb+") as both:
        both.write(b"abcdef")
        both.truncate(2)
        both.truncate(5)
        both.seek(8)
        both.write(b"!")
        both.seek(0)
        assert both.read() == b"ab\0\0\0\0\0\0!"


@case
def two_handles_see_the_same_file() -> None:
    with open("a.txt", "w+") as one, open("a.txt", "r+") as other:
        one.write("12345")
        one.flush()
        assert other.read() == "12345"
        other.seek(1)
        other.write("X")
        other.flush()
        one.seek(0)
        assert one.read() == "1X345"
    assert kept("a.txt") == b"1X345"


@case
def a_duplicated_handle_goes_on_after_the_first_is_closed() -> None:
    file = open("a.txt", "wb", buffering=0)
    other = os.dup(file.fileno())
    file.write(b"1")
    file.close()
    os.write(other, b"2")
    os.close(other)
    assert kept("a.txt") == b"12"


@case
def every_byte_is_kept_also_where_jupyterlab_saved_text() -> None:
    for data in (b"\xef\xbb\xbfmark", b"K\xf6ln", bytes(range(256)), "é 😀\r\n".encode(), b""):
        write("a.txt", data)
        assert read("a.txt") == kept("a.txt") == data


@case
def a_file_that_is_renamed_while_open_is_saved_under_its_new_name() -> None:
    with open("a.txt", "w") as file:
        file.write("one")
        file.flush()
        os.rename("a.txt", "b.txt")
        assert kept("b.txt") == b"one"
        file.write("two")
    assert (kept("a.txt"), kept("b.txt")) == (None, b"onetwo")
    os.mkdir("folder")
    with open("folder/a.txt", "w") as file:
        file.write("1")
        file.flush()
        assert os.listdir("folder") == ["a.txt"]
        os.rename("folder", "renamed")
        file.write("2")
    assert kept("renamed/a.txt") == b"12"


@case
def a_file_that_is_replaced_or_deleted_while_open_stays_so() -> None:
    write("new.txt", b"new")
    with open("a.txt", "w+") as file:
        file.write("old")
        file.flush()
        os.replace("new.txt", "a.txt")
        file.write("lost")
        file.seek(0)
        assert file.read() == "oldlost"
    assert read("a.txt") == kept("a.txt") == b"new"
    with open("b.txt", "w") as file:
        file.write("gone")
        os.remove("b.txt")
    assert kept("b.txt") is None
    assert not os.path.exists("b.txt")
    write("b.txt", b"again")
    assert kept("b.txt") == b"again"


@case
def what_the_page_deleted_is_missing_or_made_anew() -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        write(name, b"1")
    files.delete("a.txt")
    with fails(errno.ENOENT):
        open("a.txt")
    for name, mode in (("b.txt", "ab"), ("c.txt", "wb")):
        files.delete(name)
        with open(name, mode) as file:
            file.write(b"2")
        assert kept(name) == b"2"


@case
def a_handle_that_wrote_nothing_changes_nothing() -> None:
    write("a.txt", b"old")
    with open("a.txt", "r+"):
        files.save("a.txt", b"by another")
    assert kept("a.txt") == b"by another"


@case
def the_api_sees_what_was_written_to_a_file_that_is_open() -> None:
    with open("a.txt", "w") as file:
        file.write("so far")
        file.flush()
        assert files.read("a.txt") == "so far"


@case
def modes_and_names_that_cannot_be_are_refused() -> None:
    write("a.txt", b"1")
    with fails(errno.EEXIST):
        open("a.txt", "x")
    with open("b.txt", "x") as file:
        file.write("2")
    assert kept("b.txt") == b"2"
    # The page would never answer.
    with fails(errno.EINVAL):
        open("100%.txt", "w")
    with fails(errno.EINVAL):
        os.rename("a.txt", "a%20b.txt")
    assert kept("a.txt") == b"1"


@case
def an_empty_file_is_a_file_and_a_notebook_a_notebook() -> None:
    write("empty.txt", b"")
    assert kept("empty.txt") == b""
    notebook = b'{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":5}'
    write("a.ipynb", notebook)
    assert json.loads(kept("a.ipynb") or b"") == json.loads(notebook)
    write("a.ipynb", b'{"cells": [')
    assert kept("a.ipynb") == b'{"cells": ['
