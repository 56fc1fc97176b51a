"""Plain `jupyter lite build` with our addon, and `je-kernel build`, which runs it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from jupyterlite_core.manager import LiteManager

from je_site import build as build_module
from je_site.build import BuildOptions, build_if_needed, build_site, default_contents
from je_site.errors import BuildError
from je_site.site_record import RECORD

from .test_site_lessons import notebook

pytestmark = [pytest.mark.plain, pytest.mark.slow]

PLUGIN = "@jupyterlite/pyodide-kernel-extension:kernel"


def kernel_settings(output: Path) -> dict:
    config = json.loads((output / "jupyter-lite.json").read_text())
    return config["jupyter-config-data"]["litePluginSettings"][PLUGIN]


def lite(project: Path, task: str = "post_build", **traits: object) -> int:
    """Run JupyterLite in this process, where the tiny Pyodide is."""
    from traitlets.config import Config

    manager = LiteManager(
        lite_dir=project,
        output_dir=project / "_output",
        config=Config({"JeKernelAddon": {"compile": False, **traits}}),
    )
    manager.initialize()
    return manager.doit_run(task)


@pytest.fixture
def project(tmp_path, tiny_site, monkeypatch):
    """A JupyterLite project."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)  # where doit has its database
    return folder


def configure(project: Path, settings: dict) -> None:
    plugins = {"litePluginSettings": {PLUGIN: settings}}
    (project / "jupyter-lite.json").write_text(json.dumps({"jupyter-config-data": plugins}))


def test_jupyter_lite_build_puts_us_into_the_site(project):
    assert lite(project) == 0
    settings = kernel_settings(project / "_output")
    assert "je-kernel" in settings["loadPyodideOptions"]["packages"]
    assert (project / "_output" / settings["pyodideUrl"]).is_file()
    assert settings["pipliteUrls"]  # which the kernel's own addon wrote before us


def test_jupyter_lite_build_adds_the_landing_page_and_keeps_the_front_page(project):
    assert lite(project) == 0
    output = project / "_output"
    assert (output / "je" / "index.html").is_file()
    assert "/links.js" in (output / "lab" / "index.html").read_text()
    assert "data-front" not in (output / "index.html").read_text()
    assert lite(project, front_page=True) == 0
    assert "data-front" in (output / "index.html").read_text()
    assert lite(project, "check") == 0


def test_jupyter_lite_check_is_content(project):
    lite(project)
    assert lite(project, "check") == 0


def test_building_again_changes_nothing_of_ours(project):
    lite(project)
    static = project / "_output" / "static" / "je-kernel"
    before = {path: path.stat().st_mtime_ns for path in static.rglob("*")}
    settings = kernel_settings(project / "_output")
    assert lite(project) == 0
    assert kernel_settings(project / "_output") == settings
    assert {path: path.stat().st_mtime_ns for path in static.rglob("*")} == before


def test_a_changed_option_is_built(project):
    lite(project, env={"JE_KERNEL_LOG_LEVEL": "info"})
    lite(project, env={"JE_KERNEL_LOG_LEVEL": "debug"}, preload=["numpy"])
    options = kernel_settings(project / "_output")["loadPyodideOptions"]
    assert options["env"] == {"JE_KERNEL_LOG_LEVEL": "debug"}
    lite(project)
    options = kernel_settings(project / "_output")["loadPyodideOptions"]
    assert "env" not in options
    assert "numpy" not in options["packages"]


def test_what_lessons_import_comes_with_the_site_as_it_is_locked(project, world):
    world.publish("chart", "1.0")
    (project / "files").mkdir()
    (project / "files" / "lesson.ipynb").write_text(notebook("import chart, numpy"))
    assert lite(project) == 0
    world.publish("chart", "1.1")
    with world.out_of_reach():
        assert lite(project) == 0
    output = project / "_output"
    lock = json.loads(
        (output / kernel_settings(output)["loadPyodideOptions"]["lockFileURL"]).read_text()
    )
    assert lock["packages"]["chart"]["version"] == "1.0"
    assert lock["packages"]["chart"]["imports"] == ["chart"]
    assert (project / "je-kernel.lock").is_file()
    assert not list(output.rglob("je-kernel.lock"))


