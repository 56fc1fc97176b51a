"""Hash and check notebook passwords with scrypt; each hash includes its parameters."""

import asyncio
import base64
import hashlib
import hmac
import secrets

_COST = 2**14
_BLOCK = 8
_LANES = 1
# scrypt holds 16 MiB while it works; a few at a time bound the memory and the load.
_turns = asyncio.Semaphore(2)


async def hash_password(password: str) -> str:
    """Hash a password for storing.

    Parameters
    ----------
    password
        What the owner chose.

    Returns
    -------
    str
        `scrypt$cost$block$lanes$salt$hash`, salt and hash in base64.
    """
    salt = secrets.token_bytes(16)
    async with _turns:
        derived = await asyncio.to_thread(_derive, password, salt, _COST, _BLOCK, _LANES)
    encoded = (base64.b64encode(part).decode() for part in (salt, derived))
    return "$".join(["scrypt", str(_COST), str(_BLOCK), str(_LANES), *encoded])


async def password_matches(password: str, stored: str) -> bool:
    """Compare a password with a stored hash, in constant time.

    Parameters
    ----------
    password
        What the caller gave.
    stored
        What `hash_password` made.

    Returns
    -------
    bool
        Whether they belong together.
    """
    _, cost, block, lanes, salt, expected = stored.split("$")
    async with _turns:
        derived = await asyncio.to_thread(
            _derive, password, base64.b64decode(salt), int(cost), int(block), int(lanes)
        )
    return hmac.compare_digest(derived, base64.b64decode(expected))


def _derive(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"), salt=salt, n=cost, r=block, p=lanes, dklen=32
    )
