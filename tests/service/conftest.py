import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from postgres_cluster import PostgresCluster
from running_service import END_SECONDS, START_SECONDS, UNHURRIED, RunningService, free_port
from service_parts import settings_of

from je_sharing.database import migrate
from je_sharing.settings import Settings

BACKENDS = ["sqlite-folder", "postgres-folder", "postgres-s3"]
Start = Callable[..., RunningService]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresCluster]:
    cluster = PostgresCluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """A real HTTP S3 API on this machine."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    endpoint = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            httpx.put(f"{endpoint}/notebooks").raise_for_status()
            break
        except httpx.TransportError:
            assert time.monotonic() < deadline, "the S3 server did not start"
            time.sleep(0.1)
    yield endpoint
    process.terminate()
    process.wait(END_SECONDS)


@pytest.fixture(scope="session")
def backend_settings(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], dict[str, str]]:
    """The settings of a fresh database and store of one kind."""

    def settings(kind: str) -> dict[str, str]:
        folder = tmp_path_factory.mktemp(kind)
        chosen = {"JE_SHARING_DATA_DIR": str(folder / "data"), **UNHURRIED}
        if kind.startswith("postgres"):
            cluster: PostgresCluster = request.getfixturevalue("postgres")
            chosen["JE_SHARING_DATABASE_URL"] = cluster.new_database()
            chosen["JE_SHARING_AUTO_MIGRATE"] = "true"
        if kind.endswith("s3"):
            chosen["JE_SHARING_STORAGE_URL"] = f"s3://notebooks/{folder.name}"
            chosen["JE_SHARING_STORAGE_ENDPOINT"] = request.getfixturevalue("s3_endpoint")
            chosen |= {
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_REGION": "us-east-1",
            }
        return chosen

    return settings


@pytest.fixture(params=BACKENDS)
def settings(
    request: pytest.FixtureRequest,
    backend_settings: Callable[[str], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """Settings for the service's parts in the test's own process, with the schema in place."""
    environment = backend_settings(request.param)
    for name, value in environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    chosen = settings_of(environment, retention_days=30, backup_hours=0)
    migrate(chosen)
    return chosen


@pytest.fixture(scope="session", params=BACKENDS)
def service(
    request: pytest.FixtureRequest,
    backend_settings: Callable[[str], dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningService]:
    """The service, once on each kind of database and store."""
    log = tmp_path_factory.mktemp("log") / "service.log"
    running = RunningService(backend_settings(request.param), log).start()
    yield running
    running.stop()


@pytest.fixture
def start(backend_settings: Callable[[str], dict[str, str]], tmp_path: Path) -> Iterator[Start]:
    """Starts services of a test's own, with settings of its own."""
    with _starting(backend_settings, tmp_path) as begin:
        yield begin


@pytest.fixture(scope="class")
def start_class(
    backend_settings: Callable[[str], dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Start]:
    """Starts services that the tests of a class share."""
    with _starting(backend_settings, tmp_path_factory.mktemp("class")) as begin:
        yield begin


@contextlib.contextmanager
def _starting(backend_settings: Callable[[str], dict[str, str]], folder: Path) -> Iterator[Start]:
    running: list[RunningService] = []

    def begin(
        kind: str = "sqlite-folder",
        *,
        like: RunningService | None = None,
        workers: int = 1,
        **settings: str,
    ) -> RunningService:
        environment = dict(like.environment) if like else backend_settings(kind)
        environment |= {f"JE_SHARING_{name.upper()}": value for name, value in settings.items()}
        log = folder / f"service{len(running)}.log"
        running.append(RunningService(environment, log, workers=workers))
        return running[-1].start()

    try:
        yield begin
    finally:
        for item in running:
            item.stop()


@pytest.fixture(scope="session")
def one_service(
    backend_settings: Callable[[str], dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    """The service as it is when nothing is set, for those who share with it."""
    log = tmp_path_factory.mktemp("log") / "service.log"
    running = RunningService(backend_settings("sqlite-folder"), log).start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def plain_service(
    backend_settings: Callable[[str], dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    """The service on its defaults, for what does not depend on where things are kept."""
    log = tmp_path_factory.mktemp("log") / "service.log"
    environment = backend_settings("sqlite-folder")
    environment["JE_SHARING_SITE_URL"] = "https://site.example/lite/"
    running = RunningService(environment, log).start()
    yield running
    running.stop()
