"""The errors as such: what they are, what they keep, and how a notebook shows them."""

import contextlib
import copy
import http.client
import io
import pickle
import socket
import sys
import urllib.error
from email.message import Message

import pytest
from IPython.core.interactiveshell import InteractiveShell

from je_kernel import errors, files, tracebacks

NETWORK = [
    errors.NetworkError,
    errors.SiteForbidsError,
    errors.InsecureAddressError,
    errors.OfflineError,
    errors.UnreachableError,
    errors.TimedOutError,
    errors.BrokenOffError,
    errors.BadAddressError,
    errors.NotDataError,
    errors.SharingLinkError,
]


def not_found(body=b"<h1>gone</h1>", explanation="Check the spelling."):
    headers = Message()
    headers["Content-Type"] = "text/html"
    headers["X-Two"] = "a"
    headers["X-Two"] = "b"
    return errors.NotFoundError(
        "https://a.org/x.csv", 404, "Not Found", headers, io.BytesIO(body), explanation
    )


@pytest.mark.parametrize("kind", NETWORK)
def test_a_network_error_is_what_urllib_would_have_raised(kind):
    error = kind("The text.", "https://a.org/x.csv")
    assert isinstance(error, urllib.error.URLError)
    assert isinstance(error, OSError)
    assert isinstance(error, errors.JeKernelError)
    assert isinstance(error.reason, OSError)


@pytest.mark.parametrize("kind", NETWORK)
def test_a_network_error_says_its_text_and_nothing_else(kind):
    assert str(kind("The text.", "https://a.org/")) == "The text."


@pytest.mark.parametrize("kind", NETWORK)
@pytest.mark.parametrize("again", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy])
def test_a_network_error_survives_pickle_and_copy(kind, again):
    error = kind("The text.", "https://a.org/x.csv")
    other = again(error)
    assert type(other) is kind
    assert (str(other), other.url, repr(other)) == (str(error), error.url, repr(error))


def test_timed_out_is_caught_as_timeout():
    with pytest.raises(TimeoutError):
        raise errors.TimedOutError("Too slow.")
    with pytest.raises(socket.timeout):
        raise errors.TimedOutError("Too slow.")
    assert isinstance(errors.TimedOutError("Too slow.").reason, TimeoutError)


def test_a_sharing_link_error_keeps_the_link_that_works():
    error = pickle.loads(pickle.dumps(errors.SharingLinkError("t", "u", link="https://b.org/")))
    assert error.link == "https://b.org/"
    assert isinstance(error, ValueError)


def test_a_status_error_is_an_http_error_with_status_headers_and_body():
    error = not_found()
    assert isinstance(error, urllib.error.HTTPError)
    assert (error.code, error.status, error.reason) == (404, 404, "Not Found")
    assert error.headers["content-type"] == "text/html"
    assert error.read() == b"<h1>gone</h1>"
    assert error.url == error.geturl() == "https://a.org/x.csv"


def test_a_status_error_begins_as_pythons_own_and_goes_on_to_explain():
    text = str(not_found())
    assert text.startswith("HTTP Error 404: Not Found\n")
    assert text.endswith("Check the spelling.")


def test_a_status_error_survives_pickle_and_its_body_stays_readable():
    error = not_found()
    other = pickle.loads(pickle.dumps(error))
    assert type(other) is errors.NotFoundError
    assert other.headers.get_all("x-two") == ["a", "b"]
    assert (str(other), other.read()) == (str(error), b"<h1>gone</h1>")
    assert error.read() == b"<h1>gone</h1>"


def test_a_status_error_that_is_closed_can_still_be_pickled():
    error = not_found()
    error.close()
    assert pickle.loads(pickle.dumps(error)).read() == b""


def test_a_status_error_without_a_body_reads_as_empty():
    assert errors.ServerFailedError("https://a.org/", 500, "Oops", None, None).read() == b""


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (401, errors.LoginNeededError),
        (403, errors.AccessDeniedError),
        (404, errors.NotFoundError),
        (410, errors.NotFoundError),
        (429, errors.TooManyRequestsError),
        (500, errors.ServerFailedError),
        (503, errors.ServerFailedError),
        (418, errors.StatusError),
        (304, errors.StatusError),
    ],
)
def test_each_status_has_its_class(code, kind):
    assert errors.status_error(code) is kind


class LibraryError(OSError):
    """As requests makes its own: an OSError that takes a request by name."""

    def __init__(self, *args, **kwargs):
        self.response = kwargs.pop("response", None)
        self.request = kwargs.pop("request", None)
        super().__init__(*args, **kwargs)


class OtherLibraryError(Exception):
    """As httpx makes its own: an Exception with one message."""

    def __init__(self, message, *, request=None):
        super().__init__(message)
        self.request = request


