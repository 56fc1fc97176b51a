"""The lines of the container file, run one by one as an image builder and a container would.

No base image can be fetched where these tests run: the Python and the dependencies are those of
the tests. Everything else is the file's own. What they cannot see (a first process that heeds no
signal, a root that is read-only, what the builder leaves out) was tried by hand, on an image.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from running_service import END_SECONDS, START_SECONDS, free_port

pytestmark = pytest.mark.service

ROOT = Path(__file__).parents[2]
CONTAINERFILE = ROOT / "service" / "Containerfile"
LOCK = (ROOT / "requirements.lock").read_text()
IGNORED = (ROOT / ".dockerignore").read_text()
PROJECT = tomllib.loads((ROOT / "service" / "pyproject.toml").read_text())["project"]
DEPENDENCIES = {re.match(r"[\w-]+", item)[0] for item in PROJECT["dependencies"]}


@dataclass(frozen=True)
class Line:
    stage: int
    instruction: str
    rest: str


def read_containerfile() -> list[Line]:
    text = re.sub(r"\\\n\s*", "", CONTAINERFILE.read_text())
    lines, stage = [], -1
    for line in text.splitlines():
        if line and not line.startswith("#"):
            instruction, _, rest = line.partition(" ")
            stage += instruction == "FROM"
            lines.append(Line(stage, instruction, rest.strip()))
    return lines


LINES = read_containerfile()


def only(instruction: str, stage: int) -> str:
    (found,) = [
        line.rest for line in LINES if (line.instruction, line.stage) == (instruction, stage)
    ]
    return found


def runs(stage: int) -> list[str]:
    return [line.rest for line in LINES if (line.instruction, line.stage) == ("RUN", stage)]


def environment() -> dict[str, str]:
    return dict(item.split("=", 1) for item in shlex.split(only("ENV", 1)))


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """What the build stage installs, made of nothing but what it copies."""
    folder = tmp_path_factory.mktemp("container")
    source = folder / "source"
    for line in LINES:
        if (line.instruction, line.stage) == ("COPY", 0):
            origin, target = line.rest.split()
            place = source / target
            place.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / origin).is_dir() else shutil.copy
            copy(ROOT / origin, place)
    target = folder / "installed"
    program, *arguments = shlex.split(runs(0)[-1])
    assert program == "uv"
    # In the image there is one Python, and the network.
    arguments.remove("--system")
    arguments.remove("--compile-bytecode")
    arguments = [item.replace("/installed", str(target)) for item in arguments]
    here = ["--python", sys.executable, "--offline", "--no-deps", "--no-build-isolation"]
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, *arguments, *here], check=True, cwd=source, capture_output=True)
    return target


@pytest.fixture
def packages(installed) -> Path:
    (found,) = installed.glob("lib/python*/site-packages")
    return found


def test_each_stage_starts_from_the_same_python_that_the_package_allows():
    images = {line.rest.split()[0] for line in LINES if line.instruction == "FROM"}
    (image,) = images
    wanted = re.fullmatch(r"docker\.io/library/python:3\.(\d+)-slim", image)
    assert wanted is not None
    assert int(wanted[1]) >= 11


def test_what_is_installed_is_what_the_lock_says_to_the_hash():
    of_uv, of_the_service = runs(0)
    assert of_uv == "pip install --no-cache-dir --require-hashes -r tools/uv.txt"
    # uv compares hashes wherever a file that it is given has them.
    for option in ("constraints", "build-constraints"):
        assert f"--{option}=requirements.lock" in of_the_service.split()
    assert re.search(r"^hatchling==.*\n +--hash=sha256:", LOCK, re.MULTILINE)


@pytest.mark.parametrize("name", sorted(DEPENDENCIES))
def test_the_lock_has_every_dependency_of_the_service(name):
    assert re.search(rf"^{re.escape(name)}==", LOCK, re.MULTILINE)


def test_an_image_builder_is_sent_what_is_copied_and_no_more():
    """Else a clone with its environment and caches is gigabytes."""
    ignored, *lines = [line for line in IGNORED.splitlines() if not line.startswith("#")]
    assert ignored == "*"
    sent = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {
        line.rest.split()[0] for line in LINES if (line.instruction, line.stage) == ("COPY", 0)
    }
    assert sent == copied


def test_the_second_stage_takes_what_the_first_installed():
    assert only("COPY", 1) == "--from=build /installed /usr/local"
    user, group = only("USER", 1).split(":")
    assert f"--uid {user} --gid {group} " in only("RUN", 1)
    assert int(user) > 0
    assert only("VOLUME", 1) in only("RUN", 1).split()
    assert environment()["JE_SHARING_PORT"] == only("EXPOSE", 1)
    assert environment()["JE_SHARING_DATA_DIR"] == only("VOLUME", 1) == only("WORKDIR", 1)


def test_the_installed_service_is_whole(installed, packages):
    found = subprocess.run(
        [sys.executable, "-c", "import je_sharing; print(je_sharing.__file__)"],
        env={**os.environ, "PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(found.stdout.strip()).is_relative_to(installed)
    source = ROOT / "service" / "src" / "je_sharing"
    of_source = {
        path.relative_to(source)
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert all((packages / "je_sharing" / path).is_file() for path in of_source)


@pytest.mark.slow
def test_the_container_starts_and_its_health_check_tells_when_it_is_ready(
    installed, packages, tmp_path
):
    (entry,) = json.loads(only("ENTRYPOINT", 1))
    command = [str(installed / "bin" / entry), *json.loads(only("CMD", 1))]
    settings = {
        **os.environ,
        **{name: value.replace("/data", str(tmp_path)) for name, value in environment().items()},
        "JE_SHARING_PORT": str(free_port()),
    }
    check = json.loads(only("HEALTHCHECK", 1).partition(" CMD ")[2])
    check = [sys.executable, *check[1:]]

    def is_healthy() -> bool:
        found = subprocess.run(check, env=settings, stderr=subprocess.DEVNULL, check=False)
        return found.returncode == 0

    assert not is_healthy()
    process = subprocess.Popen(
        command,
        env={**settings, "PYTHONPATH": str(packages)},
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not is_healthy():
            assert process.poll() is None
            assert time.monotonic() < deadline, "the container did not become healthy"
    finally:
        process.send_signal(signal.Signals[only("STOPSIGNAL", 1)])
        status = process.wait(END_SECONDS)
    assert status == 0
    assert (tmp_path / "sharing.db").exists()
