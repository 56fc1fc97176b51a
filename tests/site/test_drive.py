"""Plain ``open`` on the mounted drive, in real kernels."""

from __future__ import annotations

import pytest

from tests.site.test_files_stores import (
    files_site,
    files_site_folder,
    get,
    notebook,
    page,
    put,
    run,
    run_drive_suite,
    shared_notebook,
    value,
)

__all__ = ["files_site", "files_site_folder", "notebook", "page", "shared_notebook"]


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
        "je_kernel.startup.stop()\nkept.write('theirs')\nkept.close()",
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
