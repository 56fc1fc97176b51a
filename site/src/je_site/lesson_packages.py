"""Locks the packages that lessons need and a site lacks.

A site has the packages of je-kernel-site's lock, je-kernel, and the deployer's wheels. What
lessons import or install with pip beyond these is resolved once, from PyPI and from the
release of Pyodide, and written into the site's lock. A build reads that, without a network.

A package that nobody names, and that only the name of a module suggests, is locked only if
its wheel contains the module. Each is reported, because names that resemble a known name are
a way to distribute malware (typosquatting).
"""

from __future__ import annotations

import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name, is_normalized_name
from packaging.version import InvalidVersion, Version

from je_site.assembly import assemble_core, fetch_wheels, kernel_packages, own_packages
from je_site.distribution import core_lock
from je_site.errors import LockError
from je_site.known_names import ALTERNATIVES, DISTRIBUTIONS
from je_site.lessons import LessonImport, read_lessons
from je_site.lock import PYPI, RELEASE, Wheel, read_lock
from je_site.pip_resolver import (
    IndexUnreachableError,
    Placeholder,
    Platform,
    Resolved,
    UnresolvableError,
    is_for_other_platforms,
    resolve,
    versions_of,
)
from je_site.requirements import (
    browser_environment,
    needed_in_browser,
    requirements_in_browser,
)
from je_site.site_lock import LOCK_NAME, SiteLock, merge_site_lock, read_site_lock, write_site_lock
from je_site.sources import cached_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from je_site.lock import DistributionLock
    from je_site.progress import Reporter

__all__ = ["SiteNeeds", "lock_site", "missing_by_place", "modules_in", "site_lock_for_build"]

#: Number of pip processes that run at the same time.
_RUNS_AT_ONCE = 4

#: Modules of the standard library that are newer than the oldest supported Python.
_NEWER_MODULES = frozenset({"annotationlib", "compression"})

#: Modules of every kernel.
_OF_THE_KERNEL = ("__main__", "js", "pyodide", "pyodide_js")

#: Folder in je-kernel's wheel of the modules that stand in for others.
_STAND_INS = "je_kernel/stand_ins/modules"


@dataclass(frozen=True)
class SiteNeeds:
    """Where the requirements of a site come from.

    Attributes
    ----------
    lessons
        Files and folders.
    requested
        Requirements of the deployer.
    wheels
        The deployer's wheels.
    """

    lessons: tuple[Path, ...] = ()
    requested: tuple[str, ...] = ()
    wheels: tuple[Path, ...] = ()


def site_lock_for_build(path: Path | None, needs: SiteNeeds, reporter: Reporter) -> SiteLock | None:
    """Return the lock of a site, and warn of packages that lessons will lack.

    An existing lock is used unchanged. Without one, and where packages are needed, one is
    made.

    Parameters
    ----------
    path
        The site's lock; None if it has no place.
    needs
        What the site needs.
    reporter
        Where to show progress and warnings.

    Returns
    -------
    SiteLock or None
        None where the site needs no lock.

    Raises
    ------
    LockError
        When the lock cannot be used, or lacks a requirement of the deployer.
    """
    site_lock = read_site_lock(path) if path is not None else None
    lock = merge_site_lock(read_lock(), site_lock)
    wanted = _MissingPackages(_SitePackages.of(lock, site_lock, needs.wheels), needs)
    if site_lock is None:
        if not wanted.requests and not wanted.modules:
            wanted.report_problems(reporter)
            return None
        try:
            return lock_site(path, needs, reporter, update=False)
        except IndexUnreachableError as error:
            if needs.requested:
                raise
            reporter.warn(f"{error} This time the site is built without them.")
            return None
    wanted.report_problems(reporter)
    _report_unavailable(wanted, site_lock, reporter)
    missing = [
        request for request in wanted.requests.values() if request.name not in site_lock.unavailable
    ]
    requested = [request for request in missing if request.requested]
    if requested:
        raise LockError(
            f"{LOCK_NAME} does not state {requested[0].text}, which is requested: add it with "
            f"je-kernel lock --package '{requested[0].text}'"
        )
    unlocked = [
        f"{place} asks for {request.text}" for request in missing for place in request.places[:1]
    ]
    unlocked += [
        f"{module.place} imports {module.module}"
        for module in wanted.modules
        if _package_prefix(module.module) not in site_lock.unavailable and not module.optional
    ]
    if unlocked:
        reporter.warn(
            f"{LOCK_NAME} does not know what the lessons need by now ({'; '.join(unlocked[:5])}"
            f"{' …' if len(unlocked) > 5 else ''}): add it with je-kernel lock"
        )
    return site_lock


