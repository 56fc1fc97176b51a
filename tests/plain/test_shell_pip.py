"""The command line of ``pip``: plans, messages, and commands without a network."""

import asyncio
import importlib.metadata

import pytest

from je_kernel.shell import hooks, pip, run
from je_kernel.shell.commands.installers import pip_arguments
from je_kernel.shell.options import CommandError

pytestmark = pytest.mark.plain

INSTALLED = importlib.metadata.version("pandas")


@pytest.fixture
def site(monkeypatch):
    """A site with the pandas of this machine, and with plotly, which is not loaded."""
    monkeypatch.setattr(pip, "site_versions", lambda: {"pandas": INSTALLED, "plotly": "6.5.0"})


def planned(*args, cwd=None):
    lines = []
    plan = pip.plan(list(args), lines.append, cwd)
    return plan, lines


def test_an_installed_package_is_not_requested(site):
    plan, lines = planned("install", "pandas", "Pandas>=1")
    assert plan.requirements == ()
    assert lines == [
        f"Requirement already satisfied: pandas ({INSTALLED})",
        f"Requirement already satisfied: Pandas ({INSTALLED})",
    ]


@pytest.mark.parametrize("option", ["-q", "--quiet", "-qq", "-qU"])
def test_quiet_prints_nothing(site, option):
    plan, lines = planned("install", option, "pandas", "pip")
    assert (plan.requirements, lines) == ((), [])


def test_another_version_is_replaced_by_that_of_the_site_with_a_message(site):
    plan, lines = planned("install", "-q", "pandas==1.5.3", "plotly==5.11")
    assert plan.requirements == ("plotly",)
    assert lines == [
        f"This site brings pandas {INSTALLED}, and the lesson asks for pandas==1.5.3:"
        f" it runs on with {INSTALLED}.",
        "This site brings plotly 6.5.0, and the lesson asks for plotly==5.11:"
        " it runs on with 6.5.0.",
    ]


def test_a_missing_package_keeps_its_specifier(site):
    plan, _ = planned("install", "plotly>=6", "no-such[extra]>=2,<3", "x; python_version > '3'")
    assert plan.requirements == ("plotly>=6", "no-such[extra]<3,>=2", "x")


def test_a_requirement_with_a_false_marker_is_ignored(site):
    plan, lines = planned("install", "old; python_version < '3'")
    assert plan.requirements == ()
    assert lines == ["Ignoring old: markers 'python_version < \"3\"' don't match"]


def test_module_names_become_package_names(site):
    assert planned("install", "sklearn", "cv2")[0].requirements == ("opencv-python",)


@pytest.mark.parametrize("names", ["--upgrade pip", "jupyter notebook", "-U pip setuptools wheel"])
def test_tools_of_the_page_are_satisfied(site, names):
    plan, lines = planned("install", *names.split())
    assert plan.requirements == ()
    assert all(line.endswith("(this page has its own)") for line in lines)


def test_a_requirements_file_may_have_comments_includes_markers_and_hashes(site, tmp_path):
    (tmp_path / "requirements.txt").write_text(
        "# for the lesson\nplotly>=6  # plots\n\n-r more/other.txt\n"
        'tqdm-not==4.66 ; python_version > "3" # bar\n'
        "hashed==1.0 --hash=sha256:abc \\\n  --hash=sha256:def\n--index-url https://example.org\n"
    )
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "other.txt").write_text("other\n-r third.txt\n")
    (tmp_path / "more" / "third.txt").write_text("third")
    plan, _ = planned("install", "-r", "requirements.txt", cwd=str(tmp_path))
    assert plan.requirements == ("plotly>=6", "other", "third", "tqdm-not==4.66", "hashed==1.0")


def test_recursive_requirements_files_are_an_error(site, tmp_path):
    (tmp_path / "a.txt").write_text("-r a.txt")
    with pytest.raises(CommandError, match="name each other without an end"):
        planned("install", "-r", "a.txt", cwd=str(tmp_path))


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ("install -r nosuch.txt", "Could not open requirements file: 'nosuch.txt'"),
        ("install git+https://example.org/x.git", "is a repository: a page can install wheels"),
        ("install https://example.org/x.tar.gz", "is no wheel"),
        ("install x@git+https://example.org/x", "is a repository"),
        ("install .", "is a folder, and building a package is not possible in a page"),
        ("install -e .", "the option -e is not known here"),
        ("install nosuch.whl", "Could not find 'nosuch.whl': no such file"),
        ("install pan!das", "Invalid requirement: 'pan!das'"),
        ("install", "You must give at least one requirement to install"),
        ("download x", "'pip download' is not known here; it knows install list"),
        ("install --frobnicate x", "the option --frobnicate is not known here"),
    ],
)
def test_an_impossible_installation_is_an_error(site, tmp_path, args, why):
    with pytest.raises(CommandError) as error:
        planned(*args.split(), cwd=str(tmp_path))
    assert why in str(error.value)


def test_a_local_wheel_is_installed(site, tmp_path):
    (tmp_path / "x-1.0-py3-none-any.whl").touch()
    plan, _ = planned("install", "x-1.0-py3-none-any.whl", cwd=str(tmp_path))
    assert plan.requirements == (f"emfs:{tmp_path}/x-1.0-py3-none-any.whl",)


