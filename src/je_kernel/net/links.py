"""Convert links of sharing sites, from the page about a file to the file itself.

A lesson's commonest mistake is the address of a page that shows a file: the page is not
the file, and a notebook may not even read most such pages. The table `_RULES` has, for
each site, the paths of such pages, the address of the file, and whether the site lets a
notebook in a browser read it.

Nothing here uses the network.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qs, parse_qsl, quote, unquote, urlencode, urlsplit

from je_kernel import settings
from je_kernel.arguments import check_text
from je_kernel.errors import SharingLinkError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SharedPage", "data_url", "recognise"]

_UPLOAD = (
    "Open the link in your browser, download the file, drag it into the list of files beside"
    ' this notebook and read it by its name, as in pd.read_csv("the-file.csv").'
)
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class SharedPage:
    """A page of a sharing site, and where its data is.

    Parameters
    ----------
    site
        The site's name.
    link
        The link of the data itself, if it is known.
    readable
        Whether a notebook in a browser may read that link.
    why
        What is wrong with the page's own link, in a sentence.
    remedy
        What to do if there is no link that a notebook may read.
    page_is_data
        Whether the page's own text may be what a lesson wants, as with Wikipedia.
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
        If there is no link that a notebook may read; the text says why, and what to do
        instead.

    Examples
    --------
    >>> data_url("https://github.com/mwaskom/seaborn-data/blob/master/penguins.csv")
    'https://raw.githubusercontent.com/mwaskom/seaborn-data/master/penguins.csv'
    >>> data_url("https://example.com/penguins.csv")
    'https://example.com/penguins.csv'
    """
    check_text(link, "A link", "https://school.example/penguins.csv")
    page = recognise(link)
    if page is None:
        return link.strip()
    if page.link is not None and (page.readable or settings.current().relay_url):
        return page.link
    raise SharingLinkError(
        f"There is no link to the data that a notebook may read.\n\n{page.hint}",
        link,
        link=page.link,
    )


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
    for rule in [rule for rule in _RULES if rule.is_for(address.host)] or [_GITLAB]:
        for pattern in rule.paths.split():
            values = _match(pattern, address)
            if values is not None and rule.when(address, values):
                return rule.page(address, values)
    return None


@dataclass(frozen=True)
class _Address:
    """A web address. The parts of its path keep their percent signs."""

    host: str
    parts: tuple[str, ...]
    split: SplitResult

    @classmethod
    def read(cls, link: str) -> _Address | None:
        text = link.strip().strip("<>")
        host, slash, _ = text.partition("/")
        if slash and "." in host and all(_is_label(label) for label in host.split(".")):
            text = "https://" + text
        try:
            split = urlsplit(text)
            host = (split.hostname or "").removeprefix("www.")
        except ValueError:
            return None
        if split.scheme not in {"http", "https"} or not host:
            return None
        return cls(host, tuple(part for part in split.path.split("/") if part), split)

    def query(self, name: str) -> str:
        """Return a parameter of the query or of the fragment; empty if there is none."""
        values = parse_qs(self.split.query).get(name) or parse_qs(self.split.fragment).get(name)
        return values[0] if values else ""


def _is_label(text: str) -> bool:
    return bool(text) and text.replace("-", "").replace("_", "").isalnum()


class _Value(str):
    """One or more parts of a path. The format ``one`` quotes it as a single part."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return quote(unquote(self), safe="") if spec == "one" else str(self)


_Values = dict[str, _Value]


def _match(pattern: str, address: _Address) -> _Values | None:
    """Match the path of an address with a pattern, from left to right, without backtracking.

    Parameters
    ----------
    pattern
        Parts separated by ``/``: a literal or several (``blob|raw``); ``{name}``, any one
        part; ``{name:a|b}``, a literal with a name; ``{name+}``, one part or more, up to
        the literal that follows; ``**``, any number of parts, also none.
    address
        The address.

    Returns
    -------
    dict or None
        The named parts, and the ``host``; None if the path does not match.
    """
    values, at, parts = {"host": _Value(address.host)}, 0, address.parts
    elements = pattern.split("/")
    for index, element in enumerate(elements):
        if element == "**" or element.endswith("+}"):
            ends = elements[index + 1].split("|") if index + 1 < len(elements) else []
            stop = at
            while stop < len(parts) and parts[stop] not in ends:
                stop += 1
            if element != "**":
                if stop == at:
                    return None
                values[element[1:-2]] = _Value("/".join(parts[at:stop]))
            at = stop
            continue
        if at == len(parts):
            return None
        name, _, literals = element.strip("{}").partition(":")
        if not element.startswith("{"):
            name, literals = "", element
        if literals and parts[at] not in literals.split("|"):
            return None
        if name:
            values[name] = _Value(parts[at])
        at += 1
    return values if at == len(parts) else None


