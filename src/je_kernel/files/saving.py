"""Convert a Python object to a file's bytes, by the file's extension and the object's type."""

from __future__ import annotations

import csv
import io
import json
import sys
from typing import Any

from je_kernel.arguments import check_encoding
from je_kernel.errors import ArgumentError, JeKernelError, MissingPackageError
from je_kernel.files.names import extension
from je_kernel.files.optional_packages import import_package
from je_kernel.files.pictures import Picture

__all__ = ["bytes_of"]

_JSON_ENDINGS = frozenset({".json", ".geojson", ".ipynb"})
_LINES_ENDINGS = frozenset({".jsonl", ".ndjson"})
_SEPARATED_ENDINGS = frozenset({".csv", ".tsv", ".txt"})
_BINARY_ENDINGS = frozenset(
    {".xlsx", ".xls", ".parquet", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp"}
    | {".npy", ".npz", ".zip", ".gz", ".pdf", ".db", ".sqlite", ".sqlite3"}
)
_FIGURE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".svg", ".pdf", ".webp"})


def bytes_of(value: Any, name: str, path: str, options: dict[str, Any]) -> Any:
    """Convert a Python object to a file's bytes.

    Parameters
    ----------
    value
        The object.
    name
        The file's name, for messages.
    path
        Its path, whose extension tells the format.
    options
        Passed to the function that writes this format, such as ``DataFrame.to_csv``.

    Returns
    -------
    bytes-like
        The file's bytes.

    Raises
    ------
    ArgumentError
        If this format cannot hold the object.
    """
    ending = extension(path)
    try:
        return _converted(value, name, ending, options)
    except JeKernelError:
        raise
    except ImportError as error:  # pandas says which package it needs for an option
        raise MissingPackageError(f"Could not save {name!r}: {error}", name=error.name) from None
    except MemoryError:
        raise ArgumentError(f"Could not save {name!r}: it does not fit into memory.") from None
    except UnicodeEncodeError as error:
        character = error.object[error.start]
        raise ArgumentError(
            f"Could not save {name!r}: the character {character!a} does not exist in "
            f"{error.encoding}. Replace it, or save the text with encoding='utf-8'."
        ) from None
    except Exception as error:  # pandas, matplotlib and others raise exceptions of many kinds
        raise ArgumentError(
            f"Could not save {name!r}: {str(error) or type(error).__name__}"
        ) from error


def _converted(value: Any, name: str, ending: str, options: dict[str, Any]) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        _refuse_options(options, "bytes")
        return value
    if isinstance(value, Picture):
        _refuse_options(options, "a picture")
        return value.data
    if isinstance(value, str):
        return _text(value, name, ending, options)
    if _is(value, "pandas", "DataFrame", "Series"):
        return _table(value, name, ending, options)
    if figure := _figure_in(value):
        return _figure(figure, name, ending, options)
    if _is(value, "PIL.Image", "Image"):
        return _pillow(value, name, ending, options)
    if _is(value, "numpy", "ndarray"):
        return _array(value, name, ending, options)
    return _plain(value, name, ending, options)


def _refuse_options(options: dict[str, Any], what: str) -> None:
    if options:
        raise ArgumentError(f"{next(iter(options))!r} is not an option where {what} is saved.")


