"""Bundles of JavaScript modules, as Node runs them."""

import subprocess
from pathlib import Path

import pytest

from je_site import bundle as bundling
from je_site.bundle import bundle, bundle_script
from je_site.bytecode import node_command

SOURCES = Path(bundling.__file__).parent
SCRIPTS = ("lab_page/main.js", "offline/page.js", "offline/lessons.js")


def run(script: Path) -> str:
    done = subprocess.run(
        [node_command(), str(script)], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_a_module_gets_what_it_imports_once_and_names_do_not_clash(tmp_path):
    (tmp_path / "counter.js").write_text(
        "console.log('counter');\nconst secret = 1;\n"
        "export function count() {\n  return secret;\n}\n"
    )
    (tmp_path / "double.js").write_text(
        "import { count as one } from './counter.js';\nconst secret = 2;\n"
        "export default () => secret * one();\n"
    )
    (tmp_path / "main.js").write_text(
        "import double from './double.js';\nimport { count } from './counter.js';\n"
        "const secret = 3;\nconsole.log(secret, double(), count());\n"
    )
    (tmp_path / "bundle.cjs").write_text(bundle_script(tmp_path / "main.js"))
    assert run(tmp_path / "bundle.cjs").split("\n") == ["counter", "3 2 1"]


def test_an_import_of_a_file_that_is_served_beside_it_stays(tmp_path):
    (tmp_path / "names.js").write_text("export const name = 'a';\n")
    (tmp_path / "page.js").write_text("import { name } from './names.js';\nconsole.log(name);\n")
    assert bundle(tmp_path / "page.js", beside={"names.js"}) == (tmp_path / "page.js").read_text()


def test_an_import_of_pyodides_own_module_stays():
    assert "from './pyodide.mjs'" in bundle(SOURCES / "entry.mjs")


@pytest.mark.parametrize("name", [*SCRIPTS, "entry.mjs"])
def test_the_bundles_of_a_site_are_javascript(name, tmp_path):
    is_module = name.endswith(".mjs")
    script = tmp_path / f"bundle.{'mjs' if is_module else 'cjs'}"
    script.write_text(bundle(SOURCES / name) if is_module else bundle_script(SOURCES / name))
    subprocess.run([node_command(), "--check", str(script)], check=True, timeout=60)
