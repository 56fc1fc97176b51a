"""Makes the memory snapshot from which a site's kernels start.

Most of a kernel's start is importing IPython and what else it always needs. So Pyodide does
that in Node, once for each kind of engine, and its memory is saved. The files of the packages
are not in the snapshot: it says where each lies in its wheel.
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

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from je_site.progress import Reporter

__all__ = ["SNAPSHOTS", "place_snapshot"]

#: Where it is, in ``static/je-kernel`` of a site.
SNAPSHOTS = "snapshots"

_SCRIPT = Path(__file__).with_name("make_snapshot.mjs")
#: What an entry of a zip file begins with, but for its name and what is beside it.
_LOCAL_HEADER = 30
_DESCRIPTION = "snapshot.json"
_SECONDS = 300
_PAGE = 65_536
#: What is unpacked at a time. A kernel holds that much memory for it as long as it runs.
_PART = 8 << 20
#: Level 19 makes it 7 % smaller and takes eight times as long: a minute of each first build.
_LEVEL = 12
_IN_IT = re.compile(r"[^/]*\.dist-info/entry_points\.txt|je_kernel/.*\.(js|css)")
#: It is the address of one function, in one place.
_MOST_DIFFERENCES = 4
#: What Pyodide waits for may come in another order on a machine that is busy.
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
    """Make a snapshot of a site's kernel, or take it from the cache, and put it into the site.

    Parameters
    ----------
    root
        The folder ``static/je-kernel`` of the site, with all wheels.
    lock
        The site's lock, which is there.
    core
        Folder of the unpacked Pyodide.
    packages
        Those which every kernel loads.
    reporter
        Where to show progress.
    decoder
        The module that unpacks it, relative to that folder.
    besides
        Further packages of the lock, which are imported as well.

    Returns
    -------
    str or None
        The name of its folder in that of all snapshots. None where none can be made: then the
        reporter has warned.
    """
    said = json.loads(lock.read_text(encoding="utf-8"))
    entries = said["packages"]
    needed = _with_dependencies(entries, (*packages, *besides))
    wheels = [entries[name]["file_name"] for name in needed]
    digest = hashlib.sha256(_SCRIPT.read_bytes())
    digest.update(Path(__file__).read_bytes())
    digest.update((core / "pyodide-lock.json").read_bytes())
    # The wheels have their content in their names.
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
            "sitePackages": _site_packages(said["info"]),
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


def _with_dependencies(entries: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    found: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = None
            waiting += entries[name]["depends"]
    return sorted(found)


def _make(
    made: Path,
    by: tuple[str, Path, Path],
    plan: Mapping[str, Any],
    root: Path,
    wheels: Sequence[str],
) -> None:
    """Let Node make one for each kind of engine, and write into the cache what makes both."""
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
    # The last one: where it is, all is.
    with atomic_write(made / _DESCRIPTION) as file:
        file.write(json.dumps(description, sort_keys=True, separators=(",", ":")).encode())


def _compressed(part: bytes) -> bytes:
    return zstandard.ZstdCompressor(_LEVEL, write_checksum=True).compress(part)


def _pages_in_use(memory: bytes) -> list[tuple[int, int]]:
    """Return where there is more than zeros, and how much in a row."""
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
    """Return where two memories differ, and what the other has there; None if in too much."""
    if len(one) != len(other):
        return None
    found = [
        (at, other[at])
        for begin in range(0, len(one), _PAGE)
        if one[begin : begin + _PAGE] != other[begin : begin + _PAGE]
        for at in range(begin, min(begin + _PAGE, len(one)))
        if one[at] != other[at]
    ]
    return found if len(found) <= _MOST_DIFFERENCES else None


def _run(by: tuple[str, Path, Path], work: Path, plan: Mapping[str, Any]) -> dict[str, Any]:
    node, core, lock = by
    (work / "libraries").mkdir(parents=True)
    told = {
        **plan,
        "lock": str(lock),
        "stackSwitching": work.name == "1",
        "memory": str(work / "memory"),
        "state": str(work / "state.json"),
        "libraries": str(work / "libraries"),
    }
    (work / "plan.json").write_text(json.dumps(told), encoding="utf-8")
    command = [node, str(_SCRIPT), str(core / "pyodide.mjs"), str(work / "plan.json")]
    # Nothing of this machine's settings is to be found in it.
    environ = {"PATH": os.environ.get("PATH", ""), "TZ": "UTC"}
    try:
        done = subprocess.run(  # noqa: S603
            command, env=environ, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise AssemblyError(f"Pyodide was not done in {_SECONDS} seconds.") from error
    if done.returncode:
        said = " ".join(done.stderr.split())[-1000:]
        raise AssemblyError(f"Pyodide failed: {said}")
    state: dict[str, Any] = json.loads((work / "state.json").read_text(encoding="utf-8"))
    return state


def _site_packages(info: Mapping[str, str]) -> str:
    """Return the folder of Pyodide's in which packages are."""
    major, minor = info["python"].split(".")[:2]
    return f"/lib/python{major}.{minor}/site-packages"


def _places_in(wheel: Path, number: int, site_packages: str) -> Iterator[tuple[str, list[int]]]:
    """Say where the files of a wheel go, and for each its size, its wheel, offset and length.

    Some files are in the snapshot itself: who looks for entry points reads those of all packages,
    and je-kernel hands its scripts to the browser.
    """
    parts = {"data": "", "purelib": site_packages, "platlib": site_packages}
    with zipfile.ZipFile(wheel) as archive, wheel.open("rb") as file:
        for item in archive.infolist():
            if _IN_IT.fullmatch(item.filename):
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
    """Nest files by their folders: what no wheel has stands there itself."""
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
