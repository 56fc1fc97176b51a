"""``google.colab.data_table``: shows tables as pandas does."""

from __future__ import annotations

from typing import Any


def enable_dataframe_formatter() -> None:
    """Do nothing: pandas' own tables stay."""


disable_dataframe_formatter = enable_dataframe_formatter


def load_ipython_extension(_ipython: Any) -> None:
    """Do nothing: pandas' own tables stay."""


unload_ipython_extension = load_ipython_extension


class DataTable:
    """A table, shown as pandas shows it.

    Parameters
    ----------
    dataframe
        The table.
    **_options
        What Colab would do with it.
    """

    max_rows = 20_000
    max_columns = 20

    def __init__(self, dataframe: Any, **_options: Any) -> None:
        self._dataframe = dataframe

    def _repr_html_(self) -> str:
        html: str = self._dataframe._repr_html_()
        return html

    def __repr__(self) -> str:
        return repr(self._dataframe)