def test_a_deployers_settings_are_kept(project):
    theirs = {
        "loadPyodideOptions": {"packages": ["numpy"], "env": {"A": "1"}},
        "pipliteUrls": ["./x"],
    }
    configure(project, theirs)
    lite(project)
    settings = kernel_settings(project / "_output")
    assert settings["loadPyodideOptions"]["packages"][0] == "numpy"
    assert settings["loadPyodideOptions"]["env"] == {"A": "1"}
    assert "./x" in settings["pipliteUrls"]


def test_a_deployers_changed_settings_are_taken(project):
    configure(project, {"loadPyodideOptions": {"packages": ["numpy"]}})
    lite(project)
    configure(project, {"loadPyodideOptions": {"packages": ["parso"]}})
    lite(project)
    packages = kernel_settings(project / "_output")["loadPyodideOptions"]["packages"]
    assert packages[0] == "parso"
    assert "numpy" not in packages
    assert "je-kernel" in packages


def test_a_pyodide_that_the_deployer_put_into_the_project_is_used(project):
    folder = project / "static" / "pyodide"
    folder.mkdir(parents=True)
    (folder / "pyodide.mjs").write_text("")
    (folder / "pyodide-lock.json").write_text(
        json.dumps({"info": {"python": "3.14.2"}, "packages": {}})
    )
    assert lite(project) == 0
    settings = kernel_settings(project / "_output")
    assert settings["pyodideUrl"] == "./static/pyodide/pyodide.mjs"
    lock = json.loads(
        (project / "_output" / settings["loadPyodideOptions"]["lockFileURL"]).read_text()
    )
    assert "je-kernel" in lock["packages"]
    assert lite(project, "check") == 0


def test_disabled_it_does_nothing(project):
    lite(project, enabled=False)
    assert "loadPyodideOptions" not in kernel_settings(project / "_output")


def test_what_cannot_be_had_fails_the_build_with_one_sentence(project, world, cache, caplog):
    shutil.rmtree(cache / "wheels")
    world.everything_is_down()
    assert lite(project) != 0
    said = [
        record.getMessage() for record in caplog.records if "[je-kernel]" in record.getMessage()
    ]
    assert len(said) == 1
    assert "could not be had from anywhere" in said[0]


# je-kernel build


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path, cache):
    (tmp_path / "thesis.odt").write_text("my work")
    with pytest.raises(BuildError, match="something in it that is not a JupyterLite site"):
        build_site(tmp_path, BuildOptions())
    assert (tmp_path / "thesis.odt").read_text() == "my work"


def test_a_file_is_not_a_folder_for_a_site(tmp_path, cache):
    (tmp_path / "site").write_text("")
    with pytest.raises(BuildError, match="is a file: name a folder"):
        build_site(tmp_path / "site", BuildOptions())


def test_contents_that_are_not_there_are_named_and_nothing_is_left(tmp_path, cache):
    options = BuildOptions(contents=(tmp_path / "lesons",), pyodide="cdn")
    with pytest.raises(BuildError, match="lesons does not exist"):
        build_site(tmp_path / "site", options, quiet=True)
    assert not (tmp_path / "site").exists()
    assert [path for path in tmp_path.iterdir() if path != cache] == []


def test_the_demo_is_what_is_there_by_default():
    (folder,) = default_contents()
    assert (folder / "Start here.ipynb").is_file()


@pytest.fixture
def built(tmp_path, cache, monkeypatch):
    """Count builds, of which each makes the least of a site."""
    count = []

    def run(output: Path, options: BuildOptions) -> str:
        count.append(options)
        output.mkdir()
        (output / "jupyter-lite.json").write_text(f"{len(count)}")
        (output / RECORD).touch()
        return ""

    monkeypatch.setattr(build_module, "_run_jupyterlite", run)
    monkeypatch.setattr(build_module, "assemble", lambda *_, **__: None)
    return count


def test_a_site_is_built_when_it_is_missing_and_not_again(tmp_path, built):
    assert build_if_needed(tmp_path / "site", None, quiet=True)
    assert not build_if_needed(tmp_path / "site", None, quiet=True)
    shutil.rmtree(tmp_path / "site")
    assert build_if_needed(tmp_path / "site", None, quiet=True)
    assert len(built) == 2


