"""Puts je-kernel into a site, as an addon of ``jupyter lite build``.

Installing je-kernel-site enables it. Its options are traitlets, set in
``jupyter_lite_config.json``::

    {"JeKernelAddon": {"pyodide": "cdn", "env": {"JE_KERNEL_LOG_LEVEL": "info"}}}
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from jupyterlite_core.addons.base import BaseAddon  # type: ignore[import-untyped]
from traitlets import Bool, Dict, Enum, List, Unicode

from je_site.errors import SiteError
from je_site.lesson_packages import SiteNeeds, site_lock_for_build
from je_site.offline import install_offline
from je_site.old_notebooks import upgrade_notebooks
from je_site.progress import progress_reporter
from je_site.site_kernel import KernelOptions, check, install
from je_site.site_lock import LOCK_NAME
from je_site.site_pages import PageOptions, install_pages
from je_site.web_manifest import install_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyterlite_core.manager import LiteManager  # type: ignore[import-untyped]

    from je_site.progress import Reporter

__all__ = ["ERROR_MARK", "JeKernelAddon"]

#: The prefix of the addon's errors in JupyterLite's log.
ERROR_MARK = "[je-kernel] "

#: Addons that must run before: they write the kernel's settings, and list the front ends.
_BEFORE = ("jupyterlite-pyodide-kernel-", "federated_extensions")


class JeKernelAddon(BaseAddon):  # type: ignore[misc]
    """Adds je-kernel, a lock, and the kernel's settings to a JupyterLite site.

    Attributes
    ----------
    enabled
        Whether to do anything.
    pyodide
        ``local``: Pyodide and every wheel are served by the site itself.
        ``cdn``: Pyodide comes from where JupyterLite has it by default.
        A Pyodide that the deployer configured is left alone in either case.
    packages
        Further packages that the site should have, as pip's requirements:
        ``plotly>=6``. The site's lock states which were found.
    preload
        Packages of the site that every kernel loads as it starts. All others are
        loaded when they are imported.
    lock
        The site's own lock, relative to the lite directory. By default
        ``je-kernel.lock`` there.
    env
        Environment variables of the kernel, ``JE_KERNEL_*`` among them.
    wheels
        Further wheels to serve: paths, relative to the lite directory.
    pypi
        Whether ``%pip install`` may ask PyPI for what the site does not have.
        With a local Pyodide it may not unless this says so, because then a
        student's browser would talk to somebody else than the site.
    compile
        Whether to compile the Python of the wheels ahead of time, with Node.
    snapshot
        Whether to make, with Node, the memory snapshot from which kernels start.
    snapshot_packages
        Packages that a second, larger snapshot has imported as well; an empty list for
        no such snapshot. By default NumPy and pandas, where the site has them. A browser
        fetches it once a kernel has used them, and its kernels start from it then.
    pages
        Whether to add our landing page, ``je/``, and to have links of shared
        notebooks (``lab/index.html?notebook=…``) lead to it.
    front_page
        Whether the landing page is also what the site's own address shows,
        where JupyterLite would lead to its application.
    offline
        Whether browsers keep what was used of the site, so that it works without a
        network from the second visit on.
    expose_app
        Whether JupyterLab shows its application to scripts of its page, unless
        ``jupyter-lite.json`` says so or not. With it, ``share()`` can save a
        notebook that has no name yet.
    """

    __all__: ClassVar[list[str]] = ["status", "post_build", "check"]

    aliases: ClassVar[dict[str, str]] = {"je-kernel-pyodide": "JeKernelAddon.pyodide"}

    enabled = Bool(True, help="whether to put je-kernel into the site").tag(config=True)
    pyodide = Enum(
        ["local", "cdn"], default_value="local", help="who serves Pyodide and the wheels"
    ).tag(config=True)
    packages = List(Unicode(), help="further packages that the site should have").tag(config=True)
    preload = List(Unicode(), help="packages that every kernel loads as it starts").tag(config=True)
    lock = Unicode(LOCK_NAME, help="the site's own lock, relative to lite_dir").tag(config=True)
    env = Dict(
        key_trait=Unicode(), value_trait=Unicode(), help="environment variables of the kernel"
    ).tag(config=True)
    wheels = List(Unicode(), help="further wheels to serve, relative to lite_dir").tag(config=True)
    pypi = Bool(
        None, allow_none=True, help="whether %pip install may ask PyPI (default: only with cdn)"
    ).tag(config=True)
    compile = Bool(True, help="whether to compile Python ahead of time, with Node").tag(config=True)

    snapshot = Bool(True, help="whether to make the memory snapshot, with Node").tag(config=True)
    snapshot_packages = List(
        Unicode(),
        None,
        allow_none=True,
        help="packages that a larger snapshot has imported as well (default: numpy, pandas)",
    ).tag(config=True)

    pages = Bool(True, help="whether to add the landing page and links of shared notebooks").tag(
        config=True
    )
    front_page = Bool(False, help="whether the landing page is the site's front page").tag(
        config=True
    )
    offline = Bool(True, help="whether the site works without a network once it was used").tag(
        config=True
    )
    expose_app = Bool(
        True, help="whether scripts of the page can reach JupyterLab, unless said elsewhere"
    ).tag(config=True)

    def status(self, manager: LiteManager) -> Iterator[dict[str, Any]]:  # noqa: ARG002
        """Print what a build would do."""
        yield self.task(
            name="je-kernel", actions=[lambda: print(f"    je-kernel: {self._summary()}")]
        )

    def post_build(self, manager: LiteManager) -> Iterator[dict[str, Any]]:
        """Install je-kernel, after the kernel's own addons.

        The task is never up to date: other addons rewrite ``jupyter-lite.json`` in
        every build. What takes time is kept in the cache, by content.
        """
        if not self.enabled:
            return
        yield self.task(
            name="install",
            doc="add je-kernel, its lock and the kernel's settings",
            actions=[(self._run_action, [self._install])],
            task_dep=list(self._tasks_before(manager)),
            uptodate=[False],
        )
        prefix = manager.task_prefix
        yield self.task(
            name="offline",
            doc="list the files of the site for its service worker",
            actions=[(self._run_action, [self._install_offline])],
            task_dep=[
                f"{prefix}post_build:{prefix}je-kernel:install",
                *self._tasks_before(manager, all_others=True),
            ],
            uptodate=[False],
        )

    def check(self, manager: LiteManager) -> Iterator[dict[str, Any]]:
        """Check that the site has every wheel that its lock names."""
        if self.enabled:
            yield self.task(
                name="lock",
                doc="ensure that the lock names what is in the site",
                actions=[(self._run_action, [check, manager.output_dir])],
            )

    def _tasks_before(self, manager: LiteManager, *, all_others: bool = False) -> Iterator[str]:
        """Name the tasks that write files which the addon changes, or all tasks of others.

        Addons run in the order of their names, in which this one is first.
        """
        prefix = manager.task_prefix
        for name, addon in manager._addons.items():
            before = addon is not self if all_others else name.startswith(_BEFORE)
            if before and "post_build" in addon.__all__:
                for task in addon.post_build(manager):
                    yield f"{prefix}post_build:{prefix}{name}:{task['name']}"

    def _install(self) -> None:
        with progress_reporter() as reporter:
            install(self.manager.output_dir, self._options(reporter), reporter)
            pages = PageOptions(self.pages, self.front_page, self.expose_app, self.offline)
            install_pages(self.manager.output_dir, pages, reporter)
            install_manifest(self.manager.output_dir)
            upgrade_notebooks(self.manager.output_dir, reporter)

    def _install_offline(self) -> None:
        """Make the site available offline, after all files are written."""
        with progress_reporter() as reporter:
            install_offline(self.manager.output_dir, reporter, wanted=self.offline)

    def _run_action(self, action: Callable[..., None], *arguments: Any) -> bool:
        """Run an action; log its error, and return whether it succeeded, as doit expects."""
        try:
            action(*arguments)
        except SiteError as error:
            self.log.error("%s%s", ERROR_MARK, error)
            return False
        return True

    def _options(self, reporter: Reporter) -> KernelOptions:
        lite_dir = self.manager.lite_dir
        wheels = tuple((lite_dir / wheel).resolve() for wheel in self.wheels)
        lessons = (*map(Path, self.manager.contents), lite_dir / "files")
        needs = SiteNeeds(
            lessons=tuple(path.resolve() for path in lessons if path.exists()),
            requested=tuple(self.packages),
            wheels=wheels,
        )
        return KernelOptions(
            pyodide="cdn" if self.pyodide == "cdn" else "local",
            preload=tuple(self.preload),
            env=dict(self.env),
            wheels=wheels,
            pypi=self.pypi,
            compiled=self.compile,
            snapshot=self.snapshot,
            snapshot_packages=self.snapshot_packages,
            site_lock=site_lock_for_build(lite_dir / self.lock, needs, reporter),
        )

    def _summary(self) -> str:
        return f"{self.pyodide} Pyodide" if self.enabled else "disabled"
