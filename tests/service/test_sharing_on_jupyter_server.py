"""Sharing from a notebook that a real Jupyter server runs, as JupyterLab has it do so."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import uuid

import httpx
import pytest
from tornado.websocket import websocket_connect

from tests.service.running_service import free_port

SECONDS = 180
TOKEN = "the-students-own"


class JupyterServer:
    """A server, and what a front end asks of it."""

    def __init__(self, folder, service, log):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        headers = {"Authorization": f"token {TOKEN}"}
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=SECONDS)
        homes = (
            "HOME",
            "IPYTHONDIR",
            "JUPYTER_CONFIG_DIR",
            "JUPYTER_DATA_DIR",
            "JUPYTER_RUNTIME_DIR",
        )
        own = {name: str(log.parent / name.lower()) for name in homes}
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"),
                *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={self.port}"),
                *(f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"),
            ],
            env={**os.environ, **own, "JE_KERNEL_SHARING_URL": service.url},
            stdout=log.open("wb"),
            stderr=subprocess.STDOUT,
        )
        self.log = log

    def wait_until_ready(self):
        end = time.monotonic() + SECONDS
        while not self.answers():
            is_hopeless = self.process.poll() is not None or time.monotonic() > end
            assert not is_hopeless, self.log.read_text(errors="replace")
            time.sleep(0.05)

    def answers(self):
        try:
            return self.http.get("/api/status").status_code == 200
        except httpx.TransportError:
            return False

    def save(self, path, content):
        """Save as JupyterLab does, for which the server empties the file and writes it anew."""
        model = {"type": "notebook", "format": "json", "content": content}
        answer = self.http.put(f"/api/contents/{path}", json=model)
        assert answer.status_code in (200, 201), answer.text

    def stop(self):
        self.process.terminate()
        self.process.wait(SECONDS)
        self.http.close()


@pytest.fixture(scope="module")
def server(one_service, tmp_path_factory):
    place = tmp_path_factory.mktemp("jupyter")
    (place / "notebooks").mkdir()
    running = JupyterServer(place / "notebooks", one_service, place / "jupyter.log")
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop()


@pytest.fixture
def folder(server):
    """A folder for one test, which is where its kernels start."""
    name = uuid.uuid4().hex
    server.http.put(f"/api/contents/{name}", json={"type": "directory"}).raise_for_status()
    return name


def cell(source, number=1, **more):
    made = {"cell_type": "code", "id": f"cell-{number}", "metadata": {}, "source": source}
    return {**made, "outputs": [], "execution_count": None, **more}


def notebook_of(*cells, minor=5):
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}}
    return {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": minor}


class FrontEnd:
    """A page with an open notebook: what is in it is saved when its Save button is pressed."""

    def __init__(self, server, path, notebook, *, presses=True):
        self.server = server
        self.path = path
        self.notebook = notebook
        self.presses = presses

    def run(self, index):
        """Run a cell; return what it printed and what went wrong."""
        kernel = {"name": "python3"}
        session = {"path": self.path, "name": self.path, "type": "notebook", "kernel": kernel}
        answer = self.server.http.post("/api/sessions", json=session)
        assert answer.status_code == 201, answer.text
        return asyncio.run(
            asyncio.wait_for(self._run(answer.json()["kernel"]["id"], index), SECONDS)
        )

    async def _run(self, kernel, index):
        url = f"ws://127.0.0.1:{self.server.port}/api/kernels/{kernel}/channels?token={TOKEN}"
        channel = await websocket_connect(url)
        running = self.notebook["cells"][index]
        message_id = uuid.uuid4().hex
        header = {
            "msg_id": message_id,
            "msg_type": "execute_request",
            "username": "",
            "session": "s",
        }
        request = {
            "header": {**header, "version": "5.3"},
            "parent_header": {},
            "metadata": {"cellId": running["id"]},
            "content": {"code": running["source"], "silent": False, "store_history": True},
            "channel": "shell",
        }
        await channel.write_message(json.dumps(request))
        printed, error = "", None
        while True:
            answer = json.loads(await channel.read_message())
            if answer["parent_header"].get("msg_id") != message_id:
                continue
            kind, content = answer["msg_type"], answer["content"]
            if kind == "stream":
                printed += content["text"]
            elif kind == "error":
                error = f"{content['ename']}: {content['evalue']}"
            elif kind == "display_data":
                shown = {key: content[key] for key in ("data", "metadata")}
                running["outputs"] = [{"output_type": "display_data", **shown}]
                if self.presses and "data-je-save" in content["data"].get("text/html", ""):
                    await asyncio.to_thread(self.press_save)
            elif kind == "status" and content["execution_state"] == "idle":
                channel.close()
                return printed.strip(), error

    def press_save(self):
        cells = self.notebook["cells"]
        if self.notebook["nbformat_minor"] < 5:  # JupyterLab drops these where the format has none
            cells = [{key: part for key, part in c.items() if key != "id"} for c in cells]
        self.server.save(self.path, {**self.notebook, "cells": cells})


SHARE = """
import je_kernel
shared = je_kernel.share()
print(shared.readable_id, shared.how, shared.unsaved, shared.notebook)
"""


def sources_kept(service, readable_id):
    answer = service.get(f"/notebooks/get-by-readable-id/{readable_id}")
    assert answer.status_code == 200, answer.text
    return ["".join(c["source"]) for c in answer.json()["content"]["cells"]]


@pytest.mark.parametrize("minor", [5, 4, 0])
def test_what_was_typed_and_not_saved_is_in_the_link(server, one_service, folder, minor):
    server.save(f"{folder}/rain.ipynb", notebook_of(cell("old = 1"), minor=minor))
    server.save(f"{folder}/other.ipynb", notebook_of(cell("other = 1"), minor=minor))
    typed = notebook_of(cell("typed = 'and not saved'"), cell(SHARE, 2), minor=minor)
    printed, error = FrontEnd(server, f"{folder}/rain.ipynb", typed).run(1)
    assert error is None
    readable_id, *rest = printed.split()
    assert rest == ["new", "False", "rain.ipynb"]
    assert sources_kept(one_service, readable_id) == ["typed = 'and not saved'", SHARE]


def test_what_is_shared_again_from_another_kernel_keeps_its_link(server, one_service, folder):
    ran = []
    for source in ("one = 1", "two = 2"):
        page = FrontEnd(server, f"{folder}/rain.ipynb", notebook_of(cell(source), cell(SHARE, 2)))
        page.press_save()
        printed, error = page.run(1)
        assert error is None
        ran.append(printed.split()[:2])
        for session in server.http.get("/api/sessions").json():
            server.http.delete(f"/api/sessions/{session['id']}")
    (first, _), (second, how) = ran
    assert (second, how) == (first, "updated")
    assert sources_kept(one_service, first) == ["two = 2", SHARE]


def test_a_front_end_that_runs_no_scripts_shares_what_was_saved_last_and_says_so(
    server, one_service, folder
):
    server.save(
        f"{folder}/rain.ipynb", notebook_of(cell("saved = 1"), cell("je_kernel.share()", 2))
    )
    typed = notebook_of(cell("typed = 2"), cell(SHARE, 2))
    printed, error = FrontEnd(server, f"{folder}/rain.ipynb", typed, presses=False).run(1)
    assert error is None
    readable_id, _, unsaved, _ = printed.split()
    assert unsaved == "True"
    assert sources_kept(one_service, readable_id)[0] == "saved = 1"


def test_the_checkpoint_that_the_server_keeps_is_not_taken_for_the_notebook(
    server, one_service, folder
):
    page = FrontEnd(server, f"{folder}/rain.ipynb", notebook_of(cell(SHARE)))
    page.press_save()
    page.press_save()
    answer = server.http.post(f"/api/contents/{folder}/rain.ipynb/checkpoints")
    assert answer.status_code == 201
    printed, error = page.run(0)
    assert error is None
    assert printed.split()[1:] == ["new", "False", "rain.ipynb"]