def _is(value: Any, module: str, *classes: str) -> bool:
    """Return whether a value is of a class, without importing its package."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(
        value, tuple(getattr(loaded, name) for name in classes if hasattr(loaded, name))
    )


def _cannot(value: Any, name: str, advice: str) -> ArgumentError:
    return ArgumentError(f"Could not save {name!r}: this {type(value).__name__} {advice}")


def _text(value: str, name: str, ending: str, options: dict[str, Any]) -> bytes:
    if ending in _BINARY_ENDINGS:
        raise _cannot(value, name, f"does not make a {ending} file. Choose a name such as 'x.txt'.")
    encoding = options.pop("encoding", "utf-8")
    check_encoding(encoding)
    _refuse_options(options, "text")
    return value.encode(encoding)


def _table(value: Any, name: str, ending: str, options: dict[str, Any]) -> bytes:
    pandas = sys.modules["pandas"]
    frame = value.to_frame() if isinstance(value, pandas.Series) else value
    if ending in _SEPARATED_ENDINGS:
        _drop_default_index(frame, options)
        if ending != ".csv":
            options.setdefault("sep", "\t")
        encoding = options.pop("encoding", "utf-8")
        check_encoding(encoding)
        # Bytes, because pandas' own StringIO needs four bytes a character.
        target = io.BytesIO()
        frame.to_csv(target, encoding=encoding, **options)
        return target.getvalue()
    if ending == ".xlsx":
        import_package("openpyxl", "openpyxl", "Writing an Excel file")
        _drop_default_index(frame, options)
        return _written(lambda target: frame.to_excel(target, **options))
    if ending == ".parquet":
        import_package("pyarrow", "pyarrow", "Writing a Parquet file")
        return _written(lambda target: frame.to_parquet(target, **options))
    if ending in _JSON_ENDINGS | _LINES_ENDINGS:
        options = {
            "orient": "records",
            "lines": ending in _LINES_ENDINGS,
            "date_format": "iso",
            "force_ascii": False,
            **options,
        }
        return str(frame.to_json(**options)).encode()
    if ending in (".html", ".htm"):
        return str(frame.to_html(**options)).encode()
    raise _cannot(
        value, name, "can be saved as .csv, .tsv, .xlsx, .parquet, .json, .jsonl or .html."
    )


def _drop_default_index(frame: Any, options: dict[str, Any]) -> None:
    """Leave out a default index: read back, it would be a column."""
    index = frame.index
    numbered = type(index).__name__ == "RangeIndex" and index.start == 0 and index.step == 1
    options.setdefault("index", not (numbered and index.name is None))


def _written(write: Any) -> bytes:
    target = io.BytesIO()
    write(target)
    return target.getvalue()


def _figure_in(value: Any) -> Any:
    """Return the matplotlib figure of a figure, of axes, of an array of axes, or of pyplot."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None and value is pyplot:
        return pyplot.gcf()
    if _is(value, "matplotlib.figure", "Figure"):
        return value
    if _is(value, "matplotlib.axes", "Axes"):
        return value.get_figure()
    if _is(value, "numpy", "ndarray") and value.dtype == object and value.size:
        return _figure_in(value.flat[0])
    # Seaborn's grids, and other objects with a figure.
    held = getattr(value, "figure", None)
    return held if _is(held, "matplotlib.figure", "Figure") else None


def _figure(figure: Any, name: str, ending: str, options: dict[str, Any]) -> bytes:
    if ending not in _FIGURE_ENDINGS:
        raise _cannot(figure, name, "can be saved as .png, .jpg, .svg, .pdf or .webp.")
    options.setdefault("bbox_inches", "tight")
    options.setdefault("format", ending[1:])
    return _written(lambda target: figure.savefig(target, **options))


def _pillow(image: Any, name: str, ending: str, options: dict[str, Any]) -> bytes:
    from PIL import Image

    known = Image.registered_extensions()
    if ending not in known:
        raise _cannot(image, name, "can be saved as .png, .jpg, .gif, .webp or .bmp.")
    chosen = options.pop("format", known[ending])
    if chosen == "JPEG" and image.mode not in ("L", "RGB", "CMYK"):
        image = image.convert("RGB")  # JPEG has no transparency
    return _written(lambda target: image.save(target, format=chosen, **options))


