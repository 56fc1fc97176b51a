"""Makes the memory snapshot from which a site's kernels start.

Most of a kernel's start is importing IPython and other modules that it always needs. So the build
runs Pyodide in Node, once for each kind of engine, and saves its memory after these imports. The
snapshot does not contain the files of packages, but their positions in the wheels.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zstandard

from je_site.bytecode import node_command
from je_site.cache import atomic_write, cache_folder, copy_atomically, temporary_folder
from je_site.errors import AssemblyError
from je_site.lock import dependency_closure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from je_site.progress import Reporter

__all__ = ["SNAPSHOTS", "place_snapshot"]

#: The folder of snapshots, in ``static/je-kernel`` of a site.
SNAPSHOTS = "snapshots"

_SCRIPT = Path(__file__).with_name("make_snapshot.mjs")
#: Size of the fixed part of an entry's header in a zip file, in bytes.
_LOCAL_HEADER = 30
_DESCRIPTION = "snapshot.json"
_SECONDS = 300
_PAGE = 65_536
#: Size of a part that is decompressed at once. A kernel never frees that much memory.
_PART = 8 << 20
#: Level 19 makes it 7 % smaller and takes eight times as long: a minute of each first build.
_LEVEL = 12
_IN_SNAPSHOT = re.compile(r"[^/]*\.dist-info/entry_points\.txt|je_kernel/.*\.(js|css)")
#: The two kinds differ in the address of one function.
_MAX_DIFFERENCES = 4
#: The order of asynchronous events may differ on a busy machine.
_ATTEMPTS = 3


def place_snapshot(
    root: Path,
    lock: Path,
    core: Path,
    packages: Sequence[str],
    reporter: Reporter,
    *,
    decoder: str,
    besides: Sequence[str] = (),
) -> str | None:
    """Make a snapshot of a site's kernel, or take it from the cache, and copy it into the site.

    Parameters
    ----------
    root
        The folder ``static/je-kernel`` of the site, with all wheels.
    lock
        The site's lock, which exists.
    core
        Folder of the unpacked Pyodide.
    packages
        The packages that every kernel loads.
    reporter
        Where to show progress.
    decoder
        The module that decompresses it, relative to that folder.
    besides
        Further packages of the lock to import.

    Returns
    -------
    str or None
        The name of its folder in the folder of snapshots. None, after a warning, where none
        can be made.
    """
    document = json.loads(lock.read_text(encoding="utf-8"))
    entries = document["packages"]
    needed = dependency_closure((*packages, *besides), lambda name: entries[name]["depends"])
    wheels = [entries[name]["file_name"] for name in sorted(needed)]
    digest = hashlib.sha256(_SCRIPT.read_bytes())
    digest.update(Path(__file__).read_bytes())
    digest.update((core / "pyodide-lock.json").read_bytes())
    # The names of the wheels contain their digests.
    digest.update(json.dumps([sorted(packages), sorted(besides), wheels, decoder]).encode())
    name = digest.hexdigest()[:10]
    made = cache_folder() / SNAPSHOTS / name
    if not (made / _DESCRIPTION).is_file():
        node = node_command()
        if node is None:
            reporter.warn(
                "Node 18 or newer is not installed, so the site has no memory snapshot: it works, "
                "and its kernels start more slowly."
            )
            return None
        plan = {
            "packages": [*packages, *besides],
            "imports": [module for each in besides for module in entries[each]["imports"][:1]],
            "sitePackages": _site_packages(document["info"]),
            "decoder": f"../../{decoder}",
        }
        try:
            with reporter.bar(" ".join(("Memory snapshot", *besides))):
                _make(made, (node, core, lock), plan, root, wheels)
        except AssemblyError as error:
            reporter.warn(f"The site has no memory snapshot, and its kernels start slowly: {error}")
            return None
    for path in sorted(made.iterdir()):
        target = root / SNAPSHOTS / name / path.name
        if not target.is_file() or target.stat().st_size != path.stat().st_size:
            copy_atomically(path, target)
    return name


def _make(
    made: Path,
    by: tuple[str, Path, Path],
    plan: Mapping[str, Any],
    root: Path,
    wheels: Sequence[str],
) -> None:
    """Make one for each kind of engine in Node, and write both into the cache as one."""
    places: dict[str, list[int]] = {}
    for number, wheel in enumerate(wheels):
        places |= dict(_places_in(root / wheel, number, plan["sitePackages"]))
    whole = {**plan, "known": sorted(places)}
    for _ in range(_ATTEMPTS):
        with temporary_folder() as work, ThreadPoolExecutor() as pool:
            kinds = [work / "0", work / "1"]
            state, same = pool.map(lambda kind: _run(by, kind, whole), kinds)
            memory, other = ((kind / "memory").read_bytes() for kind in kinds)
            differences = _differences(memory, other)
            if state == same and differences is not None:
                for library in (work / "0" / "libraries").iterdir():
                    copy_atomically(library, made / library.name)
                break
    else:
        raise AssemblyError("Pyodide came to two different ends.")
    pages = _pages_in_use(memory)
    packed = b"".join(memory[begin : begin + length] for begin, length in pages)
    parts = [packed[begin : begin + _PART] for begin in range(0, len(packed), _PART)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, part in enumerate(pool.map(_compressed, parts)):
            with atomic_write(made / f"memory-{number}.bin") as file:
                file.write(part)
    description = {
        **state,
        "size": len(memory),
        "parts": [len(part) for part in parts],
        "decoder": plan["decoder"],
        "pages": pages,
        "stackSwitching": differences,
        "wheels": [f"../../{wheel}" for wheel in wheels],
        "files": _tree(state["files"], places),
    }
    # Written last: it marks a complete snapshot.
    with atomic_write(made / _DESCRIPTION) as file:
        file.write(json.dumps(description, sort_keys=True, separators=(",", ":")).encode())


def _compressed(part: bytes) -> bytes:
    return zstandard.ZstdCompressor(_LEVEL, write_checksum=True).compress(part)


def _pages_in_use(memory: bytes) -> list[tuple[int, int]]:
    """Return the offset and length of each run of pages that are not zero."""
    found: list[tuple[int, int]] = []
    for begin in range(0, len(memory), _PAGE):
        page = memory[begin : begin + _PAGE]
        if not any(page):
            continue
        if found and sum(found[-1]) == begin:
            found[-1] = (found[-1][0], found[-1][1] + len(page))
        else:
            found.append((begin, len(page)))
    return found


def _differences(one: bytes, other: bytes) -> list[tuple[int, int]] | None:
    """Return the offsets and bytes in which another memory differs; None if too many."""
    if len(one) != len(other):
        return None
    found = [
        (at, other[at])
        for begin in range(0, len(one), _PAGE)
        if one[begin : begin + _PAGE] != other[begin : begin + _PAGE]
        for at in range(begin, min(begin + _PAGE, len(one)))
        if one[at] != other[at]
    ]
    return found if len(found) <= _MAX_DIFFERENCES else None


def _run(by: tuple[str, Path, Path], work: Path, plan: Mapping[str, Any]) -> dict[str, Any]:
    node, core, lock = by
    (work / "libraries").mkdir(parents=True)
    whole_plan = {
        **plan,
        "lock": str(lock),
        "stackSwitching": work.name == "1",
        "memory": str(work / "memory"),
        "state": str(work / "state.json"),
        "libraries": str(work / "libraries"),
    }
    (work / "plan.json").write_text(json.dumps(whole_plan), encoding="utf-8")
    command = [node, str(_SCRIPT), str(core / "pyodide.mjs"), str(work / "plan.json")]
    # The snapshot must not contain settings of this machine.
    environ = {"PATH": os.environ.get("PATH", ""), "TZ": "UTC"}
    try:
        done = subprocess.run(  # noqa: S603
            command, env=environ, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise AssemblyError(f"Pyodide was not done in {_SECONDS} seconds.") from error
    if done.returncode:
        output = " ".join(done.stderr.split())[-1000:]
        raise AssemblyError(f"Pyodide failed: {output}")
    state: dict[str, Any] = json.loads((work / "state.json").read_text(encoding="utf-8"))
    return state


def _site_packages(info: Mapping[str, str]) -> str:
    """Return the folder of packages in Pyodide."""
    major, minor = info["python"].split(".")[:2]
    return f"/lib/python{major}.{minor}/site-packages"


def _places_in(wheel: Path, number: int, site_packages: str) -> Iterator[tuple[str, list[int]]]:
    """Yield the installed path of each file of a wheel, with its size, wheel, offset and length.

    Some files are in the snapshot itself: a search for entry points reads those of all packages,
    and je-kernel reads its scripts as it starts.
    """
    parts = {"data": "", "purelib": site_packages, "platlib": site_packages}
    with zipfile.ZipFile(wheel) as archive, wheel.open("rb") as file:
        for item in archive.infolist():
            if _IN_SNAPSHOT.fullmatch(item.filename):
                continue
            file.seek(item.header_offset + _LOCAL_HEADER - 4)
            beside = sum(int.from_bytes(file.read(2), "little") for _ in range(2))
            begin = item.header_offset + _LOCAL_HEADER + beside
            place = [item.file_size, number, begin, item.compress_size]
            yield f"{site_packages}/{item.filename}", place
            top, _, rest = item.filename.partition("/")
            part, _, rest = rest.partition("/")
            if top.endswith(".data") and part in parts:
                yield f"{parts[part]}/{rest}", place


def _tree(files: Mapping[str, str | None], places: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """Return nested folders of files; those that no wheel has with their content."""
    tree: dict[str, Any] = {}
    for path, content in sorted(files.items()):
        *folders, name = path.strip("/").split("/")
        folder = tree
        for each in folders:
            folder = folder.setdefault(each, {})
        if content is None:
            folder[name] = places[path]
        else:
            folder[name] = [len(base64.b64decode(content)), content]
    return tree
