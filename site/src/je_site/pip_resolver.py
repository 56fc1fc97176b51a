"""Resolves packages for the browser, with pip.

pip can resolve for another platform than its own, but for environment markers
(``sys_platform == 'emscripten'``): it compares these with the Python that runs it.
So it is started with the browser's (`_START`), and its report must say that it used them.

uv would be the other choice: it is told of platforms by name, and knows none of
Pyodide 314 (0.13.8). And pip, which fetches the wheels as well, is configured once
for both: a school's own index is asked in either case.
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
    "is_for_others",
    "resolve",
    "versions_of",
]

#: Seconds after which pip is not looking through old versions any more to any purpose.
_PATIENCE = 600

#: What nearly every compiled package has wheels for.
_OTHER_COMPUTERS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")

#: Runs pip with other environment markers, which it has no option for.
_START = """
import json, runpy, sys
from pip._vendor.packaging import markers
environment = json.loads(sys.argv.pop(1))
markers.default_environment = lambda: dict(environment)
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


class IndexUnreachableError(LockError):
    """PyPI, or the index in its place, cannot be asked."""


class UnresolvableError(LockError):
    """Packages cannot be had together, or one cannot be had at all.

    Attributes
    ----------
    missing
        Name of the one that cannot be had; empty where they do not fit each other.
    """

    def __init__(self, message: str, missing: str = "") -> None:
        super().__init__(message)
        self.missing = missing


@dataclass(frozen=True)
class Platform:
    """What the browser runs.

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
    """A package that is had from elsewhere, in the version that is had.

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
    """A package as it was resolved.

    Attributes
    ----------
    name, version
        Of the package; the name is normalised.
    file_name, sha256
        Its wheel; both empty for a placeholder.
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
    """Find versions that fit each other, and what they need.

    Parameters
    ----------
    requirements
        What is wanted.
    platform
        What it should run on.
    placeholders
        What there is already.
    constraints
        The only version of a package that may be taken, by the package's name.

    Returns
    -------
    tuple of Resolved
        Everything that is needed, placeholders included.

    Raises
    ------
    UnresolvableError
        When there is no such set; the message is half a sentence that says why.
    LockError
        When the index cannot be reached, or pip cannot do it.
    """
    with temporary_folder() as folder:
        known = folder / "known"
        known.mkdir()
        for each in placeholders:
            write_placeholder(known, each.name, each.version, each.depends)
        wanted = _written(folder / "wanted.txt", requirements)
        fixed = _written(folder / "fixed.txt", (f"{n}=={v}" for n, v in constraints.items()))
        report = folder / "report.json"
        said, code = _run_pip(
            platform,
            *("install", "--dry-run", "--ignore-installed", "--target", str(folder / "none")),
            *("--report", str(report), "--find-links", str(known)),
            *("--constraint", str(fixed), "--requirement", str(wanted)),
        )
        if code or not report.is_file():
            raise _explained(said)
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
        What they should have a wheel for; None for the machine that asks, where
        sources count as well.

    Returns
    -------
    tuple of str
        The newest first; empty if there is none.
    """
    said, code = _run_pip(platform, "index", "versions", name)
    match = re.search(r"^Available versions: (.*)$", said, re.MULTILINE)
    return tuple(match[1].split(", ")) if match and not code else ()


def is_for_others(name: str, python: str) -> bool:
    """Tell whether an index has a package at all: for other computers, or as sources.

    Parameters
    ----------
    name
        Of the package.
    python
        Minor version of Python for which wheels are looked for.
    """
    return any(versions_of(name, each) for each in (None, Platform(python, _OTHER_COMPUTERS)))


def _run_pip(platform: Platform | None, *arguments: str) -> tuple[str, int]:
    """Run pip for a platform, or for its own; return what it said and its exit status."""
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
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise UnresolvableError(
            f"pip found no versions that fit each other within {_PATIENCE // 60} minutes"
        ) from None
    return done.stdout, done.returncode


def _written(path: Path, lines: Iterable[str]) -> Path:
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


def _explained(said: str) -> LockError:
    """Make one sentence of why pip could not."""
    if "connection broken" in said or "NewConnectionError" in said:
        return IndexUnreachableError(
            "PyPI cannot be reached, so what the site lacks cannot be resolved: connect to the "
            "internet once, and commit je-kernel.lock, from which every later build is."
        )
    conflict = re.search(r"The conflict is caused by:\n((?: .*\n)+)", said)
    if conflict:
        causes = [
            line.strip()
            .replace("The user requested (constraint)", "the site has")
            .replace("The user requested", "asked for:")
            for line in conflict[1].splitlines()
        ]
        return UnresolvableError(f"versions do not fit each other ({'; '.join(causes[:6])})")
    missing = re.search(r"No matching distribution found for (.+)$", said, re.MULTILINE)
    if missing:
        name = re.match(r"[\w.-]*", missing[1])
        return UnresolvableError(
            f"there is no wheel of {missing[1].strip()} for the browser",
            canonicalize_name(name[0] if name else ""),
        )
    errors = [line for line in said.splitlines() if line.startswith("ERROR: ")]
    return LockError(f"pip: {errors[-1][7:] if errors else 'it failed without a word'}")
