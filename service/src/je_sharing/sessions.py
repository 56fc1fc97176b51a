"""Sessions: issue and refresh tokens, detect reuse."""

import asyncio
import logging
import uuid

from sqlalchemy import delete, update

from je_sharing.database import Database
from je_sharing.errors import UnauthorizedError
from je_sharing.metrics import TOKEN_REUSES
from je_sharing.schema import now, sessions
from je_sharing.settings import Settings
from je_sharing.signing_keys import RELOAD_SECONDS, load_ring
from je_sharing.tokens import Claims, InvalidTokenError, TokenCodec, fingerprint

_SECOND = 1_000_000
_INSERT = sessions.insert()
_log = logging.getLogger(__name__)


class Sessions:
    """Issues and refreshes tokens.

    Parameters
    ----------
    database
        Where the sessions are.
    settings
        Lifetimes.
    codec
        Signs and checks tokens.

    Notes
    -----
    Only a session's latest token can be refreshed. Reuse of an earlier one is refused, and after a
    grace period (for a lost response, or two tabs) it revokes the session: the token was copied.
    """

    def __init__(self, database: Database, settings: Settings, codec: TokenCodec) -> None:
        self._database = database
        self._settings = settings
        self._codec = codec
        self._reloading = asyncio.Lock()
        self._reloaded_at = 0.0

    async def issue(self, *, notebook_id: str | None = None, password_mark: str = "") -> str:
        """Open a session.

        Parameters
        ----------
        notebook_id
            UUID of the notebook whose password was given.
        password_mark
            Which password that was.

        Returns
        -------
        str
            The session's first token.
        """
        session_id = str(uuid.uuid4())
        token, claims = self._codec.sign(
            session_id, notebook_id=notebook_id, password_mark=password_mark
        )
        async with self._database.write() as connection:
            await connection.execute(
                _INSERT,
                {
                    "id": session_id,
                    "token_hash": fingerprint(token),
                    "refreshed_at": now(),
                    "expires_at": claims.expires_at * _SECOND,
                },
            )
        return token

    async def refresh(self, token: str) -> str:
        """Exchange a session's active token for a new one.

        Parameters
        ----------
        token
            The token held so far.

        Returns
        -------
        str
            The new active token.

        Raises
        ------
        UnauthorizedError
            When the token is invalid, expired, or not the session's active one.
        """
        try:
            claims = await self.read(token)
        except InvalidTokenError as error:
            raise UnauthorizedError(f"{error} Ask for a new one.") from error
        fresh, fresh_claims = self._codec.sign(
            claims.session_id, notebook_id=claims.notebook_id, password_mark=claims.password_mark
        )
        exchange = (
            update(sessions)
            .where(
                sessions.c.id == claims.session_id,
                sessions.c.token_hash == fingerprint(token),
                sessions.c.revoked_at.is_(None),
            )
            .values(
                token_hash=fingerprint(fresh),
                refreshed_at=now(),
                expires_at=fresh_claims.expires_at * _SECOND,
            )
        )
        async with self._database.write() as connection:
            result = await connection.execute(exchange)
        if result.rowcount != 1:
            await self._handle_reuse(claims)
            raise UnauthorizedError(
                "This token is not its session's active one. Ask for a new one."
            )
        return fresh

    async def _handle_reuse(self, claims: Claims) -> None:
        horizon = now() - self._settings.refresh_reuse_grace_seconds * _SECOND
        revoke = (
            update(sessions)
            .where(
                sessions.c.id == claims.session_id,
                sessions.c.refreshed_at < horizon,
                sessions.c.revoked_at.is_(None),
            )
            .values(revoked_at=now())
        )
        async with self._database.write() as connection:
            result = await connection.execute(revoke)
        TOKEN_REUSES.inc()
        if result.rowcount:
            _log.warning("a refreshed token came back late; its session is revoked")

    async def read(self, token: str) -> Claims:
        """Check a token; reload the keys if its key is unknown.

        Raises
        ------
        InvalidTokenError
            When it is malformed, of an unknown key, expired, or from the future.
        """
        try:
            return self._codec.read(token)
        except InvalidTokenError:
            if self._codec.knows_key_of(token):
                raise
        await self._reload_keys_soon()
        return self._codec.read(token)

    async def _reload_keys_soon(self) -> None:
        # An invented key name must not cost a query each time.
        clock = asyncio.get_running_loop().time
        async with self._reloading:
            if clock() - self._reloaded_at > 1:
                self._reloaded_at = clock()
                await self.reload_keys()

    async def reload_keys(self) -> None:
        """Reload the signing keys."""
        self._codec.use(await load_ring(self._database, self._settings))

    async def run_key_reload(self) -> None:
        """Reload the signing keys every minute, until cancelled."""
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            try:
                await self.reload_keys()
            except Exception:
                _log.exception("could not reload the signing keys; keeping the known ones")

    async def delete_expired(self) -> int:
        """Delete the sessions that can no longer be refreshed.

        Returns
        -------
        int
            How many.
        """
        horizon = now() - (self._settings.clock_skew_seconds + 3600) * _SECOND
        async with self._database.write() as connection:
            result = await connection.execute(
                delete(sessions).where(sessions.c.expires_at < horizon)
            )
        return int(result.rowcount)
