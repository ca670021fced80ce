#!/usr/bin/env python3
"""Verifies an export of Slipway's audit log, on any machine, without the portal and without its code.

    python verify_audit.py EXPORT [--key PUBLIC_KEY ...] [--heads FOLDER]

PUBLIC_KEY is what `manage.py audit key` printed, in base64; keep it apart from the exports. With it signatures are
checked, which takes the package `cryptography`. Without it only the chain is: whoever can write the file could have
made another chain. FOLDER is a copy of the portal's folder of heads, kept where the portal's administrators cannot
write: it shows what was cut off or written anew before the export was made.

Exit code 0: whole; 1: broken, the first thing that is wrong is named; 2: not an export.
"""

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Head:
    """A published head and the line that it was kept as."""

    line: str
    told: Entry

    @classmethod
    def read(cls, line: str, keys: list[str], where: str) -> "Head":
        """Broken where it is no head, or not signed by one of the keys."""
        try:
            kept = json.loads(line)
            told = dict(kept["head"])
            number, at, sequence = int(told["number"]), str(told["at"]), int(told.get("sequence", 0))
        except (ValueError, KeyError, TypeError):
            raise Broken(f"The published head in {where} is no head.") from None
        if keys and not is_signed(kept, keys):
            raise Broken(f"The published head in {where} is not signed by a key given.")
        return cls(line, {**told, "number": number, "at": at, "sequence": sequence})

    @property
    def number(self) -> int:
        return int(self.told["number"])

    @property
    def at(self) -> str:
        return str(self.told["at"])

    def must_follow(self, before: "Head | None", where: str) -> None:
        """Each names the one before by the digest of its line; those of before they were numbered do not."""
        sequence, earlier = self.told["sequence"], before.told["sequence"] if before else 0
        if not sequence:
            fits = not earlier
        else:
            digest = hashlib.sha256(before.line.encode()).hexdigest() if before else ""
            fits = (not earlier or sequence == earlier + 1) and self.told.get("previous", "") == digest
        if not fits:
            raise Broken(f"A head before the one of {self.at} (entry {self.number}) was removed from {where}.")

    def must_name(self, entry: Entry) -> None:
        if (self.number, self.told.get("hash")) != (entry["number"], entry["hash"]):
            raise Broken(
                f"Entry {self.number} or one before it was written anew: the head published at {self.at} names "
                "another hash."
            )


def is_signed(kept: Entry, keys: list[str]) -> bool:
    """Whether one of the keys made the signature."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if kept.get("key") not in keys:
        return False
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(kept["key"]))
        public.verify(base64.b64decode(kept["signature"]), canonical(kept["head"]))
    except (InvalidSignature, ValueError, KeyError, TypeError):
        return False
    return True


class Kept:
    """The auditor's own copy of the heads, walked beside the export."""

    def __init__(self, folder: Path | None, keys: list[str]) -> None:
        self.folder = folder
        self.compared = 0
        self.lacking: Head | None = None
        self._heads = self._read(folder, keys) if folder else iter(())
        self._next = next(self._heads, None)
        self._newest = self._next
        if folder and self._next is None:
            raise Broken(f"There is no head in {folder}.")

    def _read(self, folder: Path, keys: list[str]) -> Iterator[Head]:
        before: Head | None = None
        for file in sorted(folder.glob("*.jsonl")):
            with file.open(encoding="utf-8", errors="replace") as opened:
                for number, line in enumerate(opened, start=1):
                    head = Head.read(line.rstrip("\n"), keys, f"{file} line {number}")
                    head.must_follow(before, str(folder))
                    before = head
                    yield head
        if before:
            check_last(folder, before)

    def take(self) -> Head | None:
        head, self._next = self._next, next(self._heads, None)
        self._newest = self._next or head
        return head

    def before(self, number: int) -> Iterator[Head]:
        """The heads of entries below a number, and then those of the number itself through `of`."""
        while self._next and self._next.number < number:
            head = self.take()
            assert head
            yield head

    def of(self, entry: Entry, exported: list[Head]) -> None:
        """Holds the heads of one entry against it, and against those that the export has of it."""
        mine: list[Head] = []
        while self._next and self._next.number == entry["number"]:
            head = self.take()
            assert head
            head.must_name(entry)
            mine.append(head)
            self.compared += 1
        known, given = {head.line for head in mine}, {head.line for head in exported}
        if self.lacking is None:
            self.lacking = next((head for head in mine if head.line not in given), None)
        # What is newer than the copy is no news of it.
        missing = next((head for head in exported if head.line not in known), None) if self._next else None
        if self.folder and missing:
            raise Broken(f"The head published at {missing.at} (entry {missing.number}) was removed from {self.folder}.")

    def rest(self) -> Iterator[Head]:
        while head := self.take():
            yield head


