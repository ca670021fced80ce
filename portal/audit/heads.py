"""Heads: how far the history went at a moment, signed. Kept outside the database too, they show what was cut off.

A head names the one before it by the digest of its line, so that one cannot be taken out unseen.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.utils import timezone

from portal.audit import signing
from portal.audit.chain import Break, moment
from portal.blobs import canonical
from portal.models import AuditEntry


class HistoryBroken(Exception):
    """The first thing that is wrong with the history; `found` says where and how."""

    def __init__(self, found: Break) -> None:
        super().__init__(found.why)
        self.found = found

    @classmethod
    def because(cls, why: str, number: int = 0) -> "HistoryBroken":
        """`number` is 0 where it is no entry that is wrong."""
        return cls(Break(number, why))


@dataclass(frozen=True)
class Head:
    """The last entry's number and hash at a moment; `sequence` is 0 for heads of before they were numbered."""

    number: int
    hash: str
    at: str
    sequence: int = 0
    previous: str = ""


@dataclass(frozen=True)
class Published:
    """A head as it was kept: its line, and whether its signature is this installation's."""

    line: str
    head: Head
    genuine: bool

    @property
    def digest(self) -> str:
        """What the next head names it by: the SHA-256 of the line, hexadecimal."""
        return hashlib.sha256(self.line.encode()).hexdigest()

    def follows(self, before: "Published | None") -> bool:
        """Whether it is the next one after another; heads of before they were numbered follow from anything."""
        if not self.head.sequence:
            return before is None or not before.head.sequence
        # A first numbered head may have others of before in front of it.
        expected = before.head.sequence + 1 if before and before.head.sequence else self.head.sequence
        return self.head.sequence == expected and self.head.previous == (before.digest if before else "")


def current_head() -> Head:
    """Where the history ends now; number 0 where it is empty."""
    number, digest = AuditEntry.objects.order_by("-number").values_list("number", "hash").first() or (0, "")
    return Head(number, digest, moment(timezone.now()))


def signed(document: Mapping[str, Any]) -> str:
    """A line of JSON: {head, key, signature}, signed on the head's canonical form."""
    key, signature = signing.sign(canonical(document))
    return json.dumps({"head": document, "key": key, "signature": signature})


def publish(head: Head) -> Published:
    """The head, signed."""
    return Published(signed(asdict(head)), head, genuine=True)


def read(line: str) -> Published:
    """A kept head; one that is no head at all is not genuine."""
    try:
        kept = json.loads(line)
        told = kept["head"]
        head = Head(int(told["number"]), str(told["hash"]), str(told["at"]))
        numbered = Head(head.number, head.hash, head.at, int(told.get("sequence", 0)), str(told.get("previous", "")))
        genuine = signing.is_ours(canonical(told), kept["key"], kept["signature"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Published(line, Head(0, "", ""), genuine=False)
    return Published(line, numbered, genuine)
