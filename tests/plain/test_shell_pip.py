"""What ``pip`` lines of lessons ask for, and what is answered without a network."""

import asyncio
import importlib.metadata

import pytest

from je_kernel.shell import hooks, pip, run
from je_kernel.shell.commands.installers import pip_arguments
from je_kernel.shell.options import CommandError

pytestmark = pytest.mark.plain

HERE = importlib.metadata.version("pandas")


@pytest.fixture
def site(monkeypatch):
    """A site that brings pandas as it is here, and plotly, which is not loaded."""
    monkeypatch.setattr(pip, "site_versions", lambda: {"pandas": HERE, "plotly": "6.5.0"})


def asked(*args, cwd=None):
    said = []
    plan = pip.plan(list(args), said.append, cwd)
    return plan, said


def test_what_is_there_is_not_asked_for(site):
    plan, said = asked("install", "pandas", "Pandas>=1")
    assert plan.wanted == ()
    assert said == [
        f"Requirement already satisfied: pandas ({HERE})",
        f"Requirement already satisfied: Pandas ({HERE})",
    ]


@pytest.mark.parametrize("option", ["-q", "--quiet", "-qq", "-qU"])
def test_quiet_is_quiet(site, option):
    plan, said = asked("install", option, "pandas", "pip")
    assert (plan.wanted, said) == ((), [])


def test_a_version_that_the_site_has_not_is_the_sites_with_a_sentence(site):
    plan, said = asked("install", "-q", "pandas==1.5.3", "plotly==5.11")
    assert plan.wanted == ("plotly",)
    assert said == [
        f"This site brings pandas {HERE}, and the lesson asks for pandas==1.5.3:"
        f" it runs on with {HERE}.",
        "This site brings plotly 6.5.0, and the lesson asks for plotly==5.11:"
        " it runs on with 6.5.0.",
    ]


def test_what_is_missing_is_wanted_as_it_was_written(site):
    plan, _ = asked("install", "plotly>=6", "no-such[extra]>=2,<3", "x; python_version > '3'")
    assert plan.wanted == ("plotly>=6", "no-such[extra]<3,>=2", "x")


def test_a_marker_that_does_not_match_leaves_out(site):
    plan, said = asked("install", "old; python_version < '3'")
    assert plan.wanted == ()
    assert said == ["Ignoring old: markers 'python_version < \"3\"' don't match"]


def test_names_of_modules_are_names_of_packages(site):
    assert asked("install", "sklearn", "cv2")[0].wanted == ("opencv-python",)


@pytest.mark.parametrize("names", ["--upgrade pip", "jupyter notebook", "-U pip setuptools wheel"])
def test_what_the_page_has_of_its_own_is_there(site, names):
    plan, said = asked("install", *names.split())
    assert plan.wanted == ()
    assert all(line.endswith("(this page has its own)") for line in said)


def test_a_requirements_file_is_read_with_all_that_stands_in_one(site, tmp_path):
    (tmp_path / "requirements.txt").write_text(
        "# for the lesson\nplotly>=6  # plots\n\n-r more/other.txt\n"
        'tqdm-not==4.66 ; python_version > "3" # bar\n'
        "hashed==1.0 --hash=sha256:abc \\\n  --hash=sha256:def\n--index-url https://example.org\n"
    )
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "other.txt").write_text("other\n-r third.txt\n")
    (tmp_path / "more" / "third.txt").write_text("third")
    plan, _ = asked("install", "-r", "requirements.txt", cwd=str(tmp_path))
    assert plan.wanted == ("plotly>=6", "other", "third", "tqdm-not==4.66", "hashed==1.0")


def test_requirements_files_that_name_each_other_end(site, tmp_path):
    (tmp_path / "a.txt").write_text("-r a.txt")
    with pytest.raises(CommandError, match="name each other without an end"):
        asked("install", "-r", "a.txt", cwd=str(tmp_path))


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
def test_what_a_page_cannot_do_is_said(site, tmp_path, args, why):
    with pytest.raises(CommandError) as caught:
        asked(*args.split(), cwd=str(tmp_path))
    assert why in str(caught.value)


