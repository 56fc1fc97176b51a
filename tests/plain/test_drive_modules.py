"""Modules in a folder whose time stands still, as those of JupyterLite's drive do."""

# Paths as importlib writes them.

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import sys
import time
import zipfile
from typing import TYPE_CHECKING

import pytest

from je_kernel.imports.drive_modules import DriveModules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Drive:
    """A real folder as a drive: its times stand still, and it counts what it is asked."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[str] = []
        self.changes = 0
        self.modules = DriveModules(self, str(root))
        self.stop_the_clock()

    def names(self, path: str) -> list[str] | None:
        self.asked.append(path)
        return os.listdir(path) if os.path.isdir(path) else None  # noqa: PTH112, PTH208

    def stop_the_clock(self) -> None:
        for path in (self.root, *self.root.rglob("*/")):
            os.utime(path, (0, 0))

    def put(self, name: str, text: str) -> None:
        """Write a file as the page does."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.stop_the_clock()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Drive]:
    """A drive that is the notebook's folder, without our finder."""
    drive = Drive(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.chdir(tmp_path)
    yield drive
    for name, module in list(sys.modules.items()):
        places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
        if any(str(place).startswith(str(tmp_path.parent)) for place in places):
            del sys.modules[name]


@pytest.fixture
def drive(folder: Drive) -> Iterator[Drive]:
    folder.modules.install()
    yield folder
    folder.modules.uninstall()


def import_something_of_python() -> None:
    sys.modules.pop("colorsys", None)
    importlib.import_module("colorsys")


def test_importlib_alone_does_not_find_what_was_made_there(folder):
    import_something_of_python()
    folder.put("helper.py", "value = 1")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("helper")


def test_a_module_that_this_kernel_made_is_found_at_once(drive):
    import_something_of_python()
    drive.put("helper.py", "value = 1")
    drive.changes += 1
    assert importlib.import_module("helper").value == 1


def test_a_module_that_the_page_made_is_found_in_the_next_cell(drive):
    import_something_of_python()
    drive.put("helper.py", "value = 1")
    drive.modules.begin_cell()
    assert importlib.import_module("helper").value == 1


def test_a_module_that_the_page_made_while_a_cell_runs_is_found(drive, monkeypatch):
    import_something_of_python()
    drive.put("helper.py", "value = 1")
    begin = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: begin + 10)
    assert importlib.import_module("helper").value == 1


def test_packages_and_their_new_modules_are_found(drive):
    drive.put("pack/__init__.py", "from .one import value")
    drive.put("pack/one.py", "value = 1")
    assert importlib.import_module("pack").value == 1
    drive.put("pack/two.py", "from . import one\nvalue = one.value + 1")
    drive.modules.begin_cell()
    assert importlib.import_module("pack.two").value == 2
    drive.put("pack/inner/__init__.py", "from ..two import value")
    drive.changes += 1
    assert importlib.import_module("pack.inner").value == 2


def test_a_folder_is_a_namespace_package_that_grows(drive, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "space").mkdir()
    (elsewhere / "space" / "far.py").write_text("value = 'far'")
    sys.path.append(str(elsewhere))
    drive.put("space/near.py", "value = 'near'")
    assert importlib.import_module("space.near").value == "near"
    assert importlib.import_module("space.far").value == "far"
    drive.put("space/late.py", "value = 'late'")
    drive.modules.begin_cell()
    assert importlib.import_module("space.late").value == "late"


def test_a_folder_does_not_hide_a_module_of_python(drive):
    drive.put("colorsys/notes.txt", "colours")
    import_something_of_python()
    assert hasattr(sys.modules["colorsys"], "rgb_to_hsv")


def test_a_module_hides_one_of_python_as_everywhere(drive):
    drive.put("colorsys.py", "whose = 'the student'")
    import_something_of_python()
    assert sys.modules["colorsys"].whose == "the student"


def test_a_package_comes_before_a_module_of_its_name(drive):
    drive.put("both.py", "which = 'module'")
    drive.put("both/__init__.py", "which = 'package'")
    assert importlib.import_module("both").which == "package"


def test_a_reload_sees_an_edit_of_the_same_length_in_the_same_second(drive):
    drive.put("helper.py", "value = 1")
    os.utime(drive.root / "helper.py", (0, 0))
    helper = importlib.import_module("helper")
    drive.put("helper.py", "value = 2")
    os.utime(drive.root / "helper.py", (0, 0))
    assert importlib.reload(helper).value == 2


def test_no_bytecode_is_written_and_none_is_read(folder):
    folder.put("helper.py", "value = 1")
    importlib.import_module("helper")
    (cached,) = folder.root.glob("__pycache__/helper.*")
    folder.put("helper.py", "value = 2")
    os.utime(folder.root / "helper.py", (0, 0))
    # What lies there is taken for good, whatever the source says.
    data = bytearray(cached.read_bytes())
    data[4:8] = (1).to_bytes(4, "little")
    cached.write_bytes(data)
    del sys.modules["helper"]
    assert importlib.import_module("helper").value == 1
    del sys.modules["helper"]
    folder.modules.install()
    try:
        assert importlib.import_module("helper").value == 2
        cached.unlink()
        folder.put("other.py", "")
        folder.changes += 1
        importlib.import_module("other")
        assert not list(folder.root.glob("__pycache__/*"))
    finally:
        folder.modules.uninstall()


