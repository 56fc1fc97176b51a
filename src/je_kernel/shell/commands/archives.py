"""Commands that pack and unpack archives: ``zip``, ``unzip``, ``tar``, ``gzip``."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import shutil
import stat
import tarfile
import time
import zipfile
import zlib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from je_kernel.files.archives import MOST_BYTES
from je_kernel.shell.calls import program
from je_kernel.shell.options import CommandError, OptionParser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from je_kernel.shell.calls import Call, Output
    from je_kernel.shell.options import Options

_CORRUPT = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, gzip.BadGzipFile, EOFError),
    *(NotImplementedError, RuntimeError, ValueError),
)


def _check_size(size: int) -> None:
    """Zip-bomb limit."""
    if size > MOST_BYTES:
        raise CommandError(f"more than {MOST_BYTES:,} bytes come out of it: too much for a page")


def _target(folder: str, name: str) -> str:
    """Return the path of a member; a member outside of the folder is an error."""
    folder = os.path.normpath(folder)
    path = os.path.normpath(os.path.join(folder, name.lstrip("/")))
    if path != folder and not path.startswith(f"{folder.rstrip('/')}/"):
        raise CommandError(f"'{name}' would leave the folder; nothing is unpacked", 2)
    return path


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


# zip


@program("unzip", "o n q l j p t d= x=", 10)
def unzip(call: Call) -> Output:
    """Unpack a .zip file."""
    options = call.options
    if not call.operands:
        raise CommandError("which .zip file? write: unzip file.zip", 10)
    name, *patterns = call.operands
    ends = (end for end in ("", ".zip", ".ZIP") if os.path.isfile(call.path(name + end)))
    if (end := next(ends, None)) is None:
        raise CommandError(f"cannot find or open {name}, {name}.zip or {name}.ZIP.", 9)
    try:
        with zipfile.ZipFile(call.path(name + end)) as archive:
            members = [
                member
                for member in archive.infolist()
                if (not patterns or _matches(member.filename, patterns))
                and not _matches(member.filename, options.every("x"))
            ]
            _check_size(sum(member.file_size for member in members))
            if "l" in options:
                yield from _zip_listing(name, members)
                return
            if patterns and not members:
                raise CommandError(f"caution: filename not matched:  {patterns[0]}", 11)
            if "p" in options:
                yield from map(archive.read, members)
                return
            if "q" not in options:
                yield f"Archive:  {name}{end}\n"
            if "t" in options:
                corrupt = archive.testzip()
                yield f"{corrupt or f'No errors detected in compressed data of {name}.'}\n"
                call.status = 2 if corrupt else 0
                return
            for line in _unzip_members(call, archive, members):
                if "q" not in options:
                    yield line
    except _CORRUPT as error:
        raise CommandError(f"cannot unpack {name}: {error}", 9) from None


def _unzip_members(
    call: Call, archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]
) -> Iterator[str]:
    options = call.options
    shown = options.last("d").rstrip("/")
    folder = call.path(shown or ".")
    junked = "j" in options
    names = [m.filename.rpartition("/")[2] if junked else m.filename for m in members]
    paths = [Path(_target(folder, name)) for name in names]
    for member, path in zip(members, paths, strict=True):
        name = os.path.join(shown, os.path.relpath(path, folder))
        if member.is_dir():
            if not junked and not path.is_dir():
                path.mkdir(parents=True)
                yield f"   creating: {name}/\n"
            continue
        if path.exists() and "o" not in options:
            if "n" not in options:
                text = f"{name} is there already, and is kept; to replace it, use unzip -o"
                call.complain(text, 1)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(member) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)
        with contextlib.suppress(ValueError, OverflowError, OSError):
            when = time.mktime((*member.date_time, 0, 0, -1))
            os.utime(path, (when, when))
        verb = "extracting" if member.compress_type == zipfile.ZIP_STORED else "inflating"
        yield f"{verb:>11}: {name:<22}  \n"


def _zip_listing(name: str, members: list[zipfile.ZipInfo]) -> Iterator[str]:
    yield f"Archive:  {name}\n"
    yield "  Length      Date    Time    Name\n"
    yield "---------  ---------- -----   ----\n"
    for member in members:
        year, month, day, hour, minute, _ = member.date_time
        when = f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}"
        yield f"{member.file_size:9}  {when}   {member.filename}\n"
    yield "---------                     -------\n"
    files = f"{len(members)} file{'' if len(members) == 1 else 's'}"
    yield f"{sum(member.file_size for member in members):9}                     {files}\n"


@program("zip", "r/recurse-paths q/quiet j/junk-paths x/exclude= 9 0", 16)
def zip_(call: Call) -> Output:
    """Pack files into a .zip file."""
    options = call.options
    if len(call.operands) < 2:
        raise CommandError("what into which file? write: zip file.zip names", 16)
    name, *sources = call.operands
    name = name if "." in os.path.basename(name) else f"{name}.zip"
    target = Path(call.path(name))
    members: dict[str, Path] = {}
    for source in sources:
        if not os.path.exists(call.path(source)):
            if "q" not in options:
                yield f"\tzip warning: name not matched: {source}\n"
            continue
        for each in call.tree(source) if "r" in options else [source]:
            path = Path(call.path(each))
            inner = _member_name(each, path, junk="j" in options)
            is_own = path.resolve() == target.resolve()
            if inner and not is_own and not _matches(each, options.every("x")):
                members[inner] = path
    if not members:
        raise CommandError(f"nothing to do! ({name})", 12)
    old: dict[str, tuple[zipfile.ZipInfo, bytes]] = {}
    try:
        if target.exists():
            with zipfile.ZipFile(target) as before:
                old = {m.filename: (m, before.read(m)) for m in before.infolist()}
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for info, data in (pair for key, pair in old.items() if key not in members):
                archive.writestr(info, data)
            for inner, path in members.items():
                saved = _add_to_zip(archive, path, inner, options)
                if "q" not in options:
                    yield f"  {'updating' if inner in old else 'adding'}: {inner} {saved}\n"
    except _CORRUPT as error:
        raise CommandError(f"cannot write {name}: {error}", 3) from None


def _member_name(name: str, path: Path, *, junk: bool) -> str:
    if junk:
        return "" if path.is_dir() else path.name
    inner = os.path.normpath(name).lstrip("/")
    while inner.startswith("../"):
        inner = inner[3:]
    return f"{inner}/" if path.is_dir() else inner


def _add_to_zip(archive: zipfile.ZipFile, path: Path, inner: str, options: Options) -> str:
    """Add a file; return how it is packed, as zip prints it."""
    packed = 0
    if path.is_file():
        data = path.read_bytes()
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        packed = len(packer.compress(data) + packer.flush())
    # As zip does: what does not become smaller is stored.
    if path.is_dir() or packed >= len(data) or "0" in options:
        archive.write(path, inner, zipfile.ZIP_STORED)
        return "(stored 0%)"
    archive.write(path, inner, zipfile.ZIP_DEFLATED, 9 if "9" in options else 6)
    info = archive.getinfo(inner)
    return f"(deflated {round(100 * (1 - info.compress_size / info.file_size))}%)"


# tar

_TAR = OptionParser(
    "c/create x/extract t/list f/file= z/gzip j/bzip2 J/xz v/verbose C/directory= exclude="
    " strip-components= k/keep-old-files p a/auto-compress O",
    status=2,
)


@program("tar", status=2)
def tar(call: Call) -> Output:
    """Pack and unpack .tar files."""
    args = list(call.args)
    if args and not args[0].startswith("-"):
        # The old style: letters without a minus, then their values.
        letters = args.pop(0)
        values = [args.pop(0) if letter in "fC" and args else "" for letter in letters]
        args[:0] = [f"-{letter}{value}" for letter, value in zip(letters, values, strict=True)]
    options = call.options = _TAR.parse(args)
    if sum(mode in options for mode in "cxt") != 1:
        raise CommandError("You must specify one of the options -c, -x and -t", 2)
    name = options.last("f")
    if not name:
        raise CommandError("no -f: which file?", 2)
    folder = call.path(options.last("C", "."))
    try:
        yield from (_pack if "c" in options else _unpack)(call, name, folder)
    except FileNotFoundError as error:
        raise CommandError(f"{error.filename or name}: Cannot open: {error.strerror}", 2) from None
    except _CORRUPT:
        raise CommandError(f"{name}: This does not look like a tar archive", 2) from None
    if call.status:
        call.complain("Exiting with failure status due to previous errors")


def _is_excluded(call: Call, name: str) -> bool:
    patterns = call.options.every("exclude")
    return _matches(name, patterns) or _matches(name.rpartition("/")[2], patterns)


def _pack(call: Call, name: str, folder: str) -> Output:
    if not call.operands:
        raise CommandError("Cowardly refusing to create an empty archive", 2)
    formats = {"z": "gz", "j": "bz2", "J": "xz"}
    packing = formats.get(call.options.latest("zjJ"), "")
    if "a" in call.options and not packing:
        end = name.rpartition(".")[2].replace("tgz", "gz")
        packing = end if end in formats.values() else ""
    added: list[str] = []
    target = io.BytesIO()
    own = os.path.realpath(call.path(name))

    def choose(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if _is_excluded(call, member.name):
            return None
        added.append(f"{_tar_name(member)}\n")
        return member

    with tarfile.open(fileobj=target, mode=f"w|{packing}") as archive:  # type: ignore[call-overload]
        for each in call.operands:
            path = os.path.join(folder, each)
            if not os.path.lexists(path):
                call.complain(f"{each}: Cannot stat: No such file or directory")
            elif os.path.realpath(path) != own:
                archive.add(path, each.lstrip("/"), filter=choose)
    if name == "-":
        yield target.getvalue()
        return
    Path(call.path(name)).write_bytes(target.getvalue())
    if "v" in call.options:
        yield from added


def _unpack(call: Call, name: str, folder: str) -> Output:
    options = call.options
    data = call.stdin.read() if name == "-" else Path(call.path(name)).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = []
        size = 0
        for member in archive:
            size += member.size
            _check_size(size)
            named = not call.operands or any(_lies_in(member.name, o) for o in call.operands)
            if named and not _is_excluded(call, member.name):
                members.append(member)
        if "t" in options:
            for member in members:
                yield f"{_tar_line(member) if 'v' in options else _tar_name(member)}\n"
        elif not os.path.isdir(folder):
            raise CommandError(f"{options.last('C')}: Cannot open: No such file or directory", 2)
        else:
            yield from _extract(options, archive, members, folder)
    for operand in call.operands:
        if not any(_lies_in(member.name, operand) for member in members):
            call.complain(f"{operand}: Not found in archive")


def _extract(
    options: Options, archive: tarfile.TarFile, members: list[tarfile.TarInfo], folder: str
) -> Output:
    strip = int(options.last("strip-components", "0"))
    for member in members:
        name = "/".join(member.name.strip("/").split("/")[strip:])
        if not name:
            continue
        if "O" in options:
            source = archive.extractfile(member)
            yield source.read() if source else b""
            continue
        path = _target(folder, name)
        if "k" in options and os.path.lexists(path) and not member.isdir():
            raise CommandError(f"{_tar_name(member)}: Cannot open: File exists", 2)
        archive.extract(member.replace(name=name, deep=False), folder, filter="data")
        if "v" in options:
            yield f"{_tar_name(member)}\n"


def _tar_name(member: tarfile.TarInfo) -> str:
    return member.name + ("/" if member.isdir() else "")


def _tar_line(member: tarfile.TarInfo) -> str:
    kind = stat.S_IFDIR if member.isdir() else stat.S_IFLNK if member.issym() else stat.S_IFREG
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(member.mtime))
    owner = f"{member.uname or member.uid}/{member.gname or member.gid}"
    arrow = f" -> {member.linkname}" if member.issym() else ""
    size = str(member.size).rjust(18 - len(owner))
    return f"{stat.filemode(kind | member.mode)} {owner} {size} {when} {_tar_name(member)}{arrow}"


def _lies_in(name: str, operand: str) -> bool:
    return f"{name}/".startswith(f"{operand.rstrip('/')}/")


# gzip


@program("gzip gunzip", "d/decompress k/keep c/stdout f/force q 1 2 3 4 5 6 7 8 9")
def gzip_(call: Call) -> Output:
    """Pack files as .gz."""
    unpacks = "d" in call.options or call.name == "gunzip"
    convert = _gunzip if unpacks else gzip.compress
    if not call.operands or call.operands == ["-"]:
        yield convert(call.stdin.read())
        return
    for name in call.operands:
        if unpacks and not os.path.exists(call.path(name)):
            name = f"{name}.gz"
        path = Path(call.path(name))
        if not path.is_file():
            if path.is_dir():
                call.complain(f"{name}: is a directory -- ignored", 2)
            else:
                call.complain(f"{name}: No such file or directory")
            continue
        if unpacks and path.suffix not in (".gz", ".tgz"):
            call.complain(f"{name}: unknown suffix -- ignored", 2)
            continue
        with call.complaining(name):
            data = convert(path.read_bytes())
            if "c" in call.options:
                yield data
                continue
            target = Path(f"{path}.gz")
            if unpacks:
                target = path.with_suffix("" if path.suffix == ".gz" else ".tar")
            if target.exists() and "f" not in call.options:
                text = f"{target.name} already exists; not overwritten (-f overwrites it)"
                call.complain(text, 2)
                continue
            target.write_bytes(data)
            if "k" not in call.options:
                path.unlink()


def _gunzip(data: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            content = file.read(MOST_BYTES + 1)
    except (*_CORRUPT, OSError):
        raise CommandError("the input is not in gzip format") from None
    _check_size(len(content))
    return content
