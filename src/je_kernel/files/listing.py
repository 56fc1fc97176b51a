"""What `files.list()` and `files.info()` answer."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, overload

from je_kernel.files.kinds import Kind, kind_of
from je_kernel.files.names import download_name, name_of, relative, windows_problem

if TYPE_CHECKING:
    from datetime import datetime

    from je_kernel.files.models import Entry

__all__ = ["Info", "Listing", "bytes_in_words", "info_of"]

_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_COLUMNS = ("name", "kind", "size", "modified")


@dataclass(frozen=True)
class Info:
    """What is known of a file without reading it.

    Parameters
    ----------
    name
        What to call it in this notebook.
    path
        Where it is, from the top folder of the site's files.
    kind
        What it is: a table, text, image, folder …
    size
        Size in bytes; 0 for a folder.
    modified
        When it was last changed.
    created
        When it was made.
    mimetype
        Its media type.
    from_site
        Whether it came with the site and was not changed since.
    version
        Differs whenever the file was changed: `je_kernel.files.save` compares
        it where it is told ``if_unchanged=``.
    """

    name: str
    path: str
    kind: Kind
    size: int
    modified: datetime
    created: datetime
    mimetype: str
    from_site: bool = False
    version: str = field(default="", repr=False)

    @property
    def folder(self) -> bool:
        """Whether it is a folder."""
        return self.kind == "folder"

    @property
    def download_name(self) -> str:
        """A name that every computer can keep."""
        return download_name(self.path)

    @property
    def windows_problem(self) -> str | None:
        """Why Windows could not keep this name, or None."""
        return windows_problem(name_of(self.path))


def info_of(entry: Entry, folder: str) -> Info:
    """Describe an entry to a notebook that is in a folder."""
    return Info(
        name=relative(entry.path, folder),
        path=entry.path,
        kind="folder" if entry.folder else kind_of(entry.path),
        size=entry.size,
        modified=entry.modified,
        created=entry.created,
        mimetype=entry.mimetype,
        from_site=entry.shipped,
        version=entry.version,
    )


class Listing(Sequence[Info]):
    """Files, which a notebook shows as a table.

    Parameters
    ----------
    files
        What is listed.
    folder
        The name of the folder that was listed.
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
