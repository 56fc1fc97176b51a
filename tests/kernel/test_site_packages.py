"""An import is enough, in JupyterLite's own shell: one kernel, which runs a lesson's cells in turn.

The page's main thread stands for every browser here: nothing in it waits for a promise.
"""

import pytest
from pytest_pyodide import run_in_pyodide

from tests.kernel.test_net_people_packages import KERNEL


@run_in_pyodide(packages=KERNEL)
def begin(selenium):
    """Set the kernel up in a folder of its own; return what each step did."""
    import os
    import tempfile

    import je_kernel

    folder = tempfile.mkdtemp()
    os.chdir(folder)
    started = je_kernel.start()
    return {step.name: (step.outcome, step.milliseconds) for step in started.steps}


@run_in_pyodide(packages=KERNEL)
def cell(selenium, code):
    """Run a cell as the shell does; return its last value and the error it raised."""
    import sys

    import pyodide_kernel

    # As in a notebook's kernel.
    if "" not in sys.path:
        sys.path.insert(0, "")
    shell = pyodide_kernel.ipython_shell
    result = shell.run_cell(code)
    error = result.error_before_exec or result.error_in_exec
    return repr(result.result), error and f"{type(error).__name__}: {error}"


@pytest.fixture(scope="module")
def lesson(selenium_module_scope):
    steps = begin(selenium_module_scope)
    assert steps["packages"][0] == "done"

    def run(code):
        value, error = cell(selenium_module_scope, code)
        assert error is None, error
        return value

    run.fail = lambda code: cell(selenium_module_scope, code)[1]
    return run


LOADED = "sorted(__import__('js').Object.keys(__import__('pyodide_js').loadedPackages).to_py())"


def test_after_a_magic_in_the_same_cell(lesson):
    code = "%matplotlib inline\nimport numpy as np\nint(np.arange(4).sum())"
    assert lesson(code) == "6"


def test_in_a_module_of_ones_own_and_in_a_file_that_is_run(lesson):
    lesson("open('helper.py', 'w').write('import xlrd\\ndef name(): return xlrd.__name__\\n')")
    assert lesson("import importlib; importlib.invalidate_caches()\nimport helper\nhelper.name()")
    lesson("open('s.py', 'w').write('import regex\\nfound = regex.findall(\"a\", \"aba\")\\n')")
    assert lesson("%run s.py\nfound") == "['a', 'a']"


def test_shared_libraries_are_opened_with_what_they_need_beside_them(lesson):
    code = (
        "from importlib import import_module\nimport_module('scipy.linalg').det([[2, 0], [0, 3]])"
    )
    assert "6.0" in lesson(code)


def test_the_parts_that_pandas_needs_for_some_things_only(lesson):
    lesson("import io, pandas as pd\nbefore = " + LOADED)
    assert lesson("'lxml' in before or 'openpyxl' in before") == "False"
    table = "<table><tr><th>a</th></tr><tr><td>1</td></tr></table>"
    assert lesson(f"pd.read_html(io.StringIO({table!r}))[0].a.tolist()") == "[1]"
    lesson("pd.DataFrame({'a': [1, 2]}).to_excel('a.xlsx', index=False)")
    assert lesson("pd.read_excel('a.xlsx').a.tolist()") == "[1, 2]"


def test_time_zones_of_the_standard_library(lesson):
    code = "import zoneinfo, datetime\n"
    code += "datetime.datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo('Asia/Tokyo')).tzname()"
    assert lesson(code) == "'JST'"


def test_pyodide_micropip_and_the_metadata_know_what_was_loaded(lesson):
    assert lesson("'pandas' in " + LOADED) == "True"
    assert lesson("import micropip\nmicropip.list()['pandas'].source") == "'pyodide'"
    code = "import importlib.metadata\nimportlib.metadata.version('pandas') == pd.__version__"
    assert lesson(code) == "True"


def test_a_look_whether_a_module_is_there_is_answered_truly(lesson):
    code = "import importlib.util\n"
    code += "spec = importlib.util.find_spec('sympy')\nspec.origin.endswith('/sympy/__init__.py')"
    assert lesson(code) == "True"
    assert lesson("importlib.util.find_spec('no_such_module_at_all')") == "None"


def test_a_file_with_another_hash_is_refused_and_the_kernel_lives(lesson):
    damage = (
        "from dataclasses import replace\nfrom je_kernel.imports import loading\n"
        "lock = loading._loader()._lock\nreal = lock['html5lib']\n"
        "lock['html5lib'] = replace(real, {})"
    )
    lesson(damage.format("sha256='0' * 64"))
    error = lesson.fail("import html5lib")
    assert error.startswith("PackageNotLoadedError: Could not load html5lib")
    assert "is not the one" in error
    damage = damage.replace("real = lock['html5lib']\n", "")
    lesson(damage.format("file_name='no-such.whl'"))
    assert "(status 404)" in lesson.fail("import html5lib")
    lesson(damage.format("file_name='http://127.0.0.1:9/a.whl'"))
    assert "Check the Wi-Fi" in lesson.fail("import html5lib")
    lesson("lock['html5lib'] = real")
    assert lesson("import html5lib\nhtml5lib.__name__") == "'html5lib'"


def test_a_library_of_another_system_is_an_import_error_and_the_kernel_lives(lesson):
    lesson(
        "import sysconfig, importlib.machinery\n"
        "folder = sysconfig.get_path('platlib')\n"
        "file = f'{folder}/of_linux{importlib.machinery.EXTENSION_SUFFIXES[0]}'\n"
        "open(file, 'wb').write(bytes.fromhex('7f454c46') + bytes(100))\n"
        "importlib.invalidate_caches()"
    )
    assert lesson.fail("import of_linux").startswith("ImportError: could not load dynamic lib")
    assert lesson("1 + 1") == "2"
