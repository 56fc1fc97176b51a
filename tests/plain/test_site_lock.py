"""The committed locks say everything that a site needs, and nothing that contradicts it."""

import json
import re

import pytest
from packaging.utils import canonicalize_name, parse_wheel_filename

from je_site.errors import LockError
from je_site.lock import locks_folder, parse_lock, read_lock, series_of

pytestmark = pytest.mark.plain

LOCKS = [
    parse_lock(json.loads(path.read_text()))
    for path in sorted(locks_folder().glob("pyodide-*.lock.json"))
]
each_lock = pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.series)


def test_there_is_a_lock_for_each_series_that_jupyterlite_runs():
    assert {lock.series for lock in LOCKS} == {"314", "0.29"}


def test_the_installed_kernel_has_its_lock():
    from jupyterlite_pyodide_kernel.constants import PYODIDE_PYTHON_VERSION, PYODIDE_VERSION

    lock = read_lock()
    assert lock.series == series_of(PYODIDE_VERSION)
    assert lock.python == PYODIDE_PYTHON_VERSION


@each_lock
def test_everything_that_a_package_needs_is_locked(lock):
    lock.closure((*lock.wheels, *lock.kernel_wheels))


@each_lock
def test_nothing_served_needs_what_only_tests_have(lock):
    served = [wheel.name for wheel in lock.served_wheels()]
    assert not [
        name for name in lock.closure(served) if name in lock.wheels and lock.wheels[name].test
    ]


@each_lock
def test_every_digest_is_a_sha256(lock):
    digests = [wheel.sha256 for wheel in lock.wheels.values()]
    digests += [*lock.core.files.values(), lock.mirror.sha256]
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests)


@each_lock
def test_file_names_say_the_locked_name_and_version(lock):
    for wheel in lock.wheels.values():
        if wheel.file_name.endswith(".whl") and wheel.name != "pandas":
            name, version, _, _ = parse_wheel_filename(wheel.file_name)
            assert (name, str(version)) == (wheel.name, wheel.version)


@each_lock
def test_everything_but_the_optional_can_be_had_without_pyodides_servers(lock):
    alone = {w.name for w in lock.wheels.values() if not {"mirror", "pypi"} & set(w.sources)}
    assert alone == {w.name for w in lock.wheels.values() if w.optional}


@each_lock
def test_compiled_wheels_have_the_abi_of_the_core(lock):
    tag = {"314": "pyemscripten_2026_0_wasm32", "0.29": "pyodide_2025_0_wasm32"}[lock.series]
    for wheel in lock.wheels.values():
        if not wheel.without_compiled:
            assert wheel.file_name.endswith(("none-any.whl", f"{tag}.whl", ".zip")), wheel.file_name


@each_lock
def test_the_kernel_preloads_what_it_would_install_one_by_one(lock):
    preloaded = {canonicalize_name(name) for name in lock.preload}
    assert {
        *("micropip", "piplite", "ipykernel", "comm", "pyodide-kernel", "jedi", "ipython")
    } <= preloaded


@each_lock
def test_a_kernel_does_not_start_with_the_large_packages(lock):
    assert not {"numpy", "pandas", "matplotlib"} & lock.closure(lock.preload)


@each_lock
def test_a_classroom_finds_its_packages(lock):
    wanted = {
        *("numpy", "pandas", "matplotlib", "scipy", "scikit-learn", "seaborn", "sympy"),
        *("requests", "httpx", "openpyxl", "beautifulsoup4", "pillow", "anywidget", "ipywidgets"),
        "pyodide-http",
    }
    assert wanted <= {wheel.name for wheel in lock.served_wheels()}


def test_a_lesson_finds_what_it_draws_with():
    wanted = {
        *("plotly", "altair", "bokeh", "folium", "networkx", "wordcloud", "tqdm", "jinja2"),
        *("ipympl", "ipyleaflet", "ipycanvas", "ipydatagrid", "bqplot", "nbformat", "pyyaml"),
    }
    assert wanted <= {wheel.name for wheel in read_lock("314.0.6").served_wheels()}


def test_the_scripts_that_figures_ask_the_site_for_are_locked():
    from je_kernel.plots import maps

    locked = {
        f"{scripts.npm}@{scripts.version}/{name}"
        for scripts in read_lock("314.0.6").scripts
        for name in scripts.files
    }
    assert set(maps._NPM_FILES.values()) <= locked
    packages = {f"{scripts.npm}@{scripts.version}" for scripts in read_lock("314.0.6").scripts}
    assert packages >= maps._PACKAGES


@each_lock
def test_the_core_has_the_files_that_a_page_loads(lock):
    assert {lock.core.entry, "pyodide.asm.wasm", "python_stdlib.zip"} <= lock.core.files.keys()
    assert "pyodide-lock.json" in lock.core.files  # jupyter lite check looks for it
    assert not [name for name in lock.core.files if name.endswith((".map", ".d.ts", ".html"))]


def test_pytest_is_one_that_pytest_pyodide_runs_on():
    assert all(int(lock.wheels["pytest"].version.split(".")[0]) < 9 for lock in LOCKS)


def test_the_closure_follows_what_needs_what():
    lock = read_lock("314.0.6")
    assert {"traitlets", "jedi", "parso", "pygments"} <= lock.closure(["IPython"])


def test_the_closure_of_an_unknown_package_says_its_name():
    with pytest.raises(LockError, match="no package 'pengiun'"):
        LOCKS[0].closure(["pengiun"])


def test_a_pyodide_without_a_lock_is_named_and_so_are_those_with_one():
    with pytest.raises(LockError, match=r"no lock for Pyodide 0\.27 \(it has 0\.29, 314\)"):
        read_lock("0.27.7")


def test_what_is_not_a_version_has_no_series():
    with pytest.raises(LockError, match="'dev' is not a version of Pyodide"):
        series_of("dev")


def test_an_unknown_field_is_an_error_and_not_ignored():
    data = json.loads((locks_folder() / "pyodide-314.lock.json").read_text())
    data["wheels"]["numpy"]["sha512"] = "…"
    with pytest.raises(LockError, match=r"malformed.*sha512"):
        parse_lock(data)
