"""Starting je-kernel inside Pyodide, in a real browser."""

from pytest_pyodide import run_in_pyodide

KERNEL = ["je-kernel", "pyodide-kernel", "ipykernel", "comm", "ipython", "jedi"]


@run_in_pyodide(packages=["je-kernel"])
def test_importing_alone_patches_nothing_and_starts_nothing(selenium):
    import urllib.request

    original = urllib.request.urlopen
    import je_kernel
    import je_kernel.startup

    assert urllib.request.urlopen is original
    assert je_kernel.startup.started().steps == ()
    assert je_kernel.__version__


@run_in_pyodide(packages=["je-kernel"])
def _read_before_and_after(selenium, url):
    import urllib.error
    import urllib.request

    import je_kernel

    try:
        urllib.request.urlopen(url)
        before = "it works without us"
    except (urllib.error.URLError, OSError) as error:
        before = type(error).__name__
    started = je_kernel.start()
    with urllib.request.urlopen(url) as response:
        size = len(response.read())
    return before, [(step.name, step.outcome, step.reason) for step in started.steps], size


def test_starting_by_hand_in_a_bare_page_gives_urllib_the_network(selenium):
    before, steps, size = _read_before_and_after(selenium, f"{selenium.base_url}/pyodide-lock.json")
    assert before != "it works without us"
    assert steps == [
        ("console", "done", None),
        ("network", "done", None),
        ("plots", "done", None),
        ("drive", "skipped", "no drive of a kind that je-kernel knows is mounted"),
        ("modules", "skipped", "no drive of a kind that je-kernel knows is mounted"),
        ("copies", "skipped", "this browser reads the kept copies when they are needed"),
        ("packages", "done", None),
        ("imports", "skipped", "this Python has no IPython shell"),
        ("memory", "done", None),
        ("stand-ins", "done", None),
        ("shell", "skipped", "this Python has no IPython shell"),
        ("stop", "skipped", "this Python has no kernel of JupyterLite's"),
        ("namespace", "skipped", "this Python has no IPython shell"),
    ]
    assert size > 10_000


@run_in_pyodide(packages=["je-kernel"])
def test_starting_twice_does_no_step_twice(selenium):
    import je_kernel

    first = je_kernel.start().steps
    second = je_kernel.start().steps
    done = [step for step in first if step.outcome == "done"]
    assert done
    assert all(step in second for step in done)


@run_in_pyodide(packages=["je-kernel"])
def test_the_wheel_puts_its_configuration_where_ipython_looks(selenium):
    import sys
    from pathlib import Path

    config = Path(sys.prefix) / "etc" / "ipython" / "ipython_config.py"
    assert "je_kernel" in config.read_text()


@run_in_pyodide(packages=KERNEL)
def _kernel_as_it_starts(selenium):
    import sys

    import pyodide_kernel

    shell = pyodide_kernel.ipython_shell
    started = shell.user_ns["je_kernel"].startup.started()
    skipped = [step.name for step in started.steps if step.outcome == "skipped"]
    assert not started.failed
    assert "pyodide_http" not in sys.modules
    assert shell.run_line_magic("who_ls", "") == []
    assert shell.execution_count == 1
    return skipped


def test_jupyterlites_kernel_starts_us_as_it_makes_its_shell(selenium):
    skipped = _kernel_as_it_starts(selenium)
    # Nobody mounts a drive here; and with JSPI there is nothing to prepare.
    assert skipped == ["drive", "modules", "copies", "stop"]


@run_in_pyodide(packages=KERNEL)
def test_a_step_that_fails_leaves_a_working_kernel_and_prints_nothing(selenium):
    import contextlib
    import io
    import sys

    import je_kernel
    from je_kernel import startup

    printed = io.StringIO()
    startup._results.clear()
    net = sys.modules.pop("je_kernel.net", None)
    vars(je_kernel).pop("net", None)
    sys.modules["je_kernel.net"] = None  # importing it now fails, as if the wheel were broken
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            started = je_kernel.start()
    finally:
        del sys.modules["je_kernel.net"]
        if net is not None:
            sys.modules["je_kernel.net"] = je_kernel.net = net
    (failure,) = started.failed
    assert failure.name == "network"
    assert "ModuleNotFoundError" in failure.reason
    assert [s.outcome for s in started.steps if s.name == "console"] == ["done"]
    assert printed.getvalue() == ""
    assert "network" in str(je_kernel.doctor())


@run_in_pyodide(packages=["je-kernel"])
def _facts(selenium):
    from je_kernel import runtime

    return runtime.probe()._asdict()


def test_the_runtime_is_told_as_it_is(selenium):
    facts = _facts(selenium)
    assert facts["pyodide"] == selenium.run_js("return pyodide.version")
    assert facts["browser"].startswith("Chrome ")
    assert facts["browser"].endswith(" on Linux")
    assert facts["jspi"] is selenium.run_js("return 'Suspending' in WebAssembly")
    assert facts["worker"] is False
    assert facts["cross_origin_isolated"] is False
    assert facts["drive"] is None


@run_in_pyodide(packages=["je-kernel"])
def test_the_doctor_shows_each_step_and_the_settings(selenium):
    import os

    os.environ["JE_KERNEL_LOG_LEVEL"] = "shout"
    try:
        import je_kernel
        from je_kernel import settings

        settings.reload()
        je_kernel.start()
        report = str(je_kernel.doctor())
    finally:
        del os.environ["JE_KERNEL_LOG_LEVEL"]
        settings.reload()
    assert "JE_KERNEL_LOG_LEVEL='shout' is ignored" in report
    assert all(name in report for name in ("console", "network", "namespace", "Pyodide"))
    assert "not loaded" in report and "not installed" not in report


@run_in_pyodide(packages=KERNEL)
def test_unloading_and_loading_again_leave_the_kernel_as_it_was(selenium):
    import http.client
    import logging
    import sys
    import urllib.request

    import pyodide_kernel

    shell = pyodide_kernel.ipython_shell
    log = logging.getLogger("je_kernel")

    def surroundings():
        return (
            list(sys.meta_path),
            (list(log.handlers), log.level, log.propagate),
            dict(vars(http.client.HTTPConnection)),
            dict(vars(urllib.request.HTTPDefaultErrorHandler)),
            {k: v for k, v in vars(shell).items() if not k.startswith("_")},
            "je_kernel" in shell.user_ns,
            "je_kernel" in shell.user_ns_hidden,
        )

    # Other tests of this page may have put the name there themselves, and then it stays.
    shell.run_line_magic("unload_ext", "je_kernel")
    shell.user_ns.pop("je_kernel", None)
    shell.user_ns_hidden.pop("je_kernel", None)
    shell.run_line_magic("load_ext", "je_kernel")
    loaded = surroundings()
    shell.run_line_magic("unload_ext", "je_kernel")
    unloaded = surroundings()
    for _ in range(2):
        shell.run_line_magic("load_ext", "je_kernel")
        assert "je_kernel" in shell.user_ns, "not in namespace"
        shell.run_line_magic("unload_ext", "je_kernel")
        now = surroundings()
        differing = [(a, b) for a, b in zip(now, unloaded, strict=True) if a != b]
        assert not differing, differing
    shell.run_line_magic("load_ext", "je_kernel")
    handlers = len(loaded[1][0]), len(log.handlers), len(unloaded[1][0]) + 1
    assert len(set(handlers)) == 1, handlers
    assert unloaded[1][2] and not unloaded[5] and not unloaded[6], unloaded[1:]
