"""The relay from end to end: a browser's kernel, the sharing service, and a site that refuses."""

import threading

import pytest
import uvicorn
from pytest_pyodide import run_in_pyodide

from je_sharing import relay as relay_module
from je_sharing.app import create_app
from je_sharing.database import migrate
from je_sharing.relay import Relay
from je_sharing.settings import Settings
from tests.kernel.conftest import PUBLIC_HOST
from tests.kernel.cross_origin import CSV, CrossOriginServer


@pytest.fixture
def other():
    with CrossOriginServer() as server:
        yield server


@pytest.fixture
def refusing(other):
    """The address of a file that no page may read, under a public name."""
    return f"http://{PUBLIC_HOST}:{other.server_port}/closed.csv"


@pytest.fixture
def relay_url(other, tmp_path, monkeypatch):
    """The relay of a running service, for which this machine stands for the public internet."""
    monkeypatch.setitem(relay_module._PORTS, "http", other.server_port)
    settings = Settings(data_dir=tmp_path, relay_hosts=PUBLIC_HOST, cors_origins="*")
    migrate(settings)
    app = create_app(settings)

    async def lookup(host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    app.state.relay = Relay(
        settings.relay_host_list,
        max_bytes=settings.relay_max_bytes,
        timeout_seconds=settings.relay_timeout_seconds,
        lookup=lookup,
        may_connect=lambda address: address == "127.0.0.1",
    )
    ready = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets=None):
            await super().startup(sockets)
            ready.set()

    server = Server(uvicorn.Config(app, port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    assert ready.wait(60), "the service did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/api/v1/relay"
    server.should_exit = True
    thread.join(60)


@run_in_pyodide(packages=["je-kernel", "pandas"])
def read_frame(selenium, url, relay):
    """Read a table as a lesson does; return it as CSV, or what was raised."""
    import os

    import pandas as pd

    import je_kernel
    from je_kernel import net, settings

    je_kernel.start()
    net.install()
    os.environ["JE_KERNEL_RELAY_URL"] = relay
    settings.reload()
    try:
        return pd.read_csv(url).to_csv(index=False)
    except OSError as error:
        return type(error).__name__
    finally:
        del os.environ["JE_KERNEL_RELAY_URL"]
        settings.reload()


def test_a_frame_arrives_through_the_relay_from_a_site_that_refuses(
    selenium, other, refusing, relay_url
):
    assert read_frame(selenium, refusing, relay_url) == CSV.decode()
    # Directly first, and only after the refusal by the service.
    assert other.seen[0] == other.seen[-1] == "GET /closed.csv"
    assert other.seen.count("GET /closed.csv") == 2


def test_the_refusal_stands_for_a_host_that_the_operator_has_not_listed(
    selenium, other, refusing, relay_url
):
    url = refusing.replace(PUBLIC_HOST, f"other.{PUBLIC_HOST}")
    assert read_frame(selenium, url, relay_url) == "SiteForbidsError"
    assert other.seen.count("GET /closed.csv") == 1