def check_last(folder: Path, newest: Head) -> None:
    """`last` is a copy of the newest line, so that the newest cannot be taken out alone."""
    try:
        last = (folder / "last").read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        raise Broken(f"{folder / 'last'} was removed, or not copied with the heads.") from None
    old_form = str(newest.number) if not newest.told["sequence"] else ""
    if last not in (newest.line, old_form):
        raise Broken(f"{folder / 'last'} does not name the newest head in {folder}: one or the other was changed.")


class Export:
    """One walk through an export, with what was found so far."""

    def __init__(self, path: Path, keys: list[str], heads: Path | None) -> None:
        self.path, self.keys = path, keys
        self.kept = Kept(heads, keys)
        self.count = self.heads = 0
        self.first: Entry | None = None
        self.previous: Entry | None = None
        self.trailer: Entry | None = None
        self._head: Head | None = None
        self._pending: list[Head] = []

    def verify(self) -> str:
        """What was verified, in a sentence. Raises Broken or NotAnExport."""
        for line in lines(self.path):
            if self.trailer is not None:
                raise Broken("There are lines after the head.")
            self._take(line)
        self._compare()
        if self.trailer is None:
            raise Broken("The head is missing: the export was cut off.")
        check_head(self.trailer["head"], self.first, self.previous)
        signed = self._check_signature()
        self._check_kept()
        return self._told(signed)

    def _take(self, line: Entry) -> None:
        if "broken" in line and "number" not in line:
            raise Broken(f"The portal found the history broken and signed nothing: {line['broken']}")
        if "published" in line and "number" not in line:
            self._published(str(line["published"]))
        elif "head" in line and "number" not in line:
            self.trailer = line
        else:
            self._compare()
            check(line, self.previous)
            self.first, self.previous, self.count = self.first or line, line, self.count + 1

    def _published(self, text: str) -> None:
        head = Head.read(text, self.keys, f"{self.path}, after entry {self.previous and self.previous['number']}")
        if self._head:
            head.must_follow(self._head, "the export")
        if self.previous is None:
            raise Broken(f"The export has the head of entry {head.number} and not the entry.")
        head.must_name(self.previous)
        self._head, self.heads = head, self.heads + 1
        self._pending.append(head)

    def _compare(self) -> None:
        """The auditor's heads of the entry that was read last."""
        if self.previous is None:
            return
        for head in self.kept.before(self.previous["number"]):
            if self.first and head.number >= self.first["number"]:
                raise Broken(f"The export has no entry {head.number}, which the head published at {head.at} names.")
        self.kept.of(self.previous, self._pending)
        self._pending = []

    def _check_signature(self) -> str:
        assert self.trailer is not None
        if not self.keys:
            return "the head's signature was not checked (no --key)"
        if self.trailer.get("key") not in self.keys:
            raise Broken("The head is signed by another key than those given.")
        if not is_signed(self.trailer, self.keys):
            raise Broken("The head's signature does not fit: the head was changed.")
        return "the head's signature fits"

    def _check_kept(self) -> None:
        assert self.trailer is not None
        told = self.trailer["head"]
        lacking = self.kept.lacking
        if lacking and lacking.at <= told["at"] and not told.get("without_heads"):
            raise Broken(f"The portal has no head published at {lacking.at} (entry {lacking.number}) any more.")
        for head in self.kept.rest():
            if told.get("to_the_end", True) and head.number > told["number"] and head.at <= told["at"]:
                raise Broken(
                    f"The newest entries were removed, from {told['number'] + 1} on: the head published at {head.at} "
                    f"names entry {head.number}."
                )

    def _told(self, signed: str) -> str:
        assert self.trailer is not None
        told = self.trailer["head"]
        words = [f"{self.count} entries, {numbers(told, self.count)}: the chain is whole, {signed}."]
        words.append(f"{self.heads} published heads in the export fit it.")
        if self.kept.folder:
            words.append(f"{self.kept.compared} heads of {self.kept.folder} fit it.")
        elif not self.heads:
            words.append("No head shows whether its end was cut off: give --heads FOLDER.")
        if told.get("without_heads"):
            words.append(f"SIGNED WITHOUT PUBLISHED HEADS: {told['without_heads']}")
        elif "covered" in told and told["covered"] < told["number"]:
            words.append(f"No head covers entries {told['covered'] + 1} to {told['number']} yet.")
        return " ".join(words)


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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path)
    parser.add_argument("--key", action="append", default=[])
    parser.add_argument("--heads", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    try:
        print(Export(options.export, options.key, options.heads).verify())
    except Broken as error:
        print(f"BROKEN: {error}", file=sys.stderr)
        return 1
    except (NotAnExport, OSError, KeyError) as error:
        print(f"This is no export of an audit log: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
