"""Threads on stacks of their own, and the modules of other places, in a real Pyodide."""

from pytest_pyodide import run_in_pyodide


@run_in_pyodide(packages=["je-kernel"])
def _cases(selenium):
    """Run every case in one kernel; return what each gave."""
    import concurrent.futures
    import contextlib
    import gc
    import importlib
    import multiprocessing
    import os
    import queue
    import signal
    import socket
    import threading
    import time
    import weakref

    import je_kernel

    je_kernel.start()
    results = {}

    def case(function):
        try:
            results[function.__name__] = function()
        except Exception as error:
            results[function.__name__] = f"{type(error).__name__}: {error}"

    def all_of(threads):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    @case
    def threads_sleep_at_the_same_time():
        ended = []

        def sleep(n):
            time.sleep(0.1 * n)
            ended.append((n, threading.current_thread().name))

        all_of([threading.Thread(target=sleep, args=(n,), name=f"T{n}") for n in (3, 1, 2)])
        return ended, threading.active_count(), threading.current_thread().name

    @case
    def a_consumer_waits_for_its_producer():
        line, eaten = queue.Queue(2), []

        def eat():
            while (item := line.get()) is not None:
                eaten.append(item)
                line.task_done()

        eater = threading.Thread(target=eat)
        eater.start()
        for n in range(10):
            line.put(n)
        line.join()
        line.put(None)
        eater.join()
        return eaten, eater.is_alive()

    @case
    def a_lock_protects_a_counter_and_without_it_counts_are_lost():
        def counted(lock):
            count = 0

            def add():
                nonlocal count
                for _ in range(3):
                    with lock:
                        before = count
                        time.sleep(0.001)
                        count = before + 1

            all_of([threading.Thread(target=add) for _ in range(4)])
            return count

        return counted(threading.Lock()), counted(contextlib.nullcontext()) < 12

    @case
    def an_event_is_set_by_a_timer():
        event = threading.Event()
        threading.Timer(0.05, event.set).start()
        return event.wait(0.001), event.wait(5), event.wait()

    @case
    def garbage_of_many_threads_is_collected():
        made = []

        class Part:
            def __init__(self):
                self.itself = self
                made.append(weakref.ref(self))

        def deeper(levels):
            return deeper(levels - 1) if levels else [[] for _ in range(500)]

        def work(n):
            for turn in range(30):
                Part()
                time.sleep(0.001 * (n + turn) % 0.004)
                deeper(3 * n)

        often, as_ever = (20, 1, 0), gc.get_threshold()
        gc.set_threshold(*often)
        all_of([threading.Thread(target=work, args=(n,)) for n in range(8)])
        gc.set_threshold(*as_ever)
        time.sleep(0.01)
        gc.collect()
        return len(made), sum(part() is not None for part in made), gc.isenabled()

    @case
    def a_queue_that_nobody_fills_is_a_deadlock():
        return queue.Queue().get()

    @case
    def locks_in_opposite_order_are_a_deadlock():
        locks = threading.Lock(), threading.Lock()

        def take(first, second):
            with first:
                time.sleep(0.01)
                with second:
                    pass

        orders = [(0, 1), (1, 0)]
        all_of(
            [
                threading.Thread(target=take, args=(locks[a], locks[b]), daemon=True)
                for a, b in orders
            ]
        )

    @case
    def a_barrier_a_semaphore_and_a_local_work():
        barrier, gate, own = threading.Barrier(3), threading.Semaphore(2), threading.local()
        order, inside, most = [], set(), [0]

        def work(n):
            own.n = n
            order.append(n)
            barrier.wait()
            with gate:
                inside.add(n)
                most.append(len(inside))
                time.sleep(0.005)
                inside.discard(n)
            order.append(own.n + 10)

        all_of([threading.Thread(target=work, args=(n,)) for n in range(3)])
        return order[:3], sorted(order[3:]), max(most), hasattr(own, "n")

    @case
    def an_error_in_a_thread_is_told_and_ends_nothing_else():
        told = []
        kept, threading.excepthook = threading.excepthook, lambda args: told.append(args.exc_type)
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
        threading.excepthook = kept
        return [kind.__name__ for kind in told], thread.is_alive()

    @case
    def calls_of_a_pool_overlap():
        begun = []

        def slow(n):
            begun.append(n)
            time.sleep(0.2)
            return n * n, len(begun)

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            return list(pool.map(slow, range(8)))

    @case
    def pools_of_processes_are_there():
        with multiprocessing.Pool(2) as pool:
            squares = pool.starmap(pow, [(2, 3), (3, 2)])
        with concurrent.futures.ProcessPoolExecutor(2) as pool:
            return squares, sum(pool.map(abs, range(-50, 50), chunksize=10))

    @case
    def a_process_sends_through_a_pipe():
        here, there = multiprocessing.Pipe()
        process = multiprocessing.Process(target=lambda: there.send([1, "two"]))
        process.start()
        received = here.recv()
        process.join()
        return received, process.exitcode, process.name

    @case
    def a_hundred_threads():
        done = []
        all_of(
            [
                threading.Thread(target=lambda: (time.sleep(0.01), done.append(1)))
                for _ in range(100)
            ]
        )
        return len(done)

    @case
    def threads_that_wake_each_other_keep_no_timer_waiting():
        there, back, stop = queue.SimpleQueue(), queue.SimpleQueue(), threading.Event()

        def answer():
            while there.get() is not None:
                back.put(1)

        def ask():
            while not stop.is_set():
                there.put(1)
                back.get()
            there.put(None)

        threads = [threading.Thread(target=function) for function in (answer, ask)]
        for thread in threads:
            thread.start()
        time.sleep(0.1)
        stop.set()
        for thread in threads:
            thread.join()
        return "ended"

    @case
    def a_thread_waits_in_the_main_threads_place_where_it_cannot_switch():
        kept, je_kernel.runtime.can_run_sync = je_kernel.runtime.can_run_sync, lambda: False
        try:
            seen = []
            thread = threading.Thread(target=lambda: seen.append(threading.current_thread().name))
            thread.start()
            seen.append(threading.current_thread().name)
            event = threading.Event()
            threading.Timer(0.01, event.set).start()
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                squares = list(pool.map(lambda n: n * n, range(4)))
            with multiprocessing.Pool(2) as pool:
                squares += pool.map(abs, [-1, -2])
            try:
                queue.Queue().get()
            except Exception as error:
                seen.append(type(error).__name__)
            return seen[0].startswith("Thread-"), seen[1:], event.wait(1), squares
        finally:
            je_kernel.runtime.can_run_sync = kept

    @case
    def modules_of_colab_and_laptops_are_found_last():
        names = ["google.colab.files", "wget", "gdown", "kagglehub", "winsound", "pyttsx3"]
        return [importlib.import_module(name).__name__ for name in names] == names

    @case
    def colabs_folder_is_the_notebooks():
        with open("/content/in colab.txt", "w") as file:  # noqa: PTH123
            file.write("x")
        importlib.import_module("google.colab.drive").mount("/content/drive")
        return [
            os.path.exists(name)  # noqa: PTH110
            for name in ("in colab.txt", "/kaggle/input/in colab.txt", "drive/MyDrive")
        ]

    @case
    def what_cannot_be_done_is_said():
        said = []
        nowhere = ("example.org", 80)
        for act in (
            os.fork,
            lambda: signal.alarm(1),
            lambda: socket.create_connection(nowhere, timeout=1),
            lambda: socket.socket().bind(("", 8000)),
        ):
            try:
                act()
            except Exception as error:
                said.append(type(error).__name__)
        return said

    @case
    def everything_can_be_taken_back():
        je_kernel.startup.stop()
        real = threading.Lock.__module__, os.path.lexists("/content")
        je_kernel.start()
        return real, threading.Lock.__module__

    steps = {step.name: (step.outcome, step.milliseconds) for step in je_kernel.start().steps}
    return results, steps["stand-ins"]


