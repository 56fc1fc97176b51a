"""The start-up steps, in a real IPython shell on CPython."""

import logging
import socket
import sys
import threading

import pytest
from IPython.core.interactiveshell import InteractiveShell

import je_kernel
from je_kernel import settings, startup


@pytest.fixture
def shell():
    shell = InteractiveShell()
    yield shell
    shell.history_manager.end_session()


@pytest.fixture
def fresh(monkeypatch):
    """As if nothing had been started yet, and what is started be forgotten after."""
    monkeypatch.setattr(startup, "_results", {})
    return monkeypatch


def surroundings(shell):
    """Everything outside je-kernel that a start could change."""
    import atexit
    import builtins
    import http.client
    import os
    import subprocess
    import urllib.request
    import warnings

    log = logging.getLogger("je_kernel")
    modules = (builtins, http.client, os, subprocess, urllib.request, warnings)
    classes = (
        *(http.client.HTTPConnection, http.client.HTTPResponse, socket.socket),
        *(urllib.request.OpenerDirector, urllib.request.HTTPDefaultErrorHandler),
    )
    return {
        "meta_path": list(sys.meta_path),
        "path_hooks": list(sys.path_hooks),
        "hooks": (sys.excepthook, sys.displayhook, sys.unraisablehook, threading.excepthook),
        "exits": atexit._ncallbacks(),
        "log": (list(log.handlers), log.level, log.propagate, list(logging.root.handlers)),
        "functions": [dict(vars(module)) for module in modules],
        "classes": [dict(vars(one)) for one in classes],
        "shell": {k: v for k, v in vars(shell).items() if k not in CHANGING},
        "names": {k: v for k, v in shell.user_ns.items() if not k.startswith("_")},
        "hidden": {k: v for k, v in shell.user_ns_hidden.items() if not k.startswith("_")},
        "magics": {kind: set(found) for kind, found in shell.magics_manager.magics.items()},
        "events": {name: list(found) for name, found in shell.events.callbacks.items()},
        "formatters": {
            mime: (
                dict(each.type_printers),
                dict(each.deferred_printers),
                dict(each.singleton_printers),
            )
            for mime, each in shell.display_formatter.formatters.items()
        },
        "transformers": (list(shell.input_transformers_cleanup), list(shell.ast_transformers)),
        "custom": shell.custom_exceptions,
    }


CHANGING = {"_trait_values", "extension_manager", "execution_count"}


def test_unloading_leaves_nothing_behind_and_loading_works_again_twice(fresh, shell):
    fresh.setattr(startup.runtime, "in_browser", lambda: True)
    # What needs a real browser: the drive, its kept copies and the stand-ins are tested there.
    left_out = ("drive", "copies", "stand-ins")
    without = settings.Settings(skip_steps=left_out, log_level="debug")
    fresh.setattr(settings, "_in_force", (without, ()))
    before = surroundings(shell)
    for _ in range(2):
        shell.run_line_magic("load_ext", "je_kernel")
        assert [s.name for s in startup.started().steps if s.outcome == "done"] == [
            *("console", "network", "plots", "packages", "imports", "shell", "namespace"),
        ]
        during = surroundings(shell)
        changed = {name for name in before if before[name] != during[name]}
        assert changed >= {"meta_path", "log", "classes", "shell", "names"}
        shell.run_line_magic("unload_ext", "je_kernel")
        after = surroundings(shell)
        assert {name for name in before if before[name] != after[name]} == set()
        assert startup.started().steps == ()


def test_unloading_leaves_alone_what_was_there_before_and_what_is_the_students(fresh, shell):
    fresh.setattr(startup.runtime, "in_browser", lambda: True)
    without = settings.Settings(skip_steps=("network", "drive", "copies", "stand-ins"))
    fresh.setattr(settings, "_in_force", (without, ()))

    def showtraceback(*_, **__):
        """Somebody else's."""

    shell.showtraceback = showtraceback
    shell.run_cell("import je_kernel")
    shell.run_line_magic("load_ext", "je_kernel")
    shell.run_line_magic("unload_ext", "je_kernel")
    assert shell.showtraceback is showtraceback
    assert shell.user_ns["je_kernel"] is je_kernel


def test_what_cannot_be_taken_back_keeps_nothing_else_from_it(fresh, shell, caplog):
    undone = []

    def broken(_):
        raise OSError("no")

    steps = (
        startup.Step("one", lambda _: None, lambda _: undone.append("one")),
        startup.Step("two", lambda _: None, broken),
    )
    fresh.setattr(startup, "STEPS", steps)
    startup.start(shell)
    startup.stop(shell)
    assert undone == ["one"]
    assert "'two' could not be taken back" in caplog.text


def with_steps(monkeypatch, *steps):
    monkeypatch.setattr(startup, "STEPS", tuple(startup.Step(n, run) for n, run in steps))


def test_the_extension_names_je_kernel_in_the_students_namespace_hidden_from_who(fresh, shell):
    je_kernel.load_ipython_extension(shell)
    assert shell.user_ns["je_kernel"] is je_kernel
    assert shell.run_line_magic("who_ls", "") == []


def test_a_name_that_the_student_takes_over_is_theirs(fresh, shell):
    je_kernel.load_ipython_extension(shell)
    shell.run_cell("je_kernel = 1")
    assert shell.run_line_magic("who_ls", "") == ["je_kernel"]


def test_load_ext_does_the_same_as_starting_by_hand(fresh, shell):
    shell.run_line_magic("load_ext", "je_kernel")
    assert shell.user_ns["je_kernel"] is je_kernel


def test_the_steps_run_in_their_order_and_each_is_timed(fresh, shell):
    seen = []
    with_steps(fresh, ("one", lambda _: seen.append(1)), ("two", lambda _: seen.append(2)))
    started = startup.start(shell)
    assert seen == [1, 2]
    assert [(s.name, s.outcome) for s in started.steps] == [("one", "done"), ("two", "done")]
    assert all(step.milliseconds >= 0 for step in started.steps)
    assert started.milliseconds == sum(step.milliseconds for step in started.steps)


def test_a_step_that_raises_is_recorded_logged_and_does_not_stop_the_next(
    fresh, shell, caplog, capsys
):
    seen = []

    def broken(_):
        raise OSError("the browser said no")

    with_steps(fresh, ("broken", broken), ("next", lambda _: seen.append("ran")))
    with caplog.at_level(logging.ERROR, "je_kernel"):
        started = startup.start(shell)
    assert seen == ["ran"]
    (failure,) = started.failed
    assert (failure.name, failure.reason) == ("broken", "OSError: the browser said no")
    assert "the start-up step 'broken' failed" in caplog.text
    assert capsys.readouterr() == ("", "")


def test_starting_again_repeats_what_failed_but_not_what_is_done(fresh, shell):
    runs = []
    healthy = False

    def flaky(_):
        runs.append("flaky")
        if not healthy:
            raise OSError

    with_steps(fresh, ("steady", lambda _: runs.append("steady")), ("flaky", flaky))
    startup.start(shell)
    healthy = True
    assert not startup.start(shell).failed
    startup.start(shell)
    assert runs == ["steady", "flaky", "flaky"]


def test_a_step_that_a_setting_leaves_out_does_not_run(fresh, shell):
    left_out = settings.Settings(skip_steps=("broken",))
    fresh.setattr(settings, "_in_force", (left_out, ()))
    with_steps(fresh, ("broken", lambda _: pytest.fail("it ran")))
    (result,) = startup.start(shell).steps
    assert (result.outcome, "JE_KERNEL_SKIP_STEPS" in result.reason) == ("skipped", True)
