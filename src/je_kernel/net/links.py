"""The links that people share, and the links that lead to the data.

Copying the address of a page that shows a file is the commonest mistake of a
lesson: the page is not the file, and most such pages may not be read by a
notebook at all. For each well-known site this module knows how the address of
the file follows from the address of the page, and whether the site lets a
notebook in a browser read it.

Nothing here asks the network.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qs, parse_qsl, quote, unquote, urlencode, urlsplit

from je_kernel import settings
from je_kernel.arguments import check_text
from je_kernel.errors import SharingLinkError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SharedPage", "data_url", "is_page", "recognise"]

_UPLOAD = (
    "Open the link in your browser, download the file, drag it into the list of files beside"
    ' this notebook and read it by its name, as in pd.read_csv("the-file.csv").'
)


@dataclass(frozen=True)
class SharedPage:
    """What is known about a link of a well-known sharing site.

    Parameters
    ----------
    site
        The site's name, as a person says it.
    link
        The link that leads to the data itself, where it can be told.
    readable
        Whether the site lets a notebook in a browser read that link.
    why
        What is the matter with the link that was given, in a sentence.
    remedy
        What to do where there is no link that a notebook may read.
    page_is_data
        Whether the page's own text is what a lesson wants, as with Wikipedia.
    """

    site: str
    link: str | None
    readable: bool
    why: str
    remedy: str = _UPLOAD
    page_is_data: bool = False

    @property
    def hint(self) -> str:
        """The sentences that tell a student what to do."""
        if self.link is not None and self.readable:
            return f"{self.why} The link that works is\n\n    {self.link}"
        return f"{self.why} {self.remedy}"


def data_url(link: str) -> str:
    """Convert the link of a sharing page to the link of the data itself.

    Parameters
    ----------
    link
        A link as it is copied from a browser: a file's page on GitHub, a shared
        Google sheet, a Dropbox link and others.

    Returns
    -------
    str
        The link to read. A link that is not of a well-known sharing page is
        returned as it is.

    Raises
    ------
    SharingLinkError
        When there is no link that a notebook may read; the text says why, and
        what to do instead.

    Examples
    --------
    >>> data_url("https://github.com/mwaskom/seaborn-data/blob/master/penguins.csv")
    'https://raw.githubusercontent.com/mwaskom/seaborn-data/master/penguins.csv'
    >>> data_url("https://example.com/penguins.csv")
    'https://example.com/penguins.csv'
    """
    check_text(link, "A link", "https://school.example/penguins.csv")
    found = recognise(link)
    if found is None:
        return link.strip()
    if found.link is not None and (found.readable or settings.current().relay_url):
        return found.link
    raise SharingLinkError(
        f"There is no link to the data that a notebook may read.\n\n{found.hint}",
        link,
        link=found.link,
    )


def is_page(url: str) -> str | None:
    """Tell whether a link leads to a page about data, and what to use instead.

    Parameters
    ----------
    url
        The link.

    Returns
    -------
    str or None
        Sentences for a student; None where the link is not of a sharing page.

    Examples
    --------
    >>> print(is_page("https://github.com/me/lesson/blob/main/rain.csv"))
    This is the link of the page that GitHub shows about the file, not of the file itself. The link that works is
    <BLANKLINE>
        https://raw.githubusercontent.com/me/lesson/main/rain.csv
    """  # noqa: E501
    found = recognise(url)
    return found.hint if found is not None else None


def recognise(link: str) -> SharedPage | None:
    """Recognise the link of a well-known sharing page.

    Parameters
    ----------
    link
        Any text.

    Returns
    -------
    SharedPage or None
        None where the link is of another site or leads to data already.
    """
    address = _Address.read(link)
    if address is None:
        return None
    convert = _BY_HOST.get(address.host) or next(
        (convert for suffix, convert in _BY_SUFFIX if address.host.endswith(suffix)), None
    )
    if convert is not None:
        return convert(address)
    return _self_hosted_gitlab(address)


@dataclass(frozen=True)
class _Address:
    """A web address, taken apart. The path's parts are as they stand, percent signs and all."""

    host: str
    parts: tuple[str, ...]
    split: SplitResult

    @classmethod
    def read(cls, link: str) -> _Address | None:
        text = link.strip().strip("<>")
        if re.match(r"[\w-]+(\.[\w-]+)+/", text):
            text = "https://" + text
        try:
            split = urlsplit(text)
            host = (split.hostname or "").removeprefix("www.")
        except ValueError:
            return None
        if split.scheme not in {"http", "https"} or not host:
            return None
        return cls(host, tuple(part for part in split.path.split("/") if part), split)

    def query(self, name: str) -> str | None:
        values = parse_qs(self.split.query).get(name) or parse_qs(self.split.fragment).get(name)
        return values[0] if values else None

    def after(self, *beginning: str) -> tuple[str, ...] | None:
        """Return the parts that follow these, wherever in the path they stand."""
        size = len(beginning)
        for at in range(len(self.parts) - size + 1):
            if self.parts[at : at + size] == beginning:
                return self.parts[at + size :]
        return None


