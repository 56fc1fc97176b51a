"""From a file's bytes to a Python object, by the file's kind."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

from je_kernel.files.errors import UnreadableError
from je_kernel.files.kinds import kind_of, mimetype_of
from je_kernel.files.names import extension
from je_kernel.files.pictures import Picture
from je_kernel.files.store import LoadPackage
from je_kernel.files.texts import decode, guess_encoding, refuse_html, warn_caller

if TYPE_CHECKING:
    from collections.abc import Callable

    from je_kernel.files.store import Steps

__all__ = ["value_of"]

_EXCEL_ENGINES = {".xlsx": "openpyxl", ".xls": "xlrd"}


def value_of(
    data: bytes, name: str, path: str, kind: str | None, options: dict[str, Any]
) -> Steps[Any]:
    """Turn a file into the Python object that fits its kind.

    Parameters
    ----------
    data
        What is in the file.
    name
        What to call it in messages.
    path
        Its path: the extension tells the kind.
    kind
        The kind to read it as, or None for the one its name promises.
    options
        Passed on to what reads it, such as pandas.

    Raises
    ------
    UnreadableError
        If the file is not what it is taken for.
    """
    kind = kind or kind_of(path)
    readers: dict[str, Callable[[bytes, str, str, dict[str, Any]], Steps[Any]]] = {
        "table": _table,
        "text": _text,
        "json": _json,
        "notebook": _json_objects,
        "objects": _json_objects,
        "image": _picture,
        "array": _array,
    }
    reader = readers.get(kind)
    if reader is None:
        _refuse_options(options, name, "its bytes")
        return data
    if kind in ("table", "json", "array", "image") and not data:
        raise UnreadableError(f"{name!r} is empty: there are 0 bytes in it.")
    return (yield from reader(data, name, path, options))


def _refuse_options(options: dict[str, Any], name: str, what: str) -> None:
    if options:
        raise TypeError(
            f"{next(iter(options))!r} means nothing for {name!r}, which is read as {what}."
        )


def _table(data: bytes, name: str, path: str, options: dict[str, Any]) -> Steps[Any]:
    ending = extension(path)
    if ending in _EXCEL_ENGINES:
        return (yield from _excel(data, name, ending, options))
    pandas = yield LoadPackage("pandas", "pandas", f"Reading the table {name!r}")
    if ending == ".parquet":
        refuse_html(data, name)
        yield LoadPackage("pyarrow", "pyarrow", "A Parquet file")
        return pandas.read_parquet(io.BytesIO(data), **options)
    refuse_html(data, name)
    options.setdefault("encoding", None)
    options["encoding"] = options["encoding"] or guess_encoding(data, name)
    if ending in (".json", ".jsonl", ".ndjson", ".geojson"):
        options.setdefault("lines", ending not in (".json", ".geojson"))
        return pandas.read_json(io.BytesIO(data), **options)
    if ending == ".tsv" and "delimiter" not in options:
        options.setdefault("sep", "\t")
    try:
        table = pandas.read_csv(io.BytesIO(data), **options)
    except pandas.errors.EmptyDataError:
        raise UnreadableError(f"{name!r} is empty: there is no table in it.") from None
    except pandas.errors.ParserError as error:
        raise UnreadableError(f"Could not read {name!r} as a table: {_reason(error)}") from error
    except UnicodeDecodeError as error:
        raise UnreadableError(
            f"Could not read {name!r} as {options['encoding']}: byte {error.start} means "
            "nothing in it. Leave encoding= out and je-kernel finds it."
        ) from None
    _hint_at_separator(table, name, options)
    return table


def _reason(error: Exception) -> str:
    text = str(error).strip().removeprefix("Error tokenizing data. C error: ")
    return (
        f"{text}. If the lines at the top are no part of the table, leave them out with skiprows=; "
        "if its columns are separated by semicolons, say sep=';'."
    )


def _hint_at_separator(table: Any, name: str, options: dict[str, Any]) -> None:
    if {"sep", "delimiter"} & set(options) or len(table.columns) != 1:
        return
    header = str(table.columns[0])
    for separator in (";", "\t", "|"):
        if separator in header:
            warn_caller(
                f"{name!r} came out as one column. Its columns look separated by "
                f"{separator!r}: try files.read({name!r}, sep={separator!r}).",
                UserWarning,
            )
            return


def _excel(data: bytes, name: str, ending: str, options: dict[str, Any]) -> Steps[Any]:
    refuse_html(data, name)
    if ending == ".xlsx" and not zipfile.is_zipfile(io.BytesIO(data)):
        raise UnreadableError(
            f"{name!r} is no Excel workbook, whatever its name says. If it is really a text "
            "table, read it with files.read(..., kind='table') after renaming it to .csv."
        )
    pandas = yield LoadPackage("pandas", "pandas", f"Reading the table {name!r}")
    engine = _EXCEL_ENGINES[ending]
    yield LoadPackage(engine, engine, "This Excel file")
    try:
        return pandas.read_excel(io.BytesIO(data), **options)
    except (KeyError, ValueError) as error:
        raise UnreadableError(f"Could not read {name!r}: {error}") from error


def _text(data: bytes, name: str, _path: str, options: dict[str, Any]) -> Steps[str]:
    yield from ()
    encoding = options.pop("encoding", None)
    _refuse_options(options, name, "text")
    return decode(data, name, encoding)


def _json(data: bytes, name: str, path: str, options: dict[str, Any]) -> Steps[Any]:
    """Read JSON: a list of records as a table, everything else as Python objects."""
    value = yield from _json_objects(data, name, path, {})
    if not (isinstance(value, list) and value and all(isinstance(row, dict) for row in value)):
        _refuse_options(options, name, "JSON")
        return value
    pandas = yield LoadPackage("pandas", "pandas", f"Reading the records in {name!r}")
    return pandas.DataFrame.from_records(value, **options)


def _json_objects(data: bytes, name: str, _path: str, options: dict[str, Any]) -> Steps[Any]:
    yield from ()
    if not data:
        raise UnreadableError(f"{name!r} is empty: there are 0 bytes in it.")
    refuse_html(data, name)
    text = decode(data, name, options.pop("encoding", None))
    try:
        return json.loads(text, **options)
    except json.JSONDecodeError as error:
        raise UnreadableError(
            f"{name!r} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}."
        ) from None


def _picture(data: bytes, name: str, path: str, options: dict[str, Any]) -> Steps[Picture]:
    yield from ()
    _refuse_options(options, name, "a picture")
    refuse_html(data, name)
    return Picture(name, mimetype_of(path), data)


def _array(data: bytes, name: str, _path: str, options: dict[str, Any]) -> Steps[Any]:
    refuse_html(data, name)
    numpy = yield LoadPackage("numpy", "numpy", f"Reading the array {name!r}")
    try:
        loaded = numpy.load(io.BytesIO(data), **options)
    except (ValueError, EOFError) as error:
        raise UnreadableError(f"Could not read the array {name!r}: {error}") from error
    if hasattr(loaded, "files"):  # an .npz archive reads its arrays when asked for
        return {key: loaded[key] for key in loaded.files}
    return loaded
