"""``google.colab.output``: clears the output of a cell."""

from __future__ import annotations

from typing import Any


def clear(wait: bool = False, output_tags: Any = ()) -> None:  # noqa: ARG001 - as in Colab
    """Clear what the cell has shown so far."""
    from IPython.display import clear_output

    clear_output(wait=wait)  # type: ignore[no-untyped-call]


def enable_custom_widget_manager() -> None:
    """Do nothing: JupyterLab shows all widgets."""


disable_custom_widget_manager = enable_custom_widget_manager


def no_vertical_scroll() -> None:
    """Do nothing: JupyterLab shows the whole output."""


def __getattr__(name: str) -> Any:
    from je_kernel.errors import MissingPartError

    raise MissingPartError(
        f"google.colab.output.{name} speaks with Google Colab's own page, which this one is not."
        " For buttons and sliders use ipywidgets; display(Javascript(…)) runs JavaScript."
    )
