"""The directive ``je-settings``: the table of settings, from the code that reads them."""

import typing

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from je_kernel.settings import HttpUrl, Settings, variable_name

_TYPE_NAMES = {
    bool: "`on` or `off`",
    int: "a whole number",
    float: "a number",
    str: "text",
    HttpUrl: "an address that begins with `https://`",
    tuple[str, ...]: "names, separated by commas",
}


def _type_name(hint: object) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return ", ".join(f"`{choice}`" for choice in typing.get_args(hint))
    optional = [arg for arg in typing.get_args(hint) if arg is not type(None)]
    if type(None) in typing.get_args(hint):
        return _type_name(optional[0])
    return _TYPE_NAMES[hint]


def _default(value: object) -> str:
    if value is None or value == ():
        return "none"
    return f"`{'on' if value is True else 'off' if value is False else value}`"


class SettingsTable(SphinxDirective):
    """Writes one row for each field of `je_kernel.settings.Settings`."""

    def run(self) -> list[nodes.Node]:
        """Return the table's nodes."""
        hints = typing.get_type_hints(Settings)
        annotated = typing.get_type_hints(Settings, include_extras=True)
        lines = ["| variable | what it does | value | default |", "| --- | --- | --- | --- |"]
        lines += [
            f"| `{variable_name(name)}` | {annotated[name].__metadata__[0]} "
            f"| {_type_name(hints[name])} | {_default(default)} |"
            for name, default in Settings()._asdict().items()
        ]
        container = nodes.Element()
        self.state.nested_parse(StringList(lines, source="settings.py"), 0, container)
        return container.children


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("je-settings", SettingsTable)
    return {"parallel_read_safe": True}