def test_a_wheel_beside_the_notebook_is_installed_from_there(site, tmp_path):
    (tmp_path / "x-1.0-py3-none-any.whl").touch()
    plan, _ = asked("install", "x-1.0-py3-none-any.whl", cwd=str(tmp_path))
    assert plan.wanted == (f"emfs:{tmp_path}/x-1.0-py3-none-any.whl",)


def test_another_index_is_not_looked_at_and_said(site):
    plan, said = asked("install", "plotly", "--extra-index-url", "https://example.org/simple")
    assert plan.wanted == ("plotly",)
    assert said == [
        "Packages come from this site and the index that it allows; no other is looked at."
    ]


def carried_out(plan, answers=()):
    answers, calls, said, complained = list(answers), [], [], []

    async def installer(wanted, **how):
        calls.append((wanted, how))
        return answers.pop(0) if answers else None

    status = asyncio.run(pip.carry_out(plan, said.append, complained.append, installer))
    return status, calls, said, complained


def test_extras_bring_what_they_name(site):
    # What it brings beside itself is known from the metadata of the package that is here.
    plan, _ = asked("install", "fsspec[no-such-extra]", "pandas[excel]")
    status, calls, _, _ = carried_out(plan)
    assert status == 0
    names = {pip._requirement(each).name for wanted, _ in calls for each in wanted}
    assert "xlsxwriter" in names
    assert "pandas" not in names
    # openpyxl is here.
    assert "openpyxl" not in names


def test_a_failure_is_said_and_has_a_status(site):
    plan, _ = asked("install", "no-such-package")
    status, calls, said, complained = carried_out(plan, ["there is no such package."])
    assert (status, said, complained) == (1, [], ["ERROR: there is no such package."])
    assert calls == [(["no-such-package"], {})]


def test_only_what_is_to_be_replaced_is_replaced(site, monkeypatch):
    assert asked("install", "fsspec==0.1")[0].how == {"reinstall": True}
    assert asked("install", "fsspec==0.1", "--no-deps", "--pre")[0].how == {
        "reinstall": True, "deps": False, "pre": True,
    }  # fmt: skip


def test_packages_are_listed_shown_and_frozen():
    _, said = asked("list")
    assert said[0].split() == ["Package", "Version"]
    assert any(line.split() == ["pandas", HERE] for line in said)
    _, said = asked("freeze")
    assert f"pandas=={HERE}" in said
    _, said = asked("show", "pandas")
    assert said[:2] == ["Name: pandas", f"Version: {HERE}"]
    plan, said = asked("show", "nosuch")
    assert (plan.status, said) == (1, ["WARNING: Package(s) not found: nosuch"])
    plan, said = asked("uninstall", "-y", "nosuch")
    assert said == ["WARNING: Skipping nosuch as it is not installed."]
    with pytest.raises(CommandError, match="ipython stays: the kernel needs it"):
        asked("uninstall", "ipython")


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
def test_every_spelling_is_the_same_pip(line, tmp_path):
    out = bytearray()
    assert run(line, out.extend, out.extend, cwd=str(tmp_path)) == 0
    assert out.startswith(b"pip of je-kernel (python 3.")


def test_conda_lines_are_pip_lines():
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
def test_where_only_cells_can_wait_lines_that_install_await(line, awaited):
    (made,) = asyncio.run(hooks._await_installations([line]))
    indent = line[: len(line) - len(line.lstrip())]
    assert made.startswith(f"{indent}await __import__(")
    assert made.endswith(f".install({awaited!r})\n")


@pytest.mark.parametrize(
    "line", ["!pip list | head\n", "%pip list\n", "!ls pip\n", "%pipeline x\n", "print('!pip x')\n"]
)
def test_other_lines_stay_as_they_are(line):
    assert asyncio.run(hooks._await_installations([line])) == [line]


def test_a_line_in_a_function_stays_and_one_behind_a_condition_waits():
    cell = [
        "def f():\n",
        "    if x:\n",
        "        !pip install a\n",
        "if y:\n",
        "    !pip install b\n",
    ]
    made = asyncio.run(hooks._await_installations(cell))
    assert made[:4] == cell[:4]
    assert made[4].startswith("    await ")


def test_a_cell_that_is_written_into_a_file_stays_as_it_is():
    lines = ["%%writefile x.txt\n", "!pip install x\n"]
    assert asyncio.run(hooks._await_installations(lines)) == lines
