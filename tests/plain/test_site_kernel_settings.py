"""A build adds to the deployer's settings of the kernel, and takes nothing away."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from je_site import site_kernel
from je_site.errors import LockError
from je_site.kernel_settings import OPTIONS, KernelSettings, merge_settings, without_previous_build
from je_site.progress import Reporter
from je_site.server import serve
from je_site.site_kernel import KernelOptions, _completed, check, install
from je_site.site_record import RECORD

from .tiny_pyodide import tiny_lock, wheel_bytes

pytestmark = pytest.mark.plain

PLUGIN = "@jupyterlite/pyodide-kernel-extension:kernel"
OURS = KernelSettings(
    "./lock.json", ("micropip", "je-kernel"), {"JE": "1"}, "./p/pyodide.mjs", pypi=False
)


def kernel_settings(site: Path, file: str = "jupyter-lite.json") -> dict:
    config = json.loads((site / file).read_text())
    if file.endswith("ipynb"):
        config = config["metadata"]["jupyter-lite"]
    return config["jupyter-config-data"]["litePluginSettings"][PLUGIN]


def configure(site: Path, settings: dict, file: str = "jupyter-lite.json") -> None:
    config = {"jupyter-config-data": {"litePluginSettings": {PLUGIN: settings}}}
    (site / file).parent.mkdir(exist_ok=True)
    if file.endswith("ipynb"):
        config = {"metadata": {"jupyter-lite": config}, "cells": []}
    (site / file).write_text(json.dumps(config))


def put(site: Path, **options: object) -> dict:
    install(site, KernelOptions(compiled=False, **options), Reporter())
    return kernel_settings(site)


def lock_of(site: Path, settings: dict) -> tuple[Path, dict]:
    path = site / settings[OPTIONS]["lockFileURL"]
    return path.parent, json.loads(path.read_text())


def files_of(site: Path) -> dict[str, bytes]:
    return {
        path.relative_to(site).as_posix(): path.read_bytes()
        for path in site.rglob("*")
        if path.is_file()
    }


# Merging


def test_the_deployers_packages_come_first_and_stay():
    settings = merge_settings({OPTIONS: {"packages": ["numpy", "micropip"]}}, OURS)
    assert settings[OPTIONS]["packages"] == ["numpy", "micropip", "je-kernel"]


def test_the_deployers_environment_stays():
    settings = merge_settings({OPTIONS: {"env": {"HOME": "/x", "JE": "0"}}}, OURS)
    assert settings[OPTIONS]["env"] == {"HOME": "/x", "JE": "1"}


def test_what_we_know_nothing_of_stays():
    found = {"pipliteUrls": ["./x"], OPTIONS: {"fullStdLib": True}}
    settings = merge_settings(found, OURS)
    assert settings["pipliteUrls"] == ["./x"]
    assert settings[OPTIONS]["fullStdLib"] is True


def test_whether_pypi_may_be_asked_is_the_deployers_choice():
    assert merge_settings({"disablePyPIFallback": False}, OURS)["disablePyPIFallback"] is False
    assert merge_settings({}, OURS)["disablePyPIFallback"] is True


def test_merging_changes_nothing_that_it_was_given():
    found = {OPTIONS: {"packages": ["numpy"]}}
    merge_settings(found, OURS)
    assert found == {OPTIONS: {"packages": ["numpy"]}}


_names = st.lists(st.sampled_from(["numpy", "micropip", "je-kernel", "x"]), unique=True)
_settings = st.fixed_dictionaries(
    {},
    optional={
        "pyodideUrl": st.sampled_from(["./p/pyodide.mjs", "./other.mjs"]),
        "disablePyPIFallback": st.booleans(),
        "pipliteUrls": _names,
        OPTIONS: st.fixed_dictionaries(
            {},
            optional={
                "packages": _names,
                "lockFileURL": st.sampled_from(["./lock.json", "./theirs.json"]),
                "packageBaseUrl": st.just("https://example.org/"),
                "env": st.dictionaries(
                    st.sampled_from(["JE", "HOME"]), st.sampled_from(["0", "1"])
                ),
            },
        ),
    },
)


@given(_settings)
def test_a_second_build_finds_what_the_first_found(found):
    wrote = merge_settings(found, OURS)
    again = without_previous_build(wrote, found, wrote)
    assert merge_settings(again, OURS) == wrote
    # Nothing but containers that we made may differ.
    assert {k: v for k, v in again.items() if v} == {k: v for k, v in found.items() if v}


@given(_settings, _settings)
def test_a_changed_configuration_is_taken_as_it_is(before, after):
    wrote = merge_settings(before, OURS)
    assert without_previous_build(after, {}, {}) == after
    if "pyodideUrl" in after and after["pyodideUrl"] != wrote.get("pyodideUrl"):
        assert without_previous_build(after, before, wrote)["pyodideUrl"] == after["pyodideUrl"]


def test_what_another_addon_appends_is_kept_and_what_we_appended_is_not():
    found = {OPTIONS: {"packages": ["numpy"]}}
    wrote = merge_settings(found, OURS)
    now = {**wrote, OPTIONS: {**wrote[OPTIONS], "packages": [*wrote[OPTIONS]["packages"], "ssl"]}}
    assert without_previous_build(now, found, wrote)[OPTIONS]["packages"] == ["numpy", "ssl"]


# Sites


def test_a_site_serves_pyodide_itself(tiny_site):
    settings = put(tiny_site)
    assert settings["pyodideUrl"].startswith("./static/je-kernel/pyodide-314.0.6/")
    entry = tiny_site / settings["pyodideUrl"]
    assert "from './pyodide.mjs'" in entry.read_text()
    assert entry.with_name("pyodide.mjs").is_file()
    assert settings[OPTIONS]["packages"][-1] == "je-kernel"


def test_the_entry_module_of_an_earlier_build_is_removed(tiny_site):
    entry = tiny_site / put(tiny_site)["pyodideUrl"]
    earlier = entry.with_name("je-kernel-0123456789.mjs")
    earlier.write_text("")
    put(tiny_site)
    assert sorted(entry.parent.glob("je-kernel-*")) == [entry]
    assert entry.with_name("pyodide.mjs").is_file()


def test_kernels_are_told_of_the_snapshots_and_earlier_ones_are_removed(tiny_site, monkeypatch):
    folder = tiny_site / "static" / "je-kernel"
    made = ["first", "second", "third"]

    def place(root, *_, decoder, besides=()):
        assert (root / decoder).is_file()
        name = "-".join((made[0], *besides))
        (root / "snapshots" / name).mkdir(parents=True)
        return name

    monkeypatch.setattr(site_kernel, "place_snapshot", place)
    plain = put(tiny_site, snapshot=False)["pyodideUrl"]
    while made:
        address = put(tiny_site, snapshot_packages=())["pyodideUrl"]
        assert address == f"{plain}?snapshot={made[0]}"
        assert (tiny_site / plain).is_file()
        assert [path.name for path in (folder / "snapshots").iterdir()] == made[:1]
        made.pop(0)
    made.append("both")
    address = put(tiny_site, snapshot_packages=("je-kernel",))["pyodideUrl"]
    assert (
        address
        == f"{plain}?snapshot=both&large=both-je-kernel&packages=je-kernel&imports=je_kernel"
    )
    assert len(list((folder / "snapshots").iterdir())) == 2
    made[0] = "by-default"  # this site has no pandas
    address = put(tiny_site)["pyodideUrl"]
    assert address.endswith(
        "?snapshot=by-default&large=by-default-numpy&packages=numpy&imports=numpy"
    )
    with pytest.raises(LockError, match="does not have nothing"):
        put(tiny_site, snapshot_packages=("nothing",))
    assert put(tiny_site, snapshot=False)["pyodideUrl"] == plain
    assert not list(folder.glob("snapshots/*"))


def test_every_wheel_of_the_lock_is_served_with_its_digest(tiny_site):
    from je_site.cache import sha256_of

    folder, lock = lock_of(tiny_site, put(tiny_site))
    assert "je-kernel" in lock["packages"]
    for entry in lock["packages"].values():
        assert sha256_of(folder / entry["file_name"]) == entry["sha256"]
        assert entry["sha256"].startswith(entry["file_name"].split("/")[1])


def test_everything_that_is_preloaded_is_in_the_lock(tiny_site):
    settings = put(tiny_site)
    _, lock = lock_of(tiny_site, settings)
    assert set(settings[OPTIONS]["packages"]) <= lock["packages"].keys()
    assert all(d in lock["packages"] for e in lock["packages"].values() for d in e["depends"])


def test_the_names_in_a_site_change_with_the_content(tiny_site, tmp_path):
    first = put(tiny_site)[OPTIONS]["lockFileURL"]
    wheel = tmp_path / "lesson-1.0-py3-none-any.whl"
    wheel.write_bytes(wheel_bytes("lesson", "1.0"))
    assert put(tiny_site, wheels=(wheel,))[OPTIONS]["lockFileURL"] != first


def test_installing_again_changes_nothing(tiny_site):
    put(tiny_site, env={"A": "1"})
    before = files_of(tiny_site)
    put(tiny_site, env={"A": "1"})
    assert files_of(tiny_site) == before


def test_an_option_that_is_taken_back_leaves_no_trace(tiny_site, tmp_path):
    put(tiny_site)
    before = files_of(tiny_site)
    wheel = tmp_path / "lesson-1.0-py3-none-any.whl"
    wheel.write_bytes(wheel_bytes("lesson", "1.0"))
    put(tiny_site, env={"A": "1"}, preload=("numpy",), wheels=(wheel,), pypi=True)
    put(tiny_site)
    assert files_of(tiny_site) == before


def test_a_lost_record_does_not_make_our_settings_the_deployers(tiny_site):
    put(tiny_site)
    (tiny_site / RECORD).unlink()
    assert put(tiny_site)["pyodideUrl"].startswith("./static/je-kernel/")


def test_the_record_names_no_place_of_the_machine_that_built(tiny_site, tmp_path):
    put(tiny_site)
    assert not [
        name for name, content in files_of(tiny_site).items() if str(tmp_path).encode() in content
    ]


def test_an_application_with_settings_of_its_own_is_given_ours_too(tiny_site):
    configure(tiny_site, {OPTIONS: {"env": {"A": "1"}}}, "lab/jupyter-lite.json")
    put(tiny_site)
    settings = kernel_settings(tiny_site, "lab/jupyter-lite.json")
    assert settings[OPTIONS]["env"] == {"A": "1"}
    assert "je-kernel" in settings[OPTIONS]["packages"]


def test_an_application_has_the_roots_pyodide(tiny_site):
    """JupyterLite reads an address in an application's file relative to that file."""
    configure(tiny_site, {OPTIONS: {"env": {"A": "1"}}}, "lab/jupyter-lite.json")
    put(tiny_site)
    assert "pyodideUrl" not in kernel_settings(tiny_site, "lab/jupyter-lite.json")


