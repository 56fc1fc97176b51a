"""The wheel as it is built and handed out."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LARGEST = 470_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_it_is_pure_python(wheel):
    assert wheel.name.endswith("-py3-none-any.whl")


def test_it_is_small(wheel):
    assert wheel.stat().st_size <= LARGEST


def test_it_carries_the_configuration_that_starts_it_as_data_and_not_as_a_module(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    configs = [name for name in names if name.endswith("ipython_config.py")]
    assert [re.sub(r"^je_kernel-[^/]*\.data/", "", name) for name in configs] == [
        "data/etc/ipython/ipython_config.py"
    ]


def test_it_says_that_it_is_typed_and_how_it_is_licensed(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "je_kernel/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_every_module_of_the_source_is_in_it(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src" / "je_kernel").rglob("*.py")
    }
    assert sources - names == {"je_kernel/ipython_config.py"}
