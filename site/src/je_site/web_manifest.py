"""Writes the web app manifest and the icons with which a browser installs a site.

JupyterLite's manifest has its logo, and addresses that are right only at the root of a host. A
manifest of the deployer's stays unchanged.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from je_site.cache import atomic_write, copy_atomically, sha256_of
from je_site.distribution import STATIC
from je_site.site_pages import LANDING
from je_site.site_record import read_record, write_record

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["install_manifest"]

_MANIFEST = "manifest.webmanifest"
_ICONS = Path(__file__).with_name("icons")
_FOLDER = f"{STATIC}/icons-"
_DIGITS = 10
#: The description in JupyterLite's own manifest.
_STOCK = "WASM powered JupyterLite app"
_SIZES = {
    "app.svg": ("any", "image/svg+xml", "any"),
    "app-192.png": ("192x192", "image/png", "any"),
    "app-512.png": ("512x512", "image/png", "any"),
    "app-maskable-512.png": ("512x512", "image/png", "maskable"),
}
#: Pages to start with, the best first.
_STARTS = (LANDING, "lab/index.html", "notebooks/index.html", "index.html")


def install_manifest(output: Path) -> None:
    """Put the manifest into a site, in the place of JupyterLite's own.

    Parameters
    ----------
    output
        Root of a site that JupyterLite has built, with its pages.
    """
    path = output / _MANIFEST
    if not path.is_file() or not _is_replaceable(output, path):
        return
    icons = _place_icons(output)
    with atomic_write(path) as file:
        file.write(json.dumps(_manifest(output, icons), indent=2).encode())
    write_record(output, "manifest", {_MANIFEST: sha256_of(path)})
    for other in output.glob(f"{_FOLDER}*"):
        if other != output / icons:
            shutil.rmtree(other)


def _is_replaceable(output: Path, path: Path) -> bool:
    if read_record(output, "manifest").get(_MANIFEST) == sha256_of(path):
        return True
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("description") == _STOCK


def _place_icons(output: Path) -> str:
    """Copy the icons; return their folder, from the root of the site."""
    digest = hashlib.sha256("".join(sha256_of(_ICONS / name) for name in _SIZES).encode())
    folder = f"{_FOLDER}{digest.hexdigest()[:_DIGITS]}"
    for name in _SIZES:
        if not (output / folder / name).is_file():
            copy_atomically(_ICONS / name, output / folder / name)
    return folder


def _manifest(output: Path, icons: str) -> dict[str, Any]:
    config = json.loads((output / "jupyter-lite.json").read_text(encoding="utf-8"))
    name = config["jupyter-config-data"].get("appName") or "Notebooks"
    return {
        "name": name,
        "short_name": name,
        "description": "Write, run and share Python notebooks in your browser.",
        "start_url": f"./{next(start for start in _STARTS if (output / start).is_file())}",
        "scope": "./",
        "display": "standalone",
        "background_color": "#fbfaf7",
        "theme_color": "#0b5c6b",
        "icons": [
            {"src": f"./{icons}/{name}", "sizes": sizes, "type": kind, "purpose": purpose}
            for name, (sizes, kind, purpose) in _SIZES.items()
        ],
        "shortcuts": list(_shortcuts(output)),
    }


def _shortcuts(output: Path) -> Iterator[dict[str, str]]:
    for app, name in (("lab", "JupyterLab"), ("notebooks", "Notebook"), ("repl", "Console")):
        if (output / app / "index.html").is_file():
            yield {"name": name, "url": f"./{app}/index.html"}
