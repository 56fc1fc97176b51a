"""`install`: install packages into the running kernel.

``%pip install`` works as in other kernels. `install` is for all other places: it can be
called in the middle of a cell and in a function, returns when the package is installed,
and explains why a package cannot be installed in a browser.
"""

from __future__ import annotations

import difflib
import importlib.metadata
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from je_kernel import runtime
from je_kernel.arguments import check_text
from je_kernel.compatibility import is_compatible_wheel, package_manager, package_of_module
from je_kernel.errors import InstallError, NotInBrowserError
from je_kernel.stand_ins.advice import STOOD_IN

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

__all__ = [
    "PUBLISHED_AS",
    "Installed",
    "Offer",
    "canonical",
    "install",
    "install_all",
    "news",
    "versions",
    "why_not_installed",
]

PUBLISHED_AS = {
    "Bio": "biopython",
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "pptx": "python-pptx",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""What a lesson imports under another name than it is published under."""


@dataclass(frozen=True)
class Installed:
    """What `install` has brought.

    Parameters
    ----------
    packages
        Names and versions; the requested packages first, then their dependencies.
    """

    packages: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        if not self.packages:
            return "Nothing to install: everything is here already."
        return "Installed " + ", ".join(f"{name} {version}" for name, version in self.packages)


@dataclass(frozen=True)
class Offer:
    """A published file of a package.

    Parameters
    ----------
    version
        The package's version.
    filename
        The file's name.
    fits
        Whether it can be installed in this kernel.
    """

    version: str
    filename: str
    fits: bool


def install(*names: str) -> Installed:
    """Install packages into this kernel, and wait until they can be imported.

    The site's own packages come first, in the site's version; others come from the
    package index that the site allows.

    Parameters
    ----------
    *names
        Names of packages, with a version if it matters, as ``"seaborn"`` or
        ``"seaborn==0.13.2"``; or addresses of wheels. The name of a module works
        as well if the site knows its package: ``"sklearn"``.

    Returns
    -------
    Installed
        The new packages. It displays a line of text.

    Raises
    ------
    InstallError
        If a package cannot be installed; the message says why, and which version
        can be. Also if the browser cannot wait in the middle of a cell (no JSPI, as
        on an iPad); the message then gives the line that works there.
    NotInBrowserError
        In ordinary Python.

    Examples
    --------
    >>> install("seaborn")  # doctest: +SKIP
    Installed seaborn 0.13.2
    """
    for name in names:
        check_text(name, "A package's name", "seaborn")
    requirements = [PUBLISHED_AS.get(name.strip(), name.strip()) for name in names]
    if not requirements or not all(requirements):
        raise InstallError('Name the packages to install, as in je_kernel.install("seaborn").')
    if not runtime.in_browser():
        raise NotInBrowserError(
            f"je_kernel.install works in a notebook in the browser. Here, run"
            f" `pip install {' '.join(requirements)}` in a terminal."
        )
    requirements = [name for name in requirements if canonical(_name_in(name)) not in STOOD_IN]
    if not requirements:
        return Installed(())
    requirements = [package_of_module().get(name, name) for name in requirements]
    if not runtime.can_run_sync():
        raise InstallError(
            "This browser cannot wait for a download in the middle of a cell. Put this line into"
            f" a cell of its own and run it:\n\n    %pip install {' '.join(requirements)}"
        )
    from pyodide.ffi import run_sync

    before = versions()
    problem: str | None = run_sync(install_all(requirements))
    if problem is not None:
        raise InstallError(problem)
    return Installed(_ordered(news(before, versions()), requirements))


async def install_all(requirements: list[str], **arguments: Any) -> str | None:
    """Install requirements, with arguments of `micropip.install`; return why it failed, or None."""
    try:
        import piplite as installer
    except ImportError:
        import micropip as installer
    try:
        await installer.install(requirements, **arguments)
    except Exception as error:
        return await _explain(requirements, error)
    return None


def versions() -> dict[str, str]:
    """Return the installed packages and their versions."""
    return {
        dist.metadata["Name"]: dist.version
        for dist in importlib.metadata.distributions()
        if dist.metadata["Name"]
    }


def news(before: Mapping[str, str], after: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the packages that an installation has added or changed."""
    return sorted((n, version) for n, version in after.items() if before.get(n) != version)


def _ordered(
    news: Iterable[tuple[str, str]], requirements: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    requested = {canonical(_name_in(requirement)) for requirement in requirements}
    return tuple(sorted(news, key=lambda each: (canonical(each[0]) not in requested, each[0])))


def canonical(name: str) -> str:
    """Return a package's normalised name.

    Examples
    --------
    >>> canonical("Scikit_Learn")
    'scikit-learn'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def _name_in(requirement: str) -> str:
    """Return the package's name in a requirement.

    Examples
    --------
    >>> _name_in("seaborn[stats] >= 0.13"), _name_in("https://example.com/a_b-1.0-py3-none-any.whl")
    ('seaborn', 'a_b')
    """
    if requirement.partition("?")[0].endswith(".whl"):
        return requirement.rpartition("/")[2].partition("-")[0]
    match = re.match(r"[\w.-]+", requirement)
    return match[0] if match else requirement


# Why a package did not come.


async def _explain(requirements: Sequence[str], error: Exception) -> str:
    """Say why the installer failed, having looked up what the package is published as."""
    text = str(error)
    if type(error).__name__ == "PiplitePyPIDisabled":
        return why_not_installed(_blamed(requirements, text), text, "closed", ())
    if "is already installed" in text:
        return why_not_installed(_blamed(requirements, text), text, "conflict", ())
    blamed = _blamed(requirements, text)
    if blamed.endswith(".whl"):
        return f"Could not install {blamed!r}. {text}"
    outcome, offers = await _look_up(_name_in(blamed))
    if outcome == "listed" and "Can't find a pure Python 3 wheel" not in text:
        return f"Could not install {blamed!r}. {type(error).__name__}: {text}"
    return why_not_installed(blamed, text, outcome, offers)


def _blamed(requirements: Sequence[str], text: str) -> str:
    """Return the requirement that an installer's message names."""
    quoted = re.search(r"(?:for|Requested) '([^']+)'", text)
    if quoted:
        return quoted[1]
    disabled = re.match(r"([\w.-]+) could not be installed", text)
    if disabled:
        return disabled[1]
    return next((each for each in requirements if _name_in(each) in text), requirements[0])


_Outcome = Literal["listed", "unknown", "offline", "closed", "conflict"]


async def _look_up(name: str) -> tuple[_Outcome, tuple[Offer, ...]]:
    """Return the published files of a package, by the package index."""
    manager = package_manager()
    outcome: _Outcome = "unknown"
    for index in manager.index_urls:
        url = index.format(package_name=name) if "{" in index else f"{index}/{name}/"
        options = {"headers": {"accept": "application/vnd.pypi.simple.v1+json"}}
        try:
            text, _ = await manager.compat_layer.fetch_string_and_headers(url, options)
            return "listed", _offers(json.loads(text))
        except Exception as error:
            # Only the status 404 means that the package is unknown.
            if getattr(error, "status", None) != 404:
                outcome = "offline"
    return outcome, ()


def _offers(listing: Mapping[str, Any]) -> tuple[Offer, ...]:
    offers = []
    for file in listing.get("files", []):
        name = str(file["filename"])
        try:
            fits = name.endswith(".whl") and is_compatible_wheel(name)
        except ValueError:
            fits = False
        offers.append(Offer(_version_in(name), name, fits))
    return tuple(offers)


def _version_in(filename: str) -> str:
    """Return the version in the name of a wheel or a source archive.

    Examples
    --------
    >>> _version_in("lxml-6.0.2-cp314-cp314-win_amd64.whl"), _version_in("my-pkg-1.0b1.tar.gz")
    ('6.0.2', '1.0b1')
    """
    if filename.endswith(".whl"):
        return filename.split("-")[1] if "-" in filename else ""
    return re.sub(r"\.(tar\.\w+|zip)$", "", filename).rpartition("-")[2]


def why_not_installed(
    requirement: str,
    text: str,
    outcome: _Outcome,
    offers: Sequence[Offer],
) -> str:
    """Return why a package could not be installed, and which version can be.

    Parameters
    ----------
    requirement
        The requirement, such as ``"seaborn==0.1"``.
    text
        The installer's message.
    outcome
        ``"listed"``: the index has the package; ``"unknown"``: it does not;
        ``"offline"``: it did not answer; ``"closed"``: the site allows no index;
        ``"conflict"``: another version is installed.
    offers
        The published files of the package.

    Returns
    -------
    str
        Sentences for a student.

    Examples
    --------
    >>> print(why_not_installed("nosuch", "", "unknown", ()))
    Could not install 'nosuch': there is no package of that name. Check the spelling.
    """
    beginning = f"Could not install {requirement!r}: "
    if outcome == "closed":
        return beginning + (
            "it is not among the packages that this site brings, and the site does not let"
            " notebooks install others. Ask whoever runs the site to add it."
        )
    if outcome == "conflict":
        return beginning + (
            "another version of it is in this kernel already. Restart the kernel, and run this"
            f" line before anything that imports it.\n({text.partition('.')[0]}.)"
        )
    if outcome == "offline":
        return beginning + (
            "the package index does not answer. Check the Wi-Fi, then run this cell again."
        )
    if outcome == "unknown":
        return beginning + f"there is no package of that name. {_spelling(requirement)}"
    return beginning + _no_file_fits(requirement, offers)


def _spelling(requirement: str) -> str:
    known = [*package_of_module().values(), *PUBLISHED_AS.values()]
    near = difflib.get_close_matches(canonical(_name_in(requirement)), known, 1, 0.75)
    return f'Did you mean "{near[0]}"?' if near else "Check the spelling."


def _no_file_fits(requirement: str, offers: Sequence[Offer]) -> str:
    name = _name_in(requirement)
    fitting = [offer.version for offer in offers if offer.fits]
    if fitting:
        nearest = _nearest(requirement, fitting)
        return (
            "no version that fits works in the browser. The nearest that does is"
            f' {nearest}:\n\n    je_kernel.install("{name}=={nearest}")'
        )
    if any(offer.filename.endswith(".whl") for offer in offers):
        return (
            "parts of it are compiled for each kind of computer, and nobody has compiled them for"
            f" the browser yet{_compiled_for(offers)}. Look for another package that does the"
            " same, or run this notebook in a Python that is installed on a computer."
        )
    if offers:
        return (
            "it is published only as source code, which would have to be built first. Ask its"
            " authors to publish a wheel, or look for another package that does the same."
        )
    return "nothing has been published under this name."


def _compiled_for(offers: Sequence[Offer]) -> str:
    marks = {"Windows": "win", "macOS": "macosx", "Linux": "linux"}
    tags = [offer.filename.rpartition("-")[2] for offer in offers]
    systems = [system for system, mark in marks.items() if any(mark in tag for tag in tags)]
    return f", only for {' and '.join(systems)}" if systems else ""


def _nearest(requirement: str, versions: Collection[str]) -> str:
    """Return the version closest to the required one, or the latest.

    Examples
    --------
    >>> _nearest("lib==2.5", ["1.0", "2.4", "2.10", "3.0"]), _nearest("lib", ["1.9", "1.10"])
    ('2.4', '1.10')
    """
    ordered = sorted(versions, key=_order)
    version = re.search(r"\d[\w.]*", requirement.removeprefix(_name_in(requirement)))
    if version is None:
        return ordered[-1]
    below = [each for each in ordered if _order(each) <= _order(version[0])]
    return below[-1] if below else ordered[0]


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version.partition("+")[0]))
