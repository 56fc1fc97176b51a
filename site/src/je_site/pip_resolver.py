"""Resolves packages for the browser, with pip.

pip resolves for another platform than its own, except for environment markers
(``sys_platform == 'emscripten'``), which it evaluates for the Python that runs it. So `_START`
runs it with the markers of the browser, and its report must confirm that it used them.

uv (0.13.8) takes the names of platforms and has none for Pyodide 314. pip also fetches the
wheels, so that one configuration, such as a school's own index, holds for both.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from je_site.cache import temporary_folder
from je_site.errors import LockError
from je_site.placeholder import PLACEHOLDER_TAG, write_placeholder
from je_site.requirements import browser_environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "IndexUnreachableError",
    "Placeholder",
    "Platform",
    "Resolved",
    "UnresolvableError",
    "is_for_other_platforms",
    "resolve",
    "versions_of",
]

#: Limit for a run of pip, in seconds. Longer runs only try more old versions.
_TIMEOUT = 600

#: Platforms for which nearly every compiled package has wheels.
_OTHER_COMPUTERS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")

#: Runs pip with other environment markers, for which it has no option.
_START = """
import json, runpy, sys
from pip._vendor.packaging import markers
environment = json.loads(sys.argv.pop(1))
markers.default_environment = lambda: dict(environment)
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


class IndexUnreachableError(LockError):
    """PyPI, or the index in its place, cannot be reached."""


class UnresolvableError(LockError):
    """No versions fit each other, or a package has no wheel for the browser.

    Attributes
    ----------
    missing
        Name of the package without a wheel; empty where versions do not fit.
    """

    def __init__(self, message: str, missing: str = "") -> None:
        super().__init__(message)
        self.missing = missing


@dataclass(frozen=True)
class Platform:
    """The Python and the platform of a browser.

    Attributes
    ----------
    python
        Minor version of its Python, such as ``3.14``.
    tags
        The platform tags of the wheels that it can load, besides ``any``.
    """

    python: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Placeholder:
    """A package that the site has already, in one version.

    Attributes
    ----------
    name, version
        Of the package.
    depends
        Names of what it needs.
    """

    name: str
    version: str
    depends: tuple[str, ...]


@dataclass(frozen=True)
class Resolved:
    """A resolved package.

    Attributes
    ----------
    name, version
        Of the package; the name is normalised.
    file_name, sha256
        Of its wheel; both empty for a placeholder.
    requires
        Its requirements, as in ``Requires-Dist``.
    """

    name: str
    version: str
    file_name: str
    sha256: str
    requires: tuple[str, ...]


def resolve(
    requirements: Iterable[str],
    platform: Platform,
    placeholders: Iterable[Placeholder],
    constraints: Mapping[str, str],
) -> tuple[Resolved, ...]:
    """Find versions that fit each other, with their dependencies.

    Parameters
    ----------
    requirements
        The requirements.
    platform
        The platform to resolve for.
    placeholders
        The packages that the site has already.
    constraints
        The only permitted version of a package, by the package's name.

    Returns
    -------
    tuple of Resolved
        All packages, placeholders included.

    Raises
    ------
    UnresolvableError
        When there are none; the message says why, in half a sentence.
    LockError
        When the index cannot be reached, or pip cannot do it.
    """
    with temporary_folder() as folder:
        known = folder / "known"
        known.mkdir()
        for each in placeholders:
            write_placeholder(known, each.name, each.version, each.depends)
        wanted = _write_lines(folder / "wanted.txt", requirements)
        fixed = _write_lines(folder / "fixed.txt", (f"{n}=={v}" for n, v in constraints.items()))
        report = folder / "report.json"
        output, code = _run_pip(
            platform,
            *("install", "--dry-run", "--ignore-installed", "--target", str(folder / "none")),
            *("--report", str(report), "--find-links", str(known)),
            *("--constraint", str(fixed), "--requirement", str(wanted)),
        )
        if code or not report.is_file():
            raise _resolution_error(output)
        answer = json.loads(report.read_text(encoding="utf-8"))
        if answer["environment"]["sys_platform"] != "emscripten":
            raise LockError(
                "The installed pip cannot resolve for the browser: install another version of "
                "it, such as pip 26."
            )
        return tuple(_resolved(item) for item in answer["install"])


