"""Data models of `je_kernel.files`: metadata of a file, a listing, and the storage's usage."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, overload

from je_kernel.files.kinds import Kind, kind_of, mimetype_of
from je_kernel.files.names import download_name, name_of, relative, windows_problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "EPOCH",
    "Info",
    "Listing",
    "Usage",
    "bytes_in_words",
    "info_in",
    "info_of",
    "largest",
    "moment",
]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of a file whose time is not known, as in JupyterLite."""

_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_MOST_LARGEST = 5
_COLUMNS = ("name", "kind", "size", "modified")


@dataclass(frozen=True)
class Info:
    """Metadata of a file or folder. A notebook shows it as a line.

    Parameters
    ----------
    name
        Its name in this notebook, relative to the notebook's folder.
    path
        Its path from the top folder of the site's files.
    kind
        What it is: a table, text, image, folder …
    size
        Size in bytes; 0 for a folder.
    modified
        When it was last changed.
    created
        When it was made.
    mimetype
        Its media type; empty for a folder.
    from_site
        Whether it came with the site and was not changed since.
    version
        A different text after each change of the file: `je_kernel.files.save`
        compares it for ``if_unchanged=``.
    """

    name: str
    path: str
    kind: Kind
    size: int
    modified: datetime
    created: datetime
    mimetype: str
    from_site: bool = False
    version: str = ""

    @property
    def folder(self) -> bool:
        """Whether it is a folder."""
        return self.kind == "folder"

    @property
    def download_name(self) -> str:
        """A name that every operating system allows."""
        return download_name(self.path)

    @property
    def windows_problem(self) -> str | None:
        """Why Windows does not allow this name, or None."""
        return windows_problem(name_of(self.path))

    def relative_to(self, folder: str) -> Info:
        """Return the same with the name to use in a notebook in a folder."""
        return dataclasses.replace(self, name=relative(self.path, folder))

    def __repr__(self) -> str:
        return "  ".join(cell for cell in _cells(self) if cell)


def info_of(
    path: str,
    *,
    folder: bool,
    size: int,
    modified: datetime,
    created: datetime,
    mimetype: str | None = None,
    from_site: bool = False,
    version: str = "",
) -> Info:
    """Describe a file or folder of a store, by its path.

    Parameters
    ----------
    mimetype
        Its media type; by default that of its extension.
    path, folder, size, modified, created, from_site, version
        As of `Info`.
    """
    return Info(
        name=path,
        path=path,
        kind="folder" if folder else kind_of(path),
        size=0 if folder else size,
        modified=modified,
        created=created,
        mimetype="" if folder else mimetype_of(path) if mimetype is None else mimetype,
        from_site=from_site,
        version=version,
    )


def info_in(model: Mapping[str, Any]) -> Info:
    """Read the metadata of a file or folder that ``contents.js`` or ``drive.js`` returns."""
    return info_of(
        model["path"],
        folder=model["folder"],
        size=int(model["size"]),
        modified=moment(model["modified"]),
        created=moment(model["created"]),
        mimetype=model.get("mimetype"),
        version=model["version"],
    )


@dataclass(frozen=True)
class Usage:
    """How full the storage is. A notebook shows it as a line.

    Parameters
    ----------
    used
        Bytes in use. In a browser this counts everything that the site keeps.
    available
        Bytes that can still be used, or None where the browser does not say.
    largest
        The largest files and their sizes in bytes, the largest first.
    """

    used: int
    available: int | None
    largest: tuple[tuple[str, int], ...] = ()

    def __repr__(self) -> str:
        text = f"{bytes_in_words(self.used)} used"
        if self.available is not None:
            text += f", {bytes_in_words(self.available)} available"
        if self.largest:
            text += f"; largest files: {self.largest_in_words}"
        return text

    @property
    def largest_in_words(self) -> str:
        """The largest files, each with its size, as a text."""
        return ", ".join(f"{path!r} ({bytes_in_words(size)})" for path, size in self.largest)


