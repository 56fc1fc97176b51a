"""Merges settings for JupyterLite's Pyodide kernel into those of a deployer.

In ``jupyter-lite.json`` they are under
``litePluginSettings["@jupyterlite/pyodide-kernel-extension:kernel"]``.

A site is often built again on top of itself, and then its settings are a mixture of the
deployer's and those of the last build. The record of a build has the settings that it found
and those that it wrote: a setting that is still as it was written counts as it was found.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["OPTIONS", "KernelSettings", "merge_settings", "without_previous_build"]

#: The key of the options of Pyodide's ``loadPyodide``.
OPTIONS = "loadPyodideOptions"


@dataclass(frozen=True)
class KernelSettings:
    """The settings of the kernel that a build adds.

    Attributes
    ----------
    lock_url
        Address of the lock.
    packages
        Names of the packages to preload.
    env
        Environment variables of the kernel.
    pyodide_url
        Address of Pyodide's entry module; None to leave that setting unchanged.
    pypi
        Whether ``%pip install`` may install packages from PyPI; None to leave that
        setting unchanged.
    """

    lock_url: str
    packages: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    pyodide_url: str | None = None
    pypi: bool | None = None


def merge_settings(found: Mapping[str, Any], ours: KernelSettings) -> dict[str, Any]:
    """Merge settings into those of a deployer.

    The deployer's take precedence, except for the address of the lock (the site's includes
    the content of theirs) and for environment variables of this build.

    Parameters
    ----------
    found
        The deployer's settings.
    ours
        The settings of this build.

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
    # It was the base of the deployer's wheels; the lock has their whole addresses.
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
    """Return settings without those that an earlier build wrote.

    Parameters
    ----------
    now
        The present settings.
    found, wrote
        The settings before and after the earlier build; both empty if there was none.

    Returns
    -------
    dict
        The present settings of the deployer.

    Examples
    --------
    >>> without_previous_build({"a": 1, "b": 3}, {"a": 0}, {"a": 1, "b": 2})
    {'a': 0, 'b': 3}
    """
    before = {
        key: _value_without(value, found.get(key, _NOTHING), wrote.get(key, _NOTHING))
        for key, value in now.items()
    }
    # A setting that the build removed still holds, unless somebody has set it since.
    removed = {key: value for key, value in found.items() if key not in wrote}
    return {**removed, **{key: v for key, v in before.items() if v is not _NOTHING}}


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