def test_an_application_with_a_pyodide_of_its_own_has_its_lock_added_to(their_site):
    url = "./../static/pyodide/pyodide.mjs"
    configure(their_site, {}, "jupyter-lite.json")
    configure(their_site, {"pyodideUrl": url}, "lab/jupyter-lite.json")
    put(their_site)
    settings = kernel_settings(their_site, "lab/jupyter-lite.json")
    _, lock = lock_of(their_site, settings)
    assert settings["pyodideUrl"] == url
    assert lock["packages"]["numpy"]["version"] == "9"
    _, of_root = lock_of(their_site, kernel_settings(their_site))
    assert of_root["packages"]["numpy"]["version"] == "2.4.3"


def test_a_site_with_all_its_wheels_passes_its_check(tiny_site):
    put(tiny_site)
    check(tiny_site)


def test_a_missing_wheel_fails_the_check_by_its_name(tiny_site):
    folder, lock = lock_of(tiny_site, put(tiny_site))
    (folder / lock["packages"]["numpy"]["file_name"]).unlink()
    with pytest.raises(LockError, match=r"numpy-2\.4\.3.* is not in the site"):
        check(tiny_site)


def test_a_missing_lock_fails_the_check(tiny_site):
    settings = put(tiny_site)
    (tiny_site / settings[OPTIONS]["lockFileURL"]).unlink()
    with pytest.raises(LockError, match=r"which jupyter-lite.json names, cannot be read"):
        check(tiny_site)