def lock_site(path: Path | None, needs: SiteNeeds, reporter: Reporter, *, update: bool) -> SiteLock:
    """Resolve the packages that a site needs and lacks, and write its lock.

    Parameters
    ----------
    path
        The site's lock; None to write none.
    needs
        What the site needs.
    reporter
        Where to show progress and warnings.
    update
        Whether to update the packages that are locked already.

    Returns
    -------
    SiteLock
        The new lock.

    Raises
    ------
    LockError
        When no version of a requirement of the deployer fits, or PyPI cannot be reached.
    """
    present = read_site_lock(path) if path is not None else None
    if present is not None:
        named = {canonicalize_name(Requirement(text).name) for text in needs.requested}
        kept = (r for r in present.requested if canonicalize_name(Requirement(r).name) not in named)
        needs = replace(needs, requested=(*needs.requested, *kept))
    locking = _Locker(read_lock(), needs, reporter)
    if present is not None and not update:
        locking.present = dict(present.wheels)
    locking.wanted.report_problems(reporter)
    site_lock = locking.run()
    _report_unavailable(locking.wanted, site_lock, reporter)
    if path is not None:
        try:
            write_site_lock(path, site_lock)
        except OSError as error:
            raise LockError(
                f"{path} cannot be written ({error.strerror}): name another file with --lock."
            ) from error
    return site_lock


def missing_by_place(needs: SiteNeeds, site_lock: SiteLock | None) -> dict[str, list[str]]:
    """Return sentences on the packages that lessons need and a site lacks.

    Parameters
    ----------
    needs
        What the site needs.
    site_lock
        The site's own lock; None if there is none.

    Returns
    -------
    dict
        Lists of sentences, by place in a lesson: see `je_site.lessons.place_of`.
    """
    known = _SitePackages.of(merge_site_lock(read_lock(), site_lock), site_lock, needs.wheels)
    wanted = _MissingPackages(known, needs)
    unavailable = {} if site_lock is None else site_lock.unavailable
    missing: dict[str, list[str]] = {}
    for module in wanted.modules:
        if not module.optional:
            why = _reason_missing(_package_prefix(module.module), unavailable)
            missing.setdefault(module.place, []).append(f"It imports {module.module}: {why}.")
    for request in wanted.requests.values():
        for place in request.places:
            why = _reason_missing(request.name, unavailable)
            missing.setdefault(place, []).append(f"It asks for {request.name}: {why}.")
    return missing


def _reason_missing(name: str, unavailable: Mapping[str, str]) -> str:
    if name in unavailable:
        return unavailable[name]
    package = canonicalize_name(DISTRIBUTIONS.get(name, name))
    instead = f"; instead there is {_alternative(package)}" if package in ALTERNATIVES else ""
    return f"the site does not have it, which je-kernel lock may change{instead}"


def _alternative(package: str) -> str:
    name, words = ALTERNATIVES[package]
    return f"{name} ({words})"


