"""A stand-in for ``google.colab``, for lessons that were written for Google Colab."""

from __future__ import annotations

from contextlib import suppress
from typing import Any


def load_ipython_extension(_ipython: Any) -> None:
    """Do nothing: ``%load_ext google.colab.data_table`` loads the package first."""


def __getattr__(name: str) -> Any:
    from importlib import import_module

    from je_kernel.errors import MissingPartError

    if not name.startswith("_"):
        with suppress(ModuleNotFoundError):
            return import_module(f"{__name__}.{name}")
    raise MissingPartError(
        f"google.colab.{name} is a part of Google Colab that this notebook does not have. What"
        " there is: files, drive, output, data_table, userdata, auth, patches."
    )
