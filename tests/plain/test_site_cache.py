"""What is in the cache is whole, and the file meant; what cannot be written says why."""

import os
import time
from pathlib import Path

import pytest

from je_site import cache as cache_module
from je_site.cache import (
    atomic_write,
    cache_folder,
    is_verified,
    sha256_of,
    sweep_leftovers,
    temporary_folder,
)
from je_site.errors import AssemblyError

pytestmark = [pytest.mark.plain, pytest.mark.usefixtures("cache")]


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_the_environment_names_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("JE_KERNEL_CACHE_DIR", str(tmp_path / "elsewhere"))
    assert cache_folder() == tmp_path / "elsewhere"


def test_a_file_appears_when_it_is_whole(tmp_path):
    target = tmp_path / "new" / "file"
    with atomic_write(target) as file:
        file.write(b"half")
        assert not target.exists()
    assert target.read_bytes() == b"half"
    assert files_in(tmp_path) == ["file"]


def test_nothing_is_left_of_a_file_that_was_not_finished(tmp_path):
    (tmp_path / "file").write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt), atomic_write(tmp_path / "file") as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert files_in(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"before"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch):
    def on_a_full_disk(prefix, dir):  # noqa: A002
        path = Path(dir) / f"{prefix}full"
        path.touch()
        return os.open("/dev/full", os.O_WRONLY), str(path)

    monkeypatch.setattr(cache_module.tempfile, "mkstemp", on_a_full_disk)
    with (
        pytest.raises(AssemblyError, match=r"^The disk is full: .*numpy\.whl could not be written"),
        atomic_write(tmp_path / "numpy.whl") as file,
    ):
        file.write(b"x" * 100_000)
    assert files_in(tmp_path) == []


def test_a_folder_that_is_a_file_keeps_its_own_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"exists|directory"), atomic_write(tmp_path / "file" / "x"):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_must_not_be_written_to_says_what_to_do(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(AssemblyError, match="JE_KERNEL_CACHE_DIR"), atomic_write(tmp_path / "x"):
        pass


def test_a_file_with_the_locked_digest_is_verified(tmp_path):
    path = tmp_path / "wheel"
    path.write_bytes(b"whole")
    assert is_verified(path, sha256_of(path))


def test_a_file_with_another_digest_is_removed(tmp_path):
    path = tmp_path / "wheel"
    path.write_bytes(b"damaged")
    assert not is_verified(path, "0" * 64)
    assert not path.exists()


def test_a_missing_file_is_not_verified(tmp_path):
    assert not is_verified(tmp_path / "wheel", "0" * 64)


def test_work_in_progress_is_gone_afterwards():
    with temporary_folder() as folder:
        (folder / "half").touch()
    assert files_in(cache_folder()) == []


def test_what_killed_processes_left_is_swept_after_a_day():
    for name, age in ((".work-old", 48), (".work-new", 1)):
        folder = cache_folder() / name
        folder.mkdir(parents=True)
        then = time.time() - age * 3600
        os.utime(folder, (then, then))
    sweep_leftovers()
    assert [path.name for path in cache_folder().iterdir()] == [".work-new"]
