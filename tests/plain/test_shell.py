"""Errors, limits and protections of the shell."""

import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from je_kernel.shell import calls, expansion, run
from je_kernel.shell.commands import MODULES, find

pytestmark = pytest.mark.plain


@pytest.fixture
def shell(tmp_path):
    """Run a line in a new folder; return its status, output and errors."""
    (tmp_path / "a.txt").write_text("one\ntwo\n")

    def shell(line, **options):
        out, err = bytearray(), bytearray()
        status = run(line, out.extend, err.extend, cwd=str(tmp_path), **options)
        return status, out.decode(), err.decode()

    return shell


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("sleep 5 &", "'&' (a command in the background) is not known here"),
        ("[[ a == b ]]", "'[[' is not known here"),
        ("names=(a b c)", "an array or '+=' ('names=') is not known here"),
        ("x+=1", "an array or '+=' ('x+=1') is not known here"),
        ("diff <(ls) <(ls)", "'<(…)' is not known here; use a pipe"),
        ("for ((i=0; i<3; i++)); do echo $i; done", "'for ((…))' is not known here"),
        ("select x in a b; do echo $x; done", "'select' is not known here"),
        ("echo ${!name}", "'${!…}' is not known here"),
        ("echo ${name:1:2}", "'${name:1:2}' is not known here"),
        ("echo ${name^^}", "'${name^^}' is not known here"),
        ("exec 3> x", "the redirection '3>' is not known here"),
        ("echo a |& cat", "'|&' is not known here"),
        ("echo 'open", "a ' has no other '"),
        ('echo "open', 'a " has no other "'),
        ("echo $(ls", "unexpected end, expected ')'"),
        ("if true; then echo", "unexpected end, expected 'fi'"),
        ("echo ) x", "syntax error near unexpected token ')'"),
        ("done", "syntax error near unexpected token 'done'"),
        ("cat <<END\nx", "the here-document has no last line 'END'"),
        ("a && && b", "syntax error near unexpected token '&&'"),
    ],
)
def test_a_syntax_error_is_one_message_and_nothing_runs(shell, tmp_path, script, why):
    status, out, err = shell(f"touch begun\n{script}")
    assert (status, out) == (2, "")
    assert why in err
    assert err.startswith("bash: ")
    assert err.count("\n") == 1
    assert not (tmp_path / "begun").exists()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("rm -i a.txt", "rm: the option -i is not known here; it knows --dir --force"),
        ("cp --backup a.txt b.txt", "cp: the option --backup is not known here"),
        ("mv -Z a.txt b.txt", "mv: the option -Z is not known here"),
        ("ls --sort=size", "ls: the option --sort is not known here"),
        ("sort -S1 a.txt -o a.txt", "sort: the option -S is not known here"),
        ("grep -z one a.txt", "grep: the option -z is not known here"),
        ("tail -f a.txt", "tail: the option -f is not known here"),
        ("find . -delete -frobnicate", "find: the argument '-frobnicate' is not known here"),
        ("find . -type f -delete -user me", "find: the argument '-user' is not known here"),
        ("sed -i 's/o/O/; w out' a.txt", "sed: the command 'w' is not known here"),
        ("sed -i 's/o/O/e' a.txt", "sed: the flag 'e' of 's' is not known here"),
        ("tar -xf a.txt", "tar: a.txt: This does not look like a tar archive"),
        ("unzip a.txt", "unzip: cannot unpack a.txt: File is not a zip file"),
        ("gunzip -c a.txt", "gunzip: a.txt: unknown suffix -- ignored"),
        ("tr é e < a.txt", "tr: 'é' is not known here: tr works on ASCII; use str.translate"),
        ("curl -T a.txt http://x.org", "curl: the option -T is not known here"),
        ("wget ftp://example.org/a", "wget: 'ftp://example.org/a': only http and https are known"),
        ("date -s now", "date: the option -s is not known here"),
        ("date -d 'last friday'", "date: the date 'last friday' is not known here"),
        ("python -m http.server", "python: -m http.server is not known here: a page cannot be a"),
        (
            "apt-get install x",
            "bash: apt-get: command not found (this page has no operating system",
        ),
        ("sudo apt install x", "bash: sudo: command not found"),
        ("git clone https://x.org/y", "download the repository as a .zip file"),
        ("nvidia-smi", "this page has no graphics processor"),
        ("uv run x", "uv: only 'uv pip' is known here"),
        ("grep '[' a.txt", "Unmatched ["),
        ("echo $((1 +))", "syntax error: operand expected"),
        ("echo $((1 / 0))", "division by 0"),
        ("cd a b", "bash: cd: too many arguments"),
    ],
)
def test_an_unknown_option_is_one_message_and_changes_no_file(shell, tmp_path, line, why):
    status, out, err = shell(line)
    assert status != 0
    assert out == ""
    assert why in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "one\ntwo\n"


@pytest.mark.parametrize(
    "line",
    [
        "rm -rf /",
        "rm -rf a.txt /lib",
        "rm -rf /*",
        "rm -r /drive",
        "rm -rf ../../../../../../../../lib",
        "rm -rf /drive/../usr",
        "mv /lib /tmp/lib",
        "mv a.txt /usr /tmp",
        "rmdir /home",
        "find /usr -maxdepth 1 -name lib -delete",
        "echo / | xargs rm -rf",
        "python -c 'pass' && rm -rf --preserve-root /",
    ],
)
def test_folders_of_the_kernel_cannot_be_removed(shell, tmp_path, monkeypatch, line):
    # Whatever goes wrong here, this machine keeps its files.
    for function in ("unlink", "rmdir", "rename", "replace"):
        monkeypatch.setattr(os, function, lambda *args, **how: pytest.fail("removed something"))
    status, _, err = shell(line)
    assert status != 0
    assert "the kernel needs it" in err
    assert (tmp_path / "a.txt").exists()


