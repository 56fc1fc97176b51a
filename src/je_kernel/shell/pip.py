"""``pip`` as lessons use it, on what installs packages in a page.

`plan` reads a command line, answers what needs no network, and says what is to
be installed; `carry_out` installs it. A version that the site does not bring is
replaced by the one that it does, with a sentence: the lesson runs on.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from je_kernel import compatibility, package_install, runtime
from je_kernel.shell.calls import CommandError
from je_kernel.shell.options import Given, Options

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

__all__ = ["Plan", "carry_out", "plan", "words_of"]

_OPTIONS = Options(
    "r/requirement= c/constraint= q/quiet v/verbose U/upgrade user pre no-deps force-reinstall"
    " I/ignore-installed y/yes V/version h/help f/files format= no-cache-dir no-input"
    " disable-pip-version-check no-build-isolation no-warn-script-location prefer-binary"
    " break-system-packages only-binary= no-binary= progress-bar= root-user-action= retries="
    " timeout= default-timeout= upgrade-strategy= trusted-host= i/index-url= extra-index-url="
    " find-links= no-index use-pep517 no-color isolated python=",
    status=2,
)
_INDEXES = ("i", "extra-index-url", "find-links", "no-index")
_OF_THE_PAGE = frozenset(
    [
        "ipykernel",
        "jupyter",
        "jupyterlab",
        "notebook",
        "pip",
        "setuptools",
        "virtualenv",
        "wheel",
        "uv",
    ]
)
_OF_THE_KERNEL = frozenset(
    [
        "comm",
        "ipykernel",
        "ipython",
        "je-kernel",
        "jedi",
        "micropip",
        "piplite",
        "pyodide-kernel",
        "traitlets",
    ]
)
_DEEPEST = 5
"""How many requirements files may name each other in a row."""


@dataclass(frozen=True)
class Plan:
    """What is left to do for a command line of pip.

    Parameters
    ----------
    status
        The exit status, if nothing is to be installed.
    wanted
        Requirements to install.
    extras
        All requirements with extras, whose parts are looked at afterwards.
    how
        Arguments for the installer.
    quiet
        Whether success is kept quiet about.
    """

    status: int = 0
    wanted: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    how: Mapping[str, Any] = field(default_factory=dict)
    quiet: bool = False


def words_of(line: str) -> list[str]:
    """Return the words of a ``%pip`` line: quotes and a comment are understood, ``>=`` is no file.

    Examples
    --------
    >>> words_of("install -q 'plotly>=5' pandas>=2 # for plots")
    ['install', '-q', 'plotly>=5', 'pandas>=2']
    """
    words: list[str] = []
    current: str | None = None
    quote = ""
    for char in line:
        if quote:
            if char == quote:
                quote = ""
            else:
                current = (current or "") + char
        elif char in "'\"":
            quote, current = char, current or ""
        elif char.isspace():
            if current is not None:
                words.append(current)
            current = None
        elif char == "#" and current is None:
            break
        else:
            current = (current or "") + char
    return words if current is None else [*words, current]


def plan(args: list[str], say: Callable[[str], object], cwd: str | None = None) -> Plan:
    """Read a command line of pip, and do of it what needs no network.

    Parameters
    ----------
    args
        What stands behind ``pip``.
    say
        Takes each line to print.
    cwd
        The folder that files are named from; the process's by default.

    Returns
    -------
    Plan
        What is left to do.

    Raises
    ------
    CommandError
        When the line has something that is not known, or that a page cannot do.
    """
    given = _OPTIONS.split(args)
    if "V" in given:
        say(f"pip of je-kernel (python {sys.version_info[0]}.{sys.version_info[1]})")
        return Plan()
    if not given.operands or "h" in given:
        say("pip here knows: install, uninstall, list, freeze, show, check")
        return Plan()
    action, *names = given.operands
    actions: dict[str, Callable[[Given, list[str], Callable[[str], object]], int]] = {
        "list": _list, "freeze": _freeze, "show": _show, "uninstall": _uninstall, "check": _check,
    }  # fmt: skip
    if action in actions:
        return Plan(actions[action](given, names, say))
    if action != "install":
        raise CommandError(
            f"'pip {action}' is not known here; it knows {' '.join(('install', *actions))}", 2
        )
    return _install(given, names, say, cwd or os.getcwd())


# install


def _install(given: Given, names: list[str], say: Callable[[str], object], cwd: str) -> Plan:
    texts = [*names]
    for name in given.every("r"):
        texts += _lines_of(os.path.join(cwd, name), 0)
    constraints = [
        line for name in given.every("c") for line in _lines_of(os.path.join(cwd, name), 0)
    ]
    if not texts and "r" not in given:
        raise CommandError("You must give at least one requirement to install", 1)
    tell = (lambda _line: None) if "q" in given else say
    if any(option in given for option in _INDEXES):
        tell("Packages come from this site and the index that it allows; no other is looked at.")
    wanted, extras = [], []
    replaces = "force-reinstall" in given
    for text in texts:
        requirement = _read(text, cwd)
        if requirement is None:
            wanted.append(_address(text, cwd))
            continue
        if requirement.marker is not None and not requirement.marker.evaluate():
            tell(f"Ignoring {requirement.name}: markers '{requirement.marker}' don't match")
            continue
        if requirement.extras:
            extras.append(str(requirement))
        # The version in the page is said in any case: a lesson may count on its own.
        missing = _missing(requirement, tell, say)
        if missing:
            wanted.append(missing)
            replaces = replaces or _version(requirement.name) is not None
    how: dict[str, Any] = {"reinstall": True} if replaces else {}
    if "pre" in given:
        how["pre"] = True
    if "no-deps" in given:
        how["deps"] = False
    if constraints:
        how["constraints"] = constraints
    return Plan(0, tuple(dict.fromkeys(wanted)), tuple(extras), how, "q" in given)


def _lines_of(path: str, depth: int) -> Iterator[str]:
    """Yield the requirements in a file, and in those that it names."""
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
            given = _OPTIONS.split(words)
            for name in (*given.every("r"), *given.every("c")):
                yield from _lines_of(os.path.join(os.path.dirname(path), name), depth + 1)
            continue
        # Hashes stand behind a requirement; markers have spaces in them.
        yield " ".join(_until_option(_plain_words(line)))


def _plain_words(line: str) -> list[str]:
    """Return the words of a line, their quotes kept, as a marker needs them."""
    words = line.split()
    cut = next((i for i, word in enumerate(words) if word.startswith("#")), len(words))
    return words[:cut]


def _until_option(words: list[str]) -> list[str]:
    cut = next((i for i, word in enumerate(words) if word.startswith("--")), len(words))
    return words[:cut]


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
    # What a lesson imports may be published under another name.
    known = package_install.PUBLISHED_AS.get(requirement.name, requirement.name)
    requirement.name = compatibility.package_of_module().get(known, known)
    if requirement.url and not urlsplit(requirement.url).path.endswith(".whl"):
        raise CommandError(_not_a_wheel(requirement.url), 1)
    return requirement


def _address(text: str, cwd: str) -> str:
    """Return the address of a wheel, also of one that is a file here."""
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
    """Return what is to be installed for a requirement; None if it is here."""
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
    """Return the packages that the site brings, loaded or not, and their versions."""
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
    """Install what a plan says.

    Parameters
    ----------
    plan
        What `plan` has returned.
    say, complain
        Take lines to print, and what went wrong.
    installer
        Installs requirements, and returns why it could not.

    Returns
    -------
    int
        The exit status.
    """
    before = package_install.versions()
    wanted = list(plan.wanted)
    for _ in range(2):
        if wanted:
            problem = await installer(wanted, **plan.how)
            if problem is not None:
                complain(f"ERROR: {problem}")
                return 1
        # What an extra asks for is known when the package itself is here.
        wanted = [each for text in plan.extras for each in _parts(text)]
    importlib.invalidate_caches()
    news = package_install.news(before, package_install.versions())
    if news and not plan.quiet:
        say(f"Successfully installed {' '.join(f'{name}-{version}' for name, version in news)}")
    return plan.status


def _parts(text: str) -> Iterator[str]:
    """Yield what the extras of a requirement ask for, as far as it is not here."""
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


# What needs no network


def _list(given: Given, names: list[str], say: Callable[[str], object]) -> int:
    rows = sorted(package_install.versions().items(), key=lambda row: row[0].lower())
    form = given.last("format", "columns")
    if form == "json":
        say(json.dumps([{"name": name, "version": version} for name, version in rows]))
        return 0
    if form == "freeze":
        return _freeze(given, names, say)
    widths = [max(map(len, column)) for column in zip(("Package", "Version"), *rows, strict=True)]
    for name, version in (("Package", "Version"), ("-" * widths[0], "-" * widths[1]), *rows):
        say(f"{name:{widths[0]}} {version}")
    return 0


def _freeze(_given: Given, _names: list[str], say: Callable[[str], object]) -> int:
    for name, version in sorted(package_install.versions().items(), key=lambda row: row[0].lower()):
        say(f"{name}=={version}")
    return 0


def _show(_given: Given, names: list[str], say: Callable[[str], object]) -> int:
    if not names:
        raise CommandError("Please provide a package name or names.", 1)
    found = 0
    for name in names:
        try:
            about: Any = importlib.metadata.metadata(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if found:
            say("---")
        found += 1
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
    lost = [name for name in names if _version(name) is None]
    if lost:
        say(f"WARNING: Package(s) not found: {', '.join(lost)}")
    return 0 if found else 1


def _uninstall(given: Given, names: list[str], say: Callable[[str], object]) -> int:
    for name in given.every("r"):
        names += [_requirement(line).name for line in _lines_of(os.path.abspath(name), 0)]
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


def _check(_given: Given, _names: list[str], say: Callable[[str], object]) -> int:
    say("No broken requirements found.")
    return 0