_PAGE_OF_FILE = (
    "This is the link of the page that {site} shows about the file, not of the file itself."
)
_NOT_READABLE = "{site} does not let notebooks in a browser read its files."


def _always(_address: _Address, _values: _Values) -> bool:
    return True


@dataclass(frozen=True)
class _Rule:
    """One row of the table: pages of a site, and where their data is.

    Parameters
    ----------
    site
        The site's name; empty for addresses that are data already.
    hosts
        Host names, separated by spaces; ``*.example.org`` has all below it.
    paths
        Patterns of paths, as for `_match`, separated by spaces.
    link
        The address of the data: a format of the values of `_match`, or a function of the
        address and these values; None if there is none.
    why
        What is wrong with the link, in a sentence.
    remedy
        What to do if there is no link.
    readable
        Whether a notebook in a browser may read the link.
    page_is_data
        Whether the page's own text may be what a lesson wants.
    when
        A further condition.
    """

    site: str
    hosts: str
    paths: str
    link: str | Callable[[_Address, _Values], str] | None = None
    why: str = _PAGE_OF_FILE
    remedy: str = _UPLOAD
    readable: bool = True
    page_is_data: bool = False
    when: Callable[[_Address, _Values], bool] = _always

    def is_for(self, host: str) -> bool:
        return any(
            host.endswith(name[1:]) if name.startswith("*") else host == name
            for name in self.hosts.split()
        )

    def page(self, address: _Address, values: _Values) -> SharedPage | None:
        if not self.site:
            return None
        link = self.link
        if link is not None:
            link = link.format_map(values) if isinstance(link, str) else link(address, values)
        return SharedPage(
            self.site,
            link,
            self.readable and link is not None,
            self.why.format(site=self.site),
            self.remedy,
            self.page_is_data,
        )


def _same(address: _Address, _values: _Values) -> str:
    return address.split.geturl()


def _is_gist(_address: _Address, values: _Values) -> bool:
    number = values["gist"]
    is_hash = len(number) >= 20 and set(number) <= _HEX
    return is_hash or (len(number) >= 5 and number.isdecimal())


def _gist(address: _Address, values: _Values) -> str:
    link = "https://gist.githubusercontent.com/"
    link += (
        f"{values['user']}/{values['gist']}/raw" if "user" in values else f"raw/{values['gist']}"
    )
    if name := address.query("file"):
        return f"{link}/{quote(name)}"
    # GitHub makes the anchor file-my-data-csv of my-data.csv.
    name, _, suffix = address.split.fragment.removeprefix("file-").rpartition("-")
    is_file = address.split.fragment.startswith("file-") and suffix.isalnum() and suffix.isascii()
    return f"{link}/{name}.{suffix}" if name and is_file and suffix == suffix.lower() else link


def _sheet(address: _Address, values: _Values) -> str:
    link = f"https://docs.google.com/spreadsheets/d/{values['id']}/export?format=csv"
    gid = address.query("gid")
    return f"{link}&gid={gid}" if gid.isdigit() else link


def _is_page_of_sheet(address: _Address, _values: _Values) -> bool:
    return address.query("output") not in {"csv", "tsv", "xlsx", "ods", "pdf"}


def _published_sheet(address: _Address, values: _Values) -> str:
    pairs = [(k, v) for k, v in parse_qsl(address.split.query) if k in {"gid", "single"}]
    query = urlencode([*pairs, ("output", "csv")])
    return f"https://docs.google.com/spreadsheets/d/e/{values['id']}/pub?{query}"


def _drive_file(address: _Address, values: _Values) -> str:
    identifier = values.get("id") or address.query("id")
    query = urlencode({"id": identifier, "export": "download"})
    return f"https://drive.usercontent.google.com/download?{query}"


def _dropbox(address: _Address, _values: _Values) -> str:
    pairs = [(k, v) for k, v in parse_qsl(address.split.query) if k not in {"dl", "raw"}]
    query = f"?{urlencode(pairs)}" if pairs else ""
    return f"https://dl.dropboxusercontent.com/{'/'.join(address.parts)}{query}"


def _is_osf_file(_address: _Address, values: _Values) -> bool:
    identifier = values["id"]
    is_guid = len(identifier) == 5 and identifier.isascii() and identifier.isalnum()
    is_guid = is_guid and identifier == identifier.lower()
    return is_guid or (len(identifier) == 24 and set(identifier) <= _HEX)


def _zenodo(address: _Address, values: _Values) -> str:
    # Other sites may read only Zenodo's programming interface.
    name = values["name"].removesuffix("/content")
    return f"https://{address.host}/api/records/{values['number']}/files/{name}/content"


def _figshare_number(address: _Address, values: _Values) -> str:
    return values.get("number") or address.query("file")


def _figshare(address: _Address, values: _Values) -> str:
    return f"https://ndownloader.figshare.com/files/{_figshare_number(address, values)}"


