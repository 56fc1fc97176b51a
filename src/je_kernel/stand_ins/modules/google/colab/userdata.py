"""``google.colab.userdata``: reads secrets from environment variables of the kernel."""

from __future__ import annotations

import os

from je_kernel.errors import UnavailableError


class SecretNotFoundError(UnavailableError):
    """There is no secret of this name."""


class NotebookAccessError(UnavailableError):
    """The notebook may not read the secret; never raised here."""


def get(key: str) -> str:
    """Return a secret: the environment variable of this name.

    Raises
    ------
    SecretNotFoundError
        If there is none.
    """
    value = os.environ.get(key)
    if value is None:
        raise SecretNotFoundError(
            f"There is no secret {key!r}: Colab's secrets stay in Colab. Set it for this session"
            f" in a cell of its own that you do not share: import os, getpass;"
            f" os.environ[{key!r}] = getpass.getpass()"
        )
    return value
