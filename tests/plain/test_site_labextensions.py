"""A page has the front ends of the wheels that its kernel loads, and no others of the name."""

import io
import json
import zipfile

import pytest

from je_site import labextensions
from je_site.assembly import Package
from je_site.errors import AssemblyError, LockError
from je_site.labextensions import check_front_ends, front_ends_of, install_front_ends

pytestmark = pytest.mark.plain

LABEXTENSIONS = "data/share/jupyter/labextensions"


def described(name, version, **build):
    build = {"load": "static/remoteEntry.1a.js", "extension": "./extension", **build}
    return json.dumps({"name": name, "version": version, "jupyterlab": {"_build": build}})


def package(folder, name, version, files):
    """A package whose wheel has front ends: files by path below ``labextensions``."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/__init__.py", "")
        for file, content in files.items():
            archive.writestr(f"{name}-{version}.data/{LABEXTENSIONS}/{file}", content)
    return Package(name, version, path, "0" * 64, (name,), ())


def canvas(folder, version="0.14.3"):
    files = {
        "ipycanvas/package.json": described("ipycanvas", version),
        "ipycanvas/static/remoteEntry.1a.js": f"// {version}",
        "ipycanvas/static/remoteEntry.1a.js.map": "{}",
        "ipycanvas/schemas/ipycanvas/plugin.json": json.dumps({"title": "Canvas"}),
    }
    return package(folder, "ipycanvas", version, files)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """What JupyterLite has made, with a front end of the environment that it ran in."""
    site = tmp_path / "site"
    environment = tmp_path / "environment"
    monkeypatch.setattr(labextensions, "_ENVIRONMENT", environment)
    for folder in (site / "extensions", environment):
        (folder / "ipycanvas/static").mkdir(parents=True)
        (folder / "ipycanvas/package.json").write_text(described("ipycanvas", "0.13.0"))
        (folder / "ipycanvas/static/old.js").write_text("// 0.13.0")
    (site / "build/schemas").mkdir(parents=True)
    settings = [{"id": "@a/b:plugin"}, {"id": "ipycanvas:plugin", "version": "0.13.0"}]
    (site / "build/schemas/all_federated.json").write_text(json.dumps(settings))
    extensions = [{"name": "ipycanvas", "load": "static/old.js"}, {"name": "@a/b", "load": "b.js"}]
    config = {"jupyter-config-data": {"federated_extensions": extensions, "appName": "Ours"}}
    (site / "jupyter-lite.json").write_text(json.dumps(config))
    return site


def install(site, *packages):
    install_front_ends(site, front_ends_of(packages))


def loaded(site):
    data = json.loads((site / "jupyter-lite.json").read_text())["jupyter-config-data"]
    return {entry["name"]: entry for entry in data["federated_extensions"]}


def test_the_wheels_front_end_takes_the_place_of_the_environments(site, tmp_path):
    install(site, canvas(tmp_path))
    folder = site / "extensions/ipycanvas"
    assert json.loads((folder / "package.json").read_text())["version"] == "0.14.3"
    assert not (folder / "static/old.js").exists()
    assert loaded(site)["ipycanvas"] == {
        "name": "ipycanvas",
        "load": "static/remoteEntry.1a.js",
        "extension": "./extension",
    }


def test_source_maps_stay_out(site, tmp_path):
    install(site, canvas(tmp_path))
    assert not list((site / "extensions").rglob("*.map"))


def test_other_front_ends_and_settings_stay(site, tmp_path):
    install(site, canvas(tmp_path))
    assert loaded(site)["@a/b"] == {"name": "@a/b", "load": "b.js"}
    settings = json.loads((site / "build/schemas/all_federated.json").read_text())
    assert [(entry["id"], entry.get("version")) for entry in settings] == [
        ("@a/b:plugin", None),
        ("ipycanvas:plugin", "0.14.3"),
    ]


def test_a_compiled_wheel_without_it_has_it_in_the_original(site, tmp_path):
    from dataclasses import replace

    whole = canvas(tmp_path)
    compiled = tmp_path / "compiled-1-py3-none-any.whl"
    with zipfile.ZipFile(compiled, "w") as archive:
        archive.writestr("ipycanvas/__init__.py", "")
    install(site, replace(whole, path=compiled, original=whole.path))
    assert loaded(site)["ipycanvas"]["load"] == "static/remoteEntry.1a.js"


def test_another_version_that_the_deployer_chose_is_an_error(site, tmp_path):
    chosen = site / "extensions/ipycanvas/package.json"
    chosen.write_text(described("ipycanvas", "0.12.0"))
    with pytest.raises(AssemblyError) as caught:
        install(site, canvas(tmp_path))
    assert "version 0.12.0 of the front end ipycanvas" in str(caught.value)
    assert "ipycanvas 0.14.3, which needs version 0.14.3" in str(caught.value)


def test_two_packages_with_one_front_end_are_an_error(tmp_path):
    files = {"ipycanvas/package.json": described("ipycanvas", "1.0")}
    with pytest.raises(AssemblyError, match=r"Both ipycanvas 0\.14\.3 and fork 2\.0 bring"):
        front_ends_of([canvas(tmp_path), package(tmp_path, "fork", "2.0", files)])


def test_a_front_end_of_another_name_than_its_folder_is_none(tmp_path):
    files = {"ipycanvas/package.json": described("../../lab", "1.0")}
    assert front_ends_of([package(tmp_path, "bad", "1.0", files)]) == ()


def test_building_again_upgrades_and_removes_what_is_ours(site, tmp_path):
    install(site, canvas(tmp_path))
    install(site, canvas(tmp_path, "0.15.0"))
    text = (site / "extensions/ipycanvas/static/remoteEntry.1a.js").read_text()
    assert text == "// 0.15.0"
    install(site)
    assert loaded(site).keys() == {"@a/b"}
    assert not (site / "extensions/ipycanvas").exists()


def test_a_large_front_end_for_one_kind_of_output_is_fetched_when_it_is_shown(site, tmp_path):
    build = {"mimeExtension": "./mimeExtension"}
    files = {
        "jupyterlab-plotly/package.json": described("jupyterlab-plotly", "7.1.0", **build),
        "jupyterlab-plotly/static/remoteEntry.1a.js": "",
    }
    install(site, package(tmp_path, "plotly", "7.1.0", files))
    entry = loaded(site)["jupyterlab-plotly"]
    assert entry["load"].startswith("static/deferred.")
    script = (site / "extensions/jupyterlab-plotly" / entry["load"]).read_text()
    assert '"load": "remoteEntry.1a.js"' in script
    assert '"mimeType": "application/vnd.plotly.v1+json"' in script


@pytest.fixture
def built(site, tmp_path):
    install(site, canvas(tmp_path))
    return site


def test_a_site_as_it_was_built_passes_the_check(built):
    check_front_ends(built, {"ipycanvas": "0.14.3"})


def test_a_kernel_with_another_version_fails_the_check(built):
    with pytest.raises(LockError, match=r"ipycanvas 0\.14\.3, and its kernel ipycanvas 0\.15\.0"):
        check_front_ends(built, {"ipycanvas": "0.15.0"})


def test_a_front_end_that_was_replaced_fails_the_check(built):
    path = built / "extensions/ipycanvas/package.json"
    path.write_text(described("ipycanvas", "0.13.0"))
    with pytest.raises(LockError, match=r"is not in the site as ipycanvas 0\.14\.3 brings it"):
        check_front_ends(built, {"ipycanvas": "0.14.3"})


def test_a_front_end_that_is_not_there_fails_the_check(built):
    (built / "extensions/ipycanvas/static/remoteEntry.1a.js").unlink()
    with pytest.raises(LockError, match="build the site again"):
        check_front_ends(built, {"ipycanvas": "0.14.3"})


def test_a_wheel_for_another_platform_is_served_without_its_compiled_modules(tmp_path, monkeypatch):
    from packaging.utils import parse_wheel_filename

    from je_site.cache import CACHE_DIR_ENV_VAR
    from je_site.portable_wheel import portable_wheel

    monkeypatch.setenv(CACHE_DIR_ENV_VAR, str(tmp_path / "cache"))
    wheel = tmp_path / "markupsafe-3.0.3-cp314-cp314-manylinux2014_x86_64.whl"
    info = "markupsafe-3.0.3.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("markupsafe/__init__.py", "pure = True\n")
        archive.writestr("markupsafe/_speedups.cpython-314-x86_64-linux-gnu.so", b"\x7fELF")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: x\n")
        archive.writestr(
            f"{info}/RECORD",
            "markupsafe/__init__.py,sha256=a,1\n"
            "markupsafe/_speedups.cpython-314-x86_64-linux-gnu.so,sha256=b,4\n"
            f"{info}/WHEEL,sha256=c,9\n{info}/RECORD,,\n",
        )
    portable = portable_wheel(wheel)
    assert parse_wheel_filename(portable.name)[0] == "markupsafe"
    with zipfile.ZipFile(io.BytesIO(portable.read_bytes())) as archive:
        assert not [name for name in archive.namelist() if name.endswith(".so")]
        record = archive.read(f"{info}/RECORD").decode()
        assert "_speedups" not in record
        assert f"{info}/WHEEL,," in record
        assert "Root-Is-Purelib: true\nTag: py3-none-any" in archive.read(f"{info}/WHEEL").decode()
    assert portable_wheel(wheel).read_bytes() == portable.read_bytes()
