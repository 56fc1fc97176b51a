"""The recipe by which Pyodide compiles wheels; any Python can run it."""

import base64
import hashlib
import importlib.util
import io
import sys
import zipfile
from pathlib import Path

import pytest

from je_site import bytecode
from je_site.bytecode import node_command

from .tiny_pyodide import wheel_bytes

pytestmark = pytest.mark.plain

TAG = sys.implementation.cache_tag


@pytest.fixture
def compile_wheel(tmp_path):
    namespace = {}
    exec(compile(bytecode._RECIPE.read_text(), "recipe", "exec"), namespace)

    def run(files: dict[str, str]) -> zipfile.ZipFile:
        source, target = tmp_path / "in.whl", tmp_path / "out.whl"
        content = io.BytesIO(wheel_bytes("lesson", "1.0", "'A lesson.'\nanswer = 42\n"))
        with zipfile.ZipFile(content, "a") as archive:
            for name, text in files.items():
                archive.writestr(zipfile.ZipInfo(name), text)
        source.write_bytes(content.getvalue())
        namespace["compile_wheel"](str(source), str(target))
        return zipfile.ZipFile(target)

    return run


def test_each_module_has_bytecode_beside_it(compile_wheel):
    names = compile_wheel({"lesson/part.py": "x = 1"}).namelist()
    assert f"lesson/__pycache__/__init__.{TAG}.pyc" in names
    assert f"lesson/__pycache__/part.{TAG}.pyc" in names


def test_sources_stay_as_they_are(compile_wheel):
    assert compile_wheel({}).read("lesson/__init__.py") == b"'A lesson.'\nanswer = 42\n"


def test_the_bytecode_is_believed_without_a_look_at_the_source(compile_wheel, tmp_path):
    archive = compile_wheel({})
    archive.extractall(tmp_path / "site")
    module = tmp_path / "site" / "lesson" / "__init__.py"
    module.write_text("answer = 'compiled again'")
    spec = importlib.util.spec_from_file_location("lesson", module)
    lesson = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lesson)
    assert lesson.answer == 42


def test_the_record_lists_the_bytecode_with_its_digest(compile_wheel):
    archive = compile_wheel({})
    name = f"lesson/__pycache__/__init__.{TAG}.pyc"
    lines = archive.read("lesson-1.0.dist-info/RECORD").decode().splitlines()
    content = archive.read(name)
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    assert f"{name},sha256={digest},{len(content)}" in lines


def test_what_does_not_compile_stays_a_source(compile_wheel):
    names = compile_wheel({"lesson/template.py": "{{ not python"}).namelist()
    assert "lesson/template.py" in names
    assert not [name for name in names if "template" in name and name.endswith(".pyc")]


@pytest.mark.parametrize(
    "name",
    [
        "lesson/tests/test_it.py",
        "fontTools/subset.py",
        "pygments/lexers/cobol.py",
        "lesson-1.0.data/data/etc/ipython/ipython_config.py",
    ],
)
def test_what_notebooks_do_not_import_is_not_compiled(compile_wheel, name):
    names = compile_wheel({name: "x = 1"}).namelist()
    assert name in names
    assert [other for other in names if other.endswith(".pyc")] == [
        f"lesson/__pycache__/__init__.{TAG}.pyc"
    ]


@pytest.mark.parametrize("name", ["pygments/lexers/python.py", "pygments/lexers/__init__.py"])
def test_the_lexer_that_kernels_need_is_compiled(compile_wheel, name):
    assert len([n for n in compile_wheel({name: "x = 1"}).namelist() if n.endswith(".pyc")]) == 2


def test_what_can_be_of_no_use_is_left_out_and_out_of_the_record(compile_wheel):
    archive = compile_wheel({"jedi/third_party/django-stubs/a.pyi": "x: int"})
    assert not [name for name in archive.namelist() if "django" in name]
    assert b"django" not in archive.read("lesson-1.0.dist-info/RECORD")


def test_the_same_wheel_compiles_to_the_same_bytes(compile_wheel):
    contents = [Path(compile_wheel({}).filename).read_bytes() for _ in range(2)]
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    ("version", "usable"), [("v20.1.0", True), ("v18.0.0", True), ("v16.9.1", False), ("?", False)]
)
def test_an_old_node_is_none(tmp_path, monkeypatch, version, usable):
    node = tmp_path / "node"
    node.write_text(f"#!/bin/sh\necho {version}\n")
    node.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert (node_command() == str(node)) is usable


def test_what_node_says_becomes_one_sentence():
    said = bytecode._node_error("x" * 100_000 + "\nTypeError: no such thing\n    at y", 1)
    assert said == "Pyodide in Node could not compile the wheels: TypeError: no such thing."