def modules_in(wheel: Path, folder: str = "") -> frozenset[str]:
    """Return the top-level modules of a wheel.

    Parameters
    ----------
    wheel
        The file.
    folder
        Folder in the wheel of the modules.

    Returns
    -------
    frozenset of str
        Dotted where the upper packages are namespaces.
    """
    with zipfile.ZipFile(wheel) as archive:
        paths = [PurePosixPath(name) for name in archive.namelist()]
    # The content of a wheel's data folder is installed beside the rest.
    paths = [
        PurePosixPath(*path.parts[2:])
        if path.parts[0].endswith(".data") and path.parts[1:2] in (("purelib",), ("platlib",))
        else path
        for path in paths
    ]
    paths = [path.relative_to(folder) for path in paths if path.is_relative_to(folder)]
    modules = {path.parent / path.name.partition(".")[0] for path in paths if _is_module(path)}
    packages = {path.parent for path in paths if path.name == "__init__.py"}
    names = {
        module.parent if module.name == "__init__" else module
        for module in modules
        if module != PurePosixPath("__init__")
    }
    uppermost = {path for path in names if not packages & {*path.parents}}
    return frozenset(
        ".".join(path.parts)
        for path in uppermost
        if path.parts and all(part.isidentifier() for part in path.parts)
    )


def _is_module(path: PurePosixPath) -> bool:
    return path.suffix in (".py", ".so") and not path.parts[0].endswith((".data", ".dist-info"))


@dataclass
class _SitePackages:
    """The packages and modules that a site has."""

    #: The version of each package.
    versions: dict[str, str] = field(default_factory=dict)
    modules: set[str] = field(default_factory=set)
    #: Missing dependencies of the deployer's wheels, and which wheel needs each.
    missing: dict[str, str] = field(default_factory=dict)
    #: Modules that je-kernel has in place of packages that cannot work in a browser.
    stand_ins: frozenset[str] = frozenset()
    #: Names of the packages in the site's lock.
    added: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, lock: DistributionLock, site_lock: SiteLock | None, wheels: Sequence[Path]
    ) -> _SitePackages:
        known = cls(added=frozenset() if site_lock is None else frozenset(site_lock.wheels))
        own = own_packages(lock, wheels)
        known.stand_ins = modules_in(own[0].path, _STAND_INS)
        known.versions = {
            **{wheel.name: wheel.version for wheel in lock.served_wheels()},
            **{package.name: package.version for package in (*kernel_packages(lock), *own)},
        }
        known.modules.update(name for wheel in lock.served_wheels() for name in wheel.imports)
        known.modules.update(
            name for wheel in lock.kernel_wheels.values() for name in wheel.imports
        )
        known.modules.update(name for package in own for name in package.imports)
        known.missing = {
            depend: package.name
            for package in own
            for depend in package.depends
            if depend not in known.versions
        }
        return known

    def has_module(self, module: str) -> bool:
        """Tell whether the site has a module, judged by names."""
        parts = module.split(".")
        if parts[0] in sys.stdlib_module_names or parts[0] in _NEWER_MODULES:
            return True
        prefixes = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
        inside = f"{module}."
        if prefixes & {*self.stand_ins, *_OF_THE_KERNEL}:
            return True
        if any(name.startswith(inside) for name in self.stand_ins):
            return True
        named = [prefix for prefix in prefixes if "." in prefix and prefix in DISTRIBUTIONS]
        if named:  # One package of several that share a namespace.
            return DISTRIBUTIONS[named[0]] in self.versions
        return _is_among(self.modules, module)


@dataclass
class _PackageRequest:
    """A package that lessons or the deployer need."""

    name: NormalizedName
    #: Requirements, and the places where each is stated.
    stated: dict[str, list[str]] = field(default_factory=dict)
    #: Imports that suggest the package.
    modules: list[LessonImport] = field(default_factory=list)
    requested: bool = False

    @property
    def text(self) -> str:
        return " and ".join(self.stated) or self.name

    @property
    def places(self) -> list[str]:
        stated = [place for places in self.stated.values() for place in places]
        return [*stated, *(module.place for module in self.modules)]

    @property
    def requirements(self) -> tuple[str, ...]:
        return tuple(self.stated) or (self.name,)

    @property
    def unpinned(self) -> str:
        """The requirement without versions."""
        extras = {extra for text in self.stated for extra in Requirement(text).extras}
        return f"{self.name}[{','.join(sorted(extras))}]" if extras else self.name


