"""What stands in for a laptop's and Colab's things, beside the real ones where CPython has them."""

import concurrent.futures
import concurrent.futures.process
import concurrent.futures.thread
import contextlib
import copy
import importlib
import multiprocessing
import multiprocessing.dummy
import multiprocessing.pool
import os
import sys
import threading
import types
from operator import mul

import pytest
from IPython.core.interactiveshell import InteractiveShell
from PIL import Image

from je_kernel import errors, package_install, stand_ins
from je_kernel.error_hints import hint_for
from je_kernel.net.patches import Patches
from je_kernel.stand_ins import (
    StandInFinder,
    advice,
    opencv,
    process_stand_ins,
    store_magic,
    threads,
    web_browser,
)
from je_site.lesson_packages import modules_in
from je_site.own_wheel import own_wheel


@contextlib.contextmanager
def without_processes():
    """Have pools and processes as they are in a browser that cannot switch stacks."""
    patches = Patches()
    for name in process_stand_ins._REPLACEMENTS:
        process_stand_ins.adapt(sys.modules[name], patches)
    threads.adapt(concurrent.futures.thread, patches)
    yield
    patches.undo()


@pytest.fixture
def adapted():
    """Pools and processes, as in such a browser."""
    with without_processes():
        yield


@pytest.fixture
def found(monkeypatch, tmp_path):
    """Our modules can be imported, and what they save goes into a folder of its own."""
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, StandInFinder()])
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in (
            "gdown",
            "google",
            "kagglehub",
            "pyttsx3",
            "wget",
            "winsound",
        ):
            del sys.modules[name]


def attempt(function, *args):
    try:
        return function(*args)
    except Exception as error:
        return type(error), str(error)


def pool_cases(pool):
    """All that a lesson does with a pool."""
    called = []
    with pool(3) as p:
        yield "map", p.map(abs, [-3, 2, -1])
        yield "map in chunks", p.map(abs, range(-50, 50), 7)
        yield "no tasks", p.map(abs, [])
        yield "starmap", p.starmap(pow, [(2, 5), (3, 2)])
        yield "imap", list(p.imap(abs, range(-5, 5)))
        yield "imap in chunks", list(p.imap(abs, range(-5, 5), 3))
        yield "imap_unordered", sorted(p.imap_unordered(abs, range(-5, 5)))
        yield "apply", p.apply(pow, (2, 10))
        yield "apply with names", p.apply(int, ("ff",), {"base": 16})
        yield "map_async", p.map_async(abs, [-1, 1]).get(5)
        asked = p.apply_async(mul, (6, 7), callback=called.append)
        yield "apply_async", (asked.get(5), asked.ready(), asked.successful())
        yield "an error of map", attempt(p.map, lambda x: 1 / x, [1, 0, 2])
        yield "an error of apply", attempt(p.apply, lambda: {}["x"])
        failed = p.apply_async(lambda: 1 / 0, error_callback=called.append)
        failed.wait(5)
        yield "an error of apply_async", (failed.successful(), attempt(failed.get))
        results = p.imap(lambda x: 1 / x, [1, 0, 2])
        yield "an error of imap", [attempt(next, results) for _ in range(3)]
    yield "callbacks", (called[0], str(called[1]))
    yield "after the end", attempt(p.map, abs, [1])[0]
    closed = pool(2)
    waiting = closed.map_async(abs, [-1, -2])
    closed.close()
    closed.join()
    yield "close and join", (waiting.get(), attempt(closed.apply, abs, (1,)))
    running = pool(1)
    yield "join without close", attempt(running.join)
    running.terminate()
    yield "no processes", attempt(pool, 0)


def test_a_pool_gives_what_pythons_own_gives():
    theirs = list(pool_cases(multiprocessing.pool.ThreadPool))
    with without_processes():
        assert list(pool_cases(multiprocessing.Pool)) == theirs
        assert list(pool_cases(multiprocessing.pool.ThreadPool)) == theirs
        assert list(pool_cases(multiprocessing.get_context("spawn").Pool)) == theirs


