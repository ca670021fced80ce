#!/usr/bin/env python3
"""Verifies an export of Slipway's audit log, on any machine, without the portal and without its code.

    python verify_audit.py EXPORT [--key PUBLIC_KEY ...]

PUBLIC_KEY is what `manage.py audit key` printed, in base64; keep it apart from the exports. With it the head's
signature is checked, which takes the package `cryptography`. Without it only the chain is: whoever can write the
file could have made another chain. Exit code 0: whole; 1: broken, the first bad entry is named; 2: not an export.
"""

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

COVERED = (
    "number", "at", "actor", "actor_kind", "verb", "target_type", "target_id", "target",
    "environment", "application", "data", "previous_hash",
)  # fmt: skip
Entry = dict[str, Any]


class Broken(Exception):
    """The first thing that is wrong."""


class NotAnExport(Exception):
    """The file is something else."""


def canonical(value: object) -> bytes:
    """Keys sorted, UTF-8, no insignificant space."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def lines(path: Path) -> Iterator[Entry]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield dict(json.loads(line))
            except (ValueError, TypeError):
                raise NotAnExport(f"{path} line {number} is no JSON object.") from None


def verify(path: Path, keys: list[str]) -> str:
    """What was verified, in a sentence. Raises Broken or NotAnExport."""
    count = 0
    first: Entry | None = None
    previous: Entry | None = None
    last: Entry | None = None
    for entry in lines(path):
        if last is not None:
            raise Broken("There are lines after the head.")
        if "head" in entry:
            last = entry
            continue
        check(entry, previous)
        first, previous, count = first or entry, entry, count + 1
    if last is None:
        raise Broken("The head is missing: the export was cut off.")
    check_head(last["head"], first, previous)
    signed = check_signature(last, keys)
    return f"{count} entries, {numbers(last['head'], count)}: the chain is whole, {signed}."


def numbers(head: Entry, count: int) -> str:
    return f"numbers {head['first']} to {head['number']}" if count else "no numbers"


def check(entry: Entry, previous: Entry | None) -> None:
    """The entry against its own hash and the one before."""
    number = entry.get("number")
    missing = [name for name in (*COVERED, "hash") if name not in entry]
    if missing:
        raise NotAnExport(f"Entry {number} has no {', '.join(missing)}.")
    if previous is not None and number != previous["number"] + 1:
        raise Broken(f"Entry {previous['number'] + 1} is missing or moved: after {previous['number']} comes {number}.")
    if hashlib.sha256(canonical({name: entry[name] for name in COVERED})).hexdigest() != entry["hash"]:
        raise Broken(f"Entry {number} was changed: its hash is not that of its content.")
    if previous is not None and entry["previous_hash"] != previous["hash"]:
        raise Broken(f"Entry {number} does not follow from the hash of entry {previous['number']}.")
    if number == 1 and entry["previous_hash"]:
        raise Broken("Entry 1 names an entry before it.")


def check_head(head: Entry, first: Entry | None, last: Entry | None) -> None:
    """The head against the entries that are there."""
    if first is None or last is None:
        if head["number"]:
            raise Broken(f"Entries {head['first']} to {head['number']} are missing.")
        return
    if (head["first"], head["previous_hash"]) != (first["number"], first["previous_hash"]):
        raise Broken(f"Entry {head['first']} is missing: the export starts with {first['number']}.")
    if (head["number"], head["hash"]) != (last["number"], last["hash"]):
        raise Broken(f"Entry {last['number'] + 1} is missing: the head names entry {head['number']}.")


def check_signature(signed: Entry, keys: list[str]) -> str:
    """How far the head can be trusted, in words. Raises Broken."""
    if not keys:
        return "the head's signature was not checked (no --key)"
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if signed["key"] not in keys:
        raise Broken("The head is signed by another key than those given.")
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(signed["key"]))
    try:
        public.verify(base64.b64decode(signed["signature"]), canonical(signed["head"]))
    except (InvalidSignature, ValueError):
        raise Broken("The head's signature does not fit: the head was changed.") from None
    return "the head's signature fits"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path)
    parser.add_argument("--key", action="append", default=[])
    options = parser.parse_args()
    try:
        print(verify(options.export, options.key))
    except Broken as error:
        print(f"BROKEN: {error}", file=sys.stderr)
        return 1
    except (NotAnExport, OSError, KeyError) as error:
        print(f"This is no export of an audit log: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
