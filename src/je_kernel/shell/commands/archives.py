"""Commands that pack and unpack archives."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import tarfile
import time
import zipfile
import zlib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from je_kernel.files.archives import MOST_BYTES
from je_kernel.shell.calls import CommandError
from je_kernel.shell.options import Given, Options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from je_kernel.shell.calls import Call, Program, Running

__all__ = ["PROGRAMS"]

_PIECE = 1 << 20  # bytes
_DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, gzip.BadGzipFile, EOFError),
    *(NotImplementedError, RuntimeError, ValueError),
)


def _line(text: str) -> bytes:
    return f"{text}\n".encode("utf-8", "surrogateescape")


def _refuse_bomb(sizes: Iterator[int]) -> None:
    if sum(sizes) > MOST_BYTES:
        raise CommandError(f"more than {MOST_BYTES:,} bytes come out of it: too much for a page")


def _inside(folder: str, name: str) -> str:
    """Return where a member goes; refuse one that would leave the folder."""
    path = os.path.normpath(os.path.join(folder, name.lstrip("/")))
    if path != os.path.normpath(folder) and not path.startswith(
        os.path.normpath(folder).rstrip("/") + "/"
    ):
        raise CommandError(f"'{name}' would leave the folder; nothing is unpacked", 2)
    return path


# zip

_UNZIP = Options("o n q l j p t d= x=", status=10)


def unzip(call: Call) -> Running:
    """Unpack a .zip file."""
    given = _UNZIP.read(call)
    if not given.operands:
        raise CommandError("which .zip file? write: unzip file.zip", 10)
    name, *wanted = given.operands
    path = next(
        (p for end in ("", ".zip", ".ZIP") if (p := Path(call.path(name + end))).is_file()), None
    )
    if path is None:
        raise CommandError(f"cannot find or open {name}, {name}.zip or {name}.ZIP.", 9)
    try:
        with zipfile.ZipFile(path) as archive:
            members = [
                member
                for member in archive.infolist()
                if (not wanted or any(fnmatchcase(member.filename, each) for each in wanted))
                and not any(fnmatchcase(member.filename, each) for each in given.every("x"))
            ]
            _refuse_bomb(member.file_size for member in members)
            if "l" in given:
                yield from _zip_listing(name, members)
                return 0
            if wanted and not members:
                raise CommandError(f"caution: filename not matched:  {wanted[0]}", 11)
            if "p" in given:
                for member in members:
                    yield archive.read(member)
                return 0
            if "q" not in given:
                yield _line(f"Archive:  {path.name if path.name != name else name}")
            if "t" in given:
                bad = archive.testzip()
                yield _line(bad or f"No errors detected in compressed data of {name}.")
                return 2 if bad else 0
            return (yield from _unzipped(call, given, archive, members))
    except _DAMAGE as error:
        raise CommandError(f"cannot unpack {name}: {error}", 9) from None


def _unzipped(
    call: Call, given: Given, archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]
) -> Running:
    shown = given.last("d").rstrip("/")
    folder = call.path(shown or ".")
    paths = [
        _inside(folder, m.filename.rpartition("/")[2] if "j" in given else m.filename)
        for m in members
    ]
    status = 0
    for member, path in zip(members, paths, strict=True):
        name = os.path.relpath(path, folder)
        name = f"{shown}/{name}" if shown else name
        if member.is_dir():
            if "j" not in given and not Path(path).is_dir():
                Path(path).mkdir(parents=True)
                if "q" not in given:
                    yield _line(f"   creating: {name}/")
            continue
        if Path(path).exists() and "o" not in given:
            if "n" not in given:
                call.complain(f"{name} is there already, and is kept; to replace it, use unzip -o")
                status = 1
            continue
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with archive.open(member) as source, Path(path).open("wb") as target:
            while piece := source.read(_PIECE):
                target.write(piece)
        with contextlib.suppress(ValueError, OverflowError, OSError):
            when = time.mktime((*member.date_time, 0, 0, -1))
            os.utime(path, (when, when))
        if "q" not in given:
            verb = "extracting" if member.compress_type == zipfile.ZIP_STORED else "inflating"
            yield _line(f"{verb:>11}: {name:<22}  ")
    return status


def _zip_listing(name: str, members: list[zipfile.ZipInfo]) -> Iterator[bytes]:
    yield _line(f"Archive:  {name}")
    yield _line("  Length      Date    Time    Name")
    yield _line("---------  ---------- -----   ----")
    for member in members:
        year, month, day, hour, minute, _ = member.date_time
        when = f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}"
        yield _line(f"{member.file_size:9}  {when}   {member.filename}")
    yield _line("---------                     -------")
    files = f"{len(members)} file{'' if len(members) == 1 else 's'}"
    yield _line(f"{sum(member.file_size for member in members):9}                     {files}")


_ZIP = Options("r/recurse-paths q/quiet j/junk-paths x/exclude= 9 0", status=16)


def zip_(call: Call) -> Running:
    """Pack files into a .zip file."""
    given = _ZIP.read(call)
    if len(given.operands) < 2:
        raise CommandError("what into which file? write: zip file.zip names", 16)
    name, *sources = given.operands
    name = name if "." in os.path.basename(name) else f"{name}.zip"
    target = Path(call.path(name))
    members = []
    for source in sources:
        path = Path(call.path(source))
        if not path.exists():
            if "q" not in given:
                yield _line(f"\tzip warning: name not matched: {source}")
            continue
        members.append((source, path))
        if "r" in given and path.is_dir():
            for below in sorted(path.rglob("*")):
                shown = f"{source.rstrip('/')}/{below.relative_to(path)}"
                members.append((shown, below))
    members = [
        (shown, path)
        for shown, path in members
        if path.resolve() != target.resolve()
        and not any(fnmatchcase(shown, pattern) for pattern in given.every("x"))
    ]
    if not members:
        raise CommandError(f"nothing to do! ({name})", 12)
    old: dict[str, tuple[zipfile.ZipInfo, bytes]] = {}
    try:
        if target.exists():
            with zipfile.ZipFile(target) as before:
                old = {m.filename: (m, before.read(m)) for m in before.infolist()}
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            kept = dict.fromkeys(_member_name(shown, path, given) for shown, path in members)
            for info, data in (pair for key, pair in old.items() if key not in kept):
                archive.writestr(info, data)
            for shown, path in members:
                inner = _member_name(shown, path, given)
                if not inner:
                    continue
                verb = "updating" if inner in old else "adding"
                text = f"  {verb}: {inner} {_zipped(archive, path, inner, given)}"
                if "q" not in given:
                    yield _line(text)
    except _DAMAGE as error:
        raise CommandError(f"cannot write {name}: {error}", 3) from None
    return 0


def _member_name(shown: str, path: Path, given: Given) -> str:
    if "j" in given:
        return "" if path.is_dir() else path.name
    inner = os.path.normpath(shown).lstrip("/")
    while inner.startswith("../"):
        inner = inner[3:]
    return f"{inner}/" if path.is_dir() else inner


def _zipped(archive: zipfile.ZipFile, path: Path, inner: str, given: Given) -> str:
    if path.is_dir():
        archive.write(path, inner)
        return "(stored 0%)"
    kind = zipfile.ZIP_STORED if "0" in given else zipfile.ZIP_DEFLATED
    data = path.read_bytes()
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    # As zip does: what does not become smaller is stored.
    if len(packer.compress(data) + packer.flush()) >= len(data):
        kind = zipfile.ZIP_STORED
    archive.write(path, inner, kind, 9 if "9" in given else 6)
    info = archive.getinfo(inner)
    if info.compress_type == zipfile.ZIP_STORED:
        return "(stored 0%)"
    saved = round(100 * (1 - info.compress_size / info.file_size))
    return f"(deflated {saved}%)"


# tar

_TAR = Options(
    "c/create x/extract t/list f/file= z/gzip j/bzip2 J/xz v/verbose C/directory= exclude="
    " strip-components= k/keep-old-files p a/auto-compress O",
    status=64,
)


def tar(call: Call) -> Running:
    """Pack and unpack .tar files."""
    args = list(call.args)
    if args and not args[0].startswith("-"):
        # As of old: letters without a minus, their values after them.
        letters = args.pop(0)
        values = [args.pop(0) if letter in "fC" and args else None for letter in letters]
        old = [
            f"-{letter}" if v is None else f"-{letter}{v}"
            for letter, v in zip(letters, values, strict=True)
        ]
        args = old + args
    given = _TAR.split(args)
    modes = [each for each in "cxt" if each in given]
    if len(modes) != 1:
        raise CommandError("You must specify one of the options -c, -x and -t", 2)
    name = given.last("f")
    if not name:
        raise CommandError("no -f: which file?", 2)
    folder = call.path(given.last("C", "."))
    try:
        if modes == ["c"]:
            return (yield from _tarred(call, given, name, folder))
        return (yield from _untarred(call, given, name, folder))
    except FileNotFoundError as error:
        raise CommandError(f"{error.filename or name}: Cannot open: {error.strerror}", 2) from None
    except _DAMAGE:
        raise CommandError(f"{name}: This does not look like a tar archive", 2) from None


def _tarred(call: Call, given: Given, name: str, folder: str) -> Running:
    if not given.operands:
        raise CommandError("Cowardly refusing to create an empty archive", 2)
    packing = next(
        (kind for letter, kind in (("z", "gz"), ("j", "bz2"), ("J", "xz")) if letter in given), ""
    )
    if "a" in given and not packing:
        packing = {"tgz": "gz", "gz": "gz", "bz2": "bz2", "xz": "xz"}.get(
            name.rpartition(".")[2], ""
        )
    shown: list[str] = []
    missing = [each for each in given.operands if not os.path.lexists(os.path.join(folder, each))]
    mode: Any = f"w|{packing}"
    target = io.BytesIO()
    own = os.path.realpath(call.path(name))

    def wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        base = member.name.rpartition("/")[2]
        if any(
            fnmatchcase(member.name, each) or fnmatchcase(base, each)
            for each in given.every("exclude")
        ):
            return None
        shown.append(member.name + ("/" if member.isdir() else ""))
        return member

    with tarfile.open(fileobj=target, mode=mode) as archive:
        for each in given.operands:
            path = os.path.join(folder, each)
            if each in missing:
                call.complain(f"{each}: Cannot stat: No such file or directory")
            elif os.path.realpath(path) != own:
                archive.add(path, each.lstrip("/") if each.startswith("/") else each, filter=wanted)
    data = target.getvalue()
    if name == "-":
        yield data
    else:
        Path(call.path(name)).write_bytes(data)
    if "v" in given and name != "-":
        for each in shown:
            yield _line(each)
    if missing:
        call.complain("Exiting with failure status due to previous errors")
    return 2 if missing else 0


def _untarred(call: Call, given: Given, name: str, folder: str) -> Running:
    data = call.stdin.read() if name == "-" else Path(call.path(name)).read_bytes()
    drop = int(given.last("strip-components", "0"))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = []
        total = 0
        for member in archive:
            total += member.size
            if total > MOST_BYTES:
                _refuse_bomb(iter((total,)))
            if _asked(given, member.name):
                members.append(member)
        lost = [n for n in given.operands if not any(_below(m.name, n) for m in members)]
        if "t" in given:
            for member in members:
                yield _line(_tar_line(member) if "v" in given else _tar_name(member))
        else:
            if not os.path.isdir(folder):
                raise CommandError(f"{given.last('C')}: Cannot open: No such file or directory", 2)
            yield from _extracted(given, archive, members, folder, drop)
    for each in lost:
        call.complain(f"{each}: Not found in archive")
    if lost:
        call.complain("Exiting with failure status due to previous errors")
    return 2 if lost else 0


def _extracted(
    given: Given, archive: tarfile.TarFile, members: list[tarfile.TarInfo], folder: str, drop: int
) -> Iterator[bytes]:
    for member in members:
        shown = _tar_name(member)
        parts = member.name.strip("/").split("/")[drop:]
        if not parts:
            continue
        if "O" in given:
            source = archive.extractfile(member)
            yield source.read() if source else b""
            continue
        path = _inside(folder, "/".join(parts))
        if "k" in given and os.path.lexists(path) and not member.isdir():
            raise CommandError(f"{shown}: Cannot open: File exists", 2)
        archive.extract(member.replace(name="/".join(parts), deep=False), folder, filter="data")
        if "v" in given:
            yield _line(shown)


def _tar_name(member: tarfile.TarInfo) -> str:
    return member.name + ("/" if member.isdir() else "")


def _tar_line(member: tarfile.TarInfo) -> str:
    import stat

    kind = stat.S_IFDIR if member.isdir() else stat.S_IFLNK if member.issym() else stat.S_IFREG
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(member.mtime))
    owner = f"{member.uname or member.uid}/{member.gname or member.gid}"
    arrow = f" -> {member.linkname}" if member.issym() else ""
    size = str(member.size).rjust(max(19 - len(owner) - 1, len(str(member.size))))
    return f"{stat.filemode(kind | member.mode)} {owner} {size} {when} {_tar_name(member)}{arrow}"


def _asked(given: Given, name: str) -> bool:
    if any(
        fnmatchcase(name, e) or fnmatchcase(name.rpartition("/")[2], e)
        for e in given.every("exclude")
    ):
        return False
    return not given.operands or any(_below(name, operand) for operand in given.operands)


def _below(name: str, operand: str) -> bool:
    operand = operand.rstrip("/")
    return name == operand or name.startswith(f"{operand}/")


# gzip

_GZIP = Options("d/decompress k/keep c/stdout f/force q 1 2 3 4 5 6 7 8 9")


def gzip_(call: Call) -> Running:
    """Pack files as .gz."""
    given = _GZIP.read(call)
    unpack = "d" in given or call.name == "gunzip"
    if not given.operands or given.operands == ["-"]:
        data = call.stdin.read()
        yield _gunzipped(data, "stdin") if unpack else gzip.compress(data, 6, mtime=0)
        return 0
    status = 0
    for name in given.operands:
        path = Path(call.path(name))
        if unpack and not path.exists():
            name, path = f"{name}.gz", Path(call.path(f"{name}.gz"))
        if not path.is_file():
            why = "is a directory -- ignored" if path.is_dir() else "No such file or directory"
            call.complain(f"{name}: {why}")
            status = 2 if path.is_dir() else 1
            continue
        if unpack and path.suffix not in (".gz", ".tgz"):
            call.complain(f"{name}: unknown suffix -- ignored")
            status = 2
            continue
        made = (
            _gunzipped(path.read_bytes(), name) if unpack else gzip.compress(path.read_bytes(), 6)
        )
        if "c" in given:
            yield made
            continue
        target = (
            path.with_suffix("" if path.suffix == ".gz" else ".tar")
            if unpack
            else Path(f"{path}.gz")
        )
        if target.exists() and "f" not in given:
            call.complain(f"{target.name} already exists; not overwritten (-f overwrites it)")
            status = 2
            continue
        target.write_bytes(made)
        if "k" not in given:
            path.unlink()
    return status


def _gunzipped(data: bytes, name: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            made = file.read(MOST_BYTES + 1)
    except (*_DAMAGE, OSError):
        raise CommandError(f"{name}: not in gzip format") from None
    _refuse_bomb(iter((len(made),)))
    return made


PROGRAMS: dict[str, Program] = {
    "gunzip": gzip_,
    "gzip": gzip_,
    "tar": tar,
    "unzip": unzip,
    "zip": zip_,
}