EXPECTED = {
    "threads_sleep_at_the_same_time": ([(1, "T1"), (2, "T2"), (3, "T3")], 1, "MainThread"),
    "a_consumer_waits_for_its_producer": (list(range(10)), False),
    "a_lock_protects_a_counter_and_without_it_counts_are_lost": (12, True),
    "an_event_is_set_by_a_timer": (False, True, True),
    "a_barrier_a_semaphore_and_a_local_work": ([0, 1, 2], [10, 11, 12], 2, False),
    "an_error_in_a_thread_is_told_and_ends_nothing_else": (["ZeroDivisionError"], False),
    # When the first ends, all have begun.
    "calls_of_a_pool_overlap": [(n * n, 8) for n in range(8)],
    "pools_of_processes_are_there": ([8, 9], 2500),
    "a_process_sends_through_a_pipe": ([1, "two"], 0, "Process-1"),
    "a_hundred_threads": 100,
    "garbage_of_many_threads_is_collected": (240, 0, True),
    "threads_that_wake_each_other_keep_no_timer_waiting": "ended",
    "a_thread_waits_in_the_main_threads_place_where_it_cannot_switch": (
        True,
        ["MainThread", "DeadlockError"],
        True,
        [0, 1, 4, 9, 1, 2],
    ),
    "modules_of_colab_and_laptops_are_found_last": True,
    "colabs_folder_is_the_notebooks": [True, True, True],
    "what_cannot_be_done_is_said": ["UnavailableError"] * 2 + ["NoSocketError"] * 2,
    "everything_can_be_taken_back": (("_thread", False), "je_kernel.stand_ins.threads"),
}