def largest(sizes: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Return the largest of some files, as for `Usage`.

    Examples
    --------
    >>> largest([("b", 1), ("a", 1), ("c", 2)])
    (('c', 2), ('a', 1), ('b', 1))
    """
    return tuple(sorted(sizes, key=lambda item: (-item[1], item[0]))[:_MOST_LARGEST])


def moment(text: str | None) -> datetime:
    """Read a time as JupyterLite writes it.

    Examples
    --------
    >>> moment("2026-01-31T10:00:00.123Z")
    datetime.datetime(2026, 1, 31, 10, 0, 0, 123000, tzinfo=datetime.timezone.utc)
    >>> moment("rubbish") == moment(None) == EPOCH
    True
    """
    try:
        time = datetime.fromisoformat(text or "")
    except ValueError:
        return EPOCH
    return time if time.tzinfo else time.replace(tzinfo=UTC)


class Listing(Sequence[Info]):
    """The files of a folder. A notebook shows a table.

    Parameters
    ----------
    files
        Their metadata.
    folder
        The name of the folder.
    """

    def __init__(self, files: Sequence[Info], folder: str = ".") -> None:
        self._files = tuple(files)
        self._folder = folder

    @overload
    def __getitem__(self, index: int) -> Info: ...

    @overload
    def __getitem__(self, index: slice) -> Listing: ...

    def __getitem__(self, index: int | slice) -> Info | Listing:
        if isinstance(index, slice):
            return Listing(self._files[index], self._folder)
        return self._files[index]

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, value: object) -> bool:
        # "x.csv" in files.list() is what people write.
        return value in self._files or value in self.names

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Listing) and self._files == other._files

    def __hash__(self) -> int:
        return hash(self._files)

    @property
    def names(self) -> list[str]:
        """The names alone, to loop over."""
        return [info.name for info in self._files]

    def __repr__(self) -> str:
        if not self._files:
            return f"No files in {self._folder!r}."
        rows = [_COLUMNS, *(_cells(info) for info in self._files)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if column == 2 else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        )

    def _repr_html_(self) -> str:
        if not self._files:
            return f"<p>{html.escape(repr(self))}</p>"
        head = "".join(f'<th scope="col" style="text-align:left">{name}</th>' for name in _COLUMNS)
        body = "".join(_html_row(info) for info in self._files)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cells(info: Info) -> tuple[str, str, str, str]:
    name = f"{info.name}/" if info.folder else info.name
    size = "" if info.folder else bytes_in_words(info.size)
    known = info.modified.timestamp() > 0
    modified = info.modified.astimezone().strftime("%Y-%m-%d %H:%M") if known else ""
    return name, f"{info.kind}, from the site" if info.from_site else info.kind, size, modified


def _html_row(info: Info) -> str:
    name, kind, size, modified = (html.escape(cell) for cell in _cells(info))
    if info.windows_problem:
        note = html.escape(f"{info.windows_problem}: it downloads as {info.download_name!r}")
        name += f' <abbr title="{note}">⚠</abbr>'
    left = "text-align:left;white-space:pre-wrap"
    return (
        f'<tr><th scope="row" style="{left};font-weight:normal">{name}</th>'
        f'<td style="{left}">{kind}</td><td style="text-align:right">{size}</td>'
        f'<td style="{left}">{modified}</td></tr>'
    )


def bytes_in_words(size: int) -> str:
    """Write a number of bytes for people, in units of 1,000.

    Examples
    --------
    >>> bytes_in_words(1), bytes_in_words(999), bytes_in_words(15_241), bytes_in_words(50_000_000)
    ('1 byte', '999 bytes', '15.2 kB', '50.0 MB')
    """
    if size < 1000:
        return "1 byte" if size == 1 else f"{size} bytes"
    amount = float(size)
    for unit in _UNITS:
        if amount < 999.95 or unit == _UNITS[-1]:
            break
        amount /= 1000
    return f"{amount:.1f} {unit}"
