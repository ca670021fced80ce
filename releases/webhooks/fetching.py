"""Bundles that a webhook names by an address: workers fetch them, again and again until they come or are given up."""

from datetime import timedelta
from typing import ClassVar
from urllib.parse import urlsplit

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from environments.manifests.errors import BundleError
from environments.sources.telling import packed
from portal import outbound
from portal.actors import Actor
from portal.orchestration import jobs, work
from portal.orchestration.leases import Lease, Leases, Lost
from portal.orchestration.work import PassKind
from releases.ingest import is_source, store_bundle
from releases.models import Delivery
from releases.webhooks import process
from releases.webhooks.providers import find
from releases.webhooks.providers.base import News, NotYet, Unusable

log = structlog.get_logger(__name__)
RENDER = "releases.webhooks.render"
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600))


class Fetch(Lease[Delivery]):
    """While it lasts nobody else fetches the bundle."""

    related: ClassVar[tuple[str, ...]] = ("source__application__bundle",)

    @classmethod
    def seconds(cls) -> float:
        """Longer than a fetch, and the reading of what came."""
        return 90.0


FETCHES = Leases(Delivery, Q(outcome=Delivery.Outcome.FETCHING), Fetch)
# One a message and few at once, where nothing else waits: no rollout waits behind a row of slow ones.
work.register(
    PassKind(name="bundles", leases=FETCHES, path="releases.webhooks.fetching.fetch_bundles", batch=1, most=2, ahead=1)
)


def fetch_bundles(ids: str, ticket: str) -> None:
    """Fetches the bundle of each delivery of a ticket, which then leads on. Runs in a worker, outside transactions."""
    for lease in FETCHES.take([int(each) for each in ids.split(",")], ticket):
        try:
            _fetch(lease)
        except Lost:
            log.warning("a bundle came after its fetch's lease", delivery=lease.row.pk)


def _fetch(lease: Fetch) -> None:
    delivery = lease.row
    try:
        news = read_again(delivery)
        content, name = content_of(delivery, news)
        if is_source(content, name):
            _hand_over(lease)
            return
        bundle = store_bundle(Actor.ci(str(delivery.source)), delivery.source.application, content, name)
    except (outbound.OutboundFailed, NotYet) as error:
        _again(lease, str(error))
    except (outbound.OutboundRefused, Unusable, BundleError) as error:
        _refuse(lease, str(error))
    else:
        with lease.locked() as current:
            process.lead_on(current, news, bundle)


def _hand_over(lease: Fetch) -> None:
    """What is to be rendered may take longer than a pass."""
    delivery = lease.row
    with transaction.atomic():
        lease.finish({"detail": "What the bundle comes from is being fetched and rendered."}, None)
        label = f"Render the bundle of {delivery.source} {delivery.delivery_id}"[:200]
        jobs.submit(RENDER, {"delivery": delivery.pk}, label=label, requested_by=str(delivery.source))


def read_again(delivery: Delivery) -> News:
    """What the delivery told. Unusable where its source takes no such event any more."""
    provider = find(delivery.source.provider)
    headers = {"webhook-id": delivery.delivery_id, "x-github-event": delivery.event}
    read = provider.read(delivery.source.mapping, headers, delivery.body) if provider else None
    if not isinstance(read, News):
        raise Unusable("The source was changed meanwhile, and takes no such event any more.")
    return read


def content_of(delivery: Delivery, news: News) -> tuple[bytes, str]:
    """What the bundle is made of, and what it is called. Raises NotYet, Unusable, BundleError and outbound's."""
    if source := news.bundle.get("source"):
        return packed(source), "source.tar.gz"
    provider = find(delivery.source.provider)
    if provider is None:
        raise Unusable(f"There is no provider {delivery.source.provider} any more.")
    url = str(delivery.bundle_url)
    return provider.fetch(delivery, url), urlsplit(url).path.rpartition("/")[2] or "bundle.yaml"


def _refuse(lease: Fetch, words: str) -> None:
    with lease.locked() as current:
        process.refuse(current, words)


def _again(lease: Fetch, words: str) -> None:
    attempts = lease.row.attempts
    if attempts >= len(PAUSES):
        _refuse(lease, words)
        return
    detail = f"The bundle has not come yet and is fetched again: {words}"
    lease.finish({"attempts": attempts + 1, "detail": detail}, timezone.now() + PAUSES[attempts])
