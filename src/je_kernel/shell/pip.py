"""The command line of ``pip``, on top of `je_kernel.package_install`.

`plan` parses a command line, carries out what needs no network, and returns what
to install; `carry_out` installs it. A version that the site does not have is
replaced by the one that it has, with a message, so that the lesson runs.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import itertools
import json
import os
import re
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from je_kernel import compatibility, package_install, runtime
from je_kernel.shell.options import CommandError, OptionParser, Options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

__all__ = ["Plan", "carry_out", "plan", "words_of"]

_PARSER = OptionParser(
    "r/requirement= c/constraint= q/quiet v/verbose U/upgrade user pre no-deps force-reinstall"
    " I/ignore-installed y/yes V/version h/help f/files format= no-cache-dir no-input"
    " disable-pip-version-check no-build-isolation no-warn-script-location prefer-binary"
    " break-system-packages only-binary= no-binary= progress-bar= root-user-action= retries="
    " timeout= default-timeout= upgrade-strategy= trusted-host= i/index-url= extra-index-url="
    " find-links= no-index use-pep517 no-color isolated python=",
    status=2,
)
_INDEXES = ("i", "extra-index-url", "find-links", "no-index")
_OF_THE_PAGE = {
    *("ipykernel", "jupyter", "jupyterlab", "notebook", "pip", "setuptools", "uv", "virtualenv"),
    "wheel",
}
_OF_THE_KERNEL = {
    *("comm", "ipykernel", "ipython", "je-kernel", "jedi", "micropip", "piplite"),
    *("pyodide-kernel", "traitlets"),
}
_DEEPEST = 5
"""Limit of requirements files that include each other."""


@dataclass(frozen=True)
class Plan:
    """The installation that a command line of pip asks for.

    Parameters
    ----------
    status
        The exit status, if there is nothing to install.
    requirements
        Requirements to install.
    extras
        All requirements with extras, whose dependencies are resolved afterwards.
    install_options
        Options for the installer.
    quiet
        Whether to print nothing on success.
    """

    status: int = 0
    requirements: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    install_options: Mapping[str, Any] = field(default_factory=dict)
    quiet: bool = False


def words_of(line: str) -> list[str]:
    """Split a ``%pip`` line: quotes and comments as in a shell, but ``>=`` is not a redirection.

    Examples
    --------
    >>> words_of("install -q 'plotly>=5' pandas>=2 # for plots")
    ['install', '-q', 'plotly>=5', 'pandas>=2']
    """
    text = _without_comment(line)
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _without_comment(line: str) -> str:
    return re.split(r"(?:^|\s)#", line, maxsplit=1)[0]


def plan(args: list[str], say: Callable[[str], object], cwd: str | None = None) -> Plan:
    """Parse a command line of pip, and carry out what needs no network.

    Parameters
    ----------
    args
        The arguments of ``pip``.
    say
        Prints a line.
    cwd
        The folder of relative file names; that of the process by default.

    Returns
    -------
    Plan
        What to install.

    Raises
    ------
    CommandError
        For an unknown option, or one that a page cannot do.
    """
    options = _PARSER.parse(args)
    if "V" in options:
        say(f"pip of je-kernel (python {sys.version_info[0]}.{sys.version_info[1]})")
        return Plan()
    if not options.operands or "h" in options:
        say("pip here knows: install, uninstall, list, freeze, show, check")
        return Plan()
    action, *names = options.operands
    actions: dict[str, Callable[[Options, list[str], Callable[[str], object]], int]] = {
        "list": _list, "freeze": _freeze, "show": _show, "uninstall": _uninstall, "check": _check,
    }  # fmt: skip
    if action in actions:
        return Plan(actions[action](options, names, say))
    if action != "install":
        raise CommandError(
            f"'pip {action}' is not known here; it knows {' '.join(('install', *actions))}", 2
        )
    return _install(options, names, say, cwd or os.getcwd())


# install


def _install(options: Options, names: list[str], say: Callable[[str], object], cwd: str) -> Plan:
    texts = [*names, *_lines_of_files(options.every("r"), cwd)]
    constraints = list(_lines_of_files(options.every("c"), cwd))
    if not texts and "r" not in options:
        raise CommandError("You must give at least one requirement to install", 1)
    tell = (lambda _line: None) if "q" in options else say
    if any(option in options for option in _INDEXES):
        tell("Packages come from this site and the index that it allows; no other is looked at.")
    requirements, extras = [], []
    replaces = "force-reinstall" in options
    for text in texts:
        requirement = _read(text, cwd)
        if requirement is None:
            requirements.append(_address(text, cwd))
            continue
        if requirement.marker is not None and not requirement.marker.evaluate():
            tell(f"Ignoring {requirement.name}: markers '{requirement.marker}' don't match")
            continue
        if requirement.extras:
            extras.append(str(requirement))
        # Even with -q: the lesson may depend on the version that it names.
        missing = _missing(requirement, tell, say)
        if missing:
            requirements.append(missing)
            replaces = replaces or _version(requirement.name) is not None
    install_options: dict[str, Any] = {"reinstall": True} if replaces else {}
    if "pre" in options:
        install_options["pre"] = True
    if "no-deps" in options:
        install_options["deps"] = False
    if constraints:
        install_options["constraints"] = constraints
    return Plan(
        0, tuple(dict.fromkeys(requirements)), tuple(extras), install_options, "q" in options
    )


def _lines_of_files(names: list[str], folder: str, depth: int = 0) -> Iterator[str]:
    for name in names:
        yield from _lines_of(os.path.join(folder, name), depth)


def _lines_of(path: str, depth: int) -> Iterator[str]:
    """Yield the requirements in a file, and in the files that it includes."""
    if depth > _DEEPEST:
        raise CommandError("requirements files name each other without an end", 1)
    try:
        text = Path(path).read_text("utf-8-sig")
    except OSError as error:
        name = os.path.basename(path)
        raise CommandError(
            f"Could not open requirements file: '{name}': {error.strerror}", 1
        ) from None
    for line in text.replace("\\\n", "").splitlines():
        words = words_of(line)
        if not words:
            continue
        if words[0].startswith("-"):
            options = _PARSER.parse(words)
            files = [*options.every("r"), *options.every("c")]
            yield from _lines_of_files(files, os.path.dirname(path), depth + 1)
            continue
        # Options such as --hash end a requirement; the quotes of a marker belong to it.
        plain = _without_comment(line).split()
        yield " ".join(itertools.takewhile(lambda word: not word.startswith("--"), plain))


def _requirement(text: str) -> Any:
    """Return a parsed requirement (PEP 508)."""
    requirements = compatibility.requirements_module()
    try:
        return requirements.Requirement(text)
    except requirements.InvalidRequirement:
        raise CommandError(f"Invalid requirement: '{text}'", 1) from None


def _read(text: str, cwd: str) -> Any:
    """Return a requirement; None for an address or a file."""
    if "://" in text.partition(";")[0].partition("@")[0] or text.partition("?")[0].endswith(".whl"):
        return None
    if text.startswith((".", "/", "~")) or (os.path.isdir(os.path.join(cwd, text)) and "/" in text):
        raise CommandError(
            f"'{text}' is a folder, and building a package is not possible in a page;"
            " what lies beside the notebook can be imported as it is",
            1,
        )
    requirement = _requirement(text)
    # A package may be published under another name than that of its module.
    known = package_install.PUBLISHED_AS.get(requirement.name, requirement.name)
    requirement.name = compatibility.package_of_module().get(known, known)
    if requirement.url and not urlsplit(requirement.url).path.endswith(".whl"):
        raise CommandError(_not_a_wheel(requirement.url), 1)
    return requirement


def _address(text: str, cwd: str) -> str:
    """Return the address of a wheel, which may be a local file."""
    if "://" not in text:
        path = os.path.join(cwd, text)
        if not os.path.isfile(path):
            raise CommandError(f"Could not find '{text}': no such file", 1)
        return f"emfs:{path}"
    if text.startswith("git+") or not urlsplit(text).path.endswith(".whl"):
        raise CommandError(_not_a_wheel(text), 1)
    return text


def _not_a_wheel(url: str) -> str:
    kind = "a repository" if url.startswith("git+") else "no wheel"
    return (
        f"'{url}' is {kind}: a page can install wheels (.whl), and cannot build a package."
        " Name the package instead, if it is published"
    )


def _missing(
    requirement: Any, tell: Callable[[str], object], say: Callable[[str], object]
) -> str | None:
    """Return the requirement to install; None if it is installed."""
    name = package_install.canonical(requirement.name)
    if name in _OF_THE_PAGE:
        tell(f"Requirement already satisfied: {requirement.name} (this page has its own)")
        return None
    here = _version(name)
    brought = site_versions().get(name)
    version = here if brought is None else brought
    if version is not None and not requirement.specifier.contains(version, prereleases=True):
        if brought is not None:
            say(
                f"This site brings {requirement.name} {version}, and the lesson asks for"
                f" {requirement.name}{requirement.specifier}: it runs on with {version}."
            )
            requirement.specifier = type(requirement.specifier)("")
        else:
            return str(requirement)
    if here is not None:
        tell(f"Requirement already satisfied: {requirement.name} ({here})")
        return None
    requirement.marker = None
    return str(requirement)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def site_versions() -> Mapping[str, str]:
    """Return the packages of the site, loaded or not, and their versions."""
    if not runtime.in_browser():
        return {}
    locked = compatibility.package_manager().compat_layer.lockfile_packages
    return {package_install.canonical(name): str(each["version"]) for name, each in locked.items()}


async def carry_out(
    plan: Plan,
    say: Callable[[str], object],
    complain: Callable[[str], object],
    installer: Callable[..., Awaitable[str | None]] = package_install.install_all,
) -> int:
    """Carry out a plan.

    Parameters
    ----------
    plan
        The result of `plan`.
    say, complain
        Print a line, and an error.
    installer
        Installs requirements; returns an error message, or None.

    Returns
    -------
    int
        The exit status.
    """
    before = package_install.versions()
    requirements = list(plan.requirements)
    for _ in range(2):
        if requirements:
            problem = await installer(requirements, **plan.install_options)
            if problem is not None:
                complain(f"ERROR: {problem}")
                return 1
        # The dependencies of an extra are known once the package is installed.
        requirements = [each for text in plan.extras for each in _extra_requirements(text)]
    importlib.invalidate_caches()
    news = package_install.news(before, package_install.versions())
    if news and not plan.quiet:
        say(f"Successfully installed {' '.join(f'{name}-{version}' for name, version in news)}")
    return plan.status


def _extra_requirements(text: str) -> Iterator[str]:
    """Yield the dependencies of a requirement's extras that are not installed."""
    requirement = _requirement(text)
    try:
        needed = importlib.metadata.requires(requirement.name) or []
    except importlib.metadata.PackageNotFoundError:
        return
    for each in map(_requirement, needed):
        if each.marker is None or each.marker.evaluate({"extra": ""}):
            continue
        chosen = any(each.marker.evaluate({"extra": extra}) for extra in requirement.extras)
        if chosen and _version(each.name) is None:
            each.marker = None
            yield str(each)