def executor_cases(executor):
    """All that a lesson does with an executor."""
    futures = concurrent.futures
    with executor(max_workers=3) as ex:
        yield "map", list(ex.map(abs, [-3, 2, -1]))
        yield "map of two", list(ex.map(pow, [2, 3], [5, 2]))
        future = ex.submit(pow, 2, 100)
        yield "submit", (future.result(5), future.done(), future.exception())
        failed = ex.submit(lambda: 1 / 0)
        yield "an error", (str(failed.exception(5)), attempt(failed.result))
        yield "an error of map", attempt(list, ex.map(lambda x: 1 / x, [1, 0]))
        several = {ex.submit(abs, -n): n for n in range(5)}
        yield (
            "as_completed",
            sorted((several[f], f.result()) for f in futures.as_completed(several)),
        )
        done, waiting = futures.wait([ex.submit(abs, -n) for n in range(3)])
        yield "wait", (len(done), len(waiting))
        seen = []
        ex.submit(abs, -4).add_done_callback(lambda f: seen.append(f.result()))
    yield "callback", seen
    yield "after the end", attempt(ex.submit, abs, 1)
    yield "no workers", attempt(executor, 0)


def test_an_executor_gives_what_pythons_own_gives(adapted):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "can_switch", lambda: True)
        theirs = list(executor_cases(concurrent.futures.ThreadPoolExecutor))
    assert list(executor_cases(concurrent.futures.ThreadPoolExecutor)) == theirs
    assert list(executor_cases(concurrent.futures.process.ProcessPoolExecutor)) == theirs


def test_without_switching_a_pool_of_threads_starts_no_thread(adapted):
    before = threading.active_count()
    begun = []
    pool = concurrent.futures.ThreadPoolExecutor(4, initializer=begun.append, initargs=("once",))
    names = list(pool.map(lambda _: threading.current_thread().name, range(3)))
    assert (names, threading.active_count()) == (["MainThread"] * 3, before)
    assert begun == ["once"]


def test_processes_share_queues_values_and_locks(adapted):
    queue, total = multiprocessing.Queue(), multiprocessing.Value("i", 0)

    def work(n):
        with total.get_lock():
            total.value += n
        queue.put((multiprocessing.current_process().name, n))

    started = [multiprocessing.Process(target=work, args=(n,), name=f"P{n}") for n in range(3)]
    for process in started:
        assert process.exitcode is None
        process.start()
    for process in started:
        process.join(5)
    assert sorted(queue.get() for _ in started) == [("P0", 0), ("P1", 1), ("P2", 2)]
    assert (total.value, [p.exitcode for p in started]) == (3, [0, 0, 0])
    assert not any(process.is_alive() for process in started)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_process_that_fails_has_the_exit_status_of_one(adapted):
    for function, args, status in ((lambda: 1 / 0, (), 1), (sys.exit, (3,), 3), (sys.exit, (), 0)):
        process = multiprocessing.Process(target=function, args=args)
        process.start()
        process.join()
        assert process.exitcode == status


def test_what_processes_share_can_be_had_from_a_manager(adapted):
    with multiprocessing.Manager() as manager:
        shared, numbers = manager.dict(), manager.list([1])
        process = multiprocessing.Process(target=shared.update, kwargs={"a": 1})
        process.start()
        process.join()
        assert (shared, numbers, manager.Queue().empty()) == ({"a": 1}, [1], True)
    assert list(multiprocessing.Array("i", 3)) == [0, 0, 0]
    assert multiprocessing.cpu_count() == os.cpu_count()


def test_a_process_cannot_be_stopped_and_says_so(adapted):
    end = threading.Event()
    process = multiprocessing.Process(target=end.wait, daemon=True)
    process.start()
    with pytest.raises(errors.UnavailableError, match="cannot be stopped"):
        process.terminate()
    end.set()
    process.join()
    process.terminate()


def test_a_lock_behaves_as_pythons_own():
    def cases(lock):
        yield lock.acquire(), lock.locked(), lock.acquire(False), lock.acquire(timeout=0.01)
        yield attempt(lock.acquire, False, 1), attempt(lock.acquire, True, -2)[0]
        yield lock.release(), lock.locked(), attempt(lock.release)
        with lock as held:
            yield held
        yield lock.locked(), attempt(copy.copy, lock)

    assert list(cases(threads.Lock())) == list(cases(threading.Lock()))


def test_a_wait_that_nothing_can_end_is_an_error():
    lock = threads.Lock()
    lock.acquire()
    with pytest.raises(errors.DeadlockError, match="waits for another thread") as failure:
        lock.acquire()
    assert isinstance(failure.value, RuntimeError)


