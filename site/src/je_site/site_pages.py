"""Puts the landing page into a site, and scripts into JupyterLite's own pages.

The landing page is ``je/index.html``; its files have names that change with their content, under
``static/je-kernel/``. JupyterLite's own pages get a script that leads
``…/lab/index.html?notebook=<id>`` to the landing page, and one that prepares the page before
JupyterLite runs (``lab_page/``). Files of the deployer stay unchanged: a page that does not start
JupyterLite, and a ``je/index.html`` that is not from an earlier build.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from je_site.bundle import bundle, bundle_script
from je_site.cache import sha256_of, write_if_changed
from je_site.distribution import STATIC
from je_site.site_record import read_record, write_record

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from je_site.progress import Reporter

__all__ = ["LANDING", "PageOptions", "install_pages"]

#: The landing page, from the root of the site.
LANDING = "je/index.html"

_SOURCES = Path(__file__).with_name("pages")
_ASSETS = f"{STATIC}/pages-"
#: Scripts of JupyterLite's pages, by the names of their elements, in that order.
_SCRIPTS = {
    "page": Path(__file__).with_name("lab_page") / "main.js",
    "offline": Path(__file__).with_name("offline") / "page.js",
    "lessons": Path(__file__).with_name("offline") / "lessons.js",
}
#: Scripts of a site that is available offline.
_OFFLINE = ("offline", "lessons")
_DIGITS = 10

#: The applications that open notebooks, the best first, and all folders that may get a link.
_APPS = ("lab", "notebooks")
_LINKED = (".", "lab", "notebooks", "tree")

_HEAD = re.compile(r"<head(?:\s[^<>]*+)?>", re.IGNORECASE)
_TAG = re.compile(
    r"(?:\n *+)?+<script "
    r"(?=[^<>]*data-je-kernel=\"(?:links|lessons|offline|page)\")[^<>]*+></script>"
)
#: Texts in every page of JupyterLite's.
_STARTS_JUPYTERLITE = ("jupyter-config-data", "config-utils.js")

_EXPOSE = "exposeAppInBrowser"
_NOTEBOOK_SETTINGS = "@jupyterlab/notebook-extension:tracker"


@dataclass(frozen=True)
class PageOptions:
    """The options of a deployer: see `je_site.addon.JeKernelAddon`.

    Attributes
    ----------
    pages, front_page, expose_app, offline
        See `je_site.addon.JeKernelAddon`.
    """

    pages: bool = True
    front_page: bool = False
    expose_app: bool = True
    offline: bool = True


def install_pages(output: Path, options: PageOptions, reporter: Reporter) -> None:
    """Put the pages into a site, or remove them.

    It can be called again for the same site, with the same or other options.

    Parameters
    ----------
    output
        Root of a site that JupyterLite has built.
    options
        The options of the deployer.
    reporter
        Where to warn.
    """
    _expose_application(output, wanted=options.expose_app)
    _set_notebook_defaults(output)
    apps = [app for app in _APPS if (output / app / "index.html").is_file()]
    scripts = {
        name: _place_script(output, name)
        for name in _SCRIPTS
        if options.offline or name not in _OFFLINE
    }
    if options.pages and apps:
        assets = _place_assets(output)
        _write_landing(output, assets, apps, scripts, reporter)
    else:
        assets = None
        _remove_landing(output)
    _put_scripts(output, scripts, assets, options)
    _prune(output, scripts, assets)


def _place_script(output: Path, name: str) -> str:
    """Copy a script for JupyterLite's pages; return its path, from the root of the site."""
    script = bundle_script(_SCRIPTS[name]).encode()
    path = f"{STATIC}/{name}-{hashlib.sha256(script).hexdigest()[:_DIGITS]}.js"
    write_if_changed(output / path, script)
    return path


def _place_assets(output: Path) -> str:
    """Copy the files of the landing page; return their folder, from the root of the site."""
    names = {path.name for path in _SOURCES.iterdir()} - {Path(LANDING).name}
    assets = {name: _asset(_SOURCES / name, names) for name in sorted(names)}
    digest = hashlib.sha256()
    for name, content in assets.items():
        digest.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    folder = f"{_ASSETS}{digest.hexdigest()[:_DIGITS]}"
    for name, content in assets.items():
        write_if_changed(output / folder / name, content)
    return folder


def _asset(path: Path, names: Container[str]) -> bytes:
    return bundle(path, beside=names).encode() if path.suffix == ".js" else path.read_bytes()