class _MissingPackages:
    """The packages and modules that a site needs and lacks."""

    def __init__(self, known: _SitePackages, needs: SiteNeeds) -> None:
        self.known = known
        lessons = read_lessons(needs.lessons)
        self.problems = lessons.problems
        #: By name.
        self.requests: dict[str, _PackageRequest] = {}
        #: Places where lessons request another version than the site has, by requirement.
        self.differing: dict[str, list[str]] = {}
        environment = {**browser_environment(read_lock().python), "extra": ""}
        for text in needs.requested:
            self._add_deployer_requirement(text)
        for depend, wheel in known.missing.items():
            self._request_for(depend).stated.setdefault(depend, []).append(f"the wheel of {wheel}")
        for requirement in lessons.requirements:
            marker = Requirement(requirement.text).marker
            if marker is None or marker.evaluate(environment):
                self._add_lesson_requirement(
                    requirement.text.partition(";")[0].strip(), requirement.place
                )
        self.modules = [each for each in lessons.imports if not known.has_module(each.module)]

    def _request_for(self, name: str) -> _PackageRequest:
        normal = canonicalize_name(name)
        return self.requests.setdefault(normal, _PackageRequest(normal))

    def _add_deployer_requirement(self, text: str) -> None:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise LockError(
                f"{text!r} is not a requirement ({str(error).splitlines()[0]}): write a name, or "
                "a name and versions, such as 'plotly>=6'."
            ) from error
        if requirement.url is not None:
            raise LockError(f"{text!r} is an address: fetch the wheel, and give it with --wheel.")
        name = canonicalize_name(requirement.name)
        version = self.known.versions.get(name)
        if version is None:
            request = self._request_for(name)
            request.requested = True
            request.stated.setdefault(text, []).append("--package")
        elif not requirement.specifier.contains(version, prereleases=True):
            if name in self.known.added:
                raise LockError(
                    f"{text} is requested, and {LOCK_NAME} states {name} {version}: change that "
                    f"with je-kernel lock --package '{text}'"
                )
            raise LockError(
                f"{text} is requested, and the site has {name} {version}, which its other "
                "packages are made for: request that version, or none."
            )

    def _add_lesson_requirement(self, text: str, place: str) -> None:
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        version = self.known.versions.get(name)
        if name in map(canonicalize_name, self.known.stand_ins):
            return
        if version is None:
            request = self._request_for(name)
            if not request.requested:  # The deployer's requirement takes precedence.
                request.stated.setdefault(text, []).append(place)
        elif not requirement.specifier.contains(version, prereleases=True):
            self.differing.setdefault(f"{text}; the site has {name} {version}", []).append(place)

    def report_problems(self, reporter: Reporter) -> None:
        """Warn of lessons that cannot be read, and of versions that differ."""
        for problem in self.problems:
            reporter.warn(problem)
        for text, places in self.differing.items():
            reporter.warn(f"{_shortened(places)} asks for {text}.")