def _wikipedia_language(address: _Address) -> str:
    return address.host.removesuffix(".wikipedia.org").removesuffix(".m")


def _wikipedia(address: _Address, values: _Values) -> str:
    language = _wikipedia_language(address)
    return f"https://{language}.wikipedia.org/api/rest_v1/page/html/{values['title']:one}"


def _is_wikipedia(address: _Address, _values: _Values) -> bool:
    language = _wikipedia_language(address).replace("-", "a")
    return language.isascii() and language.isalpha() and language.islower()


def _commons(_address: _Address, values: _Values) -> str:
    name = unquote(values["page"].removeprefix("File:")).replace(" ", "_")
    name = name[:1].upper() + name[1:]
    # https://www.mediawiki.org/wiki/Manual:$wgHashedUploadDirectory
    digest = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
    folder = f"https://upload.wikimedia.org/wikipedia/commons/{digest[0]}/{digest[:2]}"
    return f"{folder}/{quote(name)}"


# GitLab lets other sites read its programming interface, not its raw pages.
_GITLAB_FILE = (
    "https://{host}/api/v4/projects/{project:one}/repository/files/{path:one}/raw?ref={ref:one}"
)
_WITH_EVERYONE = "with everyone who has the link"
_EDITED = "This is the link of the page where people edit {what}. {it} must be shared {everyone}."
_LOGIN = "{site} gives its data only to people who are logged in"

# fmt: off
_GITLAB = _Rule(
    "GitLab", "gitlab.com", "{project+}/-/blob|raw|blame/{ref}/{path+}", _GITLAB_FILE,
    when=lambda _, values: "/" in values["project"])