def versions_of(name: str, platform: Platform | None) -> tuple[str, ...]:
    """Return the versions of a package that an index has.

    Parameters
    ----------
    name
        Of the package.
    platform
        The platform of the wheels; None for this machine, for which source
        distributions count as well.

    Returns
    -------
    tuple of str
        The newest first; empty if there is none.
    """
    output, code = _run_pip(platform, "index", "versions", name)
    match = re.search(r"^Available versions: (.*)$", output, re.MULTILINE)
    return tuple(match[1].split(", ")) if match and not code else ()


def is_for_other_platforms(name: str, python: str) -> bool:
    """Tell whether an index has a package for other platforms, or as sources.

    Parameters
    ----------
    name
        Of the package.
    python
        Minor version of the Python of the wheels.
    """
    return any(versions_of(name, each) for each in (None, Platform(python, _OTHER_COMPUTERS)))


def _run_pip(platform: Platform | None, *arguments: str) -> tuple[str, int]:
    """Run pip for a platform, or for its own; return its output and exit status."""
    command = [sys.executable]
    options: Sequence[str] = ()
    if platform is None:
        command += ["-m", "pip"]
    else:
        command += ["-c", _START, json.dumps(browser_environment(platform.python))]
        options = (
            *("--only-binary=:all:", "--python-version", platform.python),
            *("--implementation", "cp"),
            *(f"--platform={tag}" for tag in (*platform.tags, "any")),
        )
    command += [*arguments, *options, "--disable-pip-version-check", "--no-input"]
    command += ["--retries", "1", "--timeout", "15"]
    try:
        done = subprocess.run(  # noqa: S603
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        raise UnresolvableError(
            f"pip found no versions that fit each other within {_TIMEOUT // 60} minutes"
        ) from None
    return done.stdout, done.returncode


def _write_lines(path: Path, lines: Iterable[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def _resolved(item: Mapping[str, Any]) -> Resolved:
    metadata, download = item["metadata"], item["download_info"]
    file_name = PurePosixPath(unquote(urlsplit(download["url"]).path)).name
    placeholder = file_name.endswith(f"-{PLACEHOLDER_TAG}.whl")
    return Resolved(
        name=canonicalize_name(metadata["name"]),
        version=str(metadata["version"]),
        file_name="" if placeholder else file_name,
        sha256="" if placeholder else str(download["archive_info"]["hashes"]["sha256"]),
        requires=tuple(metadata.get("requires_dist", ())),
    )


def _resolution_error(output: str) -> LockError:
    """Return an exception that says why pip failed."""
    if "connection broken" in output or "NewConnectionError" in output:
        return IndexUnreachableError(
            "PyPI cannot be reached, so what the site lacks cannot be resolved: connect to the "
            "internet once, and commit je-kernel.lock, from which every later build is."
        )
    conflict = re.search(r"The conflict is caused by:\n((?: .*\n)+)", output)
    if conflict:
        causes = [
            line.strip()
            .replace("The user requested (constraint)", "the site has")
            .replace("The user requested", "asked for:")
            for line in conflict[1].splitlines()
        ]
        return UnresolvableError(f"versions do not fit each other ({'; '.join(causes[:6])})")
    missing = re.search(r"No matching distribution found for (.+)$", output, re.MULTILINE)
    if missing:
        name = re.match(r"[\w.-]*", missing[1])
        return UnresolvableError(
            f"there is no wheel of {missing[1].strip()} for the browser",
            canonicalize_name(name[0] if name else ""),
        )
    errors = [line for line in output.splitlines() if line.startswith("ERROR: ")]
    return LockError(f"pip: {errors[-1][7:] if errors else 'it failed without a word'}")
