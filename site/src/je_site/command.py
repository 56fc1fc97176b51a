"""The command ``je-kernel``: builds, locks, serves and checks a site, and assembles Pyodide."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from je_site.errors import SiteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from je_site.build import BuildOptions
    from je_site.server import Sharing, SiteServer

__all__ = ["main"]

_OUTPUT = "_output"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments
        Its arguments; by default those of `sys.argv`.

    Returns
    -------
    int
        0, or 1 after an error, which is printed as one sentence, or when a checked lesson
        does not run.
    """
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int | None] = options.run
    try:
        return run(options) or 0
    except SiteError as error:
        sys.stderr.write(f"je-kernel: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("je-kernel: stopped; what is whole is kept.\n")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="je-kernel", description="Build and serve a JupyterLite site with je-kernel in it."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    build = commands.add_parser("build", help="build a complete site")
    _add_output(build)
    _add_build_options(build)
    build.set_defaults(run=_build)

    lock = commands.add_parser(
        "lock", help="state, in je-kernel.lock, the packages that lessons need and a site lacks"
    )
    lock.add_argument(
        "--update", action="store_true", help="take the newest versions of what is locked already"
    )
    _add_build_options(lock)
    lock.set_defaults(run=_lock)

    serve = commands.add_parser("serve", help="serve a site, built first if needed")
    _add_output(serve)
    serve.add_argument("--port", type=int, default=8000, help="(default: %(default)s)")
    serve.add_argument("--host", default="127.0.0.1", help="(default: %(default)s)")
    serve.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="further name that the site is reached by, as through a proxy; may be repeated",
    )
    serve.add_argument(
        "--open",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="open the site in a browser (default: yes)",
    )
    serve.add_argument(
        "--isolated",
        action="store_true",
        help="send the headers that make pages cross-origin isolated",
    )
    sharing = serve.add_argument_group("sharing notebooks")
    sharing.add_argument(
        "--sharing",
        action=argparse.BooleanOptionalAction,
        help="run the sharing service beside the site (default: if je-sharing is installed)",
    )
    sharing.add_argument(
        "--sharing-url",
        type=_http_url,
        metavar="URL",
        help="share by this service instead of running one",
    )
    _add_build_options(serve)
    serve.set_defaults(run=_serve)

    check = commands.add_parser("check", help="run lessons in a site, and say what does not run")
    check.add_argument("lessons", type=Path, help="folder of lessons, or one notebook")
    check.add_argument(
        "--fast",
        action="store_true",
        help="only read the lessons: in seconds, without a browser, and less sure",
    )
    check.add_argument(
        "--offline", action="store_true", help="let lessons reach no host but this machine"
    )
    check.add_argument(
        "--cell-seconds",
        type=float,
        default=120.0,
        metavar="SECONDS",
        help="how long one cell may take (default: %(default)g)",
    )
    check.add_argument(
        "--jobs",
        type=_positive_integer,
        default=1,
        metavar="N",
        help="how many folders of lessons to run at the same time (default: %(default)s)",
    )
    check.add_argument(
        "--json", type=Path, metavar="FILE", help="also write the report as JSON into this file"
    )
    check.add_argument(
        "--output", type=Path, metavar="DIR", help="where to build the site (default: a cache)"
    )
    _add_build_options(check, with_contents=False)
    check.set_defaults(run=_check)

    assemble = commands.add_parser(
        "assemble", help="fetch Pyodide and the wheels into the cache, and build no site"
    )
    assemble.add_argument(
        "--dist", type=Path, metavar="DIR", help="also write them flat into this folder"
    )
    assemble.add_argument(
        "--with-tests", action="store_true", help="add what tests inside Pyodide need"
    )
    assemble.add_argument(
        "--no-compile", action="store_true", help="do not compile Python ahead of time"
    )
    assemble.set_defaults(run=_assemble)
    return parser


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(_OUTPUT),
        metavar="DIR",
        help="folder of the site (default: %(default)s)",
    )


