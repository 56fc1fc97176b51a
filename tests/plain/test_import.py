"""What importing je-kernel does, and above all does not do, on CPython."""

import subprocess
import sys

import pytest


def run(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_package_loads_none_of_its_modules():
    loaded = run(
        "import sys, je_kernel\nprint(sorted(n for n in sys.modules if n.startswith('je_kernel.')))"
    )
    assert loaded == "['je_kernel._version']"


def test_what_shows_shared_notebooks_is_imported_when_it_is_first_used():
    loaded = run(
        "import sys, je_kernel\nimport je_kernel.startup as it\nit.start()\nje_kernel.open_shared\n"
        "print({'markdown_it', 'mdit_py_plugins', 'latex2mathml'} & set(sys.modules))"
    )
    assert loaded == "set()"


def test_importing_the_package_patches_nothing_and_starts_nothing():
    before_and_after = run(
        "import urllib.request, logging, je_kernel, je_kernel.startup\n"
        "print(urllib.request.urlopen.__module__, je_kernel.startup.started().steps)"
    )
    assert before_and_after == "urllib.request ()"


def test_every_public_name_can_be_reached():
    missing = run(
        "import je_kernel\n"
        "print([n for n in je_kernel.__all__ if not hasattr(je_kernel, n)],"
        " set(je_kernel.__all__) <= set(dir(je_kernel)))"
    )
    assert missing == "[] True"


def test_an_unknown_name_is_an_attribute_error_that_names_it():
    import je_kernel

    with pytest.raises(AttributeError, match="has no attribute 'flies'"):
        _ = je_kernel.flies


def test_starting_on_cpython_skips_politely_and_prints_nothing():
    out = run(
        "import je_kernel\n"
        "started = je_kernel.start()\n"
        "assert not started.failed and all(s.reason for s in started.steps), started"
    )
    assert out == ""


def test_doctor_answers_on_cpython():
    report = run("import je_kernel; je_kernel.start(); print(je_kernel.doctor())")
    assert "no: this Python does not run in a browser" in report
    assert "Python has the network by itself here" in report