class _Locker:
    """Resolves and fetches the missing packages of a site, once."""

    def __init__(self, lock: DistributionLock, needs: SiteNeeds, reporter: Reporter) -> None:
        self.lock = lock
        self.reporter = reporter
        self.requested = needs.requested
        self.known = _SitePackages.of(lock, None, needs.wheels)
        self.wanted = _MissingPackages(self.known, needs)
        #: Wheels of the present lock, which keep their versions.
        self.present: dict[str, Wheel] = {}
        core = core_lock(assemble_core(lock.core, reporter))
        self.released: dict[str, Any] = {
            name: entry
            for name, entry in core["packages"].items()
            if name not in self.known.versions and not name.endswith("-tests")
        }
        abi = core["info"].get("abi_version")
        tags = (f"pyemscripten_{abi}_wasm32", f"pyodide_{abi}_wasm32") if abi else ()
        self.platform = Platform(lock.python, tags)
        self.unavailable: dict[str, str] = {}
        #: Packages that only Pyodide's servers have, and why each could not be fetched.
        self.unreachable: dict[str, str] = {}

    def run(self) -> SiteLock:
        requests = dict(self.wanted.requests)
        wheels = self._wheels_for(requests)
        modules = self._modules_of(wheels)
        missing = [m for m in self.wanted.modules if not _provides(modules, m.module)]
        if missing:
            for module in missing:
                name = self._package_for(module.module)
                if is_normalized_name(name):
                    requests.setdefault(name, _PackageRequest(name)).modules.append(module)
                else:
                    self.unavailable[_package_prefix(module.module)] = (
                        "no package can have that name"
                    )
            wheels = self._wheels_for(requests)
            while self._drop_wrong_guess(requests, self._modules_of(wheels)):
                wheels = self._wheels_for(requests)
        self._report_guesses(requests, wheels)
        return SiteLock(self.lock.series, self.requested, wheels, self.unavailable)

    def _package_for(self, module: str) -> NormalizedName:
        """Guess the package of a module. Its wheel decides later."""
        parts = module.split(".")
        for length in range(len(parts), 0, -1):
            named = DISTRIBUTIONS.get(".".join(parts[:length]))
            if named:
                return canonicalize_name(named)
        for name, entry in self.released.items():
            if parts[0] in entry["imports"]:
                return canonicalize_name(name)
        return canonicalize_name(parts[0])

    def _wheels_for(self, requests: dict[str, _PackageRequest]) -> dict[str, Wheel]:
        """Resolve requests and fetch wheels; drop the requests that cannot be satisfied."""
        while True:
            wheels = self._wheels_of(self._resolve_all(requests), requests) if requests else {}
            lock = merge_site_lock(self.lock, SiteLock(self.lock.series, wheels=wheels))
            missing, problems = fetch_wheels(lock, wheels.values(), self.reporter)
            if not missing:
                return {name: self._with_modules(wheel) for name, wheel in wheels.items()}
            for wheel in missing:
                if RELEASE not in wheel.sources:
                    raise LockError(
                        f"{wheel.file_name} could not be fetched ({'; '.join(problems)}): try "
                        "again later; what is here already is kept."
                    )
                self.unreachable[wheel.name] = "; ".join(problems)

    def _resolve_all(self, requests: dict[str, _PackageRequest]) -> tuple[Resolved, ...]:
        with self.reporter.bar(f"Resolving {len(requests)} of the lessons' packages"):
            try:
                return self._resolve(requests.values())
            except UnresolvableError:
                pass
            with ThreadPoolExecutor(_RUNS_AT_ONCE) as pool:
                alone = pool.map(self._resolve_alone, tuple(requests.values()))
            for name, (request, why) in zip(tuple(requests), alone, strict=True):
                if request is None:
                    self._record_unavailable(requests.pop(name), why)
                elif request is not requests[name]:
                    self.reporter.warn(why)
                    requests[name] = request
            if not requests:
                return ()
            try:
                return self._resolve(requests.values())
            except UnresolvableError as error:
                raise LockError(
                    f"The lessons' packages cannot be in one site: {error}. State the versions "
                    "that fit with --package, or keep such lessons in a site of their own."
                ) from error

    def _resolve_alone(self, request: _PackageRequest) -> tuple[_PackageRequest | None, str]:
        """Return a request that can be satisfied, or None, and the reason for any change."""
        try:
            self._resolve([request])
            return request, ""
        except UnresolvableError as error:
            problem = error
        if request.requested:
            raise LockError(
                f"{request.text} is requested and cannot be had: "
                f"{self._reason_unavailable(request, problem)}."
            ) from problem
        if request.stated and request.unpinned not in request.stated:
            unpinned = _PackageRequest(
                request.name, {request.unpinned: request.places}, request.modules
            )
            try:
                found = {each.name: each.version for each in self._resolve([unpinned])}
            except UnresolvableError as error:
                problem = error
            else:
                stated = "; ".join(f"{text} in {p[0]}" for text, p in request.stated.items())
                return unpinned, (
                    f"{request.name} cannot be had as lessons ask for it ({stated}): {problem}. "
                    f"The site gets {request.name} {found[request.name]}; another is chosen with "
                    "--package."
                )
        return None, self._reason_unavailable(request, problem)

    def _record_unavailable(self, request: _PackageRequest, why: str) -> None:
        if request.name in ALTERNATIVES:
            why += f"; instead there is {_alternative(request.name)}"
        for key in (
            {request.name}
            if request.stated
            else {_package_prefix(m.module) for m in request.modules}
        ):
            self.unavailable[key] = why

    def _reason_unavailable(self, request: _PackageRequest, error: UnresolvableError) -> str:
        name = error.missing or request.name
        if name in self.unreachable:
            return (
                f"only Pyodide's servers have {name} for browsers, and did not give it "
                f"({self.unreachable[name]}): run je-kernel lock where they can be reached"
            )
        fitting = versions_of(request.name, self.platform)
        if fitting:
            return f"{error}; of {request.name} itself there is {fitting[0]} for browsers"
        if is_for_other_platforms(request.name, self.lock.python):
            return f"PyPI has {request.name} for other computers only, compiled or as sources"
        return f"PyPI has no package {request.name}"

    def _resolve(self, requests: Iterable[_PackageRequest]) -> tuple[Resolved, ...]:
        requests = tuple(requests)
        placeholders = {name: Placeholder(name, v, ()) for name, v in self.known.versions.items()}
        for wheel in self.lock.served_wheels():
            placeholders[wheel.name] = Placeholder(wheel.name, wheel.version, wheel.depends)
        pins = dict(self.known.versions)
        for name, entry in self.released.items():
            version = _version_for_pip(entry["version"])
            if name not in self.unreachable and self._can_pin(name, version, requests):
                placeholders[name] = Placeholder(name, version, tuple(entry["depends"]))
                pins[name] = version
        for name, wheel in self.present.items():
            if name not in self.known.versions and self._can_pin(name, wheel.version, requests):
                pins[name] = wheel.version
        requirements = [text for request in requests for text in request.requirements]
        return resolve(requirements, self.platform, placeholders.values(), pins)

    @staticmethod
    def _can_pin(name: str, version: str, requests: Sequence[_PackageRequest]) -> bool:
        """Tell whether no request excludes a version of a package."""
        return all(
            Requirement(text).specifier.contains(version, prereleases=True)
            for request in requests
            if request.name == canonicalize_name(name)
            for text in request.stated
        )

    def _wheels_of(
        self, resolved: Sequence[Resolved], requests: Mapping[str, _PackageRequest]
    ) -> dict[str, Wheel]:
        extras = _requested_extras(resolved, requests, self.lock.python)
        found = {}
        for each in resolved:
            if each.name in self.known.versions:
                continue
            if each.sha256:
                needed = needed_in_browser(each.requires, self.lock.python, extras[each.name])
                found[each.name] = Wheel(
                    name=each.name,
                    version=each.version,
                    file_name=each.file_name,
                    sha256=each.sha256,
                    imports=(),
                    depends=tuple(sorted(needed - {each.name})),
                    sources=(PYPI,),
                )
            else:
                found[each.name] = self._released_wheel(each.name)
        return found

    def _released_wheel(self, name: str) -> Wheel:
        entry = self.released[name]
        return Wheel(
            name=name,
            version=entry["version"],
            file_name=entry["file_name"],
            sha256=entry["sha256"],
            imports=tuple(entry["imports"]),
            depends=tuple(canonicalize_name(depend) for depend in entry["depends"]),
            sources=(RELEASE,),
            package_type=entry["package_type"],
            install_dir=entry["install_dir"],
            release=self.lock.core.version,
        )

    def _with_modules(self, wheel: Wheel) -> Wheel:
        if not wheel.file_name.endswith(".whl"):
            return wheel
        # A backport of a module of the standard library is never loaded for that module.
        modules = modules_in(cached_wheel(wheel)) - sys.stdlib_module_names
        # Namespaces are included: a kernel loads all packages that share one.
        tops = {module.partition(".")[0] for module in modules}
        return replace(wheel, imports=tuple(sorted({*wheel.imports, *modules, *tops})))

    def _modules_of(self, wheels: Mapping[str, Wheel]) -> dict[str, tuple[str, ...]]:
        return {name: wheel.imports for name, wheel in wheels.items()}

    def _drop_wrong_guess(
        self, requests: dict[str, _PackageRequest], modules: Mapping[str, Sequence[str]]
    ) -> bool:
        """Drop one package that lacks the module which suggested it."""
        for name, request in tuple(requests.items()):
            missing = [m for m in request.modules if not _provides(modules, m.module)]
            if not missing:
                continue
            del requests[name]
            has = ", ".join(modules.get(name, ())[:5]) or "no such module"
            why = (
                f"no package is known that has it: PyPI's {name} has {has}; if you know which "
                "one it is, name it with --package"
            )
            self._record_unavailable(_PackageRequest(request.name, modules=missing), why)
            if request.stated:
                requests[name] = _PackageRequest(
                    request.name, request.stated, requested=request.requested
                )
            return True
        return False

    def _report_guesses(
        self, requests: Mapping[str, _PackageRequest], wheels: Mapping[str, Wheel]
    ) -> None:
        for name, request in sorted(requests.items()):
            wheel = wheels.get(name)
            if wheel is not None and request.modules and not request.stated:
                origin = "PyPI" if PYPI in wheel.sources else f"Pyodide {wheel.release}"
                module = request.modules[0]
                self.reporter.warn(
                    f"{name} {wheel.version} from {origin} is taken for import {module.module} "
                    f"({module.place})."
                )


