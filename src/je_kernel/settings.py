"""Every setting of je-kernel, read from ``JE_KERNEL_*`` environment variables.

A site sets them with ``loadPyodideOptions.env`` in ``jupyter-lite.json`` (or
``je-kernel build --env``). The fields of `Settings` are the whole list: their
types are what a value is checked against, and the table in the documentation
is generated from them.

An invalid value is reported by `je_kernel.doctor`, and the default is used: a
mistake of the site's operator never stops a student's kernel.
"""

from __future__ import annotations

import os
import types
import typing
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "ENV_PREFIX",
    "HttpUrl",
    "Problem",
    "Settings",
    "current",
    "problems",
    "reload",
    "variable_name",
]

ENV_PREFIX = "JE_KERNEL_"

HttpUrl = typing.NewType("HttpUrl", str)
"""The address of something on the web: it begins with http:// or https://."""

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


# Named tuples: making a dataclass of ten fields costs a starting kernel up to 8 ms.
class Settings(NamedTuple):
    """The settings in force.

    Examples
    --------
    >>> settings, problems = Settings.from_environ({"JE_KERNEL_LOG_LEVEL": "debug"})
    >>> settings.log_level, problems
    ('debug', ())
    """

    skip_steps: Annotated[
        tuple[str, ...],
        "Names of start-up steps to leave out, separated by commas (`doctor()` lists them).",
    ] = ()
    log_level: Annotated[
        typing.Literal["debug", "info", "warning", "error"],
        "The least serious message of je-kernel that the browser's console shows.",
    ] = "warning"
    network_engine: Annotated[
        typing.Literal["auto", "fetch", "xhr"],
        "What carries network requests: fetch where the browser can wait for it, xhr where it"
        " cannot (auto), or always the one named.",
    ] = "auto"
    network_credentials: Annotated[
        bool,
        "Whether requests to other sites carry the cookies and logins this browser has for them.",
    ] = False
    saved_copies_mb: Annotated[
        int,
        "How many megabytes of downloaded data this browser keeps for a lesson without"
        " network; 0 keeps none.",
    ] = 200
    progress: Annotated[
        bool,
        "Whether a download that takes longer than a second shows its progress.",
    ] = True
    memory_limit_mb: Annotated[
        int,
        "How many megabytes of memory the Python of one notebook can have. 0: je-kernel decides,"
        " half of the computer's memory where the browser tells it, and never more than 2 GiB.",
    ] = 0
    map_tiles: Annotated[
        bool,
        "Whether maps may show pictures of the world, which other servers send (folium,"
        " ipyleaflet, plotly), and use scripts of folium that the site does not have.",
    ] = False
    relay_url: Annotated[
        HttpUrl | None,
        "A relay of this site's operator, for data of sites that do not let notebooks read them.",
    ] = None
    sharing_url: Annotated[
        HttpUrl | None,
        "The sharing service that `share()` and `open_shared()` use.",
    ] = None
    sharing_link: Annotated[
        HttpUrl | None,
        "What the link of a shared notebook looks like, with {id} for its id; by default it is"
        " the service's own page, /s/{id}.",
    ] = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> tuple[Settings, tuple[Problem, ...]]:
        """Read the settings from environment variables.

        Parameters
        ----------
        environ
            The environment, as `os.environ`.

        Returns
        -------
        tuple of Settings and tuple of Problem
            The settings in force, and one `Problem` for each variable that is
            not a setting or whose value does not fit; those are ignored.
        """
        values: dict[str, Any] = {}
        problems: list[Problem] = []
        variables = sorted(name for name in environ if name.startswith(ENV_PREFIX))
        known = {variable_name(name): name for name in cls._fields}
        hints = typing.get_type_hints(cls) if variables else {}
        for variable in variables:
            text = environ[variable]
            setting = known.get(variable)
            if setting is None:
                problems.append(Problem(variable, text, "there is no such setting"))
                continue
            try:
                values[setting] = _parser(hints[setting])(text.strip())
            except ValueError as error:
                problems.append(Problem(variable, text, str(error)))
        return cls(**values), tuple(problems)


class Problem(NamedTuple):
    """An environment variable that was ignored, and why."""

    variable: str
    value: str
    reason: str

    def __str__(self) -> str:
        return f"{self.variable}={self.value!r} is ignored: {self.reason}."


def variable_name(setting: str) -> str:
    """Name of the environment variable that holds a setting.

    Examples
    --------
    >>> variable_name("log_level")
    'JE_KERNEL_LOG_LEVEL'
    """
    return ENV_PREFIX + setting.upper()


def _parse_bool(text: str) -> bool:
    lowered = text.lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ValueError("write on or off")


def _parse_int(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("write a whole number") from None


def _parse_names(text: str) -> tuple[str, ...]:
    return tuple(name for name in (part.strip() for part in text.split(",")) if name)


def _parse_http_url(text: str) -> HttpUrl:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("write an address that begins with https://")
    return HttpUrl(text)


def _choice_of(allowed: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        lowered = text.lower()
        if lowered not in allowed:
            raise ValueError(f"write one of {', '.join(allowed)}")
        return lowered

    return parse


_PARSERS: dict[Any, Callable[[str], Any]] = {
    bool: _parse_bool,
    int: _parse_int,
    HttpUrl: _parse_http_url,
    tuple[str, ...]: _parse_names,
}


def _parser(hint: Any) -> Callable[[str], Any]:
    """Return the function that turns a variable's text into a value of this type."""
    if typing.get_origin(hint) is typing.Literal:
        return _choice_of(typing.get_args(hint))
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        inner = next(arg for arg in typing.get_args(hint) if arg is not types.NoneType)
        return lambda text: _parser(inner)(text) if text else None
    return _PARSERS[hint]


_in_force: tuple[Settings, tuple[Problem, ...]] | None = None


def current() -> Settings:
    """Return the settings in force, read from `os.environ` at the first call."""
    return _read()[0]


def problems() -> tuple[Problem, ...]:
    """Return the variables that were ignored when the settings were read."""
    return _read()[1]


def reload() -> Settings:
    """Read the settings again, after `os.environ` was changed.

    Returns
    -------
    Settings
        The settings now in force.
    """
    global _in_force
    _in_force = None
    return current()


def _read() -> tuple[Settings, tuple[Problem, ...]]:
    global _in_force
    if _in_force is None:
        _in_force = Settings.from_environ(os.environ)
    return _in_force
