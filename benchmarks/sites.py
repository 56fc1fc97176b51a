"""The sites that benchmarks compare, really built, and the browser that opens them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from je_site.assembly import assemble
from je_site.build import build
from je_site.distribution import write_flat
from je_site.lock import read_lock
from je_site.progress import progress_reporter

__all__ = ["CHROMIUM", "CHROMIUM_FLAGS", "CONTENTS", "build_ours", "build_stock", "write_pyodide"]

CHROMIUM = shutil.which("chromium") or "chromium"
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

CONTENTS = Path(__file__).parents[1] / "site" / "content"

# What the kernel of stock JupyterLite, and `%pip install`, would fetch from a package index.
_FROM_AN_INDEX = (
    "comm",
    "pyodide-http",
    "requests",
    "urllib3",
    "certifi",
    "idna",
    "charset-normalizer",
)


def build_ours(folder: Path, contents: Path = CONTENTS, *, snapshot: bool = True) -> Path:
    """Build a site with je-kernel, as ``je-kernel build`` does."""
    lite_dir = _lite_dir(folder)
    return build(folder / "site", contents=[contents], lite_dir=lite_dir, snapshot=snapshot)


def build_stock(folder: Path, contents: Path = CONTENTS) -> Path:
    """Build a stock JupyterLite with the same Pyodide and the same wheels beside it.

    The wheels are as they were published, and the kernel finds what it would ask a
    package index for on its own origin.
    """
    with progress_reporter() as reporter:
        lock = read_lock()
        core, packages = assemble(lock, reporter, compiled=False)
    lite_dir = _lite_dir(
        folder,
        settings={"disablePyPIFallback": True},
        build={
            "LiteBuildConfig": {"contents": [str(contents)], "disable_addons": ["je-kernel"]},
            "PipliteAddon": {
                "piplite_urls": [str(p.path) for p in packages if p.name in _FROM_AN_INDEX]
            },
        },
    )
    # JupyterLite serves a Pyodide that lies here.
    write_flat(lite_dir / "static" / "pyodide", lock.core, core, packages)
    site = folder / "site"
    subprocess.run(
        [sys.executable, "-m", "jupyterlite_core", "build", "--output-dir", str(site)],
        cwd=lite_dir,
        check=True,
        capture_output=True,
    )
    return site


def write_pyodide(folder: Path) -> Path:
    """Write a whole Pyodide with je-kernel into a folder, as bare pages load it."""
    lock = read_lock()
    with progress_reporter() as reporter:
        core, packages = assemble(lock, reporter)
    write_flat(folder, lock.core, core, packages)
    return folder


def _lite_dir(
    folder: Path, *, settings: dict[str, object] | None = None, build: object = None
) -> Path:
    """Make a JupyterLite project whose page lets a script drive it."""
    lite_dir = folder / "lite"
    lite_dir.mkdir(parents=True)
    plugins = {"@jupyterlite/pyodide-kernel-extension:kernel": settings or {}}
    config = {"exposeAppInBrowser": True, "litePluginSettings": plugins}
    (lite_dir / "jupyter-lite.json").write_text(
        json.dumps({"jupyter-lite-schema-version": 0, "jupyter-config-data": config})
    )
    if build is not None:
        (lite_dir / "jupyter_lite_config.json").write_text(json.dumps(build))
    return lite_dir