def test_webbrowser_shows_a_link_and_a_page_of_ones_own(capsys, tmp_path, monkeypatch):
    module, patches = types.ModuleType("webbrowser"), Patches()
    module.open = None
    web_browser.adapt(module, patches)
    assert module.open("https://a.example/?q=<b>") is True
    assert module.get("firefox").open_new_tab("https://b.example/") is True
    monkeypatch.chdir(tmp_path)
    (tmp_path / "map.html").write_text("<h1>Map</h1>")
    assert module.open("map.html") is True
    assert module.open("javascript:alert(1)") is False
    said = capsys.readouterr().out
    assert said.startswith("Open https://a.example/?q=<b>\nOpen https://b.example/\nThe page map")
    assert "There is no page javascript:alert(1)" in said
    patches.undo()
    assert vars(module)["open"] is None


def test_opencvs_windows_are_pictures_in_the_output(monkeypatch):
    numpy = importlib.import_module("numpy")
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    cv2 = types.ModuleType("cv2")
    opencv.adapt(cv2, Patches())
    cv2.namedWindow("w")
    cv2.imshow("w", numpy.full((2, 3, 3), (255, 0, 1), "uint8"))
    cv2.imshow("w", numpy.full((2, 3), 7, "uint8"))
    assert cv2.waitKey(0) & 0xFF == ord("q")
    cv2.destroyAllWindows()
    assert [image.getpixel((0, 0)) for image in shown] == [(1, 0, 255), 7]
    assert isinstance(shown[0], Image.Image)
    with pytest.raises(ValueError, match="wrong file name"):
        cv2.imshow("w", None)


def test_what_colab_lessons_import_is_there(found, capsys, tmp_path):
    colab = found("google.colab")
    parts = ["auth", "data_table", "drive", "files", "output", "patches", "runtime", "userdata"]
    assert all(getattr(colab, part) is found(f"google.colab.{part}") for part in parts)
    colab.data_table.enable_dataframe_formatter()
    colab.output.enable_custom_widget_manager()
    (tmp_path / "a.csv").write_text("x")
    colab.files.download("a.csv")
    assert "Download a.csv" in capsys.readouterr().out
    with pytest.raises(FileNotFoundError):
        colab.files.download("b.csv")
    os.environ["A_SECRET"] = "42"
    assert colab.userdata.get("A_SECRET") == "42"
    del os.environ["A_SECRET"]
    with pytest.raises(colab.userdata.SecretNotFoundError, match="A_SECRET"):
        colab.userdata.get("A_SECRET")


@pytest.mark.parametrize(
    ("module", "part"),
    [("google.colab", "sheets"), ("google.colab.output", "eval_js"), ("kagglehub", "model_upload")],
)
def test_what_a_stand_in_lacks_it_says_in_a_sentence(found, module, part):
    with pytest.raises(errors.MissingPartError, match=f"{module}.{part}"):
        getattr(found(module), part)
    assert not hasattr(found(module), part)


def test_a_name_of_a_download_cannot_end_the_html_around_it(found, monkeypatch, tmp_path):
    shown = []
    name = "a\"><script>b'.csv"
    (tmp_path / name).write_text("x")
    files = found("google.colab.files")
    monkeypatch.setattr(files, "show", lambda html, _: shown.append(html))
    files.download(name)
    assert "<script>b" not in shown[0]
    assert shown[0].count("<script>") == 1


def test_wget_and_gdown_save_beside_the_notebook(found, data_server, tmp_path):
    url = data_server.put("/data/marks.csv", b"name,mark\nAda,1\n")
    wget, gdown = found("wget"), found("gdown")
    assert wget.download(url) == "marks.csv"
    assert wget.download(url) == "marks (1).csv"
    assert wget.download(url, out="mine.csv", bar=None) == "mine.csv"
    (tmp_path / "folder").mkdir()
    assert wget.download(url, "folder") == "folder/marks.csv"
    assert gdown.download(url, "marks.csv", quiet=True) == "marks.csv"
    assert (tmp_path / "marks.csv").read_bytes() == b"name,mark\nAda,1\n"
    assert wget.filename_from_url(url) == "marks.csv"
    with pytest.raises(ValueError, match="url or id"):
        gdown.download()


def test_kagglehub_finds_what_lies_beside_the_notebook(found, tmp_path):
    kagglehub = found("kagglehub")
    with pytest.raises(
        errors.UnavailableError, match=r"kaggle.com/datasets/zoo/frogs .*folder frogs"
    ):
        kagglehub.dataset_download("zoo/frogs")
    (tmp_path / "frogs").mkdir()
    (tmp_path / "frogs" / "f.csv").write_text("a")
    assert kagglehub.dataset_download("zoo/frogs") == str(tmp_path / "frogs")
    assert kagglehub.dataset_download("zoo/frogs", path="f.csv").endswith("f.csv")
    assert kagglehub.competition_download("frogs") == str(tmp_path / "frogs")


