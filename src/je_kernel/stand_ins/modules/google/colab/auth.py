"""``google.colab.auth``: raises an error, because there is no login to Google here."""

from __future__ import annotations

from typing import Any

from je_kernel.errors import UnavailableError


def authenticate_user(*_args: Any, **_options: Any) -> None:
    """Say that there is no Google account here, and what to do.

    Raises
    ------
    UnavailableError
        Always.
    """
    raise UnavailableError(
        "There is no login to Google here. To read a Google Sheet, share it with 'anyone with the"
        " link' and give its address to pandas: pd.read_csv(je_kernel.data_url(address))."
    )


authenticate_service_account = authenticate_user