@pytest.mark.parametrize("base", [LibraryError, OtherLibraryError])
@pytest.mark.parametrize("kind", NETWORK)
def test_a_combined_error_is_both_and_says_our_text(kind, base):
    error = errors.combined(kind("The text.", "https://a.org/"), base, request="GET /")
    assert isinstance(error, kind)
    assert isinstance(error, base)
    assert type(error).__name__ == kind.__name__
    assert (str(error), error.url, error.request) == ("The text.", "https://a.org/", "GET /")


@pytest.mark.parametrize("base", [LibraryError, OtherLibraryError])
def test_a_combined_error_survives_pickle(base):
    error = errors.combined(errors.SharingLinkError("t", "u", link="l"), base)
    other = pickle.loads(pickle.dumps(error))
    assert type(other) is type(error)
    assert (str(other), other.url, other.link) == ("t", "u", "l")


def test_what_came_before_an_answer_broke_off_is_kept_by_every_copy():
    ours = errors.BrokenOffError("Broke off.", "https://data.example/", partial=b"name,hei")
    error = errors.combined(ours, http.client.IncompleteRead)
    for each in (ours, error, pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (each.partial, str(each)) == (b"name,hei", "Broke off.")


def test_combining_with_what_it_is_already_changes_nothing():
    error = errors.OfflineError("t")
    assert errors.combined(error, OSError) is error


# How IPython shows them.


@pytest.fixture(scope="module")
def shell():
    shell = InteractiveShell.instance()
    shell.run_line_magic("colors", "nocolor")
    yield shell
    InteractiveShell.clear_instance()


def show(shell, code):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        shell.run_cell(code)
    return printed.getvalue()


# json plays pandas: a library whose frames lie between the student's and ours.
FAILING = """
import json
from je_kernel import errors

def read(error):
    def hook(_):
        raise error from None
    hook.__code__ = hook.__code__.replace(co_filename=errors.__file__)
    json.loads("{}", object_hook=hook)

"""


def test_the_traceback_ends_with_our_sentences_and_shows_no_library(shell):
    shown = show(shell, FAILING + 'read(errors.OfflineError("No network.\\n\\nCheck the Wi-Fi."))')
    assert shown.rstrip().endswith("OfflineError: No network.\n\nCheck the Wi-Fi.")
    assert "read(errors.OfflineError" in shown
    assert "decoder.py" not in shown
    assert errors.__file__ not in shown


def test_a_status_error_is_shown_the_same_way(shell):
    error = 'errors.NotFoundError("u", 404, "Not Found", None, None, "Check the spelling.")'
    shown = show(shell, FAILING + f"read({error})")
    assert shown.rstrip().endswith(
        "NotFoundError: HTTP Error 404: Not Found\n\nCheck the spelling."
    )
    assert "decoder.py" not in shown


def test_long_lines_are_shown_broken_between_words_and_links_are_not_broken(shell):
    link = "    https://data.example/" + "x" * 120
    text = "word " * 40 + "\\n\\n" + link
    shown = show(shell, FAILING + f"read(errors.OfflineError('{text}'))").splitlines()
    assert shown[-1] == link
    words = [line for line in shown if line.startswith(("OfflineError: word", "word"))]
    assert len(words) >= 3
    assert all(set(line.removeprefix("OfflineError: ").split()) == {"word"} for line in words)


def test_verbose_mode_shows_every_frame(shell):
    show(shell, "%xmode Verbose")
    try:
        shown = show(shell, FAILING + 'read(errors.OfflineError("No network."))')
    finally:
        show(shell, "%xmode Context")
    assert "decoder.py" in shown


def test_the_error_that_a_student_raises_from_ours_is_shown_by_ipython_itself(shell):
    code = FAILING + (
        "try:\n    read(errors.OfflineError('No network.'))\n"
        "except OSError as error:\n    raise KeyError('mine') from error\n"
    )
    shown = show(shell, code)
    assert "KeyError: 'mine'" in shown
    assert "No network." in shown


def test_outside_ipython_the_rendered_traceback_has_only_the_students_frames(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython")
    namespace = {}
    exec(compile(FAILING, "lesson.py", "exec"), namespace)
    try:
        namespace["read"](errors.OfflineError("No network."))
    except errors.OfflineError as error:
        text = "".join(tracebacks.render(error))
    assert 'File "lesson.py"' in text
    assert "decoder.py" not in text
    assert text.endswith("OfflineError: No network.\n")


def test_a_traceback_that_is_all_of_libraries_is_shown_whole():
    import json

    try:
        json.loads("{")
    except ValueError as error:
        inner = error.__traceback__.tb_next
    assert tracebacks.of_the_student(inner) is inner


def test_the_errors_of_files_are_in_the_tree_as_it_is_drawn():
    drawn = [name for name in files.__all__ if name.endswith("Error")]
    assert all(getattr(errors, name) is getattr(files, name) for name in drawn)
    assert all(f"── {name}" in errors.__doc__ for name in drawn)
