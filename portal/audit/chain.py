"""The hash chain: what an entry's hash covers, and where a chain breaks. Pure."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from portal.blobs import canonical

# Every field but the hash itself; the order does not matter, since the canonical form sorts.
COVERED = (
    "number",
    "at",
    "actor",
    "actor_kind",
    "verb",
    "target_type",
    "target_id",
    "target",
    "environment",
    "application",
    "data",
    "previous_hash",
)

# How far from its place a moved entry is looked for.
NEIGHBOURS = 100


@dataclass(frozen=True)
class Break:
    """Where a chain is broken first, and how, in words."""

    number: int
    why: str


def moment(at: datetime) -> str:
    """A moment as the hash covers it: UTC, with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def hash_of(entry: Mapping[str, Any]) -> str:
    """The SHA-256 of the entry's canonical form, hexadecimal."""
    return hashlib.sha256(canonical({name: entry[name] for name in COVERED})).hexdigest()


def plain(value: Any) -> Any:
    """The value as every database gives it back: no NUL, no lone surrogates, whole floats as integers."""
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(plain(item) for item in value)
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _plain_float(value)
    if isinstance(value, datetime) and value.tzinfo:
        return moment(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value).replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _plain_float(value: float) -> int | float | str:
    if not math.isfinite(value):
        return str(value)
    return int(value) if value.is_integer() else value


def broken(entry: Mapping[str, Any], number: int, previous: str) -> str:
    """Why an entry does not follow from the number and hash before it, in words; "" where it does."""
    found = entry["number"]
    if found > number + 1:
        return f"{_entries(number + 1, found - 1)} removed: after {number} comes {found}."
    if found <= number:
        return f"Entry {found} was inserted or moved: it comes after entry {number}."
    if hash_of(entry) != entry["hash"]:
        return _changed(entry)
    if entry["previous_hash"] != previous:
        return (
            f"Entry {found} was inserted or written anew, or the one before it was: "
            f"it does not follow from the hash of entry {number}."
        )
    return ""


def _changed(entry: Mapping[str, Any]) -> str:
    found = entry["number"]
    for number in range(max(1, found - NEIGHBOURS), found + NEIGHBOURS):
        if hash_of({**entry, "number": number}) == entry["hash"]:
            return f"Entries were reordered: what is entry {found} now was entry {number}."
    return f"Entry {found} was changed: its hash is not that of its content."


def _entries(first: int, last: int) -> str:
    return f"Entry {first} was" if first == last else f"Entries {first} to {last} were"