def _add_build_options(parser: argparse.ArgumentParser, *, with_contents: bool = True) -> None:
    group = parser.add_argument_group("what the site is built of")
    if with_contents:
        group.add_argument(
            "--contents",
            type=Path,
            action="append",
            metavar="PATH",
            help="file or folder for the site's file browser; may be repeated (default: the demo)",
        )
    group.add_argument(
        "--pyodide",
        choices=("local", "cdn"),
        help="who serves Pyodide: the site itself, or its usual place (default: local)",
    )
    group.add_argument(
        "--env",
        type=_env_variable,
        action="append",
        metavar="NAME=VALUE",
        help="environment variable of the kernel; may be repeated",
    )
    group.add_argument(
        "--package",
        action="append",
        metavar="REQUIREMENT",
        help="further package for the site, such as 'plotly>=6'; may be repeated",
    )
    group.add_argument(
        "--wheel", type=Path, action="append", metavar="PATH", help="further wheel to serve"
    )
    group.add_argument(
        "--lock",
        type=Path,
        metavar="FILE",
        help="the site's own lock (default: je-kernel.lock in --lite-dir or --contents)",
    )
    group.add_argument(
        "--preload",
        action="append",
        metavar="NAME",
        help="package of the site that every kernel loads as it starts; may be repeated",
    )
    group.add_argument(
        "--pypi",
        action=argparse.BooleanOptionalAction,
        help="whether %%pip install may ask PyPI (default: only with --pyodide cdn)",
    )
    group.add_argument(
        "--lite-dir",
        type=Path,
        metavar="DIR",
        help="JupyterLite project whose configuration and files the site should have",
    )
    group.add_argument(
        "--front-page",
        action=argparse.BooleanOptionalAction,
        help="whether our landing page is the site's front page (default: without --lite-dir)",
    )
    group.add_argument(
        "--snapshot",
        action=argparse.BooleanOptionalAction,
        help="whether kernels start from a memory snapshot, made with Node (default: yes)",
    )
    group.add_argument(
        "--snapshot-package",
        action="append",
        metavar="NAME",
        help="package that a larger snapshot has imported (default: numpy and pandas); may be "
        "repeated",
    )
    group.add_argument(
        "--no-snapshot-packages",
        action="store_const",
        const=[],
        dest="snapshot_package",
        help="make no larger snapshot",
    )
    if with_contents:
        group.add_argument(
            "--offline",
            dest="available_offline",
            action=argparse.BooleanOptionalAction,
            help="whether what was used of the site works without a network (default: yes)",
        )
    else:  # `check --offline` has another meaning.
        parser.set_defaults(available_offline=None)


