"""Publishing heads: signed, into the database, the folder and the log; only on a history that fits the last one."""

import socket
from collections.abc import Iterator

import structlog
from django.db import transaction
from django.utils import timezone

from portal.actors import SYSTEM, Actor
from portal.audit import chain, folder, rows, tails
from portal.audit.heads import Head, HistoryBroken, Published, publish, read
from portal.audit.log import record, serialise
from portal.audit.verify import verify
from portal.models import AuditEntry, Heartbeat, PublishedHead

log = structlog.get_logger(__name__)
# A first head, or one after a long pause, is signed in parts: no pass reads more entries than these.
AT_ONCE = 20_000
AT_ONCE_LINES = 2000
NAME = "audit heads"


def publish_head(*, actor: Actor = SYSTEM) -> Head | None:
    """Signs how far the history went, at most AT_ONCE entries on; None where nothing came since the last head.

    What came since is verified first. Raises HistoryBroken where it, or the heads of before, do not fit; then nothing
    is signed.
    """
    if why := tails.triggers_missing():
        raise HistoryBroken.because(why)
    before = _last_published(actor)
    number, digest = _verified_from(before)
    if number == (before.head.number if before else 0):
        return None
    return _publish(before, number, digest, actor)


def keep_publishing() -> None:
    """What the orchestrator does each minute: publishes a head, or says in log, page and metrics why it does not."""
    try:
        publish_head()
        why = ""
    except HistoryBroken as error:
        why = str(error)
        log.error("The history is broken: no head is signed.", why=why)
    except OSError as error:
        why = f"{folder.path()} cannot be written: {error}."
        log.error("A head could not be written.", why=why)
    Heartbeat.objects.update_or_create(
        name=NAME, defaults={"host": socket.gethostname(), "at": timezone.now(), "trouble": why}
    )


def trouble() -> str:
    """Why no head could be published when it was last tried, in words; "" where one could."""
    return Heartbeat.objects.filter(name=NAME).values_list("trouble", flat=True).first() or ""


def begin_anew(reason: str, *, actor: Actor) -> Head | None:
    """Writes the folder of heads anew from the database's, told in words: after a lost disk, or a restored copy.

    What is in the folder is put aside in it. Raises HistoryBroken where the history does not fit the database's heads.
    """
    verification = verify(without_heads=reason)
    if not verification.whole:
        raise HistoryBroken.because(verification.why, verification.first_bad or 0)
    with transaction.atomic():
        serialise()
        before = tails.Tails.look().trouble()
        folder.write_anew(_lines(), f"before-{timezone.now():%Y%m%dT%H%M%S}")
        target = PublishedHead.objects.last() or PublishedHead(sequence=0)
        record("history.heads-anew", target, {"reason": reason, "trouble": before}, actor=actor)
    return publish_head(actor=actor)


def _last_published(actor: Actor) -> Published | None:
    """The newest head, which fits the history; what a crash left half done is completed."""
    with transaction.atomic():
        serialise()
        found = tails.Tails.look()
        if _is_left_over(found):
            return _take_up(found, actor)
        if why := found.trouble():
            raise HistoryBroken.because(why)
        if found.stored is None and found.newest:
            _keep_those_of_before()
        newest = found.stored or found.newest
        if newest:
            tails.require_fitting(newest)
        return newest


def _is_left_over(found: tails.Tails) -> bool:
    """Whether a crash came between the folder's line and the database's row: exactly one genuine head more."""
    newest = found.newest
    if newest is None or not newest.genuine or not newest.head.sequence:
        return False
    beginning = found.stored is None and not found.begun and newest.head.sequence == 1
    return newest.follows(found.stored) and bool(found.stored or beginning)


def _take_up(found: tails.Tails, actor: Actor) -> Published:
    newest = found.newest
    assert newest is not None
    tails.require_fitting(newest)
    folder.keep_last(newest.line)
    row = _store(found.sequence + 1, newest)
    record(tails.BEGUN if found.stored is None else "history.head-taken-up", row, _told(newest), actor=actor)
    log.warning("A head that the folder had and the database had not was taken up.", number=newest.head.number)
    return newest


def _keep_those_of_before() -> None:
    """Heads of before the database kept them."""
    page: list[PublishedHead] = []
    for sequence, (_where, line) in enumerate(folder.lines(), start=1):
        page.append(PublishedHead(sequence=sequence, number=read(line).head.number, line=line))
        if len(page) == AT_ONCE_LINES:
            PublishedHead.objects.bulk_create(page)
            page = []
    PublishedHead.objects.bulk_create(page)


def _verified_from(before: Published | None) -> tuple[int, str]:
    """The last entry's number and hash, of what is verified from the last head on."""
    number, digest = (before.head.number, before.head.hash) if before else (0, "")
    entries = AuditEntry.objects.filter(number__gt=number, number__lte=number + AT_ONCE)
    for entry in rows.read(entries):
        if why := chain.broken(entry, number, digest):
            raise HistoryBroken.because(why, min(entry["number"], number + 1))
        number, digest = entry["number"], entry["hash"]
    return number, digest


def _publish(before: Published | None, number: int, digest: str, actor: Actor) -> Head | None:
    """Into the folder first: a head that only the folder has is a crash's, one that only the database has is not."""
    with transaction.atomic():
        serialise()
        found = tails.Tails.look()
        if (found.stored.line if found.stored else "") != (before.line if before else ""):
            return None  # another host has published meanwhile
        previous = (before.head.sequence, before.digest) if before else (0, "")
        head = Head(number, digest, chain.moment(timezone.now()), previous[0] + 1, previous[1])
        published = publish(head)
        log.info("audit head", line=published.line)
        folder.append(published.line, head.at[:10])
        row = _store(found.sequence + 1, published)
        if not found.begun:
            record(tails.BEGUN, row, _told(published), actor=actor)
    return head


def _store(sequence: int, published: Published) -> PublishedHead:
    row = PublishedHead(sequence=sequence, number=published.head.number, line=published.line)
    row.save(force_insert=True)
    return row


def _told(published: Published) -> dict[str, object]:
    return {"number": published.head.number, "digest": published.digest}


def _lines() -> Iterator[tuple[str, str]]:
    for row in PublishedHead.objects.order_by("sequence").iterator(chunk_size=AT_ONCE_LINES):
        yield read(row.line).head.at[:10], row.line
