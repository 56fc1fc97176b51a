"""Lessons are read without being run, whatever their format and whatever they contain."""

import json
import zipfile

import pytest

from je_site.lessons import CodeCell, code_cells, imports_of, read_lessons

pytestmark = pytest.mark.plain


def notebook(*cells, version=4, language="python"):
    """Make a notebook of code cells, in one of the formats that there have been."""
    if version == 4:
        listed = [
            {
                "cell_type": "code",
                "source": source,
                "outputs": [],
                "metadata": {},
                "execution_count": None,
            }
            for source in cells
        ]
        kernel = {"kernelspec": {"language": language, "name": "k", "display_name": "k"}}
        whole = {"metadata": kernel, "nbformat": 4, "nbformat_minor": 2, "cells": listed}
    else:
        listed = [
            {"cell_type": "code", "input": source, "outputs": [], "language": "python"}
            for source in cells
        ]
        whole = {"metadata": {}, "nbformat": version, "worksheets": [{"cells": listed}]}
    return json.dumps(whole)


@pytest.fixture
def lessons(tmp_path):
    """Write files below a folder, and return it."""

    def write(files):
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return tmp_path

    return write


def modules(folder):
    return {(each.place, each.module) for each in imports_of(folder)}


def requirements(folder):
    return {(each.place, each.text) for each in read_lessons([folder]).requirements}


def in_cell(lessons, source):
    return {module for _, module in modules(lessons({"a.ipynb": notebook(source)}))}


@pytest.mark.parametrize("version", [2, 3, 4])
def test_imports_are_found_in_every_format(lessons, version):
    folder = lessons({"old.ipynb": notebook("x = 1", "import plotly.express", version=version)})
    assert modules(folder) == {("old.ipynb, cell 2", "plotly.express")}


def test_modules_and_notebooks_in_subfolders_are_lessons_too(lessons):
    folder = lessons(
        {"week 1/a.ipynb": notebook("import numpy"), "tools/draw.py": "import seaborn as sns"}
    )
    assert modules(folder) == {("week 1/a.ipynb, cell 1", "numpy"), ("tools/draw.py", "seaborn")}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("%matplotlib inline\nimport pandas", {"matplotlib", "pandas"}),
        ("%matplotlib widget", {"matplotlib", "ipympl"}),
        ("%load_ext autoreload\n%autoreload 2\nimport scipy.stats", {"scipy.stats"}),
        ("%load_ext sql", {"sql"}),
        ("!ls\nfiles = !ls *.csv\nimport lxml", {"lxml"}),
        ("%%time\nimport polars\npolars.DataFrame()", {"polars"}),
        ("%%capture out\n!pip install x\nimport folium", {"folium"}),
        ("%%javascript\nimport x from 'y'", set()),
        ("%%bash\nimport x", set()),
        ("pd.read_csv?\nimport bokeh", {"bokeh"}),
        ("import importlib\nimportlib.import_module('altair')", {"importlib", "altair"}),
        ("def f():\n    import shapely\n", {"shapely"}),
        ("from . import x", set()),
        ("'''\nimport nothing\n!pip install nothing\n'''", set()),
        ("import emoji\nprint 'Python 2'", {"emoji"}),
        ("(" * 5000, set()),
    ],
)
def test_what_a_cell_imports(lessons, source, found):
    assert in_cell(lessons, source) == found


def test_a_module_that_lies_beside_a_lesson_is_none_of_a_package(lessons):
    folder = lessons(
        {
            "a.ipynb": notebook(
                "import helper\nfrom tools import draw\nimport kit.parts\nimport tools.draw",
                "%%writefile later.py\nimport emoji",
                "from later import smile",
            ),
            "helper.py": "",
            "tools/draw.py": "",
            "kit/__init__.py": "",
            "kit/parts.py": "",
        }
    )
    assert modules(folder) == {("a.ipynb, cell 2", "emoji")}


def test_a_folder_that_is_named_for_a_package_does_not_hide_it(lessons):
    folder = lessons({"plotly/a.ipynb": notebook("import plotly.express"), "plotly/mine.py": ""})
    assert modules(folder) == {("plotly/a.ipynb, cell 1", "plotly.express")}


