"""What the service writes down at its most talkative: no token, password, id or notebook."""

import io
import logging
import socket
import sys

import pytest

from je_sharing.logs import log_as_json
from tests.service.running_service import (
    API,
    UNHURRIED,
    RunningService,
    bearer,
    log_lines,
    notebook,
    raw_request,
)

MARK = "q7Zk2W9xLr4Tb8Np"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"


@pytest.fixture(scope="module")
def talkative(backend_settings, tmp_path_factory):
    """A service that logs all it can, and what must not be found in its log."""
    environment = backend_settings("sqlite-folder") | UNHURRIED
    environment |= {"JE_SHARING_LOG_LEVEL": "debug", "JE_SHARING_RELAY_HOSTS": '["data.example"]'}
    service = RunningService(environment, tmp_path_factory.mktemp("log") / "log").start()
    token = service.token()
    http, head = service.http, bearer(token)
    text = f"the secret diary {MARK}"
    shared = service.share(notebook(text), token, password=f"pw-{MARK}").json()["notebook"]
    readable_id, uuid = shared["readable_id"], shared["id"]
    service.put(f"/notebooks/{uuid}", notebook(f"{text} again"), token)
    service.token(notebook_id=uuid, password=f"pw-{MARK}")
    # All that fails
    http.post(f"{API}/auth/issue", json={"notebook_id": uuid, "password": f"wrong-{MARK}"})
    http.post(f"{API}/auth/issue", content=f"{{{MARK}")
    http.post(f"{API}/auth/refresh", json={"token": f"{token}{MARK}"})
    http.post(f"{API}/notebooks", json={"notebook": {"cells": MARK}}, headers=head)
    http.post(f"{API}/notebooks", content=f"{{{MARK}", headers=head)
    http.post(f"{API}/notebooks", content=f'"\\ud800 {MARK}"', headers=head)
    http.post(f"{API}/notebooks", json={"notebook": notebook(text)}, headers=bearer(MARK))
    http.put(f"{API}/notebooks/{MARK}", json=notebook(text), headers=head)
    http.get(f"{API}/notebooks/get-by-readable-id/{MARK}?token={MARK}", headers=head)
    http.get(f"{API}/notebooks/{uuid}?at={MARK}&api_key={MARK}", headers=head)
    http.get(f"{API}/relay", params={"url": f"https://mia:{MARK}@data.example/?api_key={MARK}"})
    http.get(f"{API}/relay", params={"url": f"https://data.example/?api_key={MARK}"}, headers=head)
    http.get(f"/s/{readable_id}", headers={**head, "Cookie": f"session={MARK}"})
    http.get(f"/s/{MARK}?token={token}", headers={"Range": f"bytes={MARK}"})
    http.get(f"/{MARK}", headers={"Referer": f"https://a.example/?token={MARK}"})
    raw_request(service.port, f"GET /{MARK}\x01 HTTP/1.1\nHost: x\nConnection: close\n\n")
    raw_request(service.port, f"{MARK} nonsense\n\n")
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall(
            f"POST {API}/notebooks?{MARK} HTTP/1.1\r\nContent-Length: 9\r\n".encode()
        )
    http.delete(f"{API}/notebooks/{uuid}", headers=head)
    yield service, [MARK, "secret diary", token, token.split(".")[1], readable_id, uuid]
    service.stop()


def test_the_log_of_good_and_bad_requests_holds_nothing_of_what_was_sent(talkative):
    service, forbidden = talkative
    log = service.log()
    assert {"share_notebook", "view_notebook"} <= {line.get("route") for line in log_lines(log)}
    assert [text for text in forbidden if text in log] == []


def test_every_line_of_the_log_is_json_at_every_level(talkative):
    log = talkative[0].log()
    assert len(log_lines(log)) == len(log.strip().splitlines())


def logged(level, name, message, *arguments, error=None):
    """Log as a service process does, and return what is written."""
    root = logging.getLogger()
    handlers, root_level, stderr = list(root.handlers), root.level, sys.stderr
    sys.stderr = io.StringIO()
    try:
        log_as_json("debug")
        logging.getLogger(name).log(level, message, *arguments, exc_info=error)
        return sys.stderr.getvalue()
    finally:
        sys.stderr = stderr
        root.handlers, root.level = handlers, root_level


@pytest.mark.parametrize("name", ["aiosqlite", "botocore.auth", "sqlalchemy.engine", "asyncio"])
def test_what_libraries_say_to_developers_is_not_logged(name):
    assert logged(logging.DEBUG, name, "executing %r", (MARK,)) == ""
    assert logged(logging.INFO, name, "INSERT %r", (MARK,)) == ""


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://mia:{MARK}@a.example/x failed",
        f"GET https://a.example/x?api_key={MARK} failed",
        f"postgresql+asyncpg://mia:{MARK}@db/sharing cannot be reached",
        f"Authorization: Bearer {MARK}",
        f"Basic {MARK}==",
        f"token {JWT}",
    ],
)
def test_a_message_of_a_library_is_logged_without_secrets(text):
    line = logged(logging.WARNING, "asyncio", text)
    assert line
    assert MARK not in line
    assert JWT not in line


def test_an_error_is_logged_by_its_type_and_place_alone():
    try:
        raise ValueError(f"cannot read {MARK}") from KeyError(MARK)
    except ValueError as error:
        line = logged(logging.ERROR, "je_sharing", "a request failed", error=error)
    assert "ValueError" in line
    assert "test_logs.py" in line
    assert MARK not in line