# Without a site: what these addresses lead to is data, or no page about data.
_RULES = (
    _Rule("GitHub", "github.com", "{owner}/{repository}/blob|raw|blame|edit/{ref}/{path+}",
          "https://raw.githubusercontent.com/{owner}/{repository}/{ref}/{path}"),
    _Rule("GitHub", "github.com",
          "{owner}/{repository}/releases/download/{tag}/{file} {owner}/{repository}/archive/**",
          _same, readable=False,
          why="GitHub lets notebooks read the files of a repository, but not the files of its"
          " releases nor its archives."),
    _Rule("GitHub", "github.com", "{owner}/{repository} {owner}/{repository}/tree/**",
          why="This is the link of a folder on GitHub, not of a file.",
          remedy="Open the file that you want on GitHub and copy the link of its page."),
    _Rule("GitHub", "raw.github.com", "{path+}", "https://raw.githubusercontent.com/{path}"),
    _Rule("GitHub", "gist.github.com", "{user}/{gist}/raw/{path+}",
          "https://gist.githubusercontent.com/{user}/{gist}/raw/{path}", when=_is_gist),
    _Rule("GitHub", "gist.github.com", "{user}/{gist}/raw",
          "https://gist.githubusercontent.com/{user}/{gist}/raw", when=_is_gist),
    _Rule("GitHub", "gist.github.com", "{user}/{gist}/** {gist}/**", _gist, when=_is_gist),
    _GITLAB,
    _Rule("GitLab", "gitlab.com", "{group}/{name}/blob|raw/{ref}/{path+}",
          _GITLAB_FILE.replace("{project:one}", "{group:one}%2F{name:one}")),
    _Rule("Bitbucket", "bitbucket.org", "{workspace}/{repository}/src/{ref}/{path+}",
          "https://bitbucket.org/{workspace}/{repository}/raw/{ref}/{path}"),
    _Rule("Google Sheets", "docs.google.com", "**/spreadsheets/d/e/{id}/**", _published_sheet,
          why="This is the link of the sheet as a web page.", when=_is_page_of_sheet),
    _Rule("", "docs.google.com",
          "**/spreadsheets/d/e/**"
          " **/spreadsheets/d/{id}/export|gviz/** **/spreadsheets/u/0|1/d/{id}/export|gviz/**"
          " **/document|presentation/d/{id}/export/**"
          " **/document|presentation/u/0|1/d/{id}/export/**"),
    _Rule("Google Sheets", "docs.google.com",
          "**/spreadsheets/d/{id}/** **/spreadsheets/u/0|1/d/{id}/**", _sheet,
          why=_EDITED.format(what="the sheet", it="The sheet", everyone=_WITH_EVERYONE)),
    _Rule("Google Docs", "docs.google.com", "**/document/d/{id}/** **/document/u/0|1/d/{id}/**",
          "https://docs.google.com/document/d/{id}/export?format=txt",
          why=_EDITED.format(what="a Google document", it="It", everyone=_WITH_EVERYONE)),
    _Rule("Google Docs", "docs.google.com",
          "**/presentation/d/{id}/** **/presentation/u/0|1/d/{id}/**",
          "https://docs.google.com/presentation/d/{id}/export/pdf",
          why=_EDITED.format(what="Google slides", it="It", everyone=_WITH_EVERYONE)),
    _Rule("Google Forms", "docs.google.com", "**/forms/d/**",
          why="This is the link of a form, not of its answers.",
          remedy="In the form, open Answers and then Link to Sheets; share that sheet"
          f" {_WITH_EVERYONE}, and use the sheet's link."),
    _Rule("Google Drive", "drive.google.com", "**/folders/**",
          why="This is the link of a folder on Google Drive, not of a file."),
    _Rule("Google Drive", "drive.google.com", "**/file/d/{id}/** **/file/u/0/d/{id}/** **",
          _drive_file, why=_NOT_READABLE, readable=False,
          remedy=f"{_UPLOAD}\nOr, when it is a table: open it in Google Sheets, share the sheet"
          f" {_WITH_EVERYONE}, and use the sheet's link.",
          when=lambda address, values: bool(values.get("id") or address.query("id"))),
    _Rule("Dropbox", "dropbox.com m.dropbox.com dl.dropbox.com",
          "s/{id}/{name}/** scl/fi/{id}/{name}/**", _dropbox),
    _Rule("Dropbox", "dropbox.com m.dropbox.com dl.dropbox.com",
          "sh|home|preview|work/** scl/fo/**",
          why="This is the link of a folder on Dropbox, not of a shared file.",
          remedy="Share the file itself: open it on Dropbox and choose Copy link."),
    _Rule("OneDrive", "1drv.ms onedrive.live.com", "**", why=_NOT_READABLE,
          when=lambda address, _: bool(address.parts or address.split.query)),
    _Rule("SharePoint", "*.sharepoint.com", "**",
          why="SharePoint, where schools keep their OneDrive and Teams files, wants to know who is"
          " asking, and a notebook cannot log in there."),
    _Rule("", "kaggle.com", "learn|docs|static/**"),
    _Rule("Kaggle", "kaggle.com", "{page+}", why=f"{_LOGIN}, and a notebook cannot log in."),
    _Rule("Hugging Face", "huggingface.co hf.co",
          "{kind:datasets|spaces}/{owner}/{name}/blob|raw/{ref}/{path+}",
          "https://huggingface.co/{kind}/{owner}/{name}/resolve/{ref}/{path}"),
    _Rule("Hugging Face", "huggingface.co hf.co",
          "datasets/{owner}/{name} datasets/{owner}/{name}/tree|viewer/**",
          why="This is the link of a dataset's page on Hugging Face, not of one of its files.",
          remedy="On that page open Files, open the file that you want, and copy its link."),
    _Rule("", "huggingface.co hf.co", "datasets|spaces/**"),
    _Rule("Hugging Face", "huggingface.co hf.co", "{owner}/{name}/blob|raw/{ref}/{path+}",
          "https://huggingface.co/{owner}/{name}/resolve/{ref}/{path}"),
    _Rule("", "osf.io", "download/**"),
    _Rule("OSF", "osf.io", "{project}/files/{storage}/{id}/** {id} {id}/download",
          "https://osf.io/download/{id}/", why=_NOT_READABLE, readable=False, when=_is_osf_file),
    _Rule("Zenodo", "zenodo.org sandbox.zenodo.org",
          "record|records/{number}/files|preview/{name+}", _zenodo),
    _Rule("Zenodo", "zenodo.org sandbox.zenodo.org", "record|records/{number}",
          why="This is the link of a record on Zenodo, which may hold many files.",
          remedy="On that page, under Files, copy the link of the file that you want."),
    _Rule("DOI", "doi.org dx.doi.org", "**",
          why="A DOI leads to a page about the data, not to the data.",
          remedy="Open it in your browser, and copy the link of the file that you want."),
    _Rule("", "ndownloader.figshare.com", "**"),
    _Rule("Figshare", "figshare.com *.figshare.com", "**/files/{number}/** **", _figshare,
          why=_NOT_READABLE, readable=False,
          when=lambda address, values: _figshare_number(address, values).isdigit()),
    _Rule("Figshare", "figshare.com *.figshare.com", "articles/**",
          why="This is the link of a page on Figshare, which may hold many files."),
    _Rule("data.world", "data.world", "{owner}/{dataset}/**", why=f"{_LOGIN}."),
    _Rule("Wikipedia", "*.wikipedia.org", "wiki/{title+}", _wikipedia,
          page_is_data=True, when=_is_wikipedia,
          why="Wikipedia lets notebooks read its articles, but at another link."),
    _Rule("Wikimedia Commons", "commons.wikimedia.org commons.m.wikimedia.org", "wiki/{page}",
          _commons, when=lambda _, values: values["page"].startswith("File:")),
)
# fmt: on
