"""The Compose file, the Caddyfile, the systemd unit and the alerts fit the service."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from service_parts import settings_of

from je_sharing.metrics import exposition
from je_sharing.settings import Settings

pytestmark = pytest.mark.service

FOLDER = Path(__file__).parents[2] / "service" / "deploy"
VALUES = {
    "SHARING_HOST": "share.school.example",
    "SITE_URL": "https://lab.school.example",
    "REPORT_URL": "mailto:sharing@school.example",
    "POSTGRES_PASSWORD": "a" * 64,
    "S3_ACCESS_KEY": "b" * 64,
    "S3_SECRET_KEY": "c" * 64,
}
VARIABLE = re.compile(r"\$\{(\w+)(?::[?-])?\}")


@pytest.fixture(scope="module")
def compose():
    text = (FOLDER / "compose.yaml").read_text()
    return yaml.safe_load(VARIABLE.sub(lambda found: VALUES[found[1]], text))


def test_the_compose_file_names_its_variables_at_its_top():
    text = (FOLDER / "compose.yaml").read_text()
    head = text[: text.index("name:")]
    assert {found[1] for found in VARIABLE.finditer(text)} == {*VALUES}
    assert all(name in head for name in VALUES)


def test_the_service_takes_the_settings_of_the_compose_file(compose):
    environment = compose["services"]["sharing"]["environment"]
    ours = {name for name in environment if name.startswith("JE_SHARING_")}
    assert ours <= {f"JE_SHARING_{name.upper()}" for name in Settings.model_fields}
    settings = settings_of({name: environment[name] for name in ours})
    assert settings.migrates_on_serve
    assert settings.async_database_url.startswith("postgresql+asyncpg://sharing:")
    assert settings.async_database_url.endswith("@database/sharing")
    assert settings.storage_location == "s3://notebooks"


def test_it_builds_the_container_file_and_trusts_its_proxy_alone(compose):
    service, proxy = compose["services"]["sharing"], compose["services"]["proxy"]
    context = FOLDER / service["build"]["context"]
    assert (context / service["build"]["dockerfile"]).is_file()
    address = proxy["networks"]["default"]["ipv4_address"]
    assert service["environment"]["JE_SHARING_TRUSTED_PROXIES"] == address
    assert "ports" not in service


def test_the_proxy_takes_every_request_that_the_service_takes():
    caddyfile = (FOLDER / "Caddyfile").read_text()
    assert f"reverse_proxy sharing:{Settings.model_fields['port'].default}" in caddyfile
    (megabytes,) = re.findall(r"max_size (\d+)MB", caddyfile)
    assert int(megabytes) * 1_000_000 >= Settings().max_request_bytes


def test_the_alerts_watch_metrics_of_the_service():
    (group,) = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    expressions = " ".join(rule["expr"] for rule in group["rules"])
    watched = {name.removesuffix("_bucket") for name in re.findall(r"je_sharing_\w+", expressions)}
    ours = set(re.findall(r"# HELP (\w+)", exposition().decode()))
    assert len(watched) > 4
    assert watched <= ours
    assert all(rule["annotations"]["summary"] for rule in group["rules"])


def test_systemd_accepts_the_unit(tmp_path):
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd is not installed")
    unit = tmp_path / "je-sharing.service"
    text = (FOLDER / "je-sharing.service").read_text()
    command = Path(sys.executable).with_name("je-sharing")
    assert text.count("/opt/je-sharing/bin/je-sharing serve") == 1
    unit.write_text(
        text.replace("ExecStart=/opt/je-sharing/bin/je-sharing", f"ExecStart={command}")
    )
    done = subprocess.run(
        [program, "verify", "--man=no", str(unit)],
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "je-sharing.service" not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr
