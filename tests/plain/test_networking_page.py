"""The page on networking shows texts and links as they are, not as they once were."""

import re
from pathlib import Path

import pytest

from je_kernel import errors
from je_kernel.net.diagnostics import Diagnosis
from je_kernel.net.error_messages import network_error
from je_kernel.net.failure import TransportFailure
from je_kernel.net.links import data_url
from je_kernel.net.message import Request, Response
from je_kernel.net.page_check import reject_unexpected_page
from je_kernel.net.status_messages import status_message

PAGE = (Path(__file__).parents[2] / "docs" / "networking.md").read_text("utf-8")
DATA = "https://data.example/rain.csv"
SITE = "https://notebooks.example/"


def failed(kind="network", url=DATA, timeout=None, **known):
    failure = TransportFailure(kind, Request("GET", url, timeout=timeout))
    return network_error(failure, Diagnosis(kind, url, SITE, **known))


def missing():
    url = "https://raw.githubusercontent.com/me/lesson/main/rain.csv"
    return errors.NotFoundError(url, 404, "Not Found", None, None, status_message(url, 404))


def page_instead_of_data():
    html = Response(200, "OK", DATA, (("Content-Type", "text/html"),), b"<!doctype html>")
    with pytest.raises(errors.NotDataError) as caught:
        reject_unexpected_page(Request("GET", DATA), html)
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        failed(host_answers=True),
        failed(url="http://data.example/rain.csv"),
        failed(online=False),
        failed(host_answers=False, site_answers=True),
        failed(),
        failed("timeout", timeout=10),
        failed(url="https://github.com/me/lesson/blob/main/rain.csv"),
        missing(),
        page_instead_of_data(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_page_shows_the_real_text_of_each_error(error):
    assert f"```text\n{type(error).__name__}: {error}\n```" in PAGE


ROWS = re.findall(r"^\| [^|]+ \| `(https://[^`]+)` \| `(https://[^`]+)` \|$", PAGE, re.MULTILINE)


def test_the_table_of_links_is_there():
    assert len(ROWS) >= 12


@pytest.mark.parametrize(("link", "data"), ROWS)
def test_each_link_of_the_table_is_converted_as_it_says(link, data):
    assert data_url(link) == data
