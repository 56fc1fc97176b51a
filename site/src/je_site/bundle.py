"""Bundles JavaScript modules into one script, by inlining what they import.

The modules are this project's own, and use few forms: an import or an export stands at the start
of a line, and names what it imports. Each inlined module becomes a function that returns its
exports, so that names in two modules do not clash.
"""

from __future__ import annotations

import re
import zipfile
from typing import TYPE_CHECKING

from je_site.own_wheel import own_wheel

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

__all__ = ["bundle", "bundle_script"]

_IMPORT = re.compile(r"^import (?:(\w+|\{[^{}]*\}) from )?'(\.[^']+)';\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?function\*?|class|const) (\w+)", re.MULTILINE)
_DEFAULT_EXPORT = re.compile(r"^export default ", re.MULTILINE)
_DEFAULT = "default_"
#: The folder of je-kernel's sources in the checkout, as the modules name it.
_OF_THE_WHEEL = "/src/je_kernel/"


def bundle(source: Path, *, beside: Container[str] = ()) -> str:
    """Bundle a module, which stays a module.

    Parameters
    ----------
    source
        The file. What it imports from ``src/je_kernel`` comes from je-kernel's wheel.
    beside
        Names of files that are served beside it; imports of these stay as they are, as do
        imports of files that are not in this package.

    Returns
    -------
    str
        The text of the module.
    """
    modules: dict[str, str] = {}
    text = _inline(source.read_text(encoding="utf-8"), source, beside, modules)
    return "".join(modules.values()) + text


def bundle_script(source: Path) -> str:
    """Bundle a module without exports into a classic script.

    Parameters
    ----------
    source
        The file.

    Returns
    -------
    str
        The text of the script. It adds no global names.
    """
    return f"(() => {{\n'use strict';\n{bundle(source)}}})();\n"


def _inline(text: str, source: Path, beside: Container[str], modules: dict[str, str]) -> str:
    """Replace the imports of a module; add what it imports to the modules."""

    def replaced(match: re.Match[str]) -> str:
        names, address = match.groups()
        path = (source.parent / address).resolve()
        if address.removeprefix("./") in beside:
            return match[0]
        imported = _wheel_text(address) if _OF_THE_WHEEL in address else _text(path)
        if imported is None:
            return match[0]
        if str(path) not in modules:
            body = _inline(imported, path, (), modules)
            modules[str(path)] = _as_function(f"module{len(modules)}", body)
        if names is None:
            return ""
        name = modules[str(path)].split(maxsplit=2)[1]
        pattern = names.replace(" as ", ": ") if names[0] == "{" else f"{{ {_DEFAULT}: {names} }}"
        return f"const {pattern} = {name};\n"

    return _IMPORT.sub(replaced, text)


def _as_function(name: str, body: str) -> str:
    exports = [match[2] for match in _EXPORT.finditer(body)]
    body = _EXPORT.sub(r"\1 \2", body)
    if _DEFAULT_EXPORT.search(body):
        body = _DEFAULT_EXPORT.sub(f"const {_DEFAULT} = ", body)
        exports.append(_DEFAULT)
    return f"const {name} = (() => {{\n{body}return {{ {', '.join(exports)} }};\n}})();\n"


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _wheel_text(address: str) -> str:
    with zipfile.ZipFile(own_wheel()) as wheel:
        return wheel.read(f"je_kernel/{address.partition(_OF_THE_WHEEL)[2]}").decode()
