"""The command `je-sharing`: serve, migrate, sweep, moderate, back up and restore."""

import argparse
import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict

import msgspec
import uvicorn

from je_sharing.connections import limited_protocol
from je_sharing.database import Database, check_schema, migrate
from je_sharing.logs import log_as_json
from je_sharing.metrics import shared_by_workers
from je_sharing.moderation import Moderation, UnknownNotebookError
from je_sharing.services import Services, assemble
from je_sharing.settings import Settings
from je_sharing.signing_keys import add_key, drop_all_keys
from je_sharing.times import parse_time
from je_sharing.transfer import TransferError, deployment, transfer

_KEEP_ALIVE_SECONDS = 30
# Importing the application takes longer than uvicorn's 5 seconds on a busy machine.
_WORKER_START_SECONDS = 60
# Their output is text for the operator.
_MODERATION_COMMANDS = ("list", "delete", "block", "unblock")
_TRANSFER_COMMANDS = ("backup", "restore", "copy")
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
    prints = chosen.command in (*_MODERATION_COMMANDS, *_TRANSFER_COMMANDS)
    log_as_json("WARNING" if prints else settings.log_level)
    if chosen.command == "serve":
        return _serve(settings, chosen)
    if chosen.command == "migrate":
        migrate(settings)
    elif chosen.command == "rotate-keys":
        asyncio.run(_rotate_keys(settings, at_once=chosen.at_once))
    elif chosen.command == "sweep":
        asyncio.run(_sweep(settings))
    elif chosen.command in _TRANSFER_COMMANDS:
        return _transfer(settings, chosen)
    else:
        check_schema(settings)
        asyncio.run(_moderate(settings, chosen))
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
    _add_moderation(commands)
    _add_transfers(commands)
    return parser


def _add_moderation(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    listing = commands.add_parser("list", help="list notebooks, those shared last first")
    listing.add_argument(
        "--since", type=parse_time, default=0, help="a day or time (ISO 8601, UTC): none before"
    )
    listing.add_argument("--limit", type=int, default=100, help="how many at most (100)")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    for name, text in {
        "delete": "delete a notebook, its history and its content",
        "block": "take a notebook down: nobody can read it or share its content again",
        "unblock": "undo `block`",
    }.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("notebook", metavar="ID", help="its readable id, UUID or link")


def _add_transfers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    backup = commands.add_parser("backup", help="copy everything to a folder")
    backup.add_argument("folder", help="an empty folder, or one of an interrupted backup")
    restore = commands.add_parser("restore", help="copy a backup to an empty database and store")
    restore.add_argument("folder", help="the folder of the backup")
    copy = commands.add_parser("copy", help="copy everything to another database and store")
    for name in ("from", "to"):
        copy.add_argument(
            f"--{name}",
            dest=f"{name}_database",
            required=name == "to",
            metavar="URL",
            help="a database's URL, or a folder with SQLite and the notebooks"
            + (" (the settings')" if name == "from" else ""),
        )
        copy.add_argument(
            f"--{name}-storage",
            default="",
            metavar="URL",
            help="where the notebooks are: s3://bucket/prefix, or a folder",
        )
    copy.add_argument(
        "--contents-only",
        action="store_true",
        help="copy no rows yet: for a first run while the service is still used",
    )


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
    workers = chosen.workers or settings.workers
    with shared_by_workers() if workers > 1 else contextlib.nullcontext():
        uvicorn.run(
            "je_sharing.app:app_from_environment",
            factory=True,
            http=limited_protocol(settings),
            host=chosen.host or settings.host,
            port=settings.port if chosen.port is None else chosen.port,
            workers=workers,
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


def _transfer(settings: Settings, chosen: argparse.Namespace) -> int:
    source = target = settings
    contents_only = False
    try:
        if chosen.command == "backup":
            # In it are the keys that sign tokens.
            os.umask(0o077)
            target = deployment(settings, chosen.folder)
        elif chosen.command == "restore":
            source = deployment(settings, chosen.folder)
        else:
            contents_only = chosen.contents_only
            target = deployment(settings, chosen.to_database, chosen.to_storage)
            if chosen.from_database:
                source = deployment(settings, chosen.from_database, chosen.from_storage)
        result = transfer(source, target, contents_only=contents_only)
    except TransferError as error:
        sys.exit(str(error))
    print(result)
    return 1 if result.unreadable else 0


@contextlib.asynccontextmanager
async def _assembled(settings: Settings) -> AsyncIterator[Services]:
    """Assemble the parts, without their background work."""
    database = Database(settings)
    try:
        yield await assemble(settings, database)
    finally:
        await database.close()


async def _moderate(settings: Settings, chosen: argparse.Namespace) -> None:
    async with _assembled(settings) as services:
        moderation = Moderation(
            services.database, services.store, services.notebooks, services.sweep
        )
        try:
            if chosen.command == "list":
                for item in await moderation.list_notebooks(since=chosen.since, limit=chosen.limit):
                    print(msgspec.json.encode(asdict(item)).decode() if chosen.json else item)
            elif chosen.command == "delete":
                still_used = await moderation.delete(chosen.notebook)
                print(_deleted(services, still_used=still_used))
            elif chosen.command == "block":
                others = await moderation.block(chosen.notebook)
                print(f"Blocked, and {others} other notebooks with the same content.")
            else:
                await moderation.unblock(chosen.notebook)
                print("Unblocked.")
        except UnknownNotebookError as error:
            sys.exit(str(error))


def _deleted(services: Services, *, still_used: bool) -> str:
    if still_used:
        return "Deleted. Content that another notebook has too stays: delete that one as well."
    minutes = round(services.sweep.patience_seconds / 60) + services.settings.sweep_minutes
    return (
        f"Deleted. The content leaves the storage within {minutes} minutes, while the service runs."
    )


async def _sweep(settings: Settings) -> None:
    async with _assembled(settings) as services:
        swept = await services.sweep.sweep()
    _log.info("swept %d notebooks, %d contents", swept.notebooks, swept.contents)
