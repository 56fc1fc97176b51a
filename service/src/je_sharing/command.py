"""The command `je-sharing`."""

import argparse
import asyncio
import contextlib
import logging
import sys
from collections.abc import Sequence

import uvicorn

from je_sharing.connections import limited_protocol
from je_sharing.database import Database, check_schema, migrate
from je_sharing.logs import log_as_json
from je_sharing.services import assemble
from je_sharing.settings import Settings
from je_sharing.signing_keys import add_key, drop_all_keys

_KEEP_ALIVE_SECONDS = 30
# Importing the application takes longer than uvicorn's 5 seconds on a busy machine.
_WORKER_START_SECONDS = 60
# Databases, contents, uploads.
_OTHER_FILES = 1000
_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments
        As on the command line, without the program's name.

    Returns
    -------
    int
        The exit status.
    """
    parser = _parser()
    chosen = parser.parse_args(arguments)
    settings = Settings()
    log_as_json(settings.log_level)
    if chosen.command == "serve":
        return _serve(settings, chosen)
    if chosen.command == "migrate":
        migrate(settings)
    elif chosen.command == "rotate-keys":
        asyncio.run(_rotate_keys(settings, at_once=chosen.at_once))
    else:
        asyncio.run(_sweep(settings))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="je-sharing",
        description="The sharing service of je-kernel. Its settings are JE_SHARING_* variables.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run the service")
    serve.add_argument("--host", help="address to listen on (JE_SHARING_HOST)")
    serve.add_argument("--port", type=int, help="port to listen on (JE_SHARING_PORT)")
    serve.add_argument("--workers", type=int, help="processes to run (JE_SHARING_WORKERS)")
    commands.add_parser("migrate", help="bring the database's schema up to date")
    rotate = commands.add_parser("rotate-keys", help="sign new tokens with a new key")
    rotate.add_argument(
        "--at-once",
        action="store_true",
        help="drop the old keys now, which ends every session; for when a key has leaked",
    )
    commands.add_parser("sweep", help="remove what has expired, now")
    return parser


def _allow_open_files(number: int) -> None:
    """Raise the limit of open files for this process and its children, as far as allowed."""
    with contextlib.suppress(ImportError, ValueError):  # not on Windows
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = number if hard == resource.RLIM_INFINITY else min(number, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _serve(settings: Settings, chosen: argparse.Namespace) -> int:
    _allow_open_files(settings.max_connections + _OTHER_FILES)
    if settings.migrates_on_serve:
        migrate(settings)
    else:
        check_schema(settings)
    uvicorn.run(
        "je_sharing.app:app_from_environment",
        factory=True,
        http=limited_protocol(settings),
        host=chosen.host or settings.host,
        port=settings.port if chosen.port is None else chosen.port,
        workers=chosen.workers or settings.workers,
        # Our access log has operations; uvicorn's has paths, which contain readable ids.
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_worker_healthcheck=_WORKER_START_SECONDS,
        limit_concurrency=settings.max_connections,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
    )
    return 0


async def _rotate_keys(settings: Settings, *, at_once: bool) -> None:
    if settings.signing_keys.get_secret_value():
        sys.exit("The keys are set by JE_SHARING_SIGNING_KEYS: put the new one first there.")
    database = Database(settings)
    try:
        dropped = await drop_all_keys(database) if at_once else 0
        name = await add_key(database)
    finally:
        await database.close()
    _log.info("added signing key %s, dropped %d", name, dropped)


async def _sweep(settings: Settings) -> None:
    database = Database(settings)
    try:
        swept = await (await assemble(settings, database)).sweep.sweep()
    finally:
        await database.close()
    _log.info("swept %d notebooks, %d contents", swept.notebooks, swept.contents)