def _version_for_pip(version: str) -> str:
    """Return a version that pip can parse: some libraries in C have others."""
    try:
        return str(Version(version))
    except InvalidVersion:
        return "0"


def _provides(modules: Mapping[str, Sequence[str]], module: str) -> bool:
    return _is_among({each for names in modules.values() for each in names}, module)


def _is_among(names: set[str], module: str) -> bool:
    """Tell whether a module is among names, or is part of one, or contains one."""
    namespaces = {name.partition(".")[0] for name in names if "." in name}
    parts = module.split(".")
    prefixes = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
    inside = f"{module}."
    return bool(prefixes & (names - namespaces)) or any(n.startswith(inside) for n in names)


def _requested_extras(
    resolved: Sequence[Resolved], requests: Mapping[str, _PackageRequest], python: str
) -> dict[str, set[str]]:
    """Return the requested extras of each package."""
    extras: dict[str, set[str]] = {each.name: set() for each in resolved}
    for request in requests.values():
        for text in request.stated:
            extras.setdefault(request.name, set()).update(Requirement(text).extras)
    more = True
    while more:
        before = sum(map(len, extras.values()))
        for each in resolved:
            for requirement in requirements_in_browser(each.requires, python, extras[each.name]):
                name = canonicalize_name(requirement.name)
                extras.setdefault(name, set()).update(requirement.extras)
        more = sum(map(len, extras.values())) > before
    return extras