def _write_landing(
    output: Path, assets: str, apps: list[str], scripts: Mapping[str, str], reporter: Reporter
) -> None:
    page = output / LANDING
    if page.is_file() and not _is_ours(output, page):
        reporter.warn(f"{LANDING} is not the one that je-kernel wrote; it stays as it is.")
        return
    text = (_SOURCES / page.name).read_text(encoding="utf-8")
    filled = text.replace("{assets}", f"../{assets}").replace("{apps}", html.escape(" ".join(apps)))
    tag = _tag("offline", f"../{scripts['offline']}") if "offline" in scripts else ""
    filled = filled.replace("{offline}", tag.strip())
    write_if_changed(page, filled.encode())
    write_record(output, "pages", {LANDING: sha256_of(page)})


def _remove_landing(output: Path) -> None:
    page = output / LANDING
    if page.is_file() and _is_ours(output, page):
        page.unlink()
        if not any(page.parent.iterdir()):
            page.parent.rmdir()
    write_record(output, "pages", {})


def _is_ours(output: Path, page: Path) -> bool:
    return read_record(output, "pages").get(LANDING) == sha256_of(page)


def _put_scripts(
    output: Path, scripts: Mapping[str, str], assets: str | None, options: PageOptions
) -> None:
    """Put script elements into JupyterLite's pages, in place of those of earlier builds."""
    for page in sorted([*output.glob("index.html"), *output.glob("*/index.html")]):
        text = page.read_text(encoding="utf-8")
        if not all(mark in text for mark in _STARTS_JUPYTERLITE):
            continue
        folder = page.parent.relative_to(output).as_posix()
        root = "." if folder == "." else ".."
        tags = [_tag(name, f"{root}/{script}") for name, script in scripts.items()]
        if assets is not None and folder in _LINKED:
            front = " data-front" if folder == "." and options.front_page else ""
            tags.append(_tag("links", f"{root}/{assets}/links.js", front))
        write_if_changed(page, _with_tags(text, tags).encode())


def _tag(name: str, source: str, more: str = "") -> str:
    return f'\n    <script src="{source}" data-je-kernel="{name}"{more}></script>'


def _with_tags(text: str, tags: list[str]) -> str:
    bare = _TAG.sub("", text)
    head = _HEAD.search(bare)
    if head is None:
        return bare
    return bare[: head.end()] + "".join(tags) + bare[head.end() :]


def _prune(output: Path, scripts: Mapping[str, str], assets: str | None) -> None:
    """Remove files of earlier builds, except those that a page of the deployer uses."""
    kept = {output / script for script in scripts.values()}
    for name in _SCRIPTS:
        for other in output.glob(f"{STATIC}/{name}-{'?' * _DIGITS}.js"):
            if other not in kept:
                other.unlink()
    page = output / LANDING
    used = page.read_text(encoding="utf-8") if page.is_file() else ""
    for folder in output.glob(f"{_ASSETS}*"):
        name = folder.relative_to(output).as_posix()
        if name != assets and name not in used:
            shutil.rmtree(folder)


def _expose_application(output: Path, *, wanted: bool) -> None:
    """Set whether pages expose their application, unless the deployer has set it."""
    path = output / "jupyter-lite.json"
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    said = config.setdefault("jupyter-config-data", {})
    ours = _EXPOSE not in said or (
        said[_EXPOSE] is True and bool(read_record(output, "application").get(_EXPOSE))
    )
    if not ours:
        write_record(output, "application", {})
        return
    if wanted:
        said[_EXPOSE] = True
    else:
        said.pop(_EXPOSE, None)
    write_record(output, "application", {_EXPOSE: True} if wanted else {})
    write_if_changed(path, json.dumps(config, indent=2, sort_keys=True).encode())


def _set_notebook_defaults(output: Path) -> None:
    """Set defaults for the kernels of notebooks. The deployer's settings take precedence.

    A notebook that names another kernel, or none, opens with the site's: otherwise JupyterLab
    asks a question that a student cannot answer. The kernel of a closed notebook ends: otherwise
    JupyterLab keeps it, and all of its memory.
    """
    path = output / "jupyter-lite.json"
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    overrides = config.setdefault("jupyter-config-data", {}).setdefault("settingsOverrides", {})
    notebooks = overrides.setdefault(_NOTEBOOK_SETTINGS, {})
    for setting in ("autoStartDefaultKernel", "kernelShutdown"):
        notebooks.setdefault(setting, True)
    write_if_changed(path, json.dumps(config, indent=2, sort_keys=True).encode())