def test_an_application_without_settings_of_its_own_is_left_alone(tiny_site):
    (tiny_site / "lab").mkdir()
    (tiny_site / "lab" / "jupyter-lite.json").write_text('{"jupyter-config-data": {"a": 1}}')
    put(tiny_site)
    assert (
        tiny_site / "lab" / "jupyter-lite.json"
    ).read_text() == '{"jupyter-config-data": {"a": 1}}'


def test_a_configuration_in_a_notebook_is_merged_too(tiny_site):
    configure(tiny_site, {OPTIONS: {"packages": ["numpy"]}}, "jupyter-lite.ipynb")
    put(tiny_site)
    settings = kernel_settings(tiny_site, "jupyter-lite.ipynb")
    assert settings[OPTIONS]["packages"][0] == "numpy"
    assert "je-kernel" in settings[OPTIONS]["packages"]


# A Pyodide of the deployer's

THEIRS = {
    "info": {"abi_version": "2026_0", "python": "3.14.2"},
    "packages": {
        "numpy": {"name": "numpy", "version": "9", "file_name": "numpy-9.whl", "sha256": "1" * 64,
                  "imports": ["numpy"], "depends": []},
        "comm": {"name": "comm", "version": "9", "file_name": "../extra/comm-9.whl",
                 "sha256": "2" * 64, "imports": ["comm"], "depends": []},
        "far": {"name": "far", "version": "1", "file_name": "https://example.org/far-1.whl",
                "sha256": "3" * 64, "imports": ["far"], "depends": []},
    },
}  # fmt: skip


