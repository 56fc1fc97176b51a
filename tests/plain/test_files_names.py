"""Names are untrusted: whatever is written, a path stays inside and means one file."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from je_kernel.errors import BadNameError
from je_kernel.files import names

anything = st.text(max_size=60)
tricky = st.lists(
    st.sampled_from(
        ["..", ".", "", "a", "b c", "é", "e\u0301", "drive", "x.csv", "%41", "\\", "\0"]
    ),
    max_size=8,
).map("/".join)
folders = st.sampled_from(["", "lesson", "lesson/one"])


@given(anything | tricky, folders)
def test_a_path_never_leaves_the_root(name, folder):
    try:
        path = names.path_of(name, folder)
    except BadNameError:
        return
    parts = path.split("/") if path else []
    assert not {"", ".", ".."} & set(parts)
    assert not path.startswith("/")
    assert "\\" not in path
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in path)
    assert all(len(part.encode()) <= 255 for part in parts)


@given(anything | tricky, folders)
def test_a_path_is_its_own_path(name, folder):
    try:
        path = names.path_of(name, folder)
    except BadNameError:
        return
    assert names.path_of(f"/{path}", folder) == path or path.split("/")[0] == "drive"
    assert unicodedata.is_normalized("NFC", path)


@given(tricky, folders)
def test_the_name_that_is_shown_leads_back(name, folder):
    try:
        path = names.path_of(name, folder)
    except BadNameError:
        return
    assert names.path_of(names.relative(path, folder), folder) == path


@given(anything)
def test_a_download_name_is_one_that_windows_keeps(name):
    shown = names.download_name(name)
    assert shown
    assert "/" not in shown
    assert names.windows_problem(shown) is None


@given(anything, st.lists(anything, max_size=6))
def test_whatever_is_suggested_is_there(name, known):
    found = names.suggest(name, known)
    assert set(found) <= set(known)
    assert len(found) <= 3
    assert isinstance(names.explain_missing(name, name, known), str)


@given(st.text("abcdefgh", min_size=4, max_size=12), st.integers(0, 10))
def test_two_swapped_letters_are_forgiven(stem, at):
    at %= len(stem) - 1
    slip = stem[:at] + stem[at + 1] + stem[at] + stem[at + 2 :]
    assume(slip != stem)
    assert names.suggest(f"{slip}.csv", [f"{stem}.csv", "zzzzzzzz.png"])[0] == f"{stem}.csv"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a\\b.csv", "'a/b.csv'"),
        ("https://a.example/x.csv", "files.fetch()"),
        ("../x", "leads out"),
        ("a\0", "invisible"),
        ("y" * 256, "too long"),
    ],
)
def test_a_bad_name_says_what_to_write(name, words):
    with pytest.raises(BadNameError) as caught:
        names.path_of(name)
    assert words in str(caught.value)


@pytest.mark.parametrize("path", ["", "50%.txt", ".je-kernel-mark", "a/.je-kernel-x"])
def test_some_names_are_not_made(path):
    with pytest.raises(BadNameError):
        names.check_new(path)
