"""The token of a sharing service, and its lifetime."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Token", "claims_of"]

_REFRESH_SECONDS = 300
"""The time before its end at which a token is renewed: longer than any upload."""

_SHARE_OF_LIFE = 0.2
"""The fraction of a shorter lifetime at whose beginning a token is renewed."""

_STEP_BACK_SECONDS = 60
"""How far this computer's clock may go back before the age of a token is unknown."""


@dataclass(frozen=True)
class Token:
    """A token, with the time at which it was received.

    The clocks of the service and of this computer may differ by hours. Only durations
    are compared: the token's lifetime, and its age.

    Parameters
    ----------
    text
        The token.
    received
        When it was received, in seconds of this computer's clock.
    lifetime
        Its lifetime in seconds, or None if the token does not state it.

    Examples
    --------
    >>> token = Token("t", received=1000.0, lifetime=7200.0)
    >>> token.expired(1000.0), token.ending(8000.0), token.expired(8300.0)
    (False, True, True)
    """

    text: str = field(repr=False)
    received: float
    lifetime: float | None = None

    @classmethod
    def of(cls, text: str, received: float) -> Token:
        """Return a token, with the lifetime that it states.

        Parameters
        ----------
        text
            The token.
        received
            When it was received, in seconds of this computer's clock.
        """
        claims = claims_of(text)
        begin, end = claims.get("iat"), claims.get("exp")
        if isinstance(begin, (int, float)) and isinstance(end, (int, float)) and end > begin:
            return cls(text, received, float(end - begin))
        return cls(text, received)

    def expired(self, now: float) -> bool:
        """Return whether the token has expired, if its lifetime is known."""
        return self.lifetime is not None and now - self.received >= self.lifetime

    def ending(self, now: float) -> bool:
        """Return whether to renew the token: near its end, or if its age is unknown."""
        if self.lifetime is None:
            return False
        age = now - self.received
        early = min(_REFRESH_SECONDS, self.lifetime * _SHARE_OF_LIFE)
        return age < -_STEP_BACK_SECONDS or age >= self.lifetime - early


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of a JSON Web Token, without verifying its signature.

    Parameters
    ----------
    token
        The token.

    Returns
    -------
    dict
        The claims; empty if the text is not such a token.

    Examples
    --------
    >>> claims_of("eyJhbGciOiJub25lIn0.eyJpYXQiOjEsImV4cCI6NjF9.")
    {'iat': 1, 'exp': 61}
    >>> claims_of("secret")
    {}
    """
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    padded = parts[1] + "=" * (-len(parts[1]) % 4)
    try:
        claims = json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