@pytest.fixture
def their_site(tiny_site):
    folder = tiny_site / "static" / "pyodide"
    folder.mkdir(parents=True)
    (folder / "pyodide-lock.json").write_text(json.dumps(THEIRS))
    configure(tiny_site, {"pyodideUrl": "./static/pyodide/pyodide.mjs"})
    return tiny_site


def test_a_deployers_pyodide_stays_and_its_lock_is_added_to(their_site):
    settings = put(their_site)
    _, lock = lock_of(their_site, settings)
    assert settings["pyodideUrl"] == "./static/pyodide/pyodide.mjs"
    assert lock["packages"]["numpy"]["version"] == "9"
    assert lock["info"] == THEIRS["info"]
    assert {"je-kernel", "micropip", "ipython", "piplite"} <= lock["packages"].keys()
    assert not (their_site / "static" / "je-kernel" / "pyodide-314.0.6").exists()


def test_relative_paths_of_a_deployers_lock_keep_working(their_site):
    folder, lock = lock_of(their_site, put(their_site))
    names = {name: entry["file_name"] for name, entry in lock["packages"].items()}
    static = (their_site / "static").resolve()
    assert (folder / names["numpy"]).resolve() == static / "pyodide" / "numpy-9.whl"
    assert (folder / names["comm"]).resolve() == static / "extra" / "comm-9.whl"
    assert names["far"] == "https://example.org/far-1.whl"


def test_a_deployers_version_of_a_package_is_not_replaced(their_site):
    _, lock = lock_of(their_site, put(their_site))
    assert lock["packages"]["comm"]["version"] == "9"


def test_a_lock_that_another_addon_writes_is_merged_in_each_build(their_site):
    before = put(their_site)
    other = their_site / "static" / "pyodide-lock"
    other.mkdir()
    theirs = {
        **THEIRS,
        "packages": {**THEIRS["packages"], "new": {**THEIRS["packages"]["far"], "name": "new"}},
    }
    (other / "pyodide-lock.json").write_text(json.dumps(theirs))
    before[OPTIONS]["lockFileURL"] = "./static/pyodide-lock/pyodide-lock.json"
    before[OPTIONS]["packages"].append("new")
    configure(their_site, before)
    settings = put(their_site)
    _, lock = lock_of(their_site, settings)
    assert "new" in lock["packages"]
    assert "new" in settings[OPTIONS]["packages"]


def test_with_a_deployers_pyodide_whether_pypi_may_be_asked_is_left_alone(their_site):
    assert "disablePyPIFallback" not in put(their_site)