# Commands that need no network


def _list(options: Options, names: list[str], say: Callable[[str], object]) -> int:
    rows = sorted(package_install.versions().items(), key=lambda row: row[0].lower())
    form = options.last("format", "columns")
    if form == "json":
        say(json.dumps([{"name": name, "version": version} for name, version in rows]))
        return 0
    if form == "freeze":
        return _freeze(options, names, say)
    widths = [max(map(len, column)) for column in zip(("Package", "Version"), *rows, strict=True)]
    for name, version in (("Package", "Version"), ("-" * widths[0], "-" * widths[1]), *rows):
        say(f"{name:{widths[0]}} {version}")
    return 0


def _freeze(_options: Options, _names: list[str], say: Callable[[str], object]) -> int:
    for name, version in sorted(package_install.versions().items(), key=lambda row: row[0].lower()):
        say(f"{name}=={version}")
    return 0


def _show(_options: Options, names: list[str], say: Callable[[str], object]) -> int:
    if not names:
        raise CommandError("Please provide a package name or names.", 1)
    shown = 0
    for name in names:
        try:
            about: Any = importlib.metadata.metadata(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if shown:
            say("---")
        shown += 1
        needs = importlib.metadata.requires(name) or []
        own = sorted({_requirement(each).name for each in needs if "extra ==" not in each})
        for title, value in (
            ("Name", about["Name"]),
            ("Version", about["Version"]),
            ("Summary", about.get("Summary", "")),
            ("Home-page", about.get("Home-page", "")),
            ("Author", about.get("Author", "")),
            ("License", about.get("License-Expression") or about.get("License", "")),
            ("Location", str(importlib.metadata.distribution(name).locate_file(""))),
            ("Requires", ", ".join(own)),
        ):
            say(f"{title}: {value.splitlines()[0] if value else ''}".rstrip())
    missing = [name for name in names if _version(name) is None]
    if missing:
        say(f"WARNING: Package(s) not found: {', '.join(missing)}")
    return 0 if shown else 1


def _uninstall(options: Options, names: list[str], say: Callable[[str], object]) -> int:
    names += [_requirement(line).name for line in _lines_of_files(options.every("r"), os.getcwd())]
    if not names:
        raise CommandError("You must give at least one requirement to uninstall", 1)
    for name in names:
        version = _version(name)
        if version is None:
            say(f"WARNING: Skipping {name} as it is not installed.")
            continue
        if package_install.canonical(name) in _OF_THE_KERNEL or not runtime.in_browser():
            raise CommandError(f"{name} stays: the kernel needs it", 1)
        import micropip

        micropip.uninstall(name)
        say(f"Successfully uninstalled {name}-{version}")
    return 0


def _check(_options: Options, _names: list[str], say: Callable[[str], object]) -> int:
    say("No broken requirements found.")
    return 0