def test_threads_take_turns_and_stand_ins_are_found(selenium):
    given, (outcome, milliseconds) = _cases(selenium)
    for name in ("a_queue_that_nobody_fills", "locks_in_opposite_order"):
        assert given.pop(next(n for n in given if n.startswith(name))).startswith("DeadlockError: ")
    assert given == EXPECTED
    assert outcome == "done"
    print(f"the step took {milliseconds:.1f} ms")


@run_in_pyodide(packages=["je-kernel", "numpy"])
def _singular_matrices(selenium):
    """Return what comes of matrices that have no inverse, and of those that have one."""
    import numpy as np

    import je_kernel

    def outcome(function, *arguments, **keywords):
        try:
            return np.asarray(function(*arguments, **keywords)).tolist()
        except np.linalg.LinAlgError as error:
            return str(error)

    je_kernel.start()
    from numpy.linalg import cholesky, inv, matrix_power, solve

    singular, good = np.array([[1, 2], [2, 4]]), np.array([[2.0, 0], [0, 4]])
    raised = [
        outcome(inv, singular),
        outcome(inv, a=[[1, 2], [2, 4]]),
        outcome(inv, np.stack([good, singular])),
        outcome(matrix_power, singular, -1),
        outcome(lambda: np.matrix(singular).I),
        outcome(solve, singular, [1, 2]),
        outcome(solve, singular, np.eye(2)),
        outcome(cholesky, [[1, 3], [2, 4]]),
    ]
    fine = [
        outcome(inv, good),
        outcome(inv, np.zeros((0, 2, 2))),
        outcome(solve, good, [2, 4]),
        outcome(cholesky, good * good, upper=True),
    ]
    unknown = outcome(inv, [[np.nan, 1], [1, 1]])
    return repr(outcome(inv.__wrapped__, singular)), raised, fine, repr(unknown)


def test_a_matrix_without_an_inverse_is_an_error(selenium):
    unchanged, raised, fine, unknown = _singular_matrices(selenium)
    # Once NumPy says so by itself, singular_matrices.py can go.
    assert unchanged == repr([[float("nan")] * 2] * 2)
    assert raised == ["Singular matrix"] * 7 + ["Matrix is not positive definite"]
    assert fine == [[[0.5, 0], [0, 0.25]], [], [1, 1], [[2, 0], [0, 4]]]
    assert "nan" in unknown
