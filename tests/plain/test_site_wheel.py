"""What je-kernel-site publishes works away from the checkout."""

import os
import subprocess
import sys
import zipfile

import pytest

from je_site.lock import locks_folder

pytestmark = pytest.mark.plain

CHECKOUT = locks_folder().parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=CHECKOUT / "site",
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return path


def test_it_bundles_the_locks_our_wheel_and_the_demo(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    bundled = [name.removeprefix("je_site/bundled/") for name in names if "/bundled/" in name]
    assert {"pyodide-314.lock.json", "pyodide-0.29.lock.json"} <= set(bundled)
    assert "content/Start here.ipynb" in bundled
    assert len([name for name in bundled if name.startswith("je_kernel-")]) == 1


def test_it_has_what_compiles(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {"je_site/compile_wheels.mjs", "je_site/compile_wheel.py.txt"} <= set(names)


@pytest.mark.slow
def test_it_finds_what_it_bundles(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    program = (
        "from je_site.build import default_contents\n"
        "from je_site.lock import read_lock\n"
        "from je_site.own_wheel import own_wheel\n"
        "print(own_wheel(), default_contents()[0], read_lock().series)"
    )
    said = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert said[0].startswith(str(tmp_path))
    assert said[1] == str(tmp_path / "je_site" / "bundled" / "content")