def _package_prefix(module: str) -> str:
    """Return the part of a module's name that determines its package."""
    parts = module.split(".")
    dotted = (".".join(parts[:length]) for length in range(2, len(parts) + 1))
    return next((name for name in dotted if name in DISTRIBUTIONS), parts[0])


def _shortened(places: Sequence[str]) -> str:
    return f"{places[0]} (and {len(places) - 1} more)" if len(places) > 1 else places[0]


def _report_unavailable(wanted: _MissingPackages, site_lock: SiteLock, reporter: Reporter) -> None:
    """Warn of each request that cannot be satisfied, with its places."""
    for request in wanted.requests.values():
        if request.name in site_lock.unavailable:
            why = site_lock.unavailable[request.name]
            reporter.warn(f"{_shortened(request.places)} asks for {request.text}: {why}.")
    places: dict[str, list[str]] = {}
    had = {name for wheel in site_lock.wheels.values() for name in wheel.imports}
    for module in wanted.modules:
        if module.optional or _is_among(had, module.module):
            continue
        if _package_prefix(module.module) in site_lock.unavailable:
            places.setdefault(_package_prefix(module.module), []).append(module.place)
    for name, where in places.items():
        reporter.warn(f"{_shortened(where)} imports {name}: {site_lock.unavailable[name]}.")
