"""Large content, stored once by the digest of its plain bytes: compressed, then encrypted."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import zstandard

from portal.models import Blob


class BlobError(Exception):
    """A digest of which nothing is stored, or whose stored content is another than the digest says."""


def digest_of(content: bytes) -> str:
    """sha256: and the hexadecimal digest of the bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def store(content: bytes) -> str:
    """Stores the content unless it is there already; its digest. Two may store the same at once."""
    digest = digest_of(content)
    if not Blob.objects.filter(pk=digest).exists():
        row = Blob(digest=digest, content=zstandard.compress(content), size=len(content))
        Blob.objects.bulk_create([row], ignore_conflicts=True)
    return digest


def load(digest: str) -> bytes:
    """The content of a digest. BlobError where there is none or it is not what the digest says."""
    return load_all([digest])[digest]


def load_all(digests: Iterable[str]) -> dict[str, bytes]:
    """The contents by their digests, in one query. BlobError as for `load`."""
    wanted = set(digests)
    found = {row.digest: _checked(row) for row in Blob.objects.filter(pk__in=wanted)}
    for digest in wanted - found.keys():
        raise BlobError(f"No content is stored under {digest}.")
    return found


def _checked(row: Blob) -> bytes:
    content = _unpacked(row)
    if digest_of(content) != row.digest:
        raise BlobError(f"What is stored under {row.digest} is something else: the database was changed by hand.")
    return content


def _unpacked(row: Blob) -> bytes:
    try:
        return zstandard.decompress(row.content, max_output_size=row.size)
    except zstandard.ZstdError:
        return b""


def canonical(value: Any) -> bytes:
    """One form for one value: keys sorted, UTF-8, no insignificant space. ValueError for NaN and infinity."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode()


def store_json(value: Any) -> str:
    """Stores a value of JSON in its canonical form; the digest."""
    return store(canonical(value))


def load_json(digest: str) -> Any:
    """The value that store_json stored."""
    return json.loads(load(digest))
