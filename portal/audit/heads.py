"""Signed heads: how far the history went at a moment. Published outside the database, they show a cut-off end."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.utils import timezone

from portal.audit import signing
from portal.audit.chain import moment
from portal.blobs import canonical
from portal.models import AuditEntry

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Head:
    """The last entry's number and hash at a moment; for an export also its first number and what came before."""

    number: int
    hash: str
    at: str
    first: int = 1
    previous_hash: str = ""

    def signed(self) -> dict[str, Any]:
        """{head, key, signature}: the signature is on the head's canonical form."""
        key, signature = signing.sign(canonical(asdict(self)))
        return {"head": asdict(self), "key": key, "signature": signature}


@dataclass(frozen=True)
class Published:
    """A published head as it is read back, and whether its signature is this installation's."""

    head: Head
    genuine: bool
    where: str


def current_head() -> Head:
    """Where the history ends now; number 0 where it is empty."""
    number, digest = AuditEntry.objects.order_by("-number").values_list("number", "hash").first() or (0, "")
    return Head(number, digest, moment(timezone.now()))


def publish_head() -> Head | None:
    """Signs the head into the log and the folder of heads; None where nothing came since the last one."""
    head = current_head()
    if head.number in (0, _last_published()):
        return None
    signed = head.signed()
    log.info("audit head", **signed["head"], key=signed["key"], signature=signed["signature"])
    try:
        _append(signed, head)
    except OSError:
        log.exception("A head could not be written: the line above is what is left of it.")
    return head


def _last_published() -> int:
    try:
        return int((Path(settings.AUDIT_HEADS) / "last").read_text())
    except (OSError, ValueError):
        return 0


def _append(signed: dict[str, Any], head: Head) -> None:
    folder = Path(settings.AUDIT_HEADS)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{head.at[:10]}.jsonl").open("a") as file:
        file.write(json.dumps(signed) + "\n")
    (folder / "last").write_text(str(head.number))


def published() -> Iterator[Published]:
    """Every head in the folder, oldest first."""
    for path in sorted(Path(settings.AUDIT_HEADS).glob("*.jsonl")):
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            yield _read(line, f"{path.name} line {number}")


def _read(line: str, where: str) -> Published:
    try:
        signed = json.loads(line)
        head = Head(**signed["head"])
        genuine = signing.is_ours(canonical(signed["head"]), signed["key"], signed["signature"])
    except (ValueError, KeyError, TypeError):
        return Published(Head(0, "", ""), genuine=False, where=where)
    return Published(head, genuine, where)