def _page_of_file(site: str, link: str, *, readable: bool = True) -> SharedPage:
    why = (
        f"This is the link of the page that {site} shows about the file, not of the file itself."
        if readable
        else f"{site} does not let notebooks in a browser read its files."
    )
    return SharedPage(site, link, readable, why)


def _github(address: _Address) -> SharedPage | None:
    match address.parts:
        case (owner, repository, "blob" | "raw" | "blame" | "edit", ref, *path) if path:
            file = "/".join((owner, repository, ref, *path))
            return _page_of_file("GitHub", f"https://raw.githubusercontent.com/{file}")
        case (_, _, "releases", "download", _, _) | (_, _, "archive", *_):
            return SharedPage(
                "GitHub",
                address.split.geturl(),
                readable=False,
                why=(
                    "GitHub lets notebooks read the files of a repository, but not the files of"
                    " its releases nor its archives."
                ),
            )
        case (_, _) | (_, _, "tree", *_):
            return SharedPage(
                "GitHub",
                None,
                readable=False,
                why="This is the link of a folder on GitHub, not of a file.",
                remedy="Open the file that you want on GitHub and copy the link of its page.",
            )
    return None


def _raw_github(address: _Address) -> SharedPage | None:
    return _page_of_file("GitHub", "https://raw.githubusercontent.com" + address.split.path)


def _gist(address: _Address) -> SharedPage | None:
    base = "https://gist.githubusercontent.com"
    match address.parts:
        case (user, number, "raw", *rest) if _is_gist_number(number):
            return _page_of_file("GitHub", "/".join((base, user, number, "raw", *rest)))
        case (user, number, *_) if _is_gist_number(number):
            return _page_of_file("GitHub", f"{base}/{user}/{number}/raw{_gist_file(address)}")
        case (number, *_) if _is_gist_number(number):
            return _page_of_file("GitHub", f"{base}/raw/{number}{_gist_file(address)}")
    return None


