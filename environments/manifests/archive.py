"""Unpacks an archive that anybody may have sent, in memory and within bounds."""

import io
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from .errors import BundleError, BundleErrors, Findings
from .limits import LIMITS, BundleLimits

BLOCK = tarfile.BLOCKSIZE


class Member(NamedTuple):
    path: str
    content: bytes


def unpack(content: bytes, filename: str, limits: BundleLimits = LIMITS, *, within: str | None = None) -> list[Member]:
    """The regular files of a .tar.gz or .zip, as the contents' first bytes tell which it is.

    `within`: only those below this folder of the archive's one top folder, by their paths below it; "" for all of them.
    Raises BundleErrors with everything that makes the archive unacceptable; nothing of it is used then.
    """
    if len(content) > limits.archive:
        raise BundleErrors([BundleError(filename, 0, "", f"larger than {_size(limits.archive)}")])
    reader = _zip_members if content.startswith(b"PK") else _tar_members
    intake = _Intake(filename, limits, min(limits.total, max(limits.free, limits.ratio * len(content))), within)
    try:
        reader(content, intake)
    except BundleError as error:
        intake.findings.take(error)
    intake.findings.check()
    return intake.members


class _Intake:
    """Takes members one by one, and holds what was wrong with them."""

    def __init__(self, filename: str, limits: BundleLimits, room: int, within: str | None) -> None:
        self.filename, self.limits, self.room, self.within = filename, limits, room, within
        self.findings = Findings()
        self.members: list[Member] = []
        self._count = self._used = 0
        self._seen: set[str] = set()

    def admit(self, name: str, size: int, refusal: str) -> str:
        """The clean path of a member that may be read, "" where it may not, or is not wanted."""
        if self.within is not None:
            name = _below(name, self.within)
            if not name:
                return ""
        self._count += 1
        if self._count > self.limits.count:
            raise self.error("", f"more than {self.limits.count} files")
        fault = refusal or _path_fault(name, self.limits) or self._size_fault(size)
        path = "/".join(part for part in name.split("/") if part not in {"", "."})
        if not fault and _folded(path) in self._seen:
            fault = "is there twice"
        if fault:
            self.findings.take(self.error(name, fault))
            return ""
        self._seen.add(_folded(path))
        return path

    def keep(self, path: str, content: bytes) -> None:
        self._used += len(content)
        if self._used > self.room:
            raise self.error("", f"unpacks to more than {_size(self.room)}")
        self.members.append(Member(path, content))

    def error(self, name: str, message: str) -> BundleError:
        shown = ascii(name)[1:-1][:120] if name else ""
        return BundleError(self.filename, 0, shown, message)

    def _size_fault(self, size: int) -> str:
        return f"larger than {_size(self.limits.member)}" if size > self.limits.member else ""


def _below(name: str, folder: str) -> str:
    """The path below a folder of the archive's top folder; "" for what is elsewhere."""
    path = name.removeprefix("./").partition("/")[2]
    return path.removeprefix(f"{folder}/") if not folder or path.startswith(f"{folder}/") else ""


def _path_fault(name: str, limits: BundleLimits) -> str:
    parts = name.split("/")
    if not name or len(name) > limits.path or len(parts) > limits.depth:
        return "its path is empty, too long or too deep"
    if any(unicodedata.category(character).startswith("C") for character in name) or "\\" in name:
        return "its path has a backslash or a character that cannot be printed"
    if name.startswith("/") or name[1:2] == ":":
        return "its path is absolute; paths must be inside the archive"
    if ".." in parts:
        return "its path leaves the archive (..)"
    return ""


def _folded(path: str) -> str:
    """What two paths share that some file systems cannot tell apart."""
    return unicodedata.normalize("NFC", path).casefold()


def _tar_members(content: bytes, intake: _Intake) -> None:
    data = _gunzip(content, intake)
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            end = _read_tar(tar, intake)
    except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
        if isinstance(error, BundleError):
            raise
        raise intake.error("", f"not a whole .tar.gz: {error}") from None
    rest = data[end:]
    if len(rest) < BLOCK or rest.strip(b"\0"):
        raise intake.error("", "not a whole .tar.gz: it is cut off or damaged")


def _read_tar(tar: tarfile.TarFile, intake: _Intake) -> int:
    """Hands every file to `intake`; the offset at which the last member ends."""
    end = 0
    for info in tar:
        stored = 0 if info.isdir() else info.size
        end = max(end, info.offset_data + -(-stored // BLOCK) * BLOCK)
        path = intake.admit(info.name, info.size, _tar_refusal(info))
        source = tar.extractfile(info) if path and info.isreg() else None
        if source is not None:
            intake.keep(path, source.read())
    return end


def _tar_refusal(info: tarfile.TarInfo) -> str:
    if info.issym() or info.islnk():
        return "is a link; only files and folders are allowed"
    if info.issparse() or not (info.isreg() or info.isdir()):
        return "is neither a file nor a folder"
    return ""


def _gunzip(content: bytes, intake: _Intake) -> bytes:
    """The archive's bytes, however many gzip streams they come in, and no more than there is room for."""
    room = intake.room + (intake.limits.count + 4) * 3 * BLOCK
    found, left = bytearray(), content
    while left.strip(b"\0"):
        stream = zlib.decompressobj(wbits=31)
        try:
            found += stream.decompress(left, room - len(found) + 1)
        except zlib.error as error:
            raise intake.error("", f"not gzip: {error}") from None
        if len(found) > room:
            raise intake.error("", f"unpacks to more than {_size(intake.room)}")
        if not stream.eof:
            raise intake.error("", "not a whole .tar.gz: it is cut off")
        left = stream.unused_data
    return bytes(found)


def _zip_members(content: bytes, intake: _Intake) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in _zip_infos(archive, intake):
                path = intake.admit(info.orig_filename, info.file_size, _zip_refusal(info))
                if path and not info.is_dir():
                    with archive.open(info) as source:
                        intake.keep(path, source.read(intake.limits.member + 1))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError, OSError) as error:
        if isinstance(error, BundleError):
            raise
        raise intake.error("", f"not a whole .zip: {error}") from None


def _zip_infos(archive: zipfile.ZipFile, intake: _Intake) -> Iterator[zipfile.ZipInfo]:
    """Its entries, unless two of them share bytes: that is how a small archive claims to be a large one."""
    infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
    for first, second in pairwise(infos):
        if first.header_offset + first.compress_size > second.header_offset:
            raise intake.error(second.filename, "shares its bytes with another file")
    yield from archive.infolist()


def _zip_refusal(info: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "is a link; only files and folders are allowed"
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return "is neither a file nor a folder"
    if info.flag_bits & 0x1:
        return "is encrypted"
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        return "is compressed in a way other than deflate"
    return ""


def _size(count: int) -> str:
    return f"{count / 1024**2:.0f} MiB" if count >= 1024**2 else f"{count / 1024:.0f} KiB"