def test_a_link_to_a_system_folder_is_protected(shell, tmp_path):
    (tmp_path / "way").symlink_to("/usr")
    assert "the kernel needs it" in shell("rm -rf way/share")[2]


def test_a_pipe_ends_with_its_reader(shell):
    assert shell("yes | head -2") == (0, "y\ny\n", "")
    assert shell("set -o pipefail; yes | head -1") == (141, "y\n", "")
    assert shell("seq 1 999999999999 | grep -m1 7")[1] == "7\n"
    assert shell("yes | true")[0] == 0
    assert shell("while true; do echo x; done | head -1")[1] == "x\n"


def test_a_command_before_a_pipe_runs_without_a_reader(shell, tmp_path):
    assert shell("tee made < a.txt | true")[0] == 0
    assert (tmp_path / "made").read_text() == "one\ntwo\n"


def test_a_long_output_streams_through_a_pipe(shell):
    import tracemalloc

    tracemalloc.start()
    assert shell("seq 1 60000 | tail -1")[1] == "60000\n"
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("while true; do :; done", "stopped after 5,000 commands: does a loop never end?"),
        ("yes > /dev/null", "more than 1,000,000 bytes went into a file"),
        ("yes | wc -l", "more than 1,000,000 bytes went into a pipe"),
        ("cat /dev/zero > zeros", "more than 1,000,000 bytes went into a"),
        ("x=$(yes)", "more than 1,000,000 bytes went into a variable"),
        ("f() { f; }; f", "call each other more than"),
        ("f() { echo $(f); }; f", "call each other more than"),
        ("echo {1..9999999}", "more than 5,000 arguments"),
        ("echo {1..999}{1..999}{1..999}", "more than 5,000 arguments"),
        ("echo " + "{a,b}" * 40, "more than 5,000 arguments"),
        ("( " * 500 + "echo" + " )" * 500, "nested more than 40 deep"),
        ("echo " + "$(" * 500 + "ls" + ")" * 500, "nested more than 40 deep"),
        ("echo $((" + "(" * 500 + "1" + ")" * 500 + "))", "nested too deep"),
        ("[ " + "! " * 500 + "a ]", "longer than 200 tests"),
        ("find . " + "! " * 3000 + "-name a", "longer than 200 tests"),
        ("echo '" + "x" * 1_000_001 + "'", "longer than 1,000,000 characters"),
        ("echo \0", "the script has a zero byte"),
        ("echo $((9 ** 9 ** 9 ** 9))", None),
        ("echo a > /dev/null < nosuch/../..//x", "No such file"),
    ],
)
def test_hostile_scripts_reach_a_limit(shell, monkeypatch, script, why):
    monkeypatch.setattr(calls, "MOST_COMMANDS", 5_000)
    monkeypatch.setattr(calls, "MOST_BYTES", 1_000_000)
    monkeypatch.setattr(expansion, "MOST_FIELDS", 5_000)
    status, _, err = shell(script)
    if why is not None:
        assert status != 0
        assert why in err


def test_a_script_that_sources_itself_reaches_a_limit(shell, tmp_path):
    (tmp_path / "own.sh").write_text(". ./own.sh")
    assert "call each other more than" in shell(". ./own.sh")[2]


@pytest.mark.parametrize("name", ["../out.txt", "/etc/out.txt", "sub/../../out.txt"])
def test_archive_members_outside_of_the_folder_are_refused(shell, tmp_path, name):
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("good.txt", "good")
        archive.writestr(name, "bad")
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("good.txt"))
        archive.addfile(tarfile.TarInfo(name))
    shell("cd in && unzip ../bad.zip")
    shell("cd in && tar -xf ../bad.tar")
    assert not (tmp_path / "out.txt").exists()
    assert not Path("/etc/out.txt").exists()


def test_a_zip_bomb_is_refused(shell, tmp_path, monkeypatch):
    monkeypatch.setattr("je_kernel.shell.commands.archives.MOST_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("big", b"0" * 2000)
    (tmp_path / "big").write_bytes(b"0" * 2000)
    shell("gzip -k big; tar -czf bomb.tgz big; rm big")
    for line in ("unzip bomb.zip", "gunzip -c big.gz", "tar -xf bomb.tgz"):
        status, _, err = shell(line)
        assert status != 0
        assert "too much for a page" in err
    assert not (tmp_path / "big").exists()


def test_binary_data_is_unchanged(shell, tmp_path):
    (tmp_path / "raw").write_bytes(bytes(range(256)))
    out = bytearray()
    run("cat raw | cat", out.extend, out.extend, cwd=str(tmp_path))
    assert bytes(out) == bytes(range(256))
    assert shell("cp raw copied && md5sum raw copied | cut -c1-32 | uniq | wc -l")[1] == "1\n"


def test_ls_prints_columns_and_quotes_on_a_terminal(shell, tmp_path):
    for i in range(30):
        (tmp_path / f"file_{i:02}.txt").touch()
    out = shell("ls", terminal=True)[1]
    assert len(out.splitlines()) == 6
    assert all(len(line.expandtabs()) <= 80 for line in out.splitlines())
    (tmp_path / "two words").mkdir()
    assert shell("ls -d t*", terminal=True)[1] == "'two words'\n"


def test_every_command_exists_and_has_a_docstring():
    for name in MODULES:
        assert find(name, calls.State.of_process()).__doc__, name


def test_every_command_is_documented():
    page = (Path(__file__).parents[2] / "docs" / "shell.md").read_text()
    rows = {line.split("|")[1] for line in page.splitlines() if line.startswith("| `")}
    documented = {name.strip(" `") for row in rows for name in row.split(",")}
    assert set(MODULES) <= documented
