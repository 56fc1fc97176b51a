"""The file objects of `je_kernel.files.open`, which are saved when they are closed."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from je_kernel.arguments import check_choice, check_encoding, check_text, shown
from je_kernel.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = ["BinaryFile", "BinaryMode", "TextFile", "TextMode", "open_in_memory", "parse_mode"]

TextMode: TypeAlias = Literal["r", "w", "a", "x", "r+", "w+", "a+", "x+", "rt", "wt", "at", "xt"]
BinaryMode: TypeAlias = Literal["rb", "wb", "ab", "xb", "rb+", "wb+", "ab+", "xb+", "r+b", "w+b"]

_LETTERS = frozenset("rwaxbt+")
_ERRORS = (
    *("strict", "ignore", "replace", "backslashreplace", "surrogateescape"),
    *("surrogatepass", "xmlcharrefreplace", "namereplace"),
)


def parse_mode(mode: str) -> tuple[str, bool, bool]:
    """Parse a mode of the built-in `open`.

    Returns
    -------
    tuple of str, bool and bool
        The action (one of ``r``, ``w``, ``a`` and ``x``), whether the file is
        binary, and whether it can be both read and written.

    Examples
    --------
    >>> parse_mode("rb+"), parse_mode("w")
    (('r', True, True), ('w', False, False))
    """
    check_text(mode, "mode", "w")
    letters = set(mode)
    action = letters & set("rwax")
    if letters - _LETTERS or len(letters) != len(mode) or len(action) != 1 or letters >= {"b", "t"}:
        raise ArgumentError(
            f"There is no mode {shown(mode)}. Use 'r', 'w', 'a' or 'x', with 'b' for bytes."
        )
    return action.pop(), "b" in letters, "+" in letters


class BinaryFile(io.BytesIO):
    """A binary file in memory that is saved when it is closed.

    In a ``with`` block that raises, nothing is saved: the old file stays.

    Parameters
    ----------
    data
        Its bytes.
    name
        Its name.
    mode
        A mode of the built-in `open`.
    save
        Called with this object at its close, if it was written to; None for a file
        that can only be read.

    Attributes
    ----------
    content
        Its bytes at the time of the close.
    """

    def __init__(
        self, data: bytes, name: str, mode: str, save: Callable[[BinaryFile], object] | None
    ) -> None:
        super().__init__(data)
        action, _, both = parse_mode(mode)
        self.name = name
        self.mode = mode  # type: ignore[misc]
        self._readable = action == "r" or both
        self._appends = action == "a"
        self._save = save
        # A new file is saved even if nothing is written to it.
        self._changed = action in "wx"
        self._old = data
        self.content = b""
        self._edits: list[tuple[int | None, bytes | int]] | None = [] if action in "ra" else None
        if self._appends:
            self.seek(0, io.SEEK_END)

    def readable(self) -> bool:
        """Return whether it can be read."""
        return self._readable

    def writable(self) -> bool:
        """Return whether it can be written."""
        return self._save is not None

    def read(self, size: int | None = -1, /) -> bytes:
        """Read some bytes, or all."""
        self._need_readable()
        return super().read(size)

    def read1(self, size: int | None = -1, /) -> bytes:
        """Read some bytes, or all."""
        self._need_readable()
        return super().read1(size)

    def readinto(self, buffer: Any, /) -> int:
        """Read into a buffer."""
        self._need_readable()
        return super().readinto(buffer)

    def readline(self, size: int | None = -1, /) -> bytes:
        """Read one line."""
        self._need_readable()
        return super().readline(size)

    def write(self, data: Any, /) -> int:
        """Write bytes; they are saved when the file is closed."""
        if self._save is None:
            raise io.UnsupportedOperation(
                f"{self.name!r} was opened for reading: open it with mode 'w' or 'a' to write."
            )
        if self._appends:
            self.seek(0, io.SEEK_END)
        self._changed = True
        if self._edits is not None:
            self._edits.append((None if self._appends else self.tell(), bytes(data)))
        return super().write(data)

    def truncate(self, size: int | None = None, /) -> int:
        """Cut the file off, at the current position by default."""
        if self._save is None:
            raise io.UnsupportedOperation(f"{self.name!r} was opened for reading.")
        self._changed = True
        if self._edits is not None:
            self._edits.append((None, self.tell() if size is None else size))
        return super().truncate(size)

    @property
    def edits(self) -> bool:
        """Whether it edits the current file, instead of replacing it."""
        return self._edits is not None

    def onto(self, current: bytes | None) -> bytes:
        """Apply the edits to the current file, which others may have changed meanwhile.

        Parameters
        ----------
        current
            The bytes of the current file, or None if it was deleted.
        """
        if self._edits is None or current == self._old or (current is None and not self._appends):
            return self.content
        file = io.BytesIO(current or b"")
        for position, edit in self._edits:
            if isinstance(edit, int):
                file.truncate(edit)
            else:
                file.seek(0, io.SEEK_END) if position is None else file.seek(position)
                file.write(edit)
        return file.getvalue()

    def _need_readable(self) -> None:
        if not self._readable:
            raise io.UnsupportedOperation(
                f"{self.name!r} was opened for writing: open it with mode 'r' to read."
            )

    def discard(self) -> None:
        """Save nothing at the close."""
        self._changed = False

    def close(self) -> None:
        """Save what was written, and close."""
        if self.closed:
            return
        try:
            if self._changed and self._save is not None:
                self._changed = False
                self.content = self.getvalue()
                self._save(self)
        finally:
            super().close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.discard()
        self.close()

    def __del__(self) -> None:
        # Python's own files are saved too when they are deleted without close().
        try:
            self.close()
        except Exception:
            self.discard()
            raise


class TextFile(io.TextIOWrapper):
    """A text file in memory that is saved when it is closed."""

    def __init__(
        self, file: BinaryFile, encoding: str, errors: str | None, newline: str | None
    ) -> None:
        super().__init__(file, encoding=encoding, errors=errors, newline=newline)
        self._file = file

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            try:
                self.flush()
            finally:
                self._file.discard()
        self.close()


def open_in_memory(
    data: bytes | None,
    name: str,
    mode: str,
    save: Callable[[BinaryFile], object],
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
) -> BinaryFile | TextFile:
    """Return a file object for bytes that are in memory.

    Parameters
    ----------
    data
        The bytes, or None if there is no such file.
    name
        The file's name.
    mode, encoding, errors, newline
        As of the built-in `open`; the default encoding is UTF-8.
    save
        Called with the `BinaryFile` at its close, if it was written to.
    """
    action, binary, both = parse_mode(mode)
    if binary and (encoding or errors or newline is not None):
        raise ArgumentError("A binary file has no encoding, errors or newline.")
    if encoding is not None:
        check_encoding(encoding)
    if errors is not None:
        check_choice(errors, "errors", _ERRORS)
    if newline is not None:
        check_choice(newline, "newline", ("", "\n", "\r", "\r\n"))
    writes = action != "r" or both
    old = data if action in "ra" and data is not None else b""
    file = BinaryFile(old, name, mode, save if writes else None)
    return file if binary else TextFile(file, encoding or "utf-8", errors, newline)