def test_one_list_of_a_folder_serves_all_imports_of_a_cell(drive):
    drive.put("helper.py", "import colorsys, sched, tabnanny")
    for name in ("colorsys", "sched", "tabnanny", "helper"):
        sys.modules.pop(name, None)
    importlib.import_module("helper")
    assert drive.asked == [str(drive.root)]
    importlib.import_module("helper")
    assert importlib.util.find_spec("nothing_of_this_name") is None
    assert drive.asked == [str(drive.root)]


def test_imports_of_what_is_elsewhere_ask_nothing_in_later_cells(drive):
    import_something_of_python()
    drive.asked.clear()
    for _ in range(3):
        drive.modules.begin_cell()
        import_something_of_python()
        assert importlib.util.find_spec("colorsys") is not None
    assert drive.asked == []


def test_what_no_finder_knows_lists_the_folder_once_in_a_cell(drive):
    import_something_of_python()
    drive.modules.begin_cell()
    drive.asked.clear()
    for number in range(5):
        assert importlib.util.find_spec(f"nothing_of_this_name_{number}") is None
        importlib.invalidate_caches()  # as Pyodide does with each package it loads
    assert drive.asked == [str(drive.root)]


def test_a_slow_drive_is_not_listed_every_second(drive, monkeypatch):
    now = 0.0
    names = drive.names

    def slow_names(path):
        nonlocal now
        now += 2.0
        return names(path)

    monkeypatch.setattr(drive, "names", slow_names)
    monkeypatch.setattr(time, "monotonic", lambda: now)
    import_something_of_python()
    drive.asked.clear()
    for now in range(5, 65, 5):  # noqa: B007
        assert importlib.util.find_spec("nothing_of_this_name") is None
    assert len(drive.asked) == 1


def test_what_another_package_lacks_is_not_looked_for_on_the_drive(drive):
    import_something_of_python()
    drive.modules.begin_cell()
    drive.asked.clear()
    assert importlib.util.find_spec("json.nothing_of_this_name") is None
    assert drive.asked == []


def test_what_the_page_removed_hides_nothing(drive):
    drive.put("colorsys.py", "whose = 'the student'")
    import_something_of_python()
    assert sys.modules["colorsys"].whose == "the student"
    (drive.root / "colorsys.py").unlink()
    drive.modules.begin_cell()
    import_something_of_python()
    assert hasattr(sys.modules["colorsys"], "rgb_to_hsv")


def test_a_module_of_a_removed_folder_is_not_found(drive):
    drive.put("pack/__init__.py", "")
    assert importlib.util.find_spec("pack") is not None
    (drive.root / "pack" / "__init__.py").unlink()
    (drive.root / "pack").rmdir()
    drive.changes += 1
    assert importlib.util.find_spec("pack") is None


@pytest.mark.parametrize("entry", ["lib", "./lib", "../{name}/lib", "{root}/lib"])
def test_every_spelling_of_a_folder_on_the_path_is_served(drive, entry):
    sys.path.append(entry.format(name=drive.root.name, root=drive.root))
    assert importlib.util.find_spec("helper") is None
    drive.put("lib/helper.py", "value = 1")
    drive.modules.begin_cell()
    assert importlib.import_module("helper").value == 1


def test_an_archive_on_the_path_is_left_to_zipimport(drive):
    with zipfile.ZipFile(drive.root / "lib.zip", "w") as archive:
        archive.writestr("zipped.py", "value = 1")
    sys.path.append(str(drive.root / "lib.zip"))
    assert importlib.import_module("zipped").value == 1


def test_other_folders_stay_with_importlib(drive, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "far.py").write_text("value = 1")
    sibling = f"{drive.root}-not"
    sys.path += [sibling, str(elsewhere)]
    assert importlib.import_module("far").value == 1
    assert type(sys.path_importer_cache[str(elsewhere)]).__name__ == "FileFinder"
    assert sys.path_importer_cache[sibling] is None


def test_pkgutil_lists_the_modules_of_a_package(drive):
    drive.put("pack/__init__.py", "")
    drive.put("pack/one.py", "")
    pack = importlib.import_module("pack")
    assert [each.name for each in pkgutil.iter_modules(pack.__path__)] == ["one"]


def test_taken_back_it_leaves_everything_as_it_was(folder):
    before = (list(sys.path_hooks), list(sys.meta_path))
    folder.modules.install()
    import_something_of_python()
    folder.modules.uninstall()
    assert (list(sys.path_hooks), list(sys.meta_path)) == before
    assert str(folder.root) not in sys.path_importer_cache