def test_sounds_and_speech_are_players_and_voices(found, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    found("winsound").Beep(440, 100)
    (audio,) = shown
    assert audio._repr_html_().count("data:audio/wav;base64,") == 1
    pyttsx3 = found("pyttsx3")
    monkeypatch.setattr(pyttsx3, "show", lambda html, _: shown.append(html))
    engine = pyttsx3.init()
    engine.say("</script><b>hello")
    engine.runAndWait()
    assert shown[1].count("</script>") == 1
    assert "speechSynthesis.speak" in shown[1]


def test_a_real_package_comes_before_a_stand_in(found, tmp_path, monkeypatch):
    (tmp_path / "wget.py").write_text("real = True")
    monkeypatch.syspath_prepend(tmp_path)
    assert found("wget").real


@pytest.mark.parametrize("module", sorted(advice._ADVICE))
def test_nothing_else_is_advised_for_what_cannot_be_installed(module):
    error = ModuleNotFoundError(f"No module named {module!r}", name=module)
    hint = hint_for(error, can_wait=True, imported=[])
    assert hint == advice.advice_for(module)
    assert "je_kernel.install(" not in hint


@pytest.mark.parametrize(
    "line", ["from google.colab import sheets", "import google.cloud.bigquery"]
)
def test_a_part_of_googles_that_is_not_here_is_explained(found, line):
    with pytest.raises(ImportError) as failure:
        exec(line, {})
    hint = hint_for(failure.value, can_wait=True)
    assert hint == advice.advice_for("google")


def test_what_stands_in_for_a_package_need_not_be_installed(monkeypatch):
    monkeypatch.setattr("je_kernel.runtime.in_browser", lambda: True)
    wanted = ("wget", "google_colab", "gdown>=5", "turtle", "playsound3")
    assert package_install.install(*wanted) == package_install.Installed(())


def test_the_modules_that_stand_in_are_those_in_their_folder():
    assert {*modules_in(own_wheel(), "je_kernel/stand_ins/modules"), "google"} == stand_ins.MODULES


@pytest.fixture
def shells(tmp_path, monkeypatch):
    """Two kernels of one site: each has a home of its own, and they share a drive."""
    made = []
    patches = Patches()
    monkeypatch.setattr(stand_ins, "_patches", patches)
    for name in ("one", "two"):
        monkeypatch.setenv("IPYTHONDIR", str(tmp_path / name))
        shell = InteractiveShell()
        shell.run_line_magic("load_ext", "storemagic")
        stand_ins._keep_stored_values(shell, str(tmp_path / "drive"))
        made.append(shell)
    yield made
    patches.undo()
    for shell in made:
        assert not isinstance(shell.db, store_magic.StoredValues)
        shell.history_manager.end_session()


def test_a_stored_value_is_there_in_the_next_notebook(shells, tmp_path, capsys):
    one, two = shells
    two.run_line_magic("store", "-r")
    one.run_cell("%cd .", silent=True)
    assert not (tmp_path / "drive").exists()
    one.run_cell("throws, settings = [1, 2, 3], {'group': 'B'}\n%store throws settings")
    two.run_cell("%store -r throws")
    two.run_cell("%store -r\n%store")
    assert two.user_ns["throws"] == [1, 2, 3]
    assert two.user_ns["settings"] == {"group": "B"}
    two.run_cell("%store -d settings")
    two.run_cell("throws = 4\n%store throws")
    one.run_cell("%store -r")
    assert one.user_ns["throws"] == 4
    capsys.readouterr()
    one.run_cell("%store")
    said = capsys.readouterr().out
    assert "throws" in said and "settings" not in said
    one.run_cell("%store -z\n%store")
    assert "throws" not in capsys.readouterr().out


def test_what_is_not_stored_stays_in_the_kernels_home(shells, tmp_path):
    one, two = shells
    one.run_cell("%store -r")
    one.run_cell("%cd .", silent=True)
    assert "dhist" in one.db and "dhist" in list(one.db)
    assert len(one.db) == len(one.db.own)
    assert not (tmp_path / "drive").exists()
    assert not isinstance(two.db, store_magic.StoredValues)


def test_tqdm_starts_no_thread():
    from je_kernel.stand_ins import progress_bars

    class Bar:
        monitor_interval = 10

    module, patches = types.SimpleNamespace(tqdm=Bar), Patches()
    progress_bars.adapt(module, patches)
    assert Bar.monitor_interval == 0
    patches.undo()
    assert Bar.monitor_interval == 10
