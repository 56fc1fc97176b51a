"""Makes a site work without a network, by a service worker that caches its files.

The service worker is installed at the address of JupyterLite's own, runs before it, and leaves to
it the requests that are not for files of the site. ``je-kernel-site.json`` states the version of
the site, and a list whose name changes with its content states the files of a version.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from je_site.cache import sha256_of, write_if_changed
from je_site.distribution import STATIC
from je_site.site_kernel import pyodide_url
from je_site.site_record import RECORD, read_record, write_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from je_site.progress import Reporter

__all__ = ["install_offline"]

_WORKER = "service-worker.js"
_LATEST = "je-kernel-site.json"
_SOURCE = Path(__file__).with_name("worker.js")
_DIGITS = 10
#: Digits of a file's sha256 in the list: 64 bits.
_HASH_DIGITS = 16
_PLACED = ("offline-worker", "service-worker", "site")

#: Files that no page loads.
_UNUSED_SUFFIXES = (".map", ".LICENSE.txt")
_UNUSED = frozenset({RECORD, _LATEST, _WORKER, "jupyterlite.schema.v0.json", "package.json"})

#: Files that every browser caches, used or not: pages to start with, and lessons up to a size.
_ALWAYS = ("index.html", "je/", "api/", f"{STATIC}/pages-", "manifest.webmanifest")
_MAX_LESSONS_SIZE = 10_000_000

#: The service worker of a site that is no longer available offline.
_DELETE_CACHES = """\
caches.keys().then(names => {
  const root = new URL('./', self.location.href).href;
  const ours = name => name.startsWith('je-kernel-site-') && name.endsWith(` ${root}`);
  for (const name of names.filter(ours)) caches.delete(name);
});
"""


def install_offline(output: Path, reporter: Reporter, *, wanted: bool) -> None:
    """Make a site available offline, or no longer.

    It can be called again for the same site. Nothing may be written into the site after it.

    Parameters
    ----------
    output
        Root of a site that JupyterLite has built.
    reporter
        Where to warn.
    wanted
        Whether the site is to be available offline.
    """
    stock = _stock_worker(output)
    if stock is None:
        if wanted:
            reporter.warn(f"The site has no {_WORKER}, so it does not work offline.")
        return
    placed = [_place(output, "service-worker", stock, ".js")]
    if wanted:
        placed.insert(0, _place(output, "offline-worker", _SOURCE.read_bytes(), ".js"))
    scripts = ", ".join(json.dumps(f"./{name}") for name in placed)
    worker = f"{'' if wanted else _DELETE_CACHES}importScripts({scripts});\n".encode()
    write_if_changed(output / _WORKER, worker)
    digest = hashlib.sha256(worker).hexdigest()
    write_record(output, "offline", {"worker": digest, "stock": placed[-1]})
    if wanted:
        listed = json.dumps(_list(output), sort_keys=True, separators=(",", ":")).encode()
        placed.append(_place(output, "site", listed, ".json"))
        version = placed[-1].rpartition("-")[2].removesuffix(".json")
        write_if_changed(output / _LATEST, json.dumps({"version": version}).encode())
    else:
        (output / _LATEST).unlink(missing_ok=True)
    for kind in _PLACED:
        for path in output.glob(f"{STATIC}/{kind}-{'?' * _DIGITS}.js*"):
            if path.relative_to(output).as_posix() not in placed:
                path.unlink()


def _stock_worker(output: Path) -> bytes | None:
    """Return JupyterLite's own service worker."""
    path = output / _WORKER
    if not path.is_file():
        return None
    record = read_record(output, "offline")
    if record.get("worker") == sha256_of(path):
        stock: str = record["stock"]
        return (output / stock).read_bytes()
    return path.read_bytes()


def _place(output: Path, kind: str, content: bytes, suffix: str) -> str:
    """Write a file whose name changes with its content; return its path in the site."""
    name = f"{STATIC}/{kind}-{hashlib.sha256(content).hexdigest()[:_DIGITS]}{suffix}"
    write_if_changed(output / name, content)
    return name


def _list(output: Path) -> dict[str, Any]:
    """List the files that pages and kernels may need."""
    url = urlsplit(pyodide_url(output) or "https://elsewhere.invalid")
    # The kernel itself caches the larger snapshot, decompressed.
    large = parse_qs(url.query).get("large", [""])[0]
    skipped = f"{STATIC}/snapshots/{large}/memory-" if large else "\0"
    files = {
        name: [sha256_of(output / name)[:_HASH_DIGITS], (output / name).stat().st_size]
        for name in _files(output)
        if not name.startswith(skipped)
    }
    return {
        "python": "elsewhere" if url.scheme or url.path.startswith("/") else "here",
        "always": [*(name for name in files if name.startswith(_ALWAYS)), *_lessons(files)],
        "companions": dict(_companions(output, large)),
        "files": files,
    }


def _companions(output: Path, large: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the wheels that a kernel may read after it has started from a snapshot.

    The service worker caches them after the memory, or, for the larger snapshot, whose memory the
    kernel caches itself, after its description.
    """
    for path in sorted(output.glob(f"{STATIC}/snapshots/*/snapshot.json")):
        wheels = json.loads(path.read_text(encoding="utf-8"))["wheels"]
        used = path if path.parent.name == large else path.with_name("memory-0.bin")
        places = [(path.parent / wheel).resolve() for wheel in wheels]
        yield (
            used.relative_to(output).as_posix(),
            [place.relative_to(output.resolve()).as_posix() for place in places],
        )


def _files(output: Path) -> Iterator[str]:
    for path in sorted(output.rglob("*")):
        name = path.relative_to(output).as_posix()
        hidden = any(part.startswith(".") for part in name.split("/"))
        ours = name.startswith(tuple(f"{STATIC}/{kind}-" for kind in _PLACED))
        if hidden or ours or name in _UNUSED or name.endswith(_UNUSED_SUFFIXES):
            continue
        if path.is_file():
            yield name


def _lessons(files: Mapping[str, Any]) -> Iterator[str]:
    """Choose files of the contents: notebooks before data, small ones before large ones."""
    shipped = [name for name in files if name.startswith("files/")]
    room = _MAX_LESSONS_SIZE
    for name in sorted(shipped, key=lambda name: (not name.endswith(".ipynb"), files[name][1])):
        room -= files[name][1]
        if room < 0:
            return
        yield name
