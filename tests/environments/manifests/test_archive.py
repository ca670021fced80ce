"""What an archive may be, and that nothing of one is used that is anything else."""

import gzip
import io
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable

import pytest

from environments.manifests.archive import BundleLimits, Member, unpack
from environments.manifests.errors import BundleErrors

from .making import add, tar_gz, zipped

SMALL = BundleLimits(archive=20_000, member=1_000, total=3_000, count=5, ratio=50, free=2_500)


def tar_with(change: Callable[[tarfile.TarInfo], None], name: str = "base/a.yaml") -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        change(info)
        archive.addfile(info, io.BytesIO(b"x" * info.size))
    return content.getvalue()


def typed(kind: bytes, target: str = "") -> Callable[[tarfile.TarInfo], None]:
    def change(info: tarfile.TarInfo) -> None:
        info.type, info.linkname = kind, target

    return change


def zip_with(change: Callable[[zipfile.ZipInfo], None], text: bytes = b"a: 1\n") -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo("base/a.yaml")
        change(info)
        archive.writestr(info, text)
    return content.getvalue()


def mode(bits: int) -> Callable[[zipfile.ZipInfo], None]:
    def change(info: zipfile.ZipInfo) -> None:
        info.external_attr = bits << 16

    return change


def by_bzip2(info: zipfile.ZipInfo) -> None:
    info.compress_type = zipfile.ZIP_BZIP2


def encrypted_zip() -> bytes:
    """Writers here cannot encrypt, so the flag is set afterwards, in both headers."""
    content = bytearray(zipped({"base/a.yaml": "a: 1\n"}))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def lying_zip() -> bytes:
    """Says that its file has 10 bytes where 2,000 come out."""
    content = bytearray(zipped({"base/a.yaml": "x" * 2_000}))
    start = content.index(b"PK\x01\x02")
    content[start + 24 : start + 28] = struct.pack("<I", 10)
    return bytes(content)


def overlapping_zip() -> bytes:
    """Two entries of the directory that share one file's bytes."""
    content = bytearray(zipped({"base/a.yaml": "x" * 500, "base/b.yaml": "y" * 500}))
    second = content.rindex(b"PK\x01\x02")
    content[second + 42 : second + 46] = struct.pack("<I", 1)
    return bytes(content)


def sparse_tar() -> bytes:
    content = gzip.decompress(tar_with(typed(tarfile.GNUTYPE_SPARSE)))
    return gzip.compress(content)


def twice() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        add(archive, "base/a.yaml", "a: 1\n")
        add(archive, "base/./a.yaml", "a: 2\n")
    return content.getvalue()


def damaged_in_the_middle() -> bytes:
    content = bytearray(gzip.decompress(tar_gz({"base/a.yaml": "a: 1\n", "base/b.yaml": "b: 1\n"})))
    content[1024:1100] = b"\xff" * 76
    return gzip.compress(bytes(content))


def without_an_end() -> bytes:
    return gzip.compress(gzip.decompress(tar_gz({"base/a.yaml": "a: 1\n"}))[:1024])


