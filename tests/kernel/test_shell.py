"""The shell inside Pyodide, beside the real bash of this machine."""

import base64
import io
import shutil
import subprocess
import tarfile

import pytest
from pytest_pyodide import run_in_pyodide

from tests.plain.test_shell_beside_bash import CASES, ENVIRONMENT, lay_out

KERNEL = ["je-kernel", "pyodide-kernel", "ipykernel", "comm", "ipython", "jedi"]


@run_in_pyodide(packages=["je-kernel"])
def _results(selenium, cases, environment, files):
    import base64
    import io
    import shutil
    import tarfile

    from je_kernel.shell import run

    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(files))) as archive:
        archive.extractall("/tmp/first", filter="tar")
    results = []
    for i, case in enumerate(cases):
        folder = f"/tmp/case{i}"
        shutil.copytree("/tmp/first", folder, copy_function=shutil.copy2)
        out, err = bytearray(), bytearray()
        status = run(case, out.extend, err.extend, cwd=folder, env=environment)
        results.append((status, out.decode("latin-1")))
        shutil.rmtree(folder)
    return results


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash to compare with")
def test_lines_in_pyodide_are_the_same_as_in_bash(selenium, tmp_path):
    # Who owns a file has another name there.
    cases = [case for case in CASES if "ls -l data" not in case]
    first = tmp_path / "first"
    first.mkdir()
    lay_out(first)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(first, ".")
    expected = []
    for i, case in enumerate(cases):
        folder = tmp_path / f"case{i}"
        shutil.copytree(first, folder, copy_function=shutil.copy2)
        done = subprocess.run(
            ["bash", "-c", case], cwd=folder, env=ENVIRONMENT, capture_output=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        expected.append((done.returncode, done.stdout.decode("latin-1")))
    found = _results(selenium, cases, ENVIRONMENT, base64.b64encode(packed.getvalue()).decode())
    differing = {
        case: (ours, theirs)
        for case, ours, theirs in zip(cases, map(tuple, found), expected, strict=True)
        if ours != theirs
    }
    assert differing == {}


@run_in_pyodide(packages=KERNEL)
def test_ipython_and_subprocess_run_lines_in_a_page(selenium):
    import contextlib
    import io
    import os
    import subprocess
    import sys

    import pyodide_kernel

    shell = pyodide_kernel.ipython_shell
    os.chdir("/tmp")

    def shown(cell):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            result = shell.run_cell(cell)
        assert result.error_in_exec is None, cell
        return out.getvalue()

    assert shown("%%writefile greet.py\nimport sys\nprint('hello', *sys.argv[1:])")
    assert shown("!python greet.py Ada") == "hello Ada\n"
    assert shown("name = 'Bob'\n!python3 greet.py {name} | tr a-z A-Z") == "HELLO BOB\n"
    assert shown("import sys\n!{sys.executable} greet.py") == "hello\n"
    assert shown("x = !ls greet.py\nprint(x)") == "['greet.py']\n"
    assert shown("%%bash\nfor i in 1 2; do echo $i; done") == "1\n2\n"
    done = subprocess.run([sys.executable, "greet.py", "you"], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("hello you\n", 0)
    assert subprocess.getoutput("echo a | wc -c") == "2"
    assert os.system("true") == 0
    assert os.popen("echo read").read() == "read\n"
    assert "no graphics processor" in shown("!nvidia-smi")


@run_in_pyodide(packages=[*KERNEL, "micropip"])
def test_pip_lines_install_packages_of_the_site(selenium):
    import contextlib
    import io

    import pyodide_kernel

    shell = pyodide_kernel.ipython_shell

    def shown(cell):
        with (
            contextlib.redirect_stdout(io.StringIO()) as out,
            contextlib.redirect_stderr(out),
        ):
            result = shell.run_cell(cell)
        assert result.error_in_exec is None, cell
        return out.getvalue()

    assert "Successfully installed gast-" in shown("!pip install gast # a comment")
    assert "Requirement already satisfied: gast" in shown("%pip install gast")
    assert "it runs on with" in shown("!python -m pip install -q gast==0.1")
    assert shown("import sys\n!{sys.executable} -m pip install -q gast") == ""
    assert "gast==" in shown("!pip freeze | grep gast")
    assert "ERROR: Could not install" in shown("!pip install no-such-package-anywhere")
