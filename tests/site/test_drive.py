"""Plain ``open`` on the mounted drive, in real kernels."""

from __future__ import annotations

import pytest

from tests.browsers.lab import Lab
from tests.site.test_files_stores import (
    files_site,
    files_site_folder,
    get,
    notebook,
    page,
    put,
    run,
    run_drive_suite,
    value,
)

__all__ = ["files_site", "files_site_folder", "notebook", "page"]


def hear_the_drive(page):
    """Let a page keep what kernels ask it of the drive: each request goes by this channel."""
    page.evaluate(
        """() => {
          window.askedOfDrive = [];
          window.driveChannel = new BroadcastChannel('/sw-api.v1');
          window.driveChannel.onmessage = ({ data }) => {
            const request = data?.data ?? data;
            if (request?.method) window.askedOfDrive.push(`${request.method} ${request.path}`);
          };
        }"""
    )


def asked_of_drive(page):
    return page.evaluate("() => window.askedOfDrive")


@pytest.fixture(scope="module")
def started(browser, files_site):
    """One page and kernel for all tests, and what the kernel asked the drive for at first."""
    page = browser.new_page()
    lab = Lab.open(page, files_site.url)
    put(page, "sched.py", type="file", format="text", content="whose = 'the student'")
    hear_the_drive(page)
    opened = lab.new_notebook()
    run(opened, "1")
    asked = [asked_of_drive(page)]
    run(opened, "import colorsys, tabnanny")
    run(opened, "import modulefinder, stat, os\nassert stat.S_ISDIR(os.stat('/drive').st_mode)")
    asked.append(asked_of_drive(page))
    run(opened, "import sched, je_kernel.drive, je_kernel.startup\nfrom je_kernel import files")
    run(opened, "from je_kernel.files import store_selection")
    yield opened, asked
    page.close()


@pytest.fixture(scope="module")
def shared_notebook(started):
    return started[0]


def test_a_kernel_starts_without_asking_the_drive(started):
    notebook, (at_start, after_imports) = started
    assert at_start == []
    # Imports ask for the drive's top folder, once.
    assert after_imports.count("getattr ") == 1
    # From now on modules beside the notebook are found, before all others.
    assert value(notebook, "__import__('sys').path.index('')") == 0
    assert value(notebook, "sched.whose") == "the student"


def test_plain_open_behaves_as_on_a_disk(notebook, page):
    assert value(notebook, "je_kernel.drive.installed()") is True
    assert run_drive_suite(notebook) == {}
    put(page, "by lab.txt", type="file", format="text", content="é")
    run(notebook, "with open('/drive/by lab.txt', 'ab') as file: file.write(b'\\xf6')")
    assert value(notebook, "list(open('/drive/by lab.txt', 'rb').read())") == [195, 169, 246]
    model = get(page, "by lab.txt")
    assert (model["format"], model["size"], model["content"]) == ("base64", 3, "w6n2")


def test_a_file_that_is_never_closed_is_saved_when_the_kernel_is_idle(notebook, page):
    run(notebook, "left_open = open('/drive/left open.txt', 'w')\nleft_open.write('1')")
    run(notebook, "left_open.flush()")
    seen = page.evaluate(
        """async () => {
          const { contents } = window.jupyterapp.serviceManager;
          for (;;) {
            const model = await contents.get('left open.txt', { content: true, format: 'text' })
              .catch(() => null);
            if (model && model.content) return model.content;
            await new Promise(next => setTimeout(next, 20));
          }
        }"""
    )
    assert seen == "1"


def test_the_drive_gets_its_own_operations_back(notebook):
    run(
        notebook,
        "kept = open('/drive/kept.txt', 'w')\nkept.write('ours, ')\nkept.flush()\n"
        "je_kernel.startup.stop()\nimport je_kernel\nkept.write('theirs')\nkept.close()",
    )
    assert value(notebook, "je_kernel.drive.installed()") is False
    assert "as JupyterLite does it" in run(notebook, "print(je_kernel.doctor())")
    assert value(notebook, "open('/drive/kept.txt').read()") == "ours, theirs"
    run(notebook, "je_kernel.start()")
    report = run(notebook, "print(je_kernel.doctor())")
    assert "with je-kernel's operations" in report
    assert "the contents database 'JupyterLite Storage" in report


def test_sqlite_works_on_the_drive(notebook):
    run(
        notebook,
        "import sqlite3\n"
        "db = sqlite3.connect('/drive/school.db')\n"
        "db.execute('create table people (name text)')\n"
        "db.executemany('insert into people values (?)', [(f'Zoë {n}',) for n in range(500)])\n"
        "db.commit()\ndb.close()\ndb = sqlite3.connect('/drive/school.db')",
    )
    assert value(notebook, "db.execute('select count(*) from people').fetchone()") == [500]
    assert value(notebook, "db.execute('pragma integrity_check').fetchone()") == ["ok"]


@pytest.mark.parametrize("code", ["file.truncate(100_000_000)", "file.seek(99_000_000)"])
def test_what_no_record_could_hold_is_refused_at_once(notebook, code):
    opening = "with open('/drive/large.bin', 'wb', buffering=0) as file:"
    error = notebook.run(f"{opening}\n    {code}\n    file.write(b'x')").error
    assert error is not None
    assert "File too large" in error.message
    assert value(notebook, "os.path.getsize('/drive/large.bin')") == 0
