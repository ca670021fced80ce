"""Bundles that a webhook names by an address: workers fetch them, again and again until they come or are given up."""

from datetime import timedelta
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone

from environments.manifests.errors import BundleError
from portal import outbound
from portal.actors import Actor
from portal.orchestration import queue
from portal.orchestration.queue.sweeps import on_sweep
from releases.ingest import store_bundle
from releases.models import Bundle, Delivery
from releases.webhooks import process
from releases.webhooks.providers import find
from releases.webhooks.providers.base import News, NotYet, Unusable

PAUSES = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600))


@on_sweep
def fetch_due(at_once: int = 20) -> int:
    """Leases the deliveries whose bundle is due and queues a fetch for each; how many. Makes no call."""
    now = timezone.now()
    due = Delivery.objects.filter(outcome=Delivery.Outcome.FETCHING, fetch_at__lte=now).order_by("fetch_at")
    if not due.exists():
        return 0
    with transaction.atomic():
        ids = list(due.select_for_update(skip_locked=True).values_list("pk", flat=True)[:at_once])
        Delivery.objects.filter(pk__in=ids).update(fetch_at=now + process.FETCH_LEASE)
        for pk in ids:
            queue.enqueue("releases.webhooks.fetching.fetch", pk)
    return len(ids)


def fetch(pk: int) -> None:
    """Fetches the bundle of a delivery, which then leads on. Runs in a worker, outside any transaction."""
    delivery = Delivery.objects.select_related("source__application").get(pk=pk)
    if delivery.outcome != Delivery.Outcome.FETCHING:
        return
    try:
        news = _read_again(delivery)
        bundle = _fetched(delivery, str(delivery.bundle_url))
    except (outbound.OutboundFailed, NotYet) as error:
        _again(delivery, str(error))
    except (outbound.OutboundRefused, Unusable, BundleError) as error:
        process.refuse(delivery, str(error))
    else:
        process.lead_on(delivery, news, bundle)


def _read_again(delivery: Delivery) -> News:
    provider = find(delivery.source.provider)
    headers = {"webhook-id": delivery.delivery_id, "x-github-event": delivery.event}
    read = provider.read(delivery.source.mapping, headers, delivery.body) if provider else None
    if not isinstance(read, News):
        raise Unusable("The source was changed meanwhile, and takes no such event any more.")
    return read


def _fetched(delivery: Delivery, url: str) -> Bundle:
    source = delivery.source
    provider = find(source.provider)
    if provider is None:
        raise Unusable(f"There is no provider {source.provider} any more.")
    content = provider.fetch(delivery, url)
    name = urlsplit(url).path.rpartition("/")[2]
    return store_bundle(Actor.ci(str(source)), source.application, content, name or "bundle.yaml")


def _again(delivery: Delivery, words: str) -> None:
    if delivery.fetches >= len(PAUSES):
        process.refuse(delivery, words)
        return
    same = Delivery.objects.filter(pk=delivery.pk, outcome=Delivery.Outcome.FETCHING)
    same.update(
        fetches=delivery.fetches + 1,
        fetch_at=timezone.now() + PAUSES[delivery.fetches],
        detail=f"The bundle has not come yet and is fetched again: {words}",
    )
