import pytest
from hypothesis import given
from hypothesis import strategies as st

from je_kernel import site_url
from je_kernel.errors import NotInBrowserError
from je_kernel.site import address_in, site_root

ROOT = "https://school.example/lite/"


def test_outside_a_browser_it_says_what_to_write_instead():
    with pytest.raises(NotInBrowserError, match="starting with https://"):
        site_url("files/data.csv")


@pytest.mark.parametrize(
    "path", ["../x", "files/../../x", "/etc/passwd", "//evil.example/x", "https://evil.example/"]
)
def test_a_path_that_would_leave_the_site_is_refused_or_kept_inside(path):
    try:
        assert address_in(ROOT, path).startswith(ROOT)
    except ValueError as error:
        assert "leads out of this site" in str(error)


@given(st.text(max_size=60))
def test_no_path_leaves_the_site(path):
    try:
        assert address_in(ROOT, path).startswith(ROOT)
    except ValueError as error:
        assert "leads out of this site" in str(error)


def test_a_question_mark_or_hash_in_a_file_name_is_part_of_the_name():
    assert address_in(ROOT, "files/what?#1.csv") == ROOT + "files/what%3F%231.csv"


def test_a_site_in_a_folder_is_found_from_its_kernels_worker():
    script = ROOT + "extensions/@jupyterlite/pyodide-kernel-extension/static/comlink.worker.js"
    assert site_root(script) == ROOT
