"""Sign and verify tokens (JWT); verification needs no database query."""

import hashlib
import secrets
import time
from dataclasses import dataclass
from uuid import UUID

import jwt

from je_sharing.signing_keys import KeyRing

_ALGORITHM = "HS256"


class InvalidTokenError(Exception):
    """The token is malformed, signed by nobody we know, or out of date."""


@dataclass(frozen=True)
class Claims:
    """The claims of a token.

    Parameters
    ----------
    session_id
        UUID of the session.
    issued_at, expires_at
        Seconds since 1970.
    notebook_id
        UUID of the notebook whose password was given, if one was.
    password_mark
        `mark_of_password` of that notebook when the token was issued; empty without one.
    """

    session_id: str
    issued_at: int
    expires_at: int
    notebook_id: str | None = None
    password_mark: str = ""


class TokenCodec:
    """Signs and checks tokens.

    Parameters
    ----------
    ring
        The keys; replaced by `use` when they are reloaded.
    lifetime_seconds
        How long a token lives.
    skew_seconds
        How far the clocks of two machines may disagree.

    Notes
    -----
    The claims are the contract's and nothing else; what makes two tokens of one second differ is
    a nonce in the JOSE header, beside the name of the key (`kid`) and the mark of the password.
    The signature is of the header too.
    """

    def __init__(self, ring: KeyRing, *, lifetime_seconds: int, skew_seconds: int) -> None:
        self._ring = ring
        self._lifetime = lifetime_seconds
        self._skew = skew_seconds

    def use(self, ring: KeyRing) -> None:
        """Use reloaded keys; tokens of a removed key are refused from now on."""
        self._ring = ring

    def sign(
        self, session_id: str, *, notebook_id: str | None = None, password_mark: str = ""
    ) -> tuple[str, Claims]:
        """Make a token.

        Parameters
        ----------
        session_id
            UUID of the session.
        notebook_id
            UUID of the notebook the caller gave the password of.
        password_mark
            `mark_of_password` of that notebook.

        Returns
        -------
        tuple of str and Claims
            The token, and what it says.
        """
        issued = int(time.time())
        claims = Claims(session_id, issued, issued + self._lifetime, notebook_id, password_mark)
        payload: dict[str, str | int] = {
            "session_id": session_id,
            "iat": claims.issued_at,
            "exp": claims.expires_at,
        }
        if notebook_id is not None:
            payload["notebook_id"] = notebook_id
        headers = {"kid": self._ring.signing, "nonce": secrets.token_urlsafe(9)}
        if password_mark:
            headers["mark"] = password_mark
        key = self._ring.secrets[self._ring.signing]
        return jwt.encode(payload, key, algorithm=_ALGORITHM, headers=headers), claims

    def read(self, token: str) -> Claims:
        """Check a token.

        Parameters
        ----------
        token
            The JWT as it came.

        Returns
        -------
        Claims
            What it says.

        Raises
        ------
        InvalidTokenError
            When it is malformed, of an unknown key, expired, or from the future.
        """
        try:
            decoded = jwt.decode_complete(
                token,
                self._ring.secrets[jwt.get_unverified_header(token)["kid"]],
                algorithms=[_ALGORITHM],
                leeway=self._skew,
                options={"require": ["exp", "iat"]},
            )
            payload = decoded["payload"]
            notebook_id = payload.get("notebook_id")
            return Claims(
                str(UUID(payload["session_id"])),
                int(payload["iat"]),
                int(payload["exp"]),
                None if notebook_id is None else str(UUID(notebook_id)),
                str(decoded["header"].get("mark", "")),
            )
        except jwt.ExpiredSignatureError as error:
            raise InvalidTokenError("The token has expired.") from error
        except jwt.ImmatureSignatureError as error:
            raise InvalidTokenError(
                "The token is from the future: check this machine's clock."
            ) from error
        except (jwt.PyJWTError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise InvalidTokenError(
                "The token is malformed or signed by nobody we know."
            ) from error

    def knows_key_of(self, token: str) -> bool:
        """Tell whether the token names a key this process has loaded."""
        try:
            return jwt.get_unverified_header(token).get("kid") in self._ring.secrets
        except (jwt.PyJWTError, TypeError):
            return True


def mark_of_password(password_hash: str) -> str:
    """Identify the password of a notebook in a token.

    Parameters
    ----------
    password_hash
        As it is stored. Its salt is drawn anew with each password.

    Returns
    -------
    str
        A part of its hash, of which nothing can be guessed without the salt.
    """
    return hashlib.sha256(password_hash.encode()).hexdigest()[:32]


def fingerprint(token: str) -> bytes:
    """Hash a token; the database stores nothing else of it."""
    return hashlib.sha256(token.encode()).digest()