def _is_gist_number(part: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{20,}|\d{5,}", part) is not None


def _gist_file(address: _Address) -> str:
    # GitHub makes the anchor file-my-data-csv of my-data.csv.
    if name := address.query("file"):
        return "/" + quote(name)
    anchor = re.fullmatch(r"file-(.+)-([a-z0-9]+)", address.split.fragment)
    return f"/{anchor[1]}.{anchor[2]}" if anchor else ""


def _gitlab(address: _Address) -> SharedPage | None:
    found = _self_hosted_gitlab(address)
    if found is not None:
        return found
    match address.parts:
        case (group, project, "blob" | "raw", ref, *path) if path:
            return _gitlab_file(address.host, (group, project), ref, tuple(path))
    return None


def _self_hosted_gitlab(address: _Address) -> SharedPage | None:
    for kind in ("blob", "raw", "blame"):
        rest = address.after("-", kind)
        if rest is not None and len(rest) >= 2:
            project = address.parts[: address.parts.index("-")]
            if len(project) >= 2:
                return _gitlab_file(address.host, project, rest[0], rest[1:])
    return None


def _gitlab_file(
    host: str, project: tuple[str, ...], ref: str, path: tuple[str, ...]
) -> SharedPage:
    # GitLab's raw pages may not be read from other sites; its programming interface may.
    link = (
        f"https://{host}/api/v4/projects/{_as_one(project)}"
        f"/repository/files/{_as_one(path)}/raw?ref={_as_one((ref,))}"
    )
    return _page_of_file("GitLab", link)


def _as_one(parts: tuple[str, ...]) -> str:
    return quote(unquote("/".join(parts)), safe="")


def _bitbucket(address: _Address) -> SharedPage | None:
    match address.parts:
        case (workspace, repository, "src", ref, *path) if path:
            file = "/".join((workspace, repository, "raw", ref, *path))
            return _page_of_file("Bitbucket", f"https://bitbucket.org/{file}")
    return None


def _google_docs(address: _Address) -> SharedPage | None:
    if (published := address.after("spreadsheets", "d", "e")) is not None:
        return _published_sheet(address, published)
    if (sheet := _google_document(address, "spreadsheets")) is not None:
        return _sheet(address, *sheet)
    if (document := _google_document(address, "document")) is not None:
        return _google_export("a Google document", "document", *document, "export?format=txt")
    if (slides := _google_document(address, "presentation")) is not None:
        return _google_export("Google slides", "presentation", *slides, "export/pdf")
    if address.after("forms", "d") is not None:
        return SharedPage(
            "Google Forms",
            None,
            readable=False,
            why="This is the link of a form, not of its answers.",
            remedy=(
                "In the form, open Answers and then Link to Sheets; share that sheet with"
                " everyone who has the link, and use the sheet's link."
            ),
        )
    return None


def _google_document(address: _Address, kind: str) -> tuple[str, str] | None:
    """Return the document's id and the page that is asked for."""
    for beginning in ((kind, "d"), (kind, "u", "0", "d"), (kind, "u", "1", "d")):
        rest = address.after(*beginning)
        if rest and rest[0] != "e":
            return rest[0], (rest[1] if len(rest) > 1 else "")
    return None


def _sheet(address: _Address, identifier: str, page: str) -> SharedPage | None:
    if page in {"export", "gviz"}:
        return None
    gid = address.query("gid")
    link = f"https://docs.google.com/spreadsheets/d/{identifier}/export?format=csv"
    if gid is not None and gid.isdigit():
        link += f"&gid={gid}"
    return SharedPage(
        "Google Sheets",
        link,
        readable=True,
        why=(
            "This is the link of the page where people edit the sheet. The sheet must be shared"
            " with everyone who has the link."
        ),
    )


def _published_sheet(address: _Address, rest: tuple[str, ...]) -> SharedPage | None:
    if not rest or address.query("output") in {"csv", "tsv", "xlsx", "ods", "pdf"}:
        return None
    wanted = [(k, v) for k, v in parse_qsl(address.split.query) if k in {"gid", "single"}]
    query = urlencode([*wanted, ("output", "csv")])
    link = f"https://docs.google.com/spreadsheets/d/e/{rest[0]}/pub?{query}"
    return SharedPage(
        "Google Sheets", link, readable=True, why="This is the link of the sheet as a web page."
    )


def _google_export(
    what: str, kind: str, identifier: str, page: str, export: str
) -> SharedPage | None:
    if page == "export":
        return None
    link = f"https://docs.google.com/{kind}/d/{identifier}/{export}"
    why = (
        f"This is the link of the page where people edit {what}. It must be shared with everyone"
        " who has the link."
    )
    return SharedPage("Google Docs", link, readable=True, why=why)


def _google_drive(address: _Address) -> SharedPage | None:
    if address.after("folders") is not None:
        return SharedPage(
            "Google Drive",
            None,
            readable=False,
            why="This is the link of a folder on Google Drive, not of a file.",
        )
    rest = address.after("file", "d") or address.after("file", "u", "0", "d")
    identifier = rest[0] if rest else address.query("id")
    if not identifier:
        return None
    return SharedPage(
        "Google Drive",
        "https://drive.usercontent.google.com/download?"
        + urlencode({"id": identifier, "export": "download"}),
        readable=False,
        why="Google Drive does not let notebooks in a browser read its files.",
        remedy=(
            f"{_UPLOAD}\nOr, when it is a table: open it in Google Sheets, share the sheet with"
            " everyone who has the link, and use the sheet's link."
        ),
    )


def _dropbox(address: _Address) -> SharedPage | None:
    match address.parts:
        case ("s", _, _, *_) | ("scl", "fi", _, _, *_):
            kept = [(k, v) for k, v in parse_qsl(address.split.query) if k not in {"dl", "raw"}]
            query = f"?{urlencode(kept)}" if kept else ""
            path = "/".join(address.parts)
            return _page_of_file("Dropbox", f"https://dl.dropboxusercontent.com/{path}{query}")
        case ("sh" | "home" | "preview" | "work", *_) | ("scl", "fo", *_):
            return SharedPage(
                "Dropbox",
                None,
                readable=False,
                why="This is the link of a folder on Dropbox, not of a shared file.",
                remedy="Share the file itself: open it on Dropbox and choose Copy link.",
            )
    return None


def _onedrive(address: _Address) -> SharedPage | None:
    if not address.parts and not address.split.query:
        return None
    return SharedPage(
        "OneDrive",
        None,
        readable=False,
        why="OneDrive does not let notebooks in a browser read its files.",
    )


def _sharepoint(_address: _Address) -> SharedPage:
    return SharedPage(
        "SharePoint",
        None,
        readable=False,
        why=(
            "SharePoint, where schools keep their OneDrive and Teams files, wants to know who is"
            " asking, and a notebook cannot log in there."
        ),
    )


def _kaggle(address: _Address) -> SharedPage | None:
    if not address.parts or address.parts[0] in {"learn", "docs", "static"}:
        return None
    return SharedPage(
        "Kaggle",
        None,
        readable=False,
        why="Kaggle gives its data only to people who are logged in, and a notebook cannot log in.",
    )


def _hugging_face(address: _Address) -> SharedPage | None:
    parts = address.parts
    at = 3 if parts[:1] in {("datasets",), ("spaces",)} else 2
    if len(parts) > at + 2 and parts[at] in {"blob", "raw"}:
        file = "/".join((*parts[:at], "resolve", *parts[at + 1 :]))
        return _page_of_file("Hugging Face", f"https://huggingface.co/{file}")
    is_folder = len(parts) == at or (len(parts) > at and parts[at] in {"tree", "viewer"})
    if parts[:1] == ("datasets",) and is_folder:
        return SharedPage(
            "Hugging Face",
            None,
            readable=False,
            why="This is the link of a dataset's page on Hugging Face, not of one of its files.",
            remedy="On that page open Files, open the file that you want, and copy its link.",
        )
    return None


def _osf(address: _Address) -> SharedPage | None:
    match address.parts:
        case ("download", *_):
            return None
        case (_, "files", _, identifier, *_) | (identifier,) | (identifier, "download"):
            if re.fullmatch(r"[a-z0-9]{5}|[0-9a-f]{24}", identifier):
                return _page_of_file(
                    "OSF", f"https://osf.io/download/{identifier}/", readable=False
                )
    return None


def _zenodo(address: _Address) -> SharedPage | None:
    match address.parts:
        case ("record" | "records", number, "files" | "preview", *name) if name:
            # Only the programming interface may be read from other sites.
            file = "/".join(name).removesuffix("/content")
            link = f"https://{address.host}/api/records/{number}/files/{file}/content"
            return _page_of_file("Zenodo", link)
        case ("record" | "records", _):
            return SharedPage(
                "Zenodo",
                None,
                readable=False,
                why="This is the link of a record on Zenodo, which may hold many files.",
                remedy="On that page, under Files, copy the link of the file that you want.",
            )
    return None


def _doi(_address: _Address) -> SharedPage | None:
    return SharedPage(
        "DOI",
        None,
        readable=False,
        why="A DOI leads to a page about the data, not to the data.",
        remedy="Open it in your browser, and copy the link of the file that you want.",
    )


def _figshare(address: _Address) -> SharedPage | None:
    rest = address.after("ndownloader", "files") or address.after("files")
    number = rest[0] if rest else address.query("file")
    if number and number.isdigit() and address.host != "ndownloader.figshare.com":
        link = f"https://ndownloader.figshare.com/files/{number}"
        return _page_of_file("Figshare", link, readable=False)
    if address.parts[:1] == ("articles",):
        return SharedPage(
            "Figshare",
            None,
            readable=False,
            why="This is the link of a page on Figshare, which may hold many files.",
        )
    return None


def _data_world(address: _Address) -> SharedPage | None:
    if len(address.parts) < 2:
        return None
    return SharedPage(
        "data.world",
        None,
        readable=False,
        why="data.world gives its data only to people who are logged in.",
    )


def _wikipedia(address: _Address) -> SharedPage | None:
    if address.parts[:1] != ("wiki",) or len(address.parts) < 2:
        return None
    language = address.host.removesuffix(".wikipedia.org").removesuffix(".m")
    if not re.fullmatch(r"[a-z-]+", language):
        return None
    link = f"https://{language}.wikipedia.org/api/rest_v1/page/html/{_as_one(address.parts[1:])}"
    return SharedPage(
        "Wikipedia",
        link,
        readable=True,
        why="Wikipedia lets notebooks read its articles, but at another link.",
        page_is_data=True,
    )


def _commons(address: _Address) -> SharedPage | None:
    match address.parts:
        case ("wiki", page) if page.startswith("File:"):
            name = unquote(page.removeprefix("File:")).replace(" ", "_")
            name = name[:1].upper() + name[1:]
            # https://www.mediawiki.org/wiki/Manual:$wgHashedUploadDirectory
            digest = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
            link = (
                "https://upload.wikimedia.org/wikipedia/commons/"
                f"{digest[0]}/{digest[:2]}/{quote(name)}"
            )
            return _page_of_file("Wikimedia Commons", link)
    return None


_BY_HOST: dict[str, Callable[[_Address], SharedPage | None]] = {
    "github.com": _github,
    "raw.github.com": _raw_github,
    "gist.github.com": _gist,
    "gitlab.com": _gitlab,
    "bitbucket.org": _bitbucket,
    "docs.google.com": _google_docs,
    "drive.google.com": _google_drive,
    "dropbox.com": _dropbox,
    "m.dropbox.com": _dropbox,
    "dl.dropbox.com": _dropbox,
    "1drv.ms": _onedrive,
    "onedrive.live.com": _onedrive,
    "kaggle.com": _kaggle,
    "huggingface.co": _hugging_face,
    "hf.co": _hugging_face,
    "osf.io": _osf,
    "zenodo.org": _zenodo,
    "sandbox.zenodo.org": _zenodo,
    "doi.org": _doi,
    "dx.doi.org": _doi,
    "figshare.com": _figshare,
    "data.world": _data_world,
    "commons.wikimedia.org": _commons,
    "commons.m.wikimedia.org": _commons,
}

_BY_SUFFIX: tuple[tuple[str, Callable[[_Address], SharedPage | None]], ...] = (
    (".sharepoint.com", _sharepoint),
    (".figshare.com", _figshare),
    (".wikipedia.org", _wikipedia),
)
