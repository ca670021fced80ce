"""The queue, and the one place that knows django-q2.

Messages are hints: the rows of rollouts and calls are the truth, and losing a message costs a lease's length.
What is done differently here from stock django-q2 rests on measurements: docs/decisions.md.
"""

from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.tasks import async_task

from portal.orchestration.queue.cluster import QueueCluster

__all__ = ["QueueCluster", "enqueue", "waiting"]


def enqueue(path: str, *args: int | str) -> None:
    """Queues a call of the function at the dotted path, as part of the caller's transaction.

    TypeError for an argument that is neither int nor str: a message has to be readable by the next version too.
    """
    for arg in args:
        if not isinstance(arg, int | str) or isinstance(arg, bool):
            raise TypeError(f"{path} was to be queued with {arg!r}; only ints and strings can be.")
    async_task(path, *args)


def waiting() -> int:
    """Messages that no host has taken up yet."""
    return int(OrmQ.objects.using(Conf.ORM).filter(key=Conf.PREFIX, lock__lte=timezone.now()).count())
