"""Shell lines of a real IPython shell, and `subprocess`, on the shell of je-kernel."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen  # noqa: F401

import pytest
from IPython.core.interactiveshell import InteractiveShell

from je_kernel.shell import hooks, processes

pytestmark = pytest.mark.plain


@pytest.fixture(scope="module")
def kernel():
    shell = InteractiveShell.instance()
    hooks.install(shell)
    yield shell
    hooks.uninstall()
    InteractiveShell.clear_instance()


def test_uninstalling_restores_everything(kernel):
    def places():
        magics = kernel.find_cell_magic("bash"), kernel.find_line_magic("pip")
        return subprocess.Popen.__init__, os.system, vars(kernel).get("system"), *magics

    ours = places()
    hooks.uninstall()
    theirs = places()
    assert all(mine is not its for mine, its in zip(ours, theirs, strict=True))
    assert (theirs[0].__module__, theirs[1].__module__, theirs[2]) == ("subprocess", "posix", None)
    hooks.install(kernel)


@pytest.fixture
def run(kernel, tmp_path, monkeypatch, capsys):
    """Run a cell in a folder of its own and return what it shows."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").write_text("banana\napple\nblueberry\n")
    (tmp_path / "greet.py").write_text(
        "import sys\nprint('hello', *sys.argv[1:])\n"
        "print('careful', file=sys.stderr)\nsys.exit(len(sys.argv))\n"
    )

    def run(cell):
        capsys.readouterr()
        result = kernel.run_cell(cell)
        shown = capsys.readouterr()
        run.err = shown.err
        run.error = result.error_in_exec
        return shown.out

    return run


def test_a_line_prints_as_on_a_terminal(run):
    assert run("!ls") == "greet.py  words.txt\n"
    assert run("!cat nosuch") == "cat: nosuch: No such file or directory\n"


def test_python_values_are_interpolated(run, kernel):
    run("fruit = 'blue'; names = ['words.txt']")
    assert run("!grep {fruit} {names[0]}") == "blueberry\n"
    assert run("!grep $fruit words.txt | wc -l") == "1\n"
    assert run("!echo $HOME {unknown}") == f"{os.environ['HOME']} {{unknown}}\n"
    assert run("for i in range(2):\n    !echo round {i}") == "round 0\nround 1\n"
    assert run("def f(local):\n    !echo {local}\nf('inside')") == "inside\n"


def test_the_status_is_in_exit_code(run, kernel):
    run("!grep nosuch words.txt")
    assert kernel.user_ns["_exit_code"] == 1
    run("!true")
    assert kernel.user_ns["_exit_code"] == 0


def test_an_assigned_line_is_a_list(run, kernel):
    run("lines = !cat words.txt\nn = len(lines)")
    assert kernel.user_ns["lines"] == ["banana", "apple", "blueberry"]
    assert kernel.user_ns["lines"].grep("an") == ["banana"]
    run("complaint = !cat nosuch")
    assert kernel.user_ns["complaint"] == ["cat: nosuch: No such file or directory"]
    run("x = %sx ls *.txt")
    assert kernel.user_ns["x"].s == "words.txt"
    assert "['words.txt']" in run("!!ls *.txt")


def test_cd_lasts_for_one_line(run, tmp_path):
    (tmp_path / "sub").mkdir()
    assert run("!cd sub && pwd") == f"{tmp_path / 'sub'}\n"
    assert run("!pwd") == f"{tmp_path}\n"


def test_alias_magics_run_in_the_shell(run):
    assert run("%ls") == "greet.py  words.txt\n"
    assert run("%cat words.txt").splitlines()[0] == "banana"
    run("%mkdir made")
    assert run("%ls -d made") == "made/\n"


def test_a_cell_of_bash(run, kernel):
    assert run("%%bash\nfor i in 1 2; do echo $i; done\necho wrong >&2") == "1\n2\n"
    assert run.err == "wrong\n"
    assert run("%%sh\nsort words.txt | head -1") == "apple\n"
    run("%%bash --out told --err complained\necho a\necho b >&2")
    assert (kernel.user_ns["told"], kernel.user_ns["complained"]) == ("a\n", "b\n")
    run("%%bash\nexit 3")
    assert isinstance(run.error, subprocess.CalledProcessError)
    assert run.error.returncode == 3
    run("%%bash --no-raise-error\nexit 3")
    assert run.error is None
    run("%%script --no-raise-error bash -e\ntouch before\nfalse\ntouch after")
    assert (
        run("!ls before after") == "ls: cannot access 'after': No such file or directory\nbefore\n"
    )


def test_a_python_cell_has_its_own_namespace(run, kernel):
    run("mine = 1")
    assert run("%%python\nmine = 2\nprint(mine, __name__)") == "2 __main__\n"
    assert kernel.user_ns["mine"] == 1


def test_a_script_runs_in_the_python_of_the_kernel(run, kernel):
    assert run("!python greet.py Ada 'and Bob'") == "hello Ada and Bob\ncareful\n"
    assert kernel.user_ns["_exit_code"] == 3
    assert run("import sys\n!{sys.executable} --version").startswith("Python 3.")
    assert run("!python -c 'print(6 * 7)' | cat") == "42\n"
    assert run("!echo 5 | python -c 'print(int(input()) + 1)'") == "6\n"
    assert "No such file or directory" in run("!python nosuch.py")
    assert run("!echo '[1,2]' | python -m json.tool --compact") == "[1,2]\n"


