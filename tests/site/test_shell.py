"""Shell lines of lessons, in real kernels, on the mounted drive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browsers.lab import Lab
from tests.site.conftest import keep_evidence_of_failure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from je_site.server import Served
    from tests.browsers.lab import Notebook
    from tests.browsers.page import Browser

pytestmark = pytest.mark.engines("chromium", "firefox", "webkit")


@pytest.fixture(scope="module")
def opened(browser: Browser, site: Served) -> Iterator[Notebook]:
    """One kernel for all that is asked here; its folder is on the drive."""
    page = browser.new_page()
    notebook = Lab.open(page, site.url).new_notebook()
    notebook.run("%mkdir shell\n%cd shell")
    yield notebook
    page.close()


@pytest.fixture
def run(opened, request, test_cache):
    def run(code):
        result = opened.run(code)
        run.err = result.stderr
        run.error = result.error
        return result.stdout

    yield run
    keep_evidence_of_failure(opened.lab.page, test_cache, request)


def test_a_lesson_about_the_shell_runs(run):
    run("%%writefile words.txt\nbanana\napple\nblueberry")
    assert run("!pwd") == "/drive/shell\n"
    assert run("!cat words.txt | head -n 2") == "banana\napple\n"
    assert run("fruit = 'blue'\n!grep {fruit} words.txt") == "blueberry\n"
    assert run("!mkdir -p box && cp words.txt box/w.txt && ls box") == "w.txt\n"
    assert run("!ls") == "box  words.txt\n"
    assert run("!mv box/w.txt moved.txt; rm -r box; ls") == "moved.txt  words.txt\n"
    assert run("!echo one > n.txt; echo two >> n.txt; cat n.txt") == "one\ntwo\n"
    assert run("lines = !cat words.txt\nprint(lines)") == "['banana', 'apple', 'blueberry']\n"
    assert run('%%bash\nfor f in *.txt; do\n  echo "$f: $(wc -l < $f)"\ndone') == (
        "moved.txt: 3\nn.txt: 2\nwords.txt: 3\n"
    )
    assert run("!tar -czf t.tgz *.txt && rm *.txt && tar -xzf t.tgz && ls") == (
        "moved.txt  n.txt  t.tgz  words.txt\n"
    )
    assert run("!zip -q z.zip words.txt && rm words.txt && unzip -o z.zip; cat words.txt") == (
        "Archive:  z.zip\n extracting: words.txt               \nbanana\napple\nblueberry\n"
    )
    assert "nosuch: command not found" in run("!nosuch")
    assert run("print(_exit_code)") == "127\n"


def test_a_script_runs_and_imports_its_modules(run):
    run("%%writefile double.py\ndef double(n):\n    return 2 * n")
    run("%%writefile main.py\nimport sys\nimport double\nprint(double.double(int(sys.argv[1])))")
    assert run("!python main.py 21") == "42\n"
    assert run("import sys\n!{sys.executable} main.py 4") == "8\n"
    run("%%writefile double.py\ndef double(n):\n    return f'{n}{n}'")
    assert run("!python main.py 4 | cat") == "44\n"
    assert run("!python --version").startswith("Python 3.")
    code = "subprocess.run([sys.executable, 'main.py', '5'], capture_output=True, text=True).stdout"
    assert run(f"import subprocess\nprint({code})") == "55\n\n"
    assert run("print(subprocess.check_output('ls *.py', shell=True, text=True))") == (
        "double.py\nmain.py\n\n"
    )
    assert run("import os\nprint(os.system('test -f main.py'))") == "0\n"


def test_files_are_downloaded(run, data_server):
    url = data_server.put("/people.csv", "name,age\nAda,36\n")
    assert run(f"!wget -q {url} && cat people.csv") == "name,age\nAda,36\n"
    assert run(f"!curl -s {url} | tail -1") == "Ada,36\n"
    assert run(f"!curl -sO {url} -o other.csv; ls people.csv*") == "people.csv\n"
    missing = data_server.url + "/no-such.csv"
    said = run(f"!wget {missing}")
    assert "404" in said
    assert run("print(_exit_code)") == "8\n"


def test_packages_of_the_site_are_installed_by_every_spelling(run):
    assert run("!pip install -q openpyxl==2.0  # for Excel\nimport openpyxl\nprint('there')") == (
        "This site brings openpyxl 3.1.5, and the lesson asks for openpyxl==2.0:"
        " it runs on with 3.1.5.\nthere\n"
    )
    assert run("!{sys.executable} -m pip install openpyxl") == (
        "Requirement already satisfied: openpyxl (3.1.5)\n"
    )
    assert run("!python -m pip install -qU seaborn\nimport seaborn\nprint('there')") == "there\n"
    run("%%writefile requirements.txt\nopenpyxl>=3  # tables\nlxml")
    assert "Successfully installed lxml-" in run("%pip install -r requirements.txt")
    assert run("!pip list | head -1").split() == ["Package", "Version"]


def test_a_missing_package_is_an_error_line_and_the_lesson_continues(run):
    run("%pip install a-package-that-no-site-has")
    assert run.error is None
    assert "ERROR: Could not install 'a-package-that-no-site-has'" in run.err
