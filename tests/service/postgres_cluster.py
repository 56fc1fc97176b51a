"""A PostgreSQL of the tests' own: made, started and removed by them."""

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from running_service import START_SECONDS, free_port


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip("PostgreSQL's server is not installed")
    return found[-1]


@dataclass
class PostgresCluster:
    """A running cluster; `new_database` makes an empty database in it."""

    folder: Path
    programs: Path
    port: int
    databases: int = 0

    @classmethod
    def start(cls) -> "PostgresCluster":
        folder = Path(tempfile.mkdtemp(prefix="je-sharing-postgres-"))
        cluster = cls(folder, _programs(), free_port())
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        cluster._run(
            "initdb", "-D", str(folder / "data"), "-U", "sharing", "--auth=trust",
            "--encoding=UTF8", "--no-sync",
        )  # fmt: skip
        options = (
            f"-p {cluster.port} -k {folder} -c listen_addresses=127.0.0.1 -c max_connections=60"
        )
        cluster._run(
            "pg_ctl", "-D", str(folder / "data"), "-w", "-t", str(START_SECONDS),
            "-l", str(folder / "log"), "-o", options, "start",
        )  # fmt: skip
        return cluster

    def _run(self, program: str, *arguments: str) -> None:
        self._as_owner(str(self.programs / program), *arguments)

    def _as_owner(self, *command: str) -> None:
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            pwd.getpwnam("postgres")
            command = ("runuser", "-u", "postgres", "--", *command)
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def new_database(self) -> str:
        self.databases += 1
        name = f"sharing{self.databases}"
        self._run("createdb", "-h", str(self.folder), "-p", str(self.port), "-U", "sharing", name)
        return f"postgresql://sharing@127.0.0.1:{self.port}/{name}"

    def require_tls(self) -> Path:
        """Refuse connections without TLS from now on; returns the self-signed certificate."""
        data, certificate = self.folder / "data", self.folder / "server.crt"
        self._as_owner(
            "openssl", "req", "-new", "-x509", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", str(data / "server.key"), "-out", str(data / "server.crt"),
        )  # fmt: skip
        shutil.copy(data / "server.crt", certificate)
        with (data / "postgresql.conf").open("a") as file:
            file.write("ssl = on\n")
        (data / "pg_hba.conf").write_text(
            "local all all trust\nhostssl all all 127.0.0.1/32 trust\n"
        )
        self._run("pg_ctl", "-D", str(data), "reload")
        return certificate

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)
