"""Load, add and remove the keys that sign tokens."""

import itertools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import delete, select

from je_sharing.database import Database
from je_sharing.schema import now, signing_keys
from je_sharing.settings import Settings

RELOAD_SECONDS = 60
_SECOND = 1_000_000
_SECRET_BYTES = 32
_MIN_SECRET_BYTES = 32


@dataclass(frozen=True)
class KeyRing:
    """The keys a process knows.

    Parameters
    ----------
    signing
        Name of the key new tokens are signed with.
    secrets
        Every key that still verifies, by name.
    """

    signing: str
    secrets: Mapping[str, bytes]


def ring_from_setting(text: str) -> KeyRing:
    """Parse the keys of the setting.

    Parameters
    ----------
    text
        `name:secret,name:secret`; the first signs, all verify.

    Returns
    -------
    KeyRing
        The keys.

    Raises
    ------
    ValueError
        When an item is not `name:secret`, or a secret is shorter than 32 bytes.

    Examples
    --------
    >>> ring_from_setting("new:" + "x" * 32 + ",old:" + "y" * 32).signing
    'new'
    """
    found: dict[str, bytes] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, separator, secret = item.partition(":")
        if not separator or not name:
            raise ValueError("JE_SHARING_SIGNING_KEYS must be name:secret,name:secret")
        if len(secret.encode()) < _MIN_SECRET_BYTES:
            raise ValueError(
                f"The signing key {name!r} is too short: HS256 wants {_MIN_SECRET_BYTES} bytes. "
                "Make one with `openssl rand -hex 32`."
            )
        found[name] = secret.encode()
    return KeyRing(next(iter(found)), found)


async def load_ring(database: Database, settings: Settings) -> KeyRing:
    """Load the keys; create the first one if there is none.

    Parameters
    ----------
    database
        Where the keys are when no setting names them.
    settings
        May name the keys itself.

    Returns
    -------
    KeyRing
        Its signing key is the newest that every process has had time to load.
    """
    configured = settings.signing_keys.get_secret_value()
    if configured:
        return ring_from_setting(configured)
    found = await _stored_keys(database)
    if not found:
        await add_key(database, only_first=True)
        found = await _stored_keys(database)
    settled = [name for name, _, created in found if created < now() - 2 * RELOAD_SECONDS * _SECOND]
    signing = settled[-1] if settled else found[0][0]
    return KeyRing(signing, {name: secret for name, secret, _ in found})


async def _stored_keys(database: Database) -> list[tuple[str, bytes, int]]:
    query = select(signing_keys.c.name, signing_keys.c.secret, signing_keys.c.created_at).order_by(
        signing_keys.c.created_at, signing_keys.c.name
    )
    async with database.read() as connection:
        return [(row.name, row.secret, row.created_at) for row in await connection.execute(query)]


async def add_key(database: Database, *, only_first: bool = False) -> str:
    """Store a new signing key.

    Parameters
    ----------
    database
        Where it is stored.
    only_first
        Give it the first key's fixed name, so that of several processes starting at once on an
        empty database one wins and the others take the winner's key.

    Returns
    -------
    str
        The key's name.
    """
    name = "first" if only_first else secrets.token_hex(4)
    statement = database.insert(signing_keys).values(
        name=name, secret=secrets.token_bytes(_SECRET_BYTES), created_at=now()
    )
    async with database.write() as connection:
        await connection.execute(statement.on_conflict_do_nothing())
    return name


async def drop_retired_keys(database: Database, settings: Settings) -> int:
    """Delete the keys whose last token has expired.

    Parameters
    ----------
    database
        Where the keys are.
    settings
        How long a token lives.

    Returns
    -------
    int
        How many were dropped.
    """
    found = await _stored_keys(database)
    lifetime = settings.token_minutes * 60 + settings.clock_skew_seconds + 4 * RELOAD_SECONDS
    horizon = now() - round(lifetime * _SECOND)
    retired = [older[0] for older, newer in itertools.pairwise(found) if newer[2] < horizon]
    return await _drop(database, retired)


async def drop_all_keys(database: Database) -> int:
    """Delete every key, which ends every session; for when a key has leaked."""
    return await _drop(database, [name for name, _, _ in await _stored_keys(database)])


async def _drop(database: Database, names: list[str]) -> int:
    if names:
        async with database.write() as connection:
            await connection.execute(delete(signing_keys).where(signing_keys.c.name.in_(names)))
    return len(names)