def _env_variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _positive_integer(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return int(text)


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError(f"{text!r} does not begin with http:// or https://")
    return text


def _build_options(options: argparse.Namespace) -> BuildOptions | None:
    """Return the options of the command line; None if it has none."""
    from je_site.build import BuildOptions

    given = (
        *(options.contents, options.pyodide, options.env, options.package, options.wheel),
        *(options.pypi, options.lite_dir, options.front_page, options.preload, options.lock),
        *(options.snapshot, options.snapshot_package, options.available_offline),
    )
    if all(value is None for value in given):
        return None
    return BuildOptions(
        contents=options.contents,
        pyodide=options.pyodide,
        env=dict(options.env or ()),
        packages=options.package or (),
        wheels=tuple(options.wheel or ()),
        pypi=options.pypi,
        lite_dir=options.lite_dir,
        front_page=options.front_page,
        preload=options.preload or (),
        lock=options.lock,
        snapshot=options.snapshot,
        snapshot_packages=options.snapshot_package,
        offline=options.available_offline,
    )


def _build(options: argparse.Namespace) -> None:
    from je_site.build import BuildOptions, build_site

    build_site(options.output, _build_options(options) or BuildOptions())
    size = sum(path.stat().st_size for path in options.output.rglob("*") if path.is_file())
    print(
        f"Built {options.output} ({size / 1e6:.0f} MB). "
        f"Serve it with: je-kernel serve --output {options.output}"
    )


def _check(options: argparse.Namespace) -> int:
    from je_site.build import BuildOptions
    from je_site.check.report import as_json, show
    from je_site.check.runner import check_lessons, check_lessons_fast

    options.contents = None
    site = _build_options(options) or BuildOptions()
    if options.fast:
        verdicts = check_lessons_fast(options.lessons, site)
        show(verdicts, "lessons have nothing in them that is known to fail")
    else:
        verdicts = check_lessons(
            options.lessons,
            site,
            output=options.output,
            offline=options.offline,
            cell_seconds=options.cell_seconds,
            jobs=options.jobs,
        )
        show(verdicts)
    if options.json is not None:
        options.json.write_text(as_json(verdicts), encoding="utf-8")
    return int(any(verdict.is_failure for verdict in verdicts))


def _lock(options: argparse.Namespace) -> None:
    from je_site.errors import LockError
    from je_site.lesson_packages import lock_site
    from je_site.progress import counted, progress_reporter

    site = _build_options(options)
    path = None if site is None else site.site_lock_path
    if site is None or path is None:
        raise LockError("There is nothing to lock: name the lessons with --contents.")
    with progress_reporter() as reporter:
        site_lock = lock_site(path, site.needs, reporter, update=options.update)
    print(f"{path} states {counted(site_lock.wheels)}. Keep it beside the lessons; builds take it.")


def _serve(options: argparse.Namespace) -> None:
    from je_site.build import build_if_needed
    from je_site.server import SiteServer

    # The port first: a port in use is reported before the build.
    root = options.output.resolve()
    server = SiteServer(
        root,
        host=options.host,
        port=options.port,
        isolated=options.isolated,
        allowed_hosts=options.allow_host,
    )
    with contextlib.ExitStack() as stack:
        stack.callback(server.close)
        build_if_needed(options.output, _build_options(options))
        server.sharing = stack.enter_context(_sharing(options, root))
        print(f"Serving {options.output} at {server.url} (Ctrl-C stops it)", flush=True)
        if options.open:
            webbrowser.open(server.url)
        with _stop_on_signals(server):
            server.run()


@contextlib.contextmanager
def _sharing(options: argparse.Namespace, root: Path) -> Iterator[Sharing | None]:
    """Run the sharing service of the site while a block runs, or name another."""
    from je_site.errors import ServeError
    from je_site.server import Sharing
    from je_site.sharing_service import SharingService, data_folder, is_installed
    from je_site.site_kernel import env_of_site

    if options.sharing and not is_installed():
        raise ServeError("There is no sharing service to run: pip install je-sharing.")
    configured = env_of_site(root).get("JE_KERNEL_SHARING_URL")
    if options.sharing_url is not None:
        yield Sharing(url=options.sharing_url)
    elif options.sharing is False or not is_installed():
        yield None
    elif configured and not options.sharing:
        print(f"Notebooks are shared by {configured}, as the site says.", flush=True)
        yield None
    else:
        service = SharingService(data_folder(), _print_error)
        service.start()
        try:
            service.wait_until_ready()
            print(f"What is shared is kept in {service.data}", flush=True)
            yield Sharing(port=service.port)
        finally:
            service.stop()


def _print_error(text: str) -> None:
    sys.stderr.write(f"je-kernel: {text}\n")
    sys.stderr.flush()


@contextlib.contextmanager
def _stop_on_signals(server: SiteServer) -> Iterator[None]:
    """Stop the server on SIGINT and SIGTERM, which is no error."""

    def stop(*_: object) -> None:
        server.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _assemble(options: argparse.Namespace) -> None:
    from je_site.assembly import assemble
    from je_site.cache import cache_folder
    from je_site.distribution import write_flat
    from je_site.lock import read_lock
    from je_site.progress import progress_reporter

    lock = read_lock()
    with progress_reporter() as reporter:
        core, packages = assemble(
            lock, reporter, with_tests=options.with_tests, compiled=not options.no_compile
        )
        if options.dist is not None:
            write_flat(options.dist, lock.core, core, packages)
    place = options.dist if options.dist is not None else cache_folder()
    print(f"Pyodide {lock.core.version} and {len(packages)} packages are in {place}.")


if __name__ == "__main__":
    sys.exit(main())
