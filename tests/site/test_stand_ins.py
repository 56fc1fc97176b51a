"""Lessons for Colab and for laptops, in real kernels: one kernel in each browser."""

import json

import pytest

from tests.browsers.lab import Lab

# Lines of lessons, and what they print in every browser.
EVERYWHERE = {
    "threads": (
        "import threading, time\nresults = []\n"
        "def work(n):\n    time.sleep(0.01 * n)\n    results.append(n)\n"
        "threads = [threading.Thread(target=work, args=(n,)) for n in (3, 1, 2)]\n"
        "for t in threads: t.start()\nfor t in threads: t.join()\nprint(sorted(results))",
        "[1, 2, 3]\n",
    ),
    "pool of threads": (
        "from concurrent.futures import ThreadPoolExecutor, as_completed\n"
        "with ThreadPoolExecutor(max_workers=4) as pool:\n"
        "    print(list(pool.map(abs, range(-3, 3))))\n"
        "    futures = {pool.submit(pow, 2, n): n for n in range(4)}\n"
        "    print(sorted((futures[f], f.result()) for f in as_completed(futures)))",
        "[3, 2, 1, 0, 1, 2]\n[(0, 1), (1, 2), (2, 4), (3, 8)]\n",
    ),
    "pool of processes": (
        "from multiprocessing import Pool\nfrom concurrent.futures import ProcessPoolExecutor\n"
        "def square(n): return n * n\nwith Pool(2) as p: print(p.map(square, [1, 2, 3]))\n"
        "with ProcessPoolExecutor(2) as ex: print(sum(ex.map(square, range(100))))",
        "[1, 4, 9]\n328350\n",
    ),
    "timer": (
        "done = threading.Event()\nthreading.Timer(0.05, done.set).start()\nprint(done.wait(5))",
        "True\n",
    ),
    "scikit-learn": (
        "from sklearn.datasets import load_wine\nfrom joblib import Parallel, delayed\n"
        "from sklearn.neighbors import KNeighborsClassifier\n"
        "from sklearn.model_selection import cross_val_score\n"
        "X, y = load_wine(return_X_y=True)\n"
        "print(len(cross_val_score(KNeighborsClassifier(n_jobs=-1), X, y, cv=3, n_jobs=2)))\n"
        "print(Parallel(n_jobs=2)(delayed(square)(i) for i in range(5)))",
        "3\n[0, 1, 4, 9, 16]\n",
    ),
    "Colab's folder": (
        "from google.colab import drive\ndrive.mount('/content/drive')\nimport os\n"
        "with open('/content/in colab.txt', 'w') as file: file.write('x')\n"
        "print(os.path.exists('in colab.txt'), os.listdir('/content/drive'))",
        "Google Drive cannot be reached from here: /content/drive/MyDrive is the folder"
        " drive/MyDrive beside this notebook. Put the files that the lesson reads into it.\n"
        "True ['MyDrive']\n",
    ),
    "%cd": ("%cd -q /content\nprint(os.path.exists('in colab.txt'))", "True\n"),
}


@pytest.mark.engines("chromium", "firefox", "webkit")
def test_a_lesson_runs_unchanged_and_the_next_one_has_its_values(page, site, browser):
    lab = Lab.open(page, site.url)
    notebook = lab.new_notebook()
    printed = {name: notebook.run(code) for name, (code, _) in EVERYWHERE.items()}
    assert {name: result.error for name, result in printed.items()} == dict.fromkeys(EVERYWHERE)
    assert {name: result.stdout for name, result in printed.items()} == {
        name: expected for name, (_, expected) in EVERYWHERE.items()
    }
    _dead_ends_are_sentences(notebook)
    _colab_downloads(notebook)
    if browser.engine != "webkit":
        _threads_go_on_after_the_cell(notebook)
        _colab_uploads(notebook)
    notebook.run("results = [4, 5]\n%store results")
    other = lab.new_notebook()
    assert other.run("%store -r\nprint(results)").stdout == "[4, 5]\n"


def _dead_ends_are_sentences(notebook):
    for code, word in {
        "import queue\nqueue.Queue().get()": "DeadlockError",
        "import os\nos.fork()": "UnavailableError",
        "from google.colab import auth\nauth.authenticate_user()": "UnavailableError",
    }.items():
        error = notebook.run(code).error
        assert error is not None
        assert word in error.name
    error = notebook.run("import torch").error
    assert "no browser can run it" in error.traceback
    assert "je_kernel.install" not in error.traceback
    link = notebook.run("import webbrowser\nwebbrowser.open('https://a.example/?q=<1>')").html
    assert 'href="https://a.example/?q=&lt;1&gt;"' in link


def _threads_go_on_after_the_cell(notebook):
    notebook.run(
        "ticks = []\ndef tick():\n    for n in range(3):\n        time.sleep(0.05)\n"
        "        ticks.append(n)\nticking = threading.Thread(target=tick)\nticking.start()"
    )
    assert notebook.run("ticking.join()\nprint(ticks)").stdout == "[0, 1, 2]\n"


def _colab_downloads(notebook):
    notebook.run("from google.colab import files\nfiles.download('in colab.txt')")
    downloaded = notebook.lab.page.evaluate(
        """async () => {
          for (const end = Date.now() + 60_000; Date.now() < end;) {
            const link = document.querySelector('a[download="in colab.txt"]');
            if (link) return [link.textContent, await (await fetch(link.href)).text()];
            await new Promise(next => setTimeout(next, 20));
          }
        }"""
    )
    assert downloaded == ["Download in colab.txt", "x"]


def _colab_uploads(notebook):
    waiting = notebook.start(
        "uploaded = files.upload()\nimport json, pathlib\n"
        "print(json.dumps([[k, v.decode(), pathlib.Path(k).read_text()]"
        " for k, v in uploaded.items()]))"
    )
    notebook.lab.page.evaluate(
        """async () => {
          const end = Date.now() + 60_000;
          let chooser;
          while (!(chooser = document.querySelector('.je-kernel-upload input'))) {
            if (Date.now() > end) throw new Error('Nothing to choose files with appears.');
            await new Promise(next => setTimeout(next, 20));
          }
          const chosen = new DataTransfer();
          chosen.items.add(new File(['a,b'], 'marks.csv'));
          chosen.items.add(new File(['é'], 'in colab.txt'));
          chooser.files = chosen.files;
          chooser.dispatchEvent(new Event('change'));
        }"""
    )
    said = waiting.result().stdout.splitlines()
    assert said[:2] == [
        "Saving marks.csv to marks.csv",
        "Saving in colab.txt to in colab (1).txt",
    ]
    assert json.loads(said[2]) == [["marks.csv", "a,b", "a,b"], ["in colab (1).txt", "é", "é"]]
