"""No regular expression takes longer than its text, however the text is made."""

import re
import shutil
from pathlib import Path

import pytest

from tests.plain.regular_expressions import ROOMS, Found, of_python, slow_in_javascript, slow_text

SCRIPTS = [path for room in ROOMS for end in ("js", "mjs") for path in room.rglob(f"*.{end}")]
needs_node = pytest.mark.skipif(not shutil.which("node"), reason="Node runs the scripts")


@pytest.mark.parametrize("found", of_python(), ids=lambda found: found.where)
def test_the_time_of_a_regular_expression_grows_with_the_text(found: Found) -> None:
    assert not slow_text(found)


@needs_node
def test_the_time_of_a_scripts_regular_expressions_grows_with_the_text() -> None:
    assert len(SCRIPTS) > 10
    assert not slow_in_javascript(SCRIPTS)


BAD = [r"(a+)+$", r"^#{1,3}\s+(.+?)\s*#*\s*$", r"\s+$", r"<[^>]*>", rb"(a+)+$"]


@pytest.mark.parametrize("bad", BAD)
def test_a_slow_one_is_found(bad: str | bytes) -> None:
    assert slow_text(Found("", re.compile(bad, re.MULTILINE), ("search",)))


@pytest.mark.parametrize("good", [r"^a+$", r"\d{1,9}", r"<[^<]*", r"\s+", r"(?:a|b)+", r"x[^x]*+y"])
def test_a_quick_one_is_not(good: str) -> None:
    assert not slow_text(Found("", re.compile(good), ("match", "sub")))


@pytest.mark.slow
@needs_node
def test_a_slow_one_in_a_script_is_found(tmp_path: Path) -> None:
    script = tmp_path / "bad.js"
    literals = [BAD[0], "ok", BAD[3]]
    script.write_text("".join(f"f(a / b, /{bad}/m, 'x/y/');\n" for bad in literals))
    slow = slow_in_javascript([script])
    assert [line.partition("/m ")[0].split(":")[1] for line in slow] == ["1", "3"]
