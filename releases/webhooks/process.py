"""What a genuine webhook leads to: a release, and a rollout into each environment of its source."""

from collections.abc import Sequence

from django.db import transaction
from django.utils.text import Truncator

from environments.manifests.errors import BundleError
from environments.manifests.render import images_needed
from environments.models import Environment
from portal import audit, outbound, queue
from portal.actors import Actor
from portal.roles import Verb
from releases import actions
from releases.errors import Unacceptable
from releases.intake import create_release, open_bundle, store_bundle
from releases.models import Bundle, Delivery, Release, Rollout, WebhookSource
from releases.planning.sources import target_of
from releases.states import InvalidTransition
from releases.webhooks import find, report
from releases.webhooks.mapping import images_of, version_of
from releases.webhooks.provider import Ignored, News, Unusable

MOST_BUNDLE = 16 * 1024 * 1024
FETCH_SECONDS = (2.0, 20.0)


def lead(delivery: Delivery, read: News | Ignored) -> None:
    """Saves the delivery with its outcome. Inside a transaction; what is refused leaves nothing but the delivery."""
    if isinstance(read, Ignored):
        _end(delivery, Delivery.Outcome.IGNORED, read.why)
    elif read.bundle.get("url"):
        _end(delivery, Delivery.Outcome.FETCHING, f"Fetching {read.bundle['url']}.")
        queue.enqueue("releases.webhooks.process.fetch", delivery.pk)
    else:
        _lead(delivery, read, None)


def fetch(pk: int) -> None:
    """Fetches the bundle of a delivery, then goes on as `lead` does. Runs in a worker, outside any transaction."""
    delivery = Delivery.objects.select_related("source__application__bundle").get(pk=pk)
    if delivery.outcome != Delivery.Outcome.FETCHING:
        return
    news = _read_again(delivery)
    url = news.bundle["url"]
    try:
        answer = outbound.call("GET", url, timeout=FETCH_SECONDS, limit=MOST_BUNDLE)
        if answer.status != 200:
            raise Unusable(f"{url} answered {answer.status}.")
        bundle = store_bundle(delivery.source.application, answer.body, url.rpartition("/")[2] or "bundle.yaml")
    except (outbound.OutboundFailed, outbound.OutboundRefused, Unusable, BundleError) as error:
        _end(delivery, Delivery.Outcome.REFUSED, str(error))
        return
    with transaction.atomic():
        _lead(delivery, news, bundle)


def _read_again(delivery: Delivery) -> News:
    provider = find(delivery.source.provider)
    assert provider is not None
    headers = {"webhook-id": delivery.delivery_id, "x-github-event": delivery.event}
    news = provider.read(delivery.source.mapping, headers, delivery.body)
    assert isinstance(news, News)
    return news


def _lead(delivery: Delivery, news: News, fetched: Bundle | None) -> None:
    try:
        with transaction.atomic():
            places = _places(delivery.source, news)
            release = _release(delivery, news, fetched or _earlier(delivery.source, news), places)
            rollouts, notes = _request(delivery, release, places)
    except (Unusable, Unacceptable, BundleError) as error:
        _end(delivery, Delivery.Outcome.REFUSED, str(error))
        return
    delivery.release = release
    _end(delivery, Delivery.Outcome.ACCEPTED, " ".join(notes))
    delivery.rollouts.set(rollouts)
    for rollout in rollouts:
        report.pending(delivery, rollout)


def _actor(source: WebhookSource, places: Sequence[Environment]) -> Actor:
    return Actor.ci(str(source)).granted([place.name for place in places], [Verb.REQUEST])


def _places(source: WebhookSource, news: News) -> list[Environment]:
    places = list(source.rollout_to.order_by("order"))
    if news.environments is None:
        return places
    known = {place.name for place in places}
    if foreign := sorted(set(news.environments) - known):
        raise Unusable(f"environments: this source may not roll out to {', '.join(foreign)}.")
    return [place for place in places if place.name in news.environments]


def _earlier(source: WebhookSource, news: News) -> Bundle | None:
    digest = news.bundle.get("digest")
    if not digest:
        return None
    found = Bundle.objects.filter(pk=digest, application=source.application).first()
    if found is None:
        raise Unusable(f"bundle.digest: {source.application} has no bundle {digest}. Upload it before.")
    return found


def _release(delivery: Delivery, news: News, bundle: Bundle | None, places: Sequence[Environment]) -> Release:
    source = delivery.source
    version = version_of(source.mapping, news.fields, news.version)
    fields = {**news.fields, "version": version}
    images = {**images_of(source.mapping, fields, _images_in(source, bundle, places, version)), **news.images}
    release, _created = create_release(
        _actor(source, places),
        source.application,
        version,
        images,
        bundle=bundle,
        changelog=news.changelog,
        commit=news.commit,
        commit_author=news.author,
        source=str(source),
    )
    return release


def _images_in(
    source: WebhookSource, bundle: Bundle | None, places: Sequence[Environment], version: str
) -> tuple[str, ...]:
    """The image references that the bundle writes, for a template without names; rendering them costs a little."""
    current = bundle or source.application.bundle
    wants_names = isinstance(source.mapping.get("images"), str) and not source.mapping.get("workloads")
    if not wants_names or current is None or not places:
        return ()
    return images_needed(open_bundle(current), target_of(places[0], source.application.name, version), {})


def _request(delivery: Delivery, release: Release, places: Sequence[Environment]) -> tuple[list[Rollout], list[str]]:
    actor, rollouts, notes = _actor(delivery.source, places), [], []
    for place in places:
        try:
            with transaction.atomic():
                rollouts.append(actions.request(actor, release, place))
        except InvalidTransition as error:
            notes.append(f"{place}: {error}")
    return rollouts, notes


def _end(delivery: Delivery, outcome: Delivery.Outcome, detail: str) -> None:
    with transaction.atomic():
        delivery.outcome, delivery.detail = outcome, Truncator(detail).chars(2000)
        delivery.save()
        data = {"event": delivery.event, "delivery": delivery.delivery_id, "release": delivery.release_id}
        source = delivery.source
        audit.record(
            f"webhook.{outcome}", delivery, data, actor=Actor.ci(str(source)), application=source.application.name
        )
