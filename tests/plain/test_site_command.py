"""The command says what went wrong in one sentence, and stops when it is told to."""

import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from je_site.command import main

pytestmark = [pytest.mark.plain, pytest.mark.usefixtures("cache")]


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "jupyter-lite.json").write_text("{}")
    (folder / "index.html").write_text("<h1>hello</h1>")
    return folder


def serving(site, *options):
    command = [sys.executable, "-m", "je_site.command", "serve", "--no-open", "--output", str(site)]
    return subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_prints_its_address_and_stops_cleanly(site, number):
    with serving(site, "--port", "0") as process:
        line = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/", line)[0]
        with urllib.request.urlopen(address, timeout=10) as answer:
            assert answer.read() == b"<h1>hello</h1>"
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
        assert process.stderr.read() == ""


def test_serve_isolated(site):
    with serving(site, "--port", "0", "--isolated") as process:
        address = re.search(r"http://\S+/", process.stdout.readline())[0]
        with urllib.request.urlopen(address, timeout=10) as answer:
            assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        process.terminate()


def test_a_port_in_use_is_one_sentence_and_fails(site, capsys):
    with serving(site, "--port", "0") as process:
        port = re.search(r":(\d+)/", process.stdout.readline())[1]
        code = main(["serve", "--no-open", "--output", str(site), "--port", port])
        process.terminate()
    said = capsys.readouterr().err
    assert code == 1
    assert re.fullmatch(rf"je-kernel: Port {port} is in use, .*--port \d+\.\n", said)


def test_an_error_of_ours_is_one_line_without_a_traceback(tmp_path, capsys):
    (tmp_path / "thesis.odt").touch()
    assert main(["build", "--output", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("je-kernel: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("text", ["NAME", "=1", "a b=1", "9A=1"])
def test_a_variable_that_is_none_is_refused(text, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["build", "--env", text])
    assert caught.value.code == 2
    assert "is not NAME=VALUE" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["build", "serve", "assemble"])
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert "--" in capsys.readouterr().out


def test_assemble_writes_a_flat_distribution(full_cache, tmp_path, monkeypatch, capsys):
    import json

    from je_site import lock

    monkeypatch.setattr(lock, "read_lock", lambda: full_cache)
    folder = tmp_path / "dist"
    assert main(["assemble", "--no-compile", "--dist", str(folder)]) == 0
    written = json.loads((folder / "pyodide-lock.json").read_text())
    assert {entry["file_name"] for entry in written["packages"].values()} <= {
        path.name for path in folder.iterdir()
    }
    assert (folder / "pyodide.mjs").is_file()
    assert "are in" in capsys.readouterr().out