def test_a_base_of_a_deployers_packages_is_written_out_in_the_lock(their_site):
    options = {"packageBaseUrl": "https://example.org/wheels"}
    configure(their_site, {"pyodideUrl": "./static/pyodide/pyodide.mjs", OPTIONS: options})
    settings = put(their_site)
    _, lock = lock_of(their_site, settings)
    assert lock["packages"]["numpy"]["file_name"] == "https://example.org/wheels/numpy-9.whl"
    assert "packageBaseUrl" not in settings[OPTIONS]
    put(their_site)  # and it is not forgotten
    _, lock = lock_of(their_site, kernel_settings(their_site))
    assert lock["packages"]["numpy"]["file_name"] == "https://example.org/wheels/numpy-9.whl"


def test_a_lock_on_another_server_is_read_from_there(tiny_site, tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "pyodide-lock.json").write_text(json.dumps(THEIRS))
    with serve(tmp_path / "far") as served:
        configure(tiny_site, {"pyodideUrl": f"{served.url}pyodide.mjs"})
        _, lock = lock_of(tiny_site, put(tiny_site))
    assert lock["packages"]["numpy"]["file_name"] == f"{served.url}numpy-9.whl"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("./static/none/pyodide.mjs", "no lock that je-kernel can add to: .*No such file"),
        ("http://127.0.0.1:9/pyodide.mjs", "no lock that je-kernel can add to: http://127"),
        ("/pyodide/pyodide.mjs", "a site may be put anywhere"),
    ],
)
def test_a_lock_that_cannot_be_read_is_one_sentence(tiny_site, url, message):
    configure(tiny_site, {"pyodideUrl": url})
    with pytest.raises(LockError, match=message) as caught:
        put(tiny_site)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_lock_is_one_sentence(their_site):
    (their_site / "static" / "pyodide" / "pyodide-lock.json").write_text("<html>")
    with pytest.raises(LockError, match="is not a lock of Pyodide"):
        put(their_site)


def test_a_pyodide_with_another_python_is_one_sentence():
    from je_site.site_kernel import _lock_for_python

    with pytest.raises(LockError, match=r"runs Python 3\.12, and .* has wheels for 3\.13 or 3\.14"):
        _lock_for_python("3.12")


# The default Pyodide


def test_cdn_leaves_pyodide_where_it_is_and_names_its_packages_whole(tiny_site, world):
    settings = put(tiny_site, pyodide="cdn")
    folder, lock = lock_of(tiny_site, settings)
    assert "pyodideUrl" not in settings
    assert "disablePyPIFallback" not in settings
    numpy = lock["packages"]["numpy"]
    assert (
        numpy["file_name"]
        == f"{world.url}releases/314.0.6/numpy-2.4.3-cp314-cp314-pyemscripten_2026_0_wasm32.whl"
    )
    assert numpy["sha256"] == "0" * 64
    assert (folder / lock["packages"]["je-kernel"]["file_name"]).is_file()


def test_what_pyodides_lock_forgets_that_a_package_needs_is_added():
    core = tiny_lock(numpy={"depends": ["parso"]})
    assert _completed({"numpy": {"version": "2.4.3", "depends": []}}, core) == {
        "numpy": {"version": "2.4.3", "depends": ["parso"]}
    }
    of_another_version = {"numpy": {"version": "9", "depends": []}}
    assert _completed(of_another_version, core) == of_another_version


def test_the_address_of_the_default_pyodide_is_the_installed_kernels():
    from jupyterlite_pyodide_kernel.constants import PYODIDE_CDN_URL, PYODIDE_VERSION

    from je_site.sources import release_url

    assert release_url(PYODIDE_VERSION) == f"{PYODIDE_CDN_URL}/"
    assert release_url("314.0.3") == f"{PYODIDE_CDN_URL}/".replace(PYODIDE_VERSION, "314.0.3")


def test_changing_from_cdn_to_local_and_back_leaves_no_trace(tiny_site, world):
    put(tiny_site, pyodide="cdn")
    before = files_of(tiny_site)
    put(tiny_site, pyodide="local")
    put(tiny_site, pyodide="cdn")
    assert files_of(tiny_site) == before