ATTACKS = [
    ("a path that leaves", tar_gz({"../etc/a.yaml": ""}), "../etc/a.yaml: its path leaves the archive (..)"),
    ("one that leaves from within", tar_gz({"base/../../a.yaml": ""}), "its path leaves the archive (..)"),
    ("an absolute path", tar_gz({"/etc/a.yaml": ""}), "/etc/a.yaml: its path is absolute"),
    ("a drive", zipped({"C:/a.yaml": ""}), "C:/a.yaml: its path is absolute"),
    ("a backslash", zipped({"base\\..\\a.yaml": ""}), "its path has a backslash"),
    ("a control character", tar_gz({"base/a\n.yaml": ""}), "base/a\\n.yaml: its path has a backslash or a character"),
    ("a direction mark", tar_gz({"base/a\u202e.yaml": ""}), "base/a\\u202e.yaml: its path has a backslash or"),
    ("a long path", tar_gz({"a/" * 100 + "b" * 80 + ".yaml": ""}), "its path is empty, too long or too deep"),
    ("a symbolic link", tar_with(typed(tarfile.SYMTYPE, "/etc/passwd")), "base/a.yaml: is a link"),
    ("a hard link", tar_with(typed(tarfile.LNKTYPE, "base/b.yaml")), "base/a.yaml: is a link"),
    ("a device", tar_with(typed(tarfile.CHRTYPE)), "is neither a file nor a folder"),
    ("a pipe", tar_with(typed(tarfile.FIFOTYPE)), "is neither a file nor a folder"),
    ("a sparse file", sparse_tar(), "is neither a file nor a folder"),
    ("a link in a zip", zip_with(mode(stat.S_IFLNK | 0o777)), "base/a.yaml: is a link"),
    ("a device in a zip", zip_with(mode(stat.S_IFBLK | 0o600)), "is neither a file nor a folder"),
    ("an encrypted file", encrypted_zip(), "base/a.yaml: is encrypted"),
    ("another compression", zip_with(by_bzip2), "is compressed in a way other than deflate"),
    ("a zip that lies about a size", lying_zip(), "not a whole .zip"),
    ("a zip whose files overlap", overlapping_zip(), "base/b.yaml: shares its bytes with another file"),
    ("the same path twice", twice(), "base/./a.yaml: is there twice"),
    ("paths that differ in case", tar_gz({"base/a.yaml": "", "base/A.yaml": ""}), "base/A.yaml: is there twice"),
    ("the same path twice in a zip", zipped({"base/a.yaml": "", "base//a.yaml": ""}), "base//a.yaml: is there twice"),
    ("a large file", tar_gz({"base/a.yaml": bytes(range(251)) * 4}), "base/a.yaml: larger than 1 KiB"),
    ("a large file in a zip", zipped({"base/a.yaml": bytes(range(251)) * 4}), "base/a.yaml: larger than 1 KiB"),
    ("many files", tar_gz({f"base/{n}.yaml": "" for n in range(6)}), "shop: more than 5 files"),
    ("much in sum", zipped({f"base/{n}.yaml": "x" * 900 for n in range(5)}), "shop: unpacks to more than 3 KiB"),
    ("a bomb", gzip.compress(b"\0" * 10_000_000), "shop: unpacks to more than"),
    ("a bomb of many streams", gzip.compress(b"\0" * 4_000) * 20, "shop: unpacks to more than"),
    ("a large archive", b"\x1f\x8b" + b"x" * 20_000, "shop: larger than 20 KiB"),
    ("a cut off gzip", tar_gz({"base/a.yaml": "a: 1\n" * 90})[:-12], "it is cut off"),
    ("a cut off tar", without_an_end(), "it is cut off or damaged"),
    ("a damaged tar", damaged_in_the_middle(), "it is cut off or damaged"),
    ("a cut off zip", zipped({"base/a.yaml": "a: 1\n" * 90})[:-30], "not a whole .zip"),
    ("no tar in it", gzip.compress(b"hello" * 200), "not a whole .tar.gz"),
    ("nothing in it", b"\x1f\x8b", "it is cut off"),
]


@pytest.mark.parametrize(("content", "words"), [each[1:] for each in ATTACKS], ids=[each[0] for each in ATTACKS])
def test_refuses(content: bytes, words: str) -> None:
    with pytest.raises(BundleErrors) as caught:
        unpack(content, "shop", SMALL)
    assert words in caught.value.words


@pytest.mark.parametrize("pack", [tar_gz, zipped])
def test_gives_the_files_of_an_archive(pack: Callable[..., bytes]) -> None:
    members = unpack(pack({"./base/a.yaml": "a: 1\n", "base/b.yaml": "b: 2\n"}), "shop", SMALL)
    assert members == [Member("base/a.yaml", b"a: 1\n"), Member("base/b.yaml", b"b: 2\n")]


def test_tells_of_every_bad_member_at_once() -> None:
    with pytest.raises(BundleErrors) as caught:
        unpack(tar_gz({"../a.yaml": "", "/b.yaml": "", "base/c.yaml": ""}), "shop", SMALL)
    assert [error.field for error in caught.value.errors] == ["../a.yaml", "/b.yaml"]


def test_takes_an_archive_of_several_gzip_streams() -> None:
    content = gzip.decompress(tar_gz({"base/a.yaml": "a: 1\n"}))
    assert unpack(gzip.compress(content[:700]) + gzip.compress(content[700:]), "shop") == [
        Member("base/a.yaml", b"a: 1\n")
    ]


def test_folders_are_passed_over() -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        folder = tarfile.TarInfo("base")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        add(archive, "base/a.yaml", "a: 1\n")
    assert unpack(content.getvalue(), "shop") == [Member("base/a.yaml", b"a: 1\n")]
