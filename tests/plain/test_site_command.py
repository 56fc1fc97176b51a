"""The command says what went wrong in one sentence, and stops when it is told to."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from je_site.command import main

pytestmark = [pytest.mark.plain, pytest.mark.slow, pytest.mark.usefixtures("cache")]

KERNEL = "@jupyterlite/pyodide-kernel-extension:kernel"


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "jupyter-lite.json").write_text("{}")
    (folder / "index.html").write_text("<h1>hello</h1>")
    return folder


@contextlib.contextmanager
def serving(site, *options):
    """Run the command on a free port, and end it when the block does, however that does."""
    command = [sys.executable, "-m", "je_site.command", "serve", "--no-open", "--port", "0"]
    with subprocess.Popen(
        [*command, "--output", str(site), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            # So that it can end what it has started; it is killed if it does not.
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=60)
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_prints_its_address_and_stops_cleanly(site, number):
    with serving(site, "--no-sharing") as process:
        line = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/", line)[0]
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert answer.read() == b"<h1>hello</h1>"
        process.send_signal(number)
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == ""


def test_serve_stops_cleanly_in_the_middle_of_a_download(site):
    with (site / "large.bin").open("wb") as file:
        file.truncate(300 << 20)
    with serving(site, "--no-sharing") as process:
        port = int(re.search(r":(\d+)/", process.stdout.readline())[1])
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(b"GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(1000)
            process.send_signal(signal.SIGINT)
            assert (process.wait(timeout=60), process.stderr.read()) == (0, "")


def test_serve_isolated(site):
    with serving(site, "--no-sharing", "--isolated") as process:
        address = re.search(r"http://\S+/", process.stdout.readline())[0]
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"


def test_a_port_in_use_is_one_sentence_and_fails(site, capsys):
    with serving(site, "--no-sharing") as process:
        port = re.search(r":(\d+)/", process.stdout.readline())[1]
        code = main(["serve", "--no-open", "--output", str(site), "--port", port])
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


@contextlib.contextmanager
def sharing(site, tmp_path, monkeypatch):
    """Serve a site with sharing, and say where."""
    pytest.importorskip("je_sharing")
    monkeypatch.setenv("JE_SHARING_DATA_DIR", str(tmp_path / "shared"))
    with serving(site, "--sharing") as process:
        said = [process.stdout.readline(), process.stdout.readline()]
        yield process, re.search(r"http://\S+/", said[1])[0]


def ask(url, method="GET", body=None, **headers):
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.status, answer.read()


def test_serve_shares_under_its_own_address_and_keeps_it_over_a_restart(
    site, tmp_path, monkeypatch
):
    settings = {"litePluginSettings": {KERNEL: {"loadPyodideOptions": {"env": {"A": "1"}}}}}
    config = json.dumps({"jupyter-config-data": settings})
    (site / "jupyter-lite.json").write_text(config)
    with sharing(site, tmp_path, monkeypatch) as (process, url):
        served = json.loads(ask(f"{url}jupyter-lite.json")[1])["jupyter-config-data"]
        env = served["litePluginSettings"][KERNEL]["loadPyodideOptions"]["env"]
        assert env == {"A": "1", "JE_KERNEL_SHARING_URL": url.rstrip("/")}
        assert (site / "jupyter-lite.json").read_text() == config
        token = json.loads(ask(f"{url}api/v1/auth/issue", "POST", b"")[1])["token"]
        notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
        body = json.dumps({"notebook": notebook, "password": ""}).encode()
        bearer = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        status, answer = ask(f"{url}api/v1/notebooks", "POST", body, **bearer)
        assert status == 201
        page = f"s/{json.loads(answer)['notebook']['readable_id']}"
        shown = ask(url + page)[1].decode()
        # A relative link leads to the site by whatever name the browser has it under.
        assert f'href="../lab/index.html?notebook={page[2:]}"' in shown
        process.terminate()
        assert (process.wait(timeout=60), process.stderr.read()) == (0, "")
    with sharing(site, tmp_path, monkeypatch) as (process, url):
        assert ask(url + page)[0] == 200
        process.send_signal(signal.SIGINT)
        assert (process.wait(timeout=60), process.stderr.read()) == (0, "")


def test_what_the_service_refuses_arrives_and_what_it_does_not_own_is_refused(
    site, tmp_path, monkeypatch
):
    with sharing(site, tmp_path, monkeypatch) as (_, url):
        token = json.loads(ask(f"{url}api/v1/auth/issue", "POST", b"")[1])["token"]
        refused = {}
        for path, body in (("api/v1/notebooks", b"x" * 20_000_000), ("index.html", b"x")):
            with pytest.raises(urllib.error.HTTPError) as caught:
                ask(url + path, "POST", body, Authorization=f"Bearer {token}")
            refused[path] = caught.value.code
        assert refused == {"api/v1/notebooks": 413, "index.html": 405}


def test_a_large_notebook_is_shared_by_a_client_that_expects_100_continue(
    site, tmp_path, monkeypatch
):
    cell = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "x " * 2_500_000}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    body = tmp_path / "body"
    body.write_text(json.dumps({"notebook": notebook, "password": ""}))
    with sharing(site, tmp_path, monkeypatch) as (_, url):
        token = json.loads(ask(f"{url}api/v1/auth/issue", "POST", b"")[1])["token"]
        headers = ("Content-Type: application/json", f"Authorization: Bearer {token}")
        options = [option for header in headers for option in ("-H", header)]
        command = ["curl", "-sS", "--max-time", "60", "-w", "%{http_code}", *options]
        said = subprocess.run(
            [*command, "-H", "Expect: 100-continue", "-d", f"@{body}", f"{url}api/v1/notebooks"],
            check=True,
            capture_output=True,
            text=True,
        )
    assert said.stdout.endswith("201")


def test_when_the_service_dies_it_is_said_and_the_site_goes_on(site, tmp_path, monkeypatch):
    with sharing(site, tmp_path, monkeypatch) as (process, url):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 1
        os.kill(int(children[0]), signal.SIGKILL)
        assert "The sharing service ended (status -9)" in process.stderr.readline()
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(f"{url}api/v1/auth/issue", "POST", b"")
        assert caught.value.code == 503
        assert json.loads(caught.value.read())["error_code"] == "SERVICE_UNAVAILABLE"
        assert ask(url)[1] == b"<h1>hello</h1>"


def test_the_service_ends_when_the_server_is_killed(site, tmp_path, monkeypatch):
    with sharing(site, tmp_path, monkeypatch) as (process, _):
        child = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
        process.kill()
        deadline = time.monotonic() + 60
        while running(child) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not running(child)


def running(pid):
    """Tell whether a process runs; one whose end nobody has asked about does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_service_that_cannot_start_is_an_error_that_says_why(site, tmp_path, monkeypatch, capsys):
    pytest.importorskip("je_sharing")
    monkeypatch.setenv("JE_SHARING_DATA_DIR", str(tmp_path / "shared"))
    monkeypatch.setenv("JE_SHARING_TOKEN_MINUTES", "soon")
    assert main(["serve", "--no-open", "--output", str(site), "--port", "0"]) == 1
    said = capsys.readouterr().err
    assert "did not start; --no-sharing serves the site without it" in said
    assert "token_minutes" in said


def test_a_site_that_names_a_service_needs_none_beside_it(site):
    env = {"JE_KERNEL_SHARING_URL": "https://share.example"}
    settings = {"litePluginSettings": {KERNEL: {"loadPyodideOptions": {"env": env}}}}
    (site / "jupyter-lite.json").write_text(json.dumps({"jupyter-config-data": settings}))
    with serving(site) as process:
        assert "by https://share.example, as the site says" in process.stdout.readline()
        url = re.search(r"http://\S+/", process.stdout.readline())[0]
        assert json.loads(ask(f"{url}jupyter-lite.json")[1])["jupyter-config-data"] == settings


def test_another_service_can_be_named(site):
    (site / "jupyter-lite.json").write_text(
        json.dumps(
            {"jupyter-config-data": {"litePluginSettings": {KERNEL: {"loadPyodideOptions": {}}}}}
        )
    )
    with serving(site, "--sharing-url", "https://share.example") as process:
        url = re.search(r"http://\S+/", process.stdout.readline())[0]
        assert (
            b'"JE_KERNEL_SHARING_URL": "https://share.example"' in ask(f"{url}jupyter-lite.json")[1]
        )


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
