"""Check that a response is data, not a web page that a site sends in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from je_kernel import errors
from je_kernel.net import links
from je_kernel.net.error_messages import displayed_url

if TYPE_CHECKING:
    from je_kernel.net.message import Request, Response

__all__ = ["reject_unexpected_page"]

# An address with one of these endings names data, not a web page.
_DATA_SUFFIXES = (
    *(".csv", ".tsv", ".tab", ".txt", ".dat", ".json", ".jsonl", ".ndjson", ".geojson", ".xml"),
    *(".xls", ".xlsx", ".xlsm", ".ods", ".parquet", ".feather", ".arrow", ".pkl", ".pickle"),
    *(".npy", ".npz", ".mat", ".sav", ".dta", ".h5", ".hdf5", ".nc", ".db", ".sqlite", ".sqlite3"),
    *(".zip", ".gz", ".bz2", ".xz", ".zst", ".tar", ".tgz", ".png", ".jpg", ".jpeg", ".gif"),
    *(".svg", ".webp", ".tif", ".tiff", ".bmp", ".pdf", ".wav", ".mp3", ".ipynb", ".py", ".whl"),
)
_PAGE_BEGINNINGS = (b"<!doctype html", b"<html", b"<head")


def reject_unexpected_page(request: Request, response: Response) -> None:
    """Raise an error if a web page was sent in the place of data.

    Parameters
    ----------
    request
        The request.
    response
        Its response, or the head and the beginning of the body.

    Raises
    ------
    SharingLinkError
        If the address is that of a page of a sharing site.
    NotDataError
        If the address is otherwise that of data.
    """
    if request.method != "GET" or not 200 <= response.status < 300 or not _is_page(response):
        return
    page = links.recognise(request.url)
    if page is not None and not page.page_is_data:
        raise errors.SharingLinkError(
            f"A web page came from {displayed_url(request.url)}\n\n{page.hint}",
            request.url,
            link=page.link if page.readable else None,
        )
    if _asks_for_data(request):
        raise errors.NotDataError(
            f"A web page came from {displayed_url(request.url)} where data was asked for.\n\n"
            + _why_a_page(request, response),
            request.url,
        )


def _is_page(response: Response) -> bool:
    kind = (response.header("content-type") or "").partition(";")[0].strip().lower()
    if kind not in {"text/html", "application/xhtml+xml"}:
        return False
    # Some servers send every file as text/html: the body decides.
    beginning = response.body[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    while beginning.startswith((b"<!--", b"<?xml")):
        beginning = beginning.partition(b">")[2].lstrip()
    return beginning.startswith(_PAGE_BEGINNINGS)


def _asks_for_data(request: Request) -> bool:
    accepted = next((v.lower() for k, v in request.headers if k.lower() == "accept"), "")
    if "json" in accepted and "html" not in accepted and "*/*" not in accepted:
        return True
    parts = urlsplit(request.url)
    wants_format = "format=csv" in parts.query or "output=csv" in parts.query
    return wants_format or parts.path.lower().endswith(_DATA_SUFFIXES)


def _why_a_page(request: Request, response: Response) -> str:
    requested, final = urlsplit(request.url), urlsplit(response.url)
    login = ("login", "signin", "sign-in", "sign_in", "accounts.", "/auth", "sso.")
    if requested.hostname != final.hostname or any(mark in final.path.lower() for mark in login):
        redirected = f"The site led on to {final.hostname}."
        if any(mark in response.url.lower() for mark in login):
            return (
                f"{redirected} That is a page to log in: the data is not open to everyone.\nAsk its"
                " owner to share it with everyone who has the link."
            )
        return f"{redirected}\nOpen the address in a browser tab to see what the site says."
    return (
        "Many sites send such a page when the file has moved, or when the address is that of a"
        " page about the file.\nOpen the address in a browser tab, and copy the link of its"
        " download button."
    )
