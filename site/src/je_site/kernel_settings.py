"""The settings of JupyterLite's Pyodide kernel: merging ours into a deployer's.

They are what ``jupyter-lite.json`` has under
``litePluginSettings["@jupyterlite/pyodide-kernel-extension:kernel"]``.

A site is often built again on top of itself, and then its settings are a mixture
of what the deployer said and what we wrote last time. To tell them apart, we
remember both what we found and what we wrote: whatever still is as we wrote it
counts as it was found.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["OPTIONS", "KernelSettings", "merge_settings", "without_previous_build"]

#: The key of what is passed to Pyodide's ``loadPyodide``.
OPTIONS = "loadPyodideOptions"


@dataclass(frozen=True)
class KernelSettings:
    """What a build wants the kernel's settings to say.

    Attributes
    ----------
    lock_url
        Address of the lock.
    packages
        Names of the packages to preload.
    env
        Environment variables of the kernel.
    pyodide_url
        Address of Pyodide's entry module; None to leave it as it is.
    pypi
        Whether ``%pip install`` may ask PyPI for what the site does not have;
        None to leave that as it is.
    """

    lock_url: str
    packages: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    pyodide_url: str | None = None
    pypi: bool | None = None


def merge_settings(found: Mapping[str, Any], ours: KernelSettings) -> dict[str, Any]:
    """Merge our settings into a deployer's.

    Theirs stay, except for the address of the lock (whose content ours includes),
    and for environment variables that were given to this very build.

    Parameters
    ----------
    found
        The deployer's settings.
    ours
        What to add.

    Returns
    -------
    dict
        The settings to write.

    Examples
    --------
    >>> ours = KernelSettings("./lock.json", ("je-kernel",), {"A": "1"})
    >>> merge_settings({"loadPyodideOptions": {"packages": ["numpy"]}}, ours)["loadPyodideOptions"]
    {'packages': ['numpy', 'je-kernel'], 'lockFileURL': './lock.json', 'env': {'A': '1'}}
    """
    settings = copy.deepcopy(dict(found))
    options = settings.setdefault(OPTIONS, {})
    packages = options.get("packages", [])
    options["packages"] = [*packages, *(name for name in ours.packages if name not in packages)]
    options["lockFileURL"] = ours.lock_url
    # Relative to it were the deployer's wheels; the lock now has their whole addresses.
    options.pop("packageBaseUrl", None)
    if ours.env:
        options["env"] = {**options.get("env", {}), **ours.env}
    if ours.pyodide_url is not None:
        settings["pyodideUrl"] = ours.pyodide_url
    if ours.pypi is not None:
        settings.setdefault("disablePyPIFallback", not ours.pypi)
    return settings


def without_previous_build(
    now: Mapping[str, Any], found: Mapping[str, Any], wrote: Mapping[str, Any]
) -> dict[str, Any]:
    """Undo what an earlier build wrote, and nothing else.

    Parameters
    ----------
    now
        The settings as they are.
    found, wrote
        What the earlier build found and wrote; both empty if there was none.

    Returns
    -------
    dict
        What the deployer's settings are now.

    Examples
    --------
    >>> without_previous_build({"a": 1, "b": 3}, {"a": 0}, {"a": 1, "b": 2})
    {'a': 0, 'b': 3}
    """
    before = {
        key: _value_without(value, found.get(key, _NOTHING), wrote.get(key, _NOTHING))
        for key, value in now.items()
    }
    # What we found and took out is still meant, unless somebody has set it since.
    taken_out = {key: value for key, value in found.items() if key not in wrote}
    return {**taken_out, **{key: v for key, v in before.items() if v is not _NOTHING}}


_NOTHING: Any = object()


def _value_without(now: Any, found: Any, wrote: Any) -> Any:
    if now == wrote:
        return found
    if isinstance(now, Mapping) and isinstance(wrote, Mapping):
        return without_previous_build(now, found if isinstance(found, Mapping) else {}, wrote)
    if isinstance(now, list) and isinstance(wrote, list):
        before = found if isinstance(found, list) else []
        return [item for item in now if item not in wrote or item in before]
    return now
