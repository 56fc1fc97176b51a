"""The token that a sharing service gives, and how long it is good for."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Token", "claims_of"]

_REFRESH_SECONDS = 300
"""How long before its end a token is renewed: longer than any upload takes."""

_SHARE_OF_LIFE = 0.2
"""Of a token that lives shorter, the last fifth."""

_STEP_BACK_SECONDS = 60
"""By how much this computer's clock may be put back before a token's age is unknown."""


@dataclass(frozen=True)
class Token:
    """A token, and when it came by this computer's clock.

    The service's clock and this computer's may differ by hours. Only durations
    are compared: how long the token lives, and how long ago it came.

    Parameters
    ----------
    text
        The token.
    received
        When it came, in seconds of this computer's clock.
    lifetime
        How many seconds it is good for, or None if the token does not say.

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
        """Read how long a token lives from the token itself.

        Parameters
        ----------
        text
            The token.
        received
            When it came, in seconds of this computer's clock.
        """
        claims = claims_of(text)
        begin, end = claims.get("iat"), claims.get("exp")
        if isinstance(begin, (int, float)) and isinstance(end, (int, float)) and end > begin:
            return cls(text, received, float(end - begin))
        return cls(text, received)

    def expired(self, now: float) -> bool:
        """Tell whether the token is past its end, as far as can be told."""
        return self.lifetime is not None and now - self.received >= self.lifetime

    def ending(self, now: float) -> bool:
        """Tell whether to renew the token: before its end, and when its age is not known."""
        if self.lifetime is None:
            return False
        age = now - self.received
        early = min(_REFRESH_SECONDS, self.lifetime * _SHARE_OF_LIFE)
        return age < -_STEP_BACK_SECONDS or age >= self.lifetime - early


def claims_of(token: str) -> dict[str, Any]:
    """Return what a JSON Web Token says, without checking who says it.

    Parameters
    ----------
    token
        The token.

    Returns
    -------
    dict
        The claims; empty for a text that is no such token.

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
