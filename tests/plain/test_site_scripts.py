"""What figures fetch from the site comes, verified, out of npm packages."""

import base64
import hashlib
import io
import json
import tarfile
from dataclasses import replace

import pytest

from je_site.errors import AssemblyError
from je_site.lock import Scripts
from je_site.npm_scripts import place_scripts
from je_site.progress import Reporter

from .tiny_pyodide import tiny_lock

pytestmark = pytest.mark.plain

SCRIPT = b"export const map = 1;"
PLACE = "static/je-kernel/npm/leaflet@1.9.3/dist/leaflet.js"


def archive():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in (("dist/leaflet.js", SCRIPT), ("README.md", b"A map")):
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


ARCHIVE = archive()
INTEGRITY = "sha512-" + base64.b64encode(hashlib.sha512(ARCHIVE).digest()).decode()


SHA256 = hashlib.sha256(SCRIPT).hexdigest()


def locked(sha256=SHA256):
    scripts = Scripts("leaflet", "1.9.3", INTEGRITY, {"dist/leaflet.js": sha256})
    return replace(tiny_lock(), scripts=(scripts,))


@pytest.fixture
def npm_has_it(world):
    (world.npm / "leaflet-1.9.3.tgz").write_bytes(ARCHIVE)
    tarball = f"{world.url}npm/leaflet-1.9.3.tgz"
    versions = {
        "1.9.3": {
            "name": "leaflet",
            "version": "1.9.3",
            "dist": {"tarball": tarball, "integrity": INTEGRITY},
        }
    }
    index = {"name": "leaflet", "dist-tags": {"latest": "1.9.3"}, "versions": versions}
    (world.npm / "leaflet").write_text(json.dumps(index))


def test_npm_gives_them_and_the_site_has_those_that_the_lock_names(world, npm_has_it, tmp_path):
    placed = place_scripts(locked(), tmp_path / "site", Reporter())
    assert placed == ("npm/leaflet@1.9.3/dist/leaflet.js",)
    assert (tmp_path / "site" / PLACE).read_bytes() == SCRIPT
    assert not list((tmp_path / "site").rglob("README.md"))


def test_what_was_fetched_once_needs_no_network(world, npm_has_it, tmp_path):
    place_scripts(locked(), tmp_path / "site", Reporter())
    world.everything_is_down()
    world.requests.clear()
    place_scripts(locked(), tmp_path / "other", Reporter())
    assert (tmp_path / "other" / PLACE).read_bytes() == SCRIPT
    assert world.requests == []


def test_without_npm_they_come_from_where_pyodide_comes_from(world, tmp_path, monkeypatch):
    (world.npm / "leaflet@1.9.3/dist").mkdir(parents=True)
    (world.npm / "leaflet@1.9.3/dist/leaflet.js").write_bytes(SCRIPT)
    monkeypatch.setenv("PATH", str(tmp_path))
    place_scripts(locked(), tmp_path / "site", Reporter())
    assert (tmp_path / "site" / PLACE).read_bytes() == SCRIPT


def test_another_file_is_one_sentence_and_not_in_the_site(world, npm_has_it, tmp_path):
    world.releases_are_down()
    with pytest.raises(AssemblyError) as caught:
        place_scripts(locked("0" * 64), tmp_path / "site", Reporter())
    assert str(caught.value).startswith("leaflet 1.9.3 could not be had from anywhere")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "site" / PLACE).exists()