def test_a_site_is_built_anew_when_its_contents_change(tmp_path, built):
    lessons = tmp_path / "lessons"
    lessons.mkdir()
    options = BuildOptions(contents=(lessons,))
    build_if_needed(tmp_path / "site", options, quiet=True)
    (lessons / "new.ipynb").write_text("{}")
    assert build_if_needed(tmp_path / "site", options, quiet=True)
    assert not build_if_needed(tmp_path / "site", options, quiet=True)


def test_a_site_is_built_anew_when_its_options_change(tmp_path, built):
    build_if_needed(tmp_path / "site", BuildOptions(env={"A": "1"}), quiet=True)
    assert build_if_needed(tmp_path / "site", BuildOptions(env={"A": "2"}), quiet=True)


def test_without_options_a_site_keeps_those_it_was_built_with(tmp_path, built):
    build_if_needed(tmp_path / "site", BuildOptions(env={"A": "1"}), quiet=True)
    assert not build_if_needed(tmp_path / "site", None, quiet=True)
    shutil.rmtree(tmp_path / "site")
    build_if_needed(tmp_path / "site", BuildOptions(env={"A": "1"}), quiet=True)
    assert built[-1].env == {"A": "1"}


def test_a_site_that_somebody_else_built_is_served_as_it_is(tmp_path, built):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "jupyter-lite.json").write_text("{}")
    assert not build_if_needed(tmp_path / "site", None, quiet=True)
    assert built == []


def test_a_site_that_was_built_without_us_is_refused_and_the_old_one_stays(
    tmp_path, built, monkeypatch
):
    build_site(tmp_path / "site", BuildOptions(), quiet=True)

    def without_us(output: Path, options: BuildOptions) -> str:
        output.mkdir()
        (output / "jupyter-lite.json").write_text("another")
        return ""

    monkeypatch.setattr(build_module, "_run_jupyterlite", without_us)
    with pytest.raises(BuildError, match="without je-kernel"):
        build_site(tmp_path / "site", BuildOptions(), quiet=True)
    assert (tmp_path / "site" / "jupyter-lite.json").read_text() == "1"


def test_a_failed_build_leaves_the_site_as_it_was(tmp_path, built, monkeypatch):
    build_site(tmp_path / "site", BuildOptions(), quiet=True)

    def fail(output: Path, options: BuildOptions) -> str:
        raise BuildError("no")

    monkeypatch.setattr(build_module, "_run_jupyterlite", fail)
    with pytest.raises(BuildError):
        build_site(tmp_path / "site", BuildOptions(), quiet=True)
    assert (tmp_path / "site" / "jupyter-lite.json").read_text() == "1"
    assert {path.name for path in tmp_path.iterdir()} <= {"site", "cache"}


_SAY_TRAITS = """
import json, sys
from jupyterlite_core.app import LiteBuildApp
from je_site.addon import JeKernelAddon

app = LiteBuildApp()
app.initialize(sys.argv[1:])
addon = JeKernelAddon(manager=app.lite_manager)
contents = [str(path) for path in app.lite_manager.contents]
print(json.dumps([addon.env, addon.packages, addon.preload, addon.lock, addon.wheels,
                  addon.pyodide, addon.pypi, addon.compile, contents]))
"""


@pytest.mark.parametrize(
    ("names", "env"),
    [
        ((), {}),
        (("numpy",), {"A": "1"}),
        (("numpy", "pandas"), {"A": "1", "B": "two words", "C": "a=b,c", "D": "\"q'", "E": ""}),
    ],
)
def test_options_reach_the_addon_as_they_are(tmp_path, names, env):
    lessons = tmp_path / "my lessons"
    lessons.mkdir()
    options = BuildOptions(
        contents=(lessons,),
        env=env,
        packages=names,
        preload=names,
        wheels=(lessons,),
        pypi=True,
        compiled=False,
    )
    said = subprocess.run(
        [sys.executable, "-c", _SAY_TRAITS, *build_module._flags(options)],
        cwd=tmp_path,
        env={**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    place = str(lessons.resolve())
    lock = str(lessons.resolve() / "je-kernel.lock")
    expected = [env, list(names), list(names), lock, [place], "local", True, False, [place]]
    assert json.loads(said.splitlines()[-1]) == expected


def test_what_is_not_said_is_left_to_the_projects_configuration():
    assert list(build_module._flags(BuildOptions(lite_dir=Path("project")))) == []
