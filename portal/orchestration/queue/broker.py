"""The ORM broker, that claims by one statement, in order, and keeps what it cannot read."""

import time
from datetime import timedelta

import structlog
from django.db import Error, connections, transaction
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ

from portal.orchestration.queue import progress, renamed
from portal.orchestration.queue.progress import Mark

log = structlog.get_logger(__name__)
PARKED = ":parked"
CLAIM = """
    UPDATE django_q_ormq SET lock = %s WHERE id IN (
        SELECT id FROM django_q_ormq WHERE key = %s AND lock <= %s ORDER BY lock, id LIMIT %s
    ) RETURNING id, payload
"""
CLAIM_SKIPPING = CLAIM.replace("LIMIT %s", "LIMIT %s FOR UPDATE SKIP LOCKED")


class Broker(ORM):
    """Named in Q_CLUSTER; django-q2 makes one in each of its processes."""

    def enqueue(self, task: str) -> int:
        """Adds a message inside the caller's transaction; its id."""
        row = OrmQ.objects.using(Conf.ORM).create(key=self.list_key, payload=task, lock=timezone.now())
        return int(row.pk)

    def dequeue(self) -> list[tuple[int, str]] | None:
        """Claims up to `bulk` messages for `retry` seconds, oldest first; waits `poll` seconds where none is due."""
        progress.current.note(Mark.POLLED)
        claimed = self._try_claim()
        if not claimed:
            time.sleep(Conf.POLL)
            return None
        progress.current.note(Mark.CLAIMED)
        return claimed

    def acknowledge(self, task_id: int) -> None:
        """Removes a message that was worked on."""
        super().acknowledge(task_id)
        progress.current.note(Mark.FINISHED)

    def fail(self, task_id: int) -> None:
        """Parks a message whose signature does not fit (another SECRET_KEY made it) for a person to look at."""
        OrmQ.objects.using(Conf.ORM).filter(pk=task_id).update(key=self.list_key + PARKED)
        log.error("A message of the queue was parked: its signature does not fit.", message=task_id)

    def _try_claim(self) -> list[tuple[int, str]]:
        try:
            # A read first: on SQLite a claim that finds nothing would still take the one lock for writing.
            if self.get_connection().filter(key=self.list_key, lock__lte=timezone.now()).exists():
                return self._claim()
        except Error:
            log.exception("The queue could not be read.")
            connections[Conf.ORM].close()
        return []

    def _claim(self) -> list[tuple[int, str]]:
        connection = connections[Conf.ORM]
        now = timezone.now()
        until, due = (connection.ops.adapt_datetimefield_value(at) for at in (now + timedelta(seconds=Conf.RETRY), now))
        statement = CLAIM_SKIPPING if connection.features.has_select_for_update_skip_locked else CLAIM
        with transaction.atomic(using=Conf.ORM), connection.cursor() as cursor:
            cursor.execute(statement, [until, self.list_key, due, Conf.BULK])
            return [(pk, renamed.current(payload)) for pk, payload in sorted(cursor.fetchall())]
