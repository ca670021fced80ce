"""Bundles of webhooks that have to be rendered: a long job each, since a host may be slow and environments many."""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone

from environments.manifests.errors import BundleError
from environments.sources import FetchLater
from portal import outbound
from portal.actors import Actor
from portal.models import Job
from portal.orchestration.jobs import JobKind, RunningJob, job_kind
from releases.ingest import store_bundle
from releases.models import Bundle, Delivery
from releases.webhooks import process
from releases.webhooks.fetching import PAUSES, RENDER, content_of, read_again
from releases.webhooks.providers import find
from releases.webhooks.providers.base import News, NotYet, Unusable

FETCHING = Delivery.Outcome.FETCHING


@job_kind(RENDER)
class RenderDelivery(JobKind):
    """Fetches and renders, and leads the delivery on; what cannot be had yet is tried again by a pass, later."""

    tries = 3

    def run(self, job: RunningJob) -> Mapping[str, str]:
        delivery = Delivery.objects.select_related("source__application__bundle").get(pk=job.arguments["delivery"])
        if delivery.outcome != FETCHING:
            return {}
        try:
            news = read_again(delivery)
            bundle = _rendered(delivery, news)
        except (outbound.OutboundFailed, NotYet, FetchLater) as error:
            _again(delivery, str(error))
        except (outbound.OutboundRefused, Unusable, BundleError) as error:
            _refuse(delivery.pk, str(error))
        else:
            _lead_on(delivery, news, bundle)
        return {}

    def ended(self, job: Job) -> None:
        if job.state != Job.State.DONE:
            _refuse(job.arguments["delivery"], f"It could not be rendered: {job.why}")


def _rendered(delivery: Delivery, news: News) -> Bundle:
    source = delivery.source
    content, name = content_of(delivery, news)
    provider = find(source.provider)
    api = provider.api(source.mapping) if provider else ""
    token = str(source.callback_token or "") if api else ""
    host = urlsplit(api).netloc
    return store_bundle(Actor.ci(str(source)), source.application, content, name, token=token, token_host=host)


def _lead_on(delivery: Delivery, news: News, bundle: Bundle) -> None:
    with transaction.atomic():
        current = process.locked(delivery)
        if current.outcome == FETCHING:
            process.lead_on(current, news, bundle)


def _refuse(pk: int, words: str) -> None:
    with transaction.atomic():
        current = process.locked(Delivery(pk=pk))
        if current.outcome == FETCHING:
            process.refuse(current, words)


def _again(delivery: Delivery, words: str) -> None:
    if delivery.attempts >= len(PAUSES):
        _refuse(delivery.pk, words)
        return
    due: datetime = timezone.now() + PAUSES[delivery.attempts]
    detail = f"The bundle has not come yet and is fetched again: {words}"
    rows = Delivery.objects.filter(pk=delivery.pk, outcome=FETCHING)
    rows.update(attempts=delivery.attempts + 1, detail=detail, due_at=due)