def _array(array: Any, name: str, ending: str, options: dict[str, Any]) -> bytes:
    numpy = sys.modules["numpy"]
    if ending == ".npy":
        return _written(lambda target: numpy.save(target, array, **options))
    if ending == ".npz":
        return _written(lambda target: numpy.savez(target, array, **options))
    if ending in _SEPARATED_ENDINGS:
        options.setdefault("delimiter", "," if ending == ".csv" else "\t")
        options.setdefault("fmt", "%s")
        options.setdefault("encoding", "utf-8")
        return _written(lambda target: numpy.savetxt(target, array, **options))
    if ending in _JSON_ENDINGS:
        return _dumped(array.tolist(), name, options)
    if ending in _FIGURE_ENDINGS | {".bmp", ".gif"}:
        image = import_package("PIL.Image", "pillow", "Saving an array as a picture")
        return _pillow(image.fromarray(_pixels(array)), name, ending, options)
    raise _cannot(array, name, "can be saved as .npy, .csv, .json or a picture.")


def _pixels(array: Any) -> Any:
    """Return an array as 8-bit pixels. As in matplotlib, fractions go from 0 to 1."""
    numpy = sys.modules["numpy"]
    if array.dtype == "uint8":
        return array
    array = numpy.nan_to_num(array)
    if array.dtype.kind == "b" or (array.dtype.kind == "f" and array.size and array.max() <= 1):
        array = array * 255.0
    return numpy.clip(numpy.rint(array), 0, 255).astype("uint8")


def _plain(value: Any, name: str, ending: str, options: dict[str, Any]) -> bytes:
    if ending in _JSON_ENDINGS:
        return _dumped(value, name, options)
    if ending in _LINES_ENDINGS and isinstance(value, (list, tuple)):
        options.setdefault("indent", None)
        lines = [_dumped(row, name, dict(options)) for row in value]
        return b"".join(line if line.endswith(b"\n") else line + b"\n" for line in lines)
    if ending in (".csv", ".tsv") and _are_rows(value):
        return _rows(value, ending, options)
    if ending == ".npz" and isinstance(value, dict):
        numpy = import_package("numpy", "numpy", f"Saving {name!r}")
        return _written(lambda target: numpy.savez(target, **value, **options))
    if ending == ".xlsx" and isinstance(value, dict) and value:
        return _workbook(value, name, options)
    advice = "Save lists and dicts as .json, and str(…) of anything as .txt."
    raise _cannot(value, name, f"does not fit this kind of file. {advice}")


def _dumped(value: Any, name: str, options: dict[str, Any]) -> bytes:
    options = {"ensure_ascii": False, "indent": 2, **options}
    try:
        return (json.dumps(value, **options) + "\n").encode()
    except UnicodeEncodeError:
        raise
    except RecursionError:
        raise ArgumentError(f"Could not save {name!r} as JSON: it is nested too deeply.") from None
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"Could not save {name!r} as JSON: {error}.") from None


def _are_rows(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) > 0
        and (
            all(isinstance(row, dict) for row in value)
            or all(isinstance(row, (list, tuple)) for row in value)
        )
    )


def _rows(rows: Any, ending: str, options: dict[str, Any]) -> bytes:
    target = io.StringIO(newline="")
    options.setdefault("delimiter", "," if ending == ".csv" else "\t")
    options.setdefault("lineterminator", "\n")
    if isinstance(rows[0], dict):
        columns = list(dict.fromkeys(column for row in rows for column in row))
        writer = csv.DictWriter(target, columns, **options)
        writer.writeheader()
        writer.writerows(rows)
    else:
        csv.writer(target, **options).writerows(rows)
    return target.getvalue().encode()


def _workbook(sheets: dict[str, Any], name: str, options: dict[str, Any]) -> bytes:
    if not all(_is(frame, "pandas", "DataFrame") for frame in sheets.values()):
        raise _cannot(sheets, name, "makes a workbook only if it holds DataFrames, one a sheet.")
    import_package("openpyxl", "openpyxl", "Writing an Excel file")
    target = io.BytesIO()
    with sys.modules["pandas"].ExcelWriter(target, engine="openpyxl") as writer:
        for sheet, frame in sheets.items():
            chosen = dict(options)
            _drop_default_index(frame, chosen)
            frame.to_excel(writer, sheet_name=str(sheet), **chosen)
    return target.getvalue()