def test_another_index_is_ignored_with_a_message(site):
    plan, lines = planned("install", "plotly", "--extra-index-url", "https://example.org/simple")
    assert plan.requirements == ("plotly",)
    assert lines == [
        "Packages come from this site and the index that it allows; no other is looked at."
    ]


def installed(plan, answers=()):
    answers, calls, lines, errors = list(answers), [], [], []

    async def installer(wanted, **how):
        calls.append((wanted, how))
        return answers.pop(0) if answers else None

    status = asyncio.run(pip.carry_out(plan, lines.append, errors.append, installer))
    return status, calls, lines, errors


def test_extras_add_their_dependencies(site):
    # The metadata of the installed package lists its dependencies.
    plan, _ = planned("install", "fsspec[no-such-extra]", "pandas[excel]")
    status, calls, _, _ = installed(plan)
    assert status == 0
    names = {pip._requirement(each).name for wanted, _ in calls for each in wanted}
    assert "xlsxwriter" in names
    assert "pandas" not in names
    # openpyxl is installed.
    assert "openpyxl" not in names


def test_a_failure_is_an_error_with_a_status(site):
    plan, _ = planned("install", "no-such-package")
    status, calls, lines, errors = installed(plan, ["there is no such package."])
    assert (status, lines, errors) == (1, [], ["ERROR: there is no such package."])
    assert calls == [(["no-such-package"], {})]


def test_only_an_installed_package_is_reinstalled(site, monkeypatch):
    assert planned("install", "fsspec==0.1")[0].install_options == {"reinstall": True}
    assert planned("install", "fsspec==0.1", "--no-deps", "--pre")[0].install_options == {
        "reinstall": True, "deps": False, "pre": True,
    }  # fmt: skip


def test_list_freeze_and_show():
    _, lines = planned("list")
    assert lines[0].split() == ["Package", "Version"]
    assert any(line.split() == ["pandas", INSTALLED] for line in lines)
    _, lines = planned("freeze")
    assert f"pandas=={INSTALLED}" in lines
    _, lines = planned("show", "pandas")
    assert lines[:2] == ["Name: pandas", f"Version: {INSTALLED}"]
    plan, lines = planned("show", "nosuch")
    assert (plan.status, lines) == (1, ["WARNING: Package(s) not found: nosuch"])
    plan, lines = planned("uninstall", "-y", "nosuch")
    assert lines == ["WARNING: Skipping nosuch as it is not installed."]
    with pytest.raises(CommandError, match="ipython stays: the kernel needs it"):
        planned("uninstall", "ipython")


@pytest.mark.parametrize(
    "line",
    [
        "pip --version",
        "pip3 -V",
        "python -m pip --version",
        "python3 -m pip -V",
        "uv pip --version",
        "pip --version | cat",
        "pip --version > v.txt; cat v.txt",
    ],
)
def test_every_spelling_runs_pip(line, tmp_path):
    out = bytearray()
    assert run(line, out.extend, out.extend, cwd=str(tmp_path)) == 0
    assert out.startswith(b"pip of je-kernel (python 3.")


def test_conda_arguments_become_pip_arguments():
    args = ["install", "-y", "-c", "conda-forge", "pandas=2.2", "x>=1", "y"]
    assert pip_arguments("conda", args) == ["install", "pandas==2.2", "x>=1", "y"]
    with pytest.raises(CommandError, match="'conda create' is not known here"):
        pip_arguments("conda", ["create", "-n", "x"])


@pytest.mark.parametrize(
    ("line", "awaited"),
    [
        ("!pip install seaborn  # for plots\n", "pip install seaborn  # for plots"),
        ("    %pip install x\n", "pip install x"),
        ("!pip3 install 'x>1'\n", "pip install 'x>1'"),
        ("!{sys.executable} -m pip install -q x\n", "pip install -q x"),
        ("! python -m pip install x\n", "pip install x"),
        ("%conda install x\n", "conda install x"),
        ("!uv pip install x\n", "uv pip install x"),
    ],
)
def test_without_stack_switching_installing_lines_become_await(line, awaited):
    (result,) = asyncio.run(hooks._await_installations([line]))
    indent = line[: len(line) - len(line.lstrip())]
    assert result.startswith(f"{indent}await __import__(")
    assert result.endswith(f".install({awaited!r})\n")


@pytest.mark.parametrize(
    "line", ["!pip list | head\n", "%pip list\n", "!ls pip\n", "%pipeline x\n", "print('!pip x')\n"]
)
def test_other_lines_are_unchanged(line):
    assert asyncio.run(hooks._await_installations([line])) == [line]


def test_a_line_in_a_function_is_unchanged_and_one_in_an_if_becomes_await():
    cell = [
        "def f():\n",
        "    if x:\n",
        "        !pip install a\n",
        "if y:\n",
        "    !pip install b\n",
    ]
    result = asyncio.run(hooks._await_installations(cell))
    assert result[:4] == cell[:4]
    assert result[4].startswith("    await ")


def test_a_writefile_cell_is_unchanged():
    lines = ["%%writefile x.txt\n", "!pip install x\n"]
    assert asyncio.run(hooks._await_installations(lines)) == lines
