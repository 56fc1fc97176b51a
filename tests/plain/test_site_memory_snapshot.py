"""The making of a memory snapshot, as far as it goes without Pyodide."""

import base64
import json
import zipfile
import zlib

import pytest
import zstandard

from je_site import memory_snapshot
from je_site.memory_snapshot import SNAPSHOTS, place_snapshot
from je_site.progress import Reporter

SITE_PACKAGES = "/lib/python3.14/site-packages"
TEXT = b"x = 1\n" * 500


class Told(Reporter):
    """Keeps what it is to warn of."""

    def __init__(self):
        super().__init__()
        self.warnings = []

    def warn(self, message):
        self.warnings.append(message)


@pytest.fixture
def root(tmp_path):
    """The folder of a site with a lock of two wheels, one of which needs the other."""
    packages = {}
    for name, depends in (("kernel", ["helper"]), ("helper", ["kernel"]), ("other", [])):
        file_name = f"wheels/{name}/{name}-1.0-py3-none-any.whl"
        path = tmp_path / file_name
        path.parent.mkdir(parents=True)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{name}/stored.py", TEXT)
            archive.writestr(f"{name}/packed.py", TEXT, zipfile.ZIP_DEFLATED)
            archive.writestr(f"{name}-1.0.data/data/etc/{name}.ini", b"[a]\n")
            archive.writestr(f"{name}-1.0.dist-info/entry_points.txt", b"[a]\nb = c\n")
        packages[name] = {"file_name": file_name, "depends": depends, "imports": [name]}
    lock = {"info": {"python": "3.14.2"}, "packages": packages}
    (tmp_path / "lock.json").write_text(json.dumps(lock))
    (tmp_path / "pyodide-lock.json").write_text("{}")
    return tmp_path


@pytest.fixture
def made_by(monkeypatch, tmp_path):
    """Let a Python script do what Node does: it is given the plan."""
    monkeypatch.setenv("JE_KERNEL_CACHE_DIR", str(tmp_path / "cache"))

    def made_by(code):
        node = tmp_path / "node"
        lines = [
            "#!/usr/bin/env python3",
            "import json, sys",
            "plan = json.load(open(sys.argv[3]))",
        ]
        node.write_text("\n".join([*lines, code]))
        node.chmod(0o755)
        monkeypatch.setattr(memory_snapshot, "node_command", lambda: str(node))

    return made_by


MAKES_ONE = f"""
files = {{path: None for path in plan["known"] if path.startswith("{SITE_PACKAGES}/kernel/")}}
files["/home/pyodide/made.txt"] = "{base64.b64encode(b"made").decode()}"
assert not [path for path in plan["known"] if "entry_points" in path], "they are in the snapshot"
state = {{"version": "1", "header": "", "loadedPackages": {{"kernel": "x"}}, "files": files}}
memory = bytearray(200_000)
memory[70_000] = 7 + plan["stackSwitching"]
open(plan["memory"], "wb").write(memory)
open(plan["libraries"] + "/0.wasm", "w").write(" ".join(plan["imports"]))
json.dump(state, open(plan["state"], "w"))
"""


def place(root, **options):
    told = Told()
    decoder = {"decoder": "npm/decoder.mjs"}
    name = place_snapshot(root, root / "lock.json", root, ["kernel"], told, **decoder, **options)
    return name, told.warnings


def test_it_says_where_each_file_lies_and_what_depends_on_the_engine(root, made_by):
    made_by(MAKES_ONE)
    name, warnings = place(root)
    assert not warnings
    folder = root / SNAPSHOTS / name
    said = json.loads((folder / "snapshot.json").read_text())
    memory = zstandard.decompress((folder / "memory-0.bin").read_bytes())
    assert said["parts"] == [len(memory)]
    assert said["decoder"] == "../../npm/decoder.mjs"
    assert said["size"] == 200_000
    assert said["pages"] == [[65_536, len(memory)]]  # the rest is zeros
    assert memory[70_000 - 65_536] == 7
    assert said["stackSwitching"] == [[70_000, 8]]
    wheels = ["../../wheels/helper/helper-1.0-py3-none-any.whl"]
    assert said["wheels"] == [*wheels, "../../wheels/kernel/kernel-1.0-py3-none-any.whl"]
    assert said["files"]["home"]["pyodide"] == {"made.txt": [4, "bWFkZQ=="]}
    kernel = said["files"]["lib"]["python3.14"]["site-packages"]["kernel"]
    for file, unpacked in (("stored.py", bytes), ("packed.py", lambda b: zlib.decompress(b, -15))):
        size, wheel, offset, length = kernel[file]
        content = (folder / said["wheels"][wheel]).read_bytes()
        assert unpacked(content[offset : offset + length]) == TEXT
        assert size == len(TEXT)


def test_packages_besides_are_imported_and_their_libraries_lie_beside_it(root, made_by):
    made_by(MAKES_ONE)
    name, _ = place(root)
    large, _ = place(root, besides=["other"])
    assert large != name
    assert (root / SNAPSHOTS / name / "0.wasm").read_text() == ""
    assert (root / SNAPSHOTS / large / "0.wasm").read_text() == "other"


def test_it_is_made_once_and_anew_for_other_packages(root, made_by):
    made_by(MAKES_ONE)
    name, _ = place(root)
    made_by("raise SystemExit('It was made already.')")
    assert place(root) == (name, [])
    lock = json.loads((root / "lock.json").read_text())
    lock["packages"]["kernel"]["depends"].append("other")
    (root / "lock.json").write_text(json.dumps(lock))
    other, warnings = place(root)
    assert other is None
    assert "It was made already." in warnings[0]


TWO_ENDS = MAKES_ONE.replace("200_000", "200_000 + plan['stackSwitching']")


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("raise SystemExit('Python holds what cannot be found again: Map')", "again: Map"),
        (TWO_ENDS, "two different ends"),
    ],
)
def test_what_cannot_be_made_is_said_and_the_site_goes_without(root, made_by, code, why):
    made_by(code)
    name, warnings = place(root)
    assert name is None
    assert len(warnings) == 1
    assert why in warnings[0]
    assert not (root / SNAPSHOTS).exists()


def test_without_node_the_site_goes_without(root, monkeypatch, tmp_path):
    monkeypatch.setenv("JE_KERNEL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(memory_snapshot, "node_command", lambda: None)
    name, (warning,) = place(root)
    assert name is None
    assert "Node 18" in warning
