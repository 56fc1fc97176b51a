"""PostgreSQL over TLS, and behind pgbouncer in transaction mode."""

import asyncio
import os
import shutil
import subprocess
import time
from urllib.parse import urlsplit

import pytest
from postgres_cluster import PostgresCluster
from running_service import END_SECONDS, START_SECONDS, free_port, unique_notebook
from service_parts import content, in_services, settings_of, share
from sqlalchemy import text

from je_sharing.database import Database, migrate
from je_sharing.transfer import deployment, transfer

pytestmark = pytest.mark.service


async def _is_encrypted(settings) -> bool:
    database = Database(settings)
    try:
        query = text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        async with database.read() as connection:
            return bool((await connection.execute(query)).scalar_one())
    finally:
        await database.close()


class TestTls:
    @pytest.fixture(scope="class")
    def cluster(self):
        cluster = PostgresCluster.start()
        yield cluster
        cluster.stop()

    @pytest.fixture(scope="class")
    def certificate(self, cluster):
        return cluster.require_tls()

    @pytest.mark.parametrize("query", ["sslmode=require", "sslmode=verify-full&sslrootcert={}"])
    def test_with_sslmode_the_connection_is_encrypted(self, cluster, certificate, tmp_path, query):
        url = f"{cluster.new_database()}?{query.format(certificate)}"
        settings = settings_of({"JE_SHARING_DATABASE_URL": url}, data_dir=tmp_path)
        migrate(settings)
        assert asyncio.run(_is_encrypted(settings))

    def test_verify_full_refuses_a_certificate_that_nobody_vouches_for(self, cluster, certificate):
        url = f"{cluster.new_database()}?sslmode=verify-full&sslrootcert={os.devnull}"
        settings = settings_of({"JE_SHARING_DATABASE_URL": url})
        with pytest.raises(OSError, match=r"(?i)certificate"):
            asyncio.run(_is_encrypted(settings))

    def test_without_tls_this_server_refuses(self, cluster, certificate):
        settings = settings_of(
            {"JE_SHARING_DATABASE_URL": f"{cluster.new_database()}?sslmode=disable"}
        )
        with pytest.raises(Exception, match="no encryption"):
            asyncio.run(_is_encrypted(settings))


class TestPgbouncer:
    @pytest.fixture
    def pooled_url(self, postgres, tmp_path):
        """The URL of a new database through a pooler with two connections to the server."""
        program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None:
            pytest.skip("pgbouncer is not installed")
        server, port = urlsplit(postgres.new_database()), free_port()
        folder = tmp_path / "pooler"
        folder.mkdir()
        (folder / "users").write_text('"sharing" ""\n')
        (folder / "pgbouncer.ini").write_text(
            "[databases]\n"
            f"* = host={server.hostname} port={server.port}\n"
            "[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {folder / 'users'}\n"
            "pool_mode = transaction\ndefault_pool_size = 2\n"
        )
        command = [program, str(folder / "pgbouncer.ini")]
        if os.geteuid() == 0:
            # pgbouncer refuses to run as root.
            for path in (folder, *folder.parents):
                if path != path.parent and path.stat().st_uid == 0 and path.name != "tmp":
                    path.chmod(0o755)
            command = ["runuser", "-u", "postgres", "--preserve-environment", "--", *command]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        yield f"postgresql://sharing@127.0.0.1:{port}{server.path}"
        process.terminate()
        process.wait(END_SECONDS)

    def test_many_at_once_share_read_and_update_in_transaction_mode(
        self, pooled_url, tmp_path, start
    ):
        settings = settings_of(
            {"JE_SHARING_DATABASE_URL": pooled_url}, data_dir=tmp_path, database_pooler=True
        )
        _until_it_answers(settings)
        contents = [content() for _ in range(60)]

        async def scenario(services):
            async def one(what):
                shared = await share(services, what)
                found = await services.notebooks.find_readable(shared.readable_id)
                assert await services.notebooks.content(found) == what
                assert await services.notebooks.history(found) == [found.taken_at]

            await asyncio.gather(*map(one, contents))
            await services.sweep.sweep()

        in_services(settings, scenario)
        assert transfer(settings, deployment(settings, str(tmp_path / "backup"))).copied == 60
        service = start(
            database_url=pooled_url, database_pooler="true", data_dir=str(tmp_path / "service")
        )
        token, changed = service.token(), unique_notebook()
        shared = service.shared(token=token)
        assert service.put(f"/notebooks/{shared['id']}", changed, token).is_success
        assert service.get(f"/notebooks/{shared['id']}", token).json()["content"] == changed


def _until_it_answers(settings) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return migrate(settings)
        except OSError:
            assert time.monotonic() < deadline, "the pooler does not answer"
            time.sleep(0.1)
