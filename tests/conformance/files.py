"""Small files in the formats that lessons read, made on the spot."""

from __future__ import annotations

import bz2
import functools
import gzip
import hashlib
import io
import json
import lzma
import zipfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

__all__ = ["ARFF", "CSV", "make", "openml"]

CSV = b"name,height\nAda,165\nGrace,168\nKatherine,163\n"
ARFF = b"""@RELATION people
@ATTRIBUTE height NUMERIC
@ATTRIBUTE mathematician {yes,no}
@DATA
165,yes
168,no
163,yes
"""
_RECORDS = [
    {"name": "Ada", "height": 165},
    {"name": "Grace", "height": 168},
    {"name": "Katherine", "height": 163},
]


@functools.cache
def make(name: str) -> tuple[bytes, str] | None:
    """Make a file by its name.

    Parameters
    ----------
    name
        Such as ``"people.csv.gz"``.

    Returns
    -------
    tuple of bytes and str, or None
        The content and its type; None if there is no such file.
    """
    found = _FILES.get(name)
    return None if found is None else (found[0](), found[1])


def openml(what: str, file_address: str) -> dict[str, Any]:
    """Answer as https://www.openml.org/api/v1/json/data does.

    Parameters
    ----------
    what
        ``"features"``, ``"qualities"`` or the number of a data set.
    file_address
        Where the data itself is.
    """
    if what == "qualities":
        return {"data_qualities": {"quality": [{"name": "NumberOfInstances", "value": "3"}]}}
    if what == "features":
        shared = {
            "is_ignore": "false",
            "is_row_identifier": "false",
            "number_of_missing_values": "0",
        }
        height = {"index": "0", "name": "height", "data_type": "numeric", "is_target": "false"}
        target = {
            "index": "1",
            "name": "mathematician",
            "data_type": "nominal",
            "is_target": "true",
        }
        return {"data_features": {"feature": [height | shared, target | shared]}}
    return {
        "data_set_description": {
            "id": "1",
            "name": "people",
            "version": "1",
            "format": "ARFF",
            "status": "active",
            "file_id": "1",
            "default_target_attribute": "mathematician",
            "url": file_address,
            "description": "Three people.",
            "md5_checksum": hashlib.md5(ARFF).hexdigest(),
        }
    }


def _frame() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(_RECORDS)


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("people.csv", CSV)
    return buffer.getvalue()


def _tar() -> bytes:
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo("people.csv")
        entry.size = len(CSV)
        archive.addfile(entry, io.BytesIO(CSV))
    return buffer.getvalue()


def _excel() -> bytes:
    buffer = io.BytesIO()
    _frame().to_excel(buffer, index=False)
    return buffer.getvalue()


def _pickle() -> bytes:
    # Of plain Python objects: a frame's pickle depends on pandas' version.
    import pickle

    return pickle.dumps(_RECORDS, protocol=4)


def _image() -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (8, 4), (200, 30, 30)).save(buffer, "PNG")
    return buffer.getvalue()


def _array() -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, np.arange(6).reshape(2, 3))
    return buffer.getvalue()


def _html() -> bytes:
    rows = "".join(f"<tr><td>{r['name']}</td><td>{r['height']}</td></tr>" for r in _RECORDS)
    head = "<tr><th>name</th><th>height</th></tr>"
    return f"<!DOCTYPE html><html><body><table>{head}{rows}</table></body></html>".encode()


def _xml() -> bytes:
    rows = "".join(
        f"<row><name>{r['name']}</name><height>{r['height']}</height></row>" for r in _RECORDS
    )
    return f'<?xml version="1.0"?><data>{rows}</data>'.encode()


def _columns() -> bytes:
    return "".join(f"{r['name']:<12}{r['height']:>5}\n" for r in _RECORDS).encode()


_FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "people.csv": (lambda: CSV, "text/csv"),
    "dataset_names.txt": (lambda: b"people\n", "text/plain"),
    "people.tsv": (lambda: CSV.replace(b",", b"\t"), "text/tab-separated-values"),
    "péople.csv": (lambda: CSV, "text/csv"),
    "people.csv.gz": (lambda: gzip.compress(CSV), "application/gzip"),
    "people.csv.bz2": (lambda: bz2.compress(CSV), "application/x-bzip2"),
    "people.csv.xz": (lambda: lzma.compress(CSV), "application/x-xz"),
    "people.csv.zip": (_zip, "application/zip"),
    "people.tar.gz": (_tar, "application/gzip"),
    "people.json": (lambda: json.dumps(_RECORDS).encode(), "application/json"),
    "people.jsonl": (
        lambda: "\n".join(json.dumps(record) for record in _RECORDS).encode(),
        "application/x-ndjson",
    ),
    "people.html": (_html, "text/html"),
    "people.xml": (_xml, "application/xml"),
    "people.txt": (_columns, "text/plain"),
    "people.pkl": (_pickle, "application/octet-stream"),
    "people.xlsx": (
        _excel,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    "red.png": (_image, "image/png"),
    "numbers.txt": (lambda: b"1 2 3\n4 5 6\n", "text/plain"),
    "numbers.csv": (lambda: b"1,2,3\n4,,6\n", "text/csv"),
    "numbers.npy": (_array, "application/octet-stream"),
}