def test_an_import_that_the_lesson_can_do_without_is_optional(lessons):
    source = "try:\n    import google.colab\nexcept ImportError:\n    import numpy"
    (colab, numpy) = imports_of(lessons({"a.ipynb": notebook(source)}))
    assert (colab.module, colab.optional) == ("google.colab", True)
    assert (numpy.module, numpy.optional) == ("numpy", False)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("%pip install seaborn  # for plots", {"seaborn"}),
        ("%pip install -q -U 'plotly>=6' geopy==2.4", {"plotly>=6", "geopy==2.4"}),
        ("!pip install plotly>=6 > /dev/null 2>&1", {"plotly>=6"}),
        ("!pip3 install a && pip install b; echo pip install c", {"a", "b"}),
        ("!{sys.executable} -m pip install --quiet 'x[all]'", {"x[all]"}),
        ("!python -m pip install --index-url https://example.org x", {"x"}),
        ("%%bash\npip install a\nsudo pip install b", {"a", "b"}),
        ("if True:\n    !pip install folium", {"folium"}),
        ("await micropip.install(['a', 'b'])\nje_kernel.install('c')", {"a", "b", "c"}),
        ("!pip list\n!pip uninstall -y x\n!pip install", set()),
        ("!pip install 'unfinished", set()),
    ],
)
def test_what_a_cell_asks_pip_for(lessons, source, found):
    folder = lessons({"a.ipynb": notebook(source)})
    assert {text for _, text in requirements(folder)} == found


def test_requirements_files_and_script_metadata_are_read(lessons):
    folder = lessons(
        {
            "requirements.txt": "# ours\nplotly>=6  # plots\n-r more/further.txt\n--pre\n"
            "x \\\n  ==1\n",
            "more/further.txt": "geopy\n-r ../requirements.txt\n",
            "tool.py": '# /// script\n# dependencies = ["rich>=13"]\n# ///\n',
            "a.ipynb": notebook("%pip install -r more/further.txt"),
        }
    )
    assert requirements(folder) >= {
        ("requirements.txt", "plotly>=6"),
        ("requirements.txt", "geopy"),
        ("requirements.txt", "x==1"),
        ("tool.py", "rich>=13"),
        ("a.ipynb, cell 1", "geopy"),
    }


def test_a_requirements_file_elsewhere_on_the_machine_is_not_read(lessons, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret.txt"
    outside.write_text("secret")
    folder = lessons({"a.ipynb": notebook(f"%pip install -r {outside}")})
    assert requirements(folder) == set()


def test_what_cannot_be_read_is_said_in_a_sentence_and_the_rest_is_read(lessons):
    folder = lessons(
        {
            "bad.ipynb": "{nope",
            "list.ipynb": "[]",
            "latin.py": "# coding: no-such-coding\nimport x",
            "a.ipynb": notebook("%pip install git+https://example.org/x", "import numpy"),
        }
    )
    read = read_lessons([folder])
    assert [each.module for each in read.imports] == ["numpy"]
    assert len(read.problems) == 4
    assert all("\n" not in problem and problem.endswith(".") for problem in read.problems)
    assert any("a.ipynb, cell 1" in problem and "--wheel" in problem for problem in read.problems)


def test_notebooks_of_other_languages_are_left_alone(lessons):
    assert modules(lessons({"a.ipynb": notebook("import x", language="javascript")})) == set()


def test_hidden_folders_are_no_lessons(lessons):
    hidden = {".ipynb_checkpoints/a.ipynb": notebook("import x"), "node_modules/a.py": "import y"}
    assert modules(lessons(hidden)) == set()


@pytest.mark.parametrize(
    "source",
    [
        "from urllib.request import urlretrieve\nurlretrieve(url, 'helper.py')",
        "with open('out/helper.py', 'w') as f:\n    f.write('x = 1')",
        "open(f'{folder}/helper.py', 'w').write('x = 1')",
        "(folder / 'helper.py').write_text('x = 1')",
        "!wget -q https://data.example.org/code/helper.py?raw=1",
        "!curl -o helper.py https://data.example.org/x",
        "%%bash\necho 'x = 1' > helper.py",
        "%%writefile helper.py\nx = 1",
    ],
)
def test_a_module_that_a_lesson_writes_or_downloads_is_none_of_a_package(lessons, source):
    folder = lessons({"a.ipynb": notebook(source, "import helper\nimport emoji")})
    assert "helper" not in {module for _, module in modules(folder)}
    assert "emoji" in {module for _, module in modules(folder)}


def test_a_module_in_an_archive_beside_a_lesson_is_none_of_a_package(lessons):
    folder = lessons({"a.ipynb": notebook("!unzip code.zip", "import helper, kit.parts, emoji")})
    with zipfile.ZipFile(folder / "code.zip", "w") as archive:
        archive.writestr("code/helper.py", "")
        archive.writestr("kit/__init__.py", "")
    (folder / "damaged.zip").write_bytes(b"PK")
    assert {module for _, module in modules(folder)} == {"emoji"}


def test_an_import_in_a_cell_that_is_meant_to_raise_is_optional(lessons):
    document = json.loads(notebook("import nosuchmodule"))
    document["cells"][0]["metadata"]["tags"] = ["raises-exception"]
    (found,) = imports_of(lessons({"a.ipynb": json.dumps(document)}))
    assert found.optional


def test_the_code_cells_of_a_notebook_are_read_with_their_language(lessons):
    folder = lessons({"a.ipynb": notebook("x <- 1", language="R")})
    assert code_cells(folder / "a.ipynb") == (CodeCell(1, "x <- 1", "r", raises=False),)
