"""Convert a file's bytes to a Python object, by the file's kind."""

from __future__ import annotations

import contextlib
import io
import json
import re
import zipfile
from typing import TYPE_CHECKING, Any, get_args

from je_kernel.arguments import check_choice, check_encoding
from je_kernel.errors import ArgumentError, JeKernelError, MissingPackageError, UnreadableError
from je_kernel.files import pictures
from je_kernel.files.archives import check_size
from je_kernel.files.encodings import decode, guess_encoding, refuse_html, warn_caller
from je_kernel.files.kinds import ReadAs, kind_of
from je_kernel.files.names import extension
from je_kernel.files.optional_packages import import_package
from je_kernel.files.pictures import Picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["value_of"]

_EXCEL_ENGINES = {".xlsx": "openpyxl", ".xls": "xlrd"}


def value_of(data: bytes, name: str, path: str, kind: str | None, options: dict[str, Any]) -> Any:
    """Convert a file to the Python object that fits its kind.

    Parameters
    ----------
    data
        The file's bytes.
    name
        Its name, for messages.
    path
        Its path, whose extension tells the kind.
    kind
        The kind to read it as, or None for that of its extension.
    options
        Passed to the function that reads this kind, such as `pandas.read_csv`.

    Raises
    ------
    UnreadableError
        If the content does not fit the kind.
    ArgumentError
        If there is no such kind or option.
    """
    if kind is not None:
        check_choice(kind, "kind", get_args(ReadAs))
    kind = kind or kind_of(path)
    readers: dict[str, Callable[[bytes, str, str, dict[str, Any]], Any]] = {
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
    return reader(data, name, path, options)


@contextlib.contextmanager
def _explained(name: str, options: dict[str, Any]) -> Iterator[None]:
    """Raise exceptions of other libraries as ours."""
    try:
        yield
    except JeKernelError:
        raise
    except ImportError as error:  # pandas says which package it needs for an option
        raise MissingPackageError(f"Could not read {name!r}: {error}", name=error.name) from None
    except MemoryError:
        raise UnreadableError(
            f"{name!r} is too large for this computer's memory, or damaged so that it looks so."
        ) from None
    except Exception as error:
        if isinstance(error, TypeError) and options:
            keywords = ", ".join(f"{option}=" for option in options)
            raise ArgumentError(
                f"Could not read {name!r} with {keywords}: {error}. Look up what these may be."
            ) from error
        raise UnreadableError(
            f"Could not read {name!r}: {_sentence(error)} It may be damaged, or not what its name "
            "says: download it once more, or look inside with files.read_bytes()."
        ) from error


def _sentence(error: Exception) -> str:
    return f"{str(error).strip().rstrip('.') or type(error).__name__}."


def _refuse_options(options: dict[str, Any], name: str, what: str) -> None:
    if options:
        raise ArgumentError(
            f"{next(iter(options))!r} is not an option for {name!r}, which is read as {what}."
        )


def _table(data: bytes, name: str, path: str, options: dict[str, Any]) -> Any:
    ending = extension(path)
    if ending in _EXCEL_ENGINES:
        return _excel(data, name, ending, options)
    pandas = import_package("pandas", "pandas", f"Reading the table {name!r}")
    if ending == ".parquet":
        refuse_html(data, name)
        import_package("pyarrow", "pyarrow", "A Parquet file")
        with _explained(name, options):
            return pandas.read_parquet(io.BytesIO(data), **options)
    refuse_html(data, name)
    if options.get("encoding") is not None:
        check_encoding(options["encoding"])
    original_options = dict(options)
    options["encoding"] = options.get("encoding") or guess_encoding(data, name)
    if ending in (".json", ".jsonl", ".ndjson", ".geojson"):
        options.setdefault("lines", ending not in (".json", ".geojson"))
        with _explained(name, original_options):
            return pandas.read_json(io.BytesIO(data), **options)
    if b"\0" in data and not re.match(r"utf[-_ ]?(16|32)", options["encoding"], re.IGNORECASE):
        raise UnreadableError(
            f"{name!r} is not a text table: there are NUL bytes in it. It may be another kind of "
            "file under this name, such as an Excel workbook or a database, or one that was not "
            "written to its end. Save it as CSV once more where it comes from."
        )
    if ending == ".tsv" and "delimiter" not in options:
        options.setdefault("sep", "\t")
    with _explained(name, original_options):
        try:
            table = pandas.read_csv(io.BytesIO(data), **options)
        except pandas.errors.EmptyDataError:
            raise UnreadableError(f"{name!r} is empty: there is no table in it.") from None
        except pandas.errors.ParserError as error:
            raise UnreadableError(
                f"Could not read {name!r} as a table: {_reason(error)}"
            ) from error
        except UnicodeError as error:
            raise UnreadableError(
                f"Could not read {name!r} as {options['encoding']}: byte "
                f"{getattr(error, 'start', 0)} is not valid in it. Leave encoding= out, and "
                "je-kernel detects it."
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
    if {"sep", "delimiter"} & set(options) or len(getattr(table, "columns", ())) != 1:
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


def _excel(data: bytes, name: str, ending: str, options: dict[str, Any]) -> Any:
    refuse_html(data, name)
    if ending == ".xlsx" and not zipfile.is_zipfile(io.BytesIO(data)):
        raise UnreadableError(
            f"{name!r} is not an Excel workbook, whatever its name says. If it is really a text "
            "table, read it with files.read(..., kind='table') after renaming it to .csv."
        )
    if ending == ".xlsx":
        check_size(data, name)
    pandas = import_package("pandas", "pandas", f"Reading the table {name!r}")
    engine = _EXCEL_ENGINES[ending]
    import_package(engine, engine, "This Excel file")
    with _explained(name, options):
        return pandas.read_excel(io.BytesIO(data), **options)


def _text(data: bytes, name: str, _path: str, options: dict[str, Any]) -> str:
    encoding = options.pop("encoding", None)
    _refuse_options(options, name, "text")
    return decode(data, name, encoding)


def _json(data: bytes, name: str, path: str, options: dict[str, Any]) -> Any:
    """Read JSON: a list of records as a table, everything else as Python objects."""
    value = _json_objects(data, name, path, {})
    if not (isinstance(value, list) and value and all(isinstance(row, dict) for row in value)):
        _refuse_options(options, name, "JSON")
        return value
    pandas = import_package("pandas", "pandas", f"Reading the records in {name!r}")
    with _explained(name, options):
        return pandas.DataFrame.from_records(value, **options)


def _json_objects(data: bytes, name: str, _path: str, options: dict[str, Any]) -> Any:
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
    except RecursionError:
        raise UnreadableError(
            f"Could not read {name!r}: its lists and objects are nested too deeply for Python. "
            "No program writes such a file on purpose: get it from somewhere else."
        ) from None
    except TypeError as error:
        keywords = ", ".join(f"{option}=" for option in options)
        raise ArgumentError(f"Could not read {name!r} with {keywords}: {error}.") from None
    except ValueError as error:  # a number with more digits than Python parses
        raise UnreadableError(f"Could not read {name!r}: {_sentence(error)}") from None


def _picture(data: bytes, name: str, _path: str, options: dict[str, Any]) -> Picture:
    _refuse_options(options, name, "a picture")
    refuse_html(data, name)
    mimetype = pictures.mimetype_in(data)
    if mimetype is None:
        raise UnreadableError(
            f"{name!r} is not a picture, whatever its name says. Look inside with "
            f"files.read_bytes({name!r}), or get it from where it comes from once more."
        )
    return Picture(name, mimetype, data)


def _array(data: bytes, name: str, _path: str, options: dict[str, Any]) -> Any:
    refuse_html(data, name)
    numpy = import_package("numpy", "numpy", f"Reading the array {name!r}")
    if zipfile.is_zipfile(io.BytesIO(data)):
        check_size(data, name)
    with _explained(name, options):
        loaded = numpy.load(io.BytesIO(data), **options)
        if hasattr(loaded, "files"):  # an .npz archive, which reads its arrays lazily
            return {key: loaded[key] for key in loaded.files}
        return loaded