def test_a_traceback_has_only_frames_of_the_script(run):
    run("%%writefile wrong.py\ndef half(n):\n    return n / 0\nhalf(1)")
    shown = run("!python wrong.py")
    assert "ZeroDivisionError" in shown
    assert 'wrong.py", line 3' in shown
    assert "runpy" not in shown
    assert "je_kernel" not in shown


def test_a_script_imports_the_latest_version_of_a_module(run):
    run("%%writefile helper.py\nvalue = 1")
    run("%%writefile main.py\nimport helper\nprint(helper.value)")
    assert run("!python main.py") == "1\n"
    run("%%writefile helper.py\nvalue = 'two'")
    assert run("!python main.py") == "two\n"
    assert "helper" not in sys.modules


def test_a_script_does_not_change_the_state_of_the_kernel(run, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["kernel"])
    path, folder = list(sys.path), Path.cwd()
    (tmp_path / "nosy.py").write_text(
        "import os, sys\nos.chdir('/')\nos.environ['NOSY'] = '1'\n"
        "sys.argv[:] = []\nsys.path.append('x')\n"
    )
    run("!python nosy.py")
    assert (sys.path, Path.cwd(), sys.argv) == (path, folder, ["kernel"])
    assert "NOSY" not in os.environ
    assert sys.modules["__main__"].__name__ == "__main__"


def test_endless_output_is_stopped(run, monkeypatch):
    monkeypatch.setattr("je_kernel.shell.cell_output.MOST_SHOWN", 10_000)
    shown = run("!yes")
    assert len(shown) < 11_000
    assert "stopped after 10,000 bytes of output" in shown


# The same code with Python's own subprocess and with ours.
SNIPPETS = r"""
subprocess.run(["echo", "hello from a process"], capture_output=True, text=True)
subprocess.run(["ls", "-1"], capture_output=True).stdout
subprocess.run("ls | wc -l", shell=True, capture_output=True, text=True).stdout
subprocess.check_output("wc -l words.txt", shell=True, text=True)
subprocess.check_output(["cat", "words.txt"])
subprocess.run(["cat", "nosuch"], capture_output=True, text=True).stderr
subprocess.run(["cat", "nosuch"], stderr=STDOUT, stdout=PIPE, text=True).stdout
subprocess.run(["cat", "nosuch"], stderr=subprocess.DEVNULL).returncode
subprocess.run(["false"], check=True)
subprocess.check_output(["grep", "nosuch", "words.txt"])
subprocess.call(["true"])
subprocess.getoutput("echo a; echo b >&2")
subprocess.getstatusoutput("exit 3")
subprocess.run(["sort"], input="b\na\n", capture_output=True, text=True).stdout
subprocess.run(["tr", "a-z", "A-Z"], input=b"shout", capture_output=True).stdout
subprocess.run(["pwd"], cwd="sub", capture_output=True, text=True).stdout.endswith("sub\n")
subprocess.run("echo $NAME", shell=True, env={"NAME": "Ada"}, capture_output=True).stdout
subprocess.run(["nosuchprogram"])
subprocess.run(["ls"], cwd="nosuch")
subprocess.run("nosuchprogram", shell=True, stderr=subprocess.DEVNULL).returncode
subprocess.run(["echo", "*.txt", "$HOME"], capture_output=True).stdout
subprocess.run(["head", "-1"], stdin=open("words.txt"), capture_output=True).stdout
subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE).communicate(b"through")
subprocess.Popen(["cat", "words.txt"], stdout=subprocess.PIPE, text=True).stdout.readlines()
subprocess.Popen(["sleep", "0"]).wait()
[line for line in subprocess.Popen("echo a; echo b", shell=True, stdout=subprocess.PIPE).stdout]
Popen(["grep", "b"], stdin=Popen(["cat", "words.txt"], stdout=PIPE).stdout, stdout=PIPE).wait()
subprocess.run([sys.executable, "greet.py", "Ada"], capture_output=True, text=True)
subprocess.run([sys.executable, "-c", "print(input())"], input=b"asked", capture_output=True).stdout
os.popen("ls *.txt").read()
os.popen("exit 2").close()
os.system("exit 2")
subprocess.run(["ls"], stdout=open("listed.txt", "w")), open("listed.txt").read()
isinstance(subprocess.Popen(["true"]), subprocess.Popen)
"""


@pytest.mark.parametrize("snippet", SNIPPETS.strip().splitlines())
@pytest.mark.skipif(shutil.which("bash") is None, reason="needs real programs to compare with")
def test_subprocess_has_the_results_of_real_processes(snippet, tmp_path, monkeypatch):
    def outcome(folder):
        folder.mkdir()
        (folder / "sub").mkdir()
        (folder / "words.txt").write_text("banana\napple\nblueberry\n")
        (folder / "greet.py").write_text("import sys\nprint('hello', *sys.argv[1:])\nsys.exit(4)\n")
        monkeypatch.chdir(folder)
        try:
            return repr(eval(snippet))
        except Exception as error:
            return repr(error)

    theirs = outcome(tmp_path / "theirs")
    monkeypatch.setattr(subprocess.Popen, "__init__", hooks._begin_process)
    monkeypatch.setattr(os, "system", processes.os_system)
    ours = outcome(tmp_path / "ours")
    assert ours == theirs
