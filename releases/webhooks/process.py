"""What a genuine webhook leads to: a release, and a rollout into each environment of its source."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone
from django.utils.text import Truncator

from environments.manifests.errors import BundleError
from environments.manifests.render import images_needed
from environments.models import Environment
from portal import audit, outbound
from portal.actors import Actor
from portal.orchestration.wake import poke
from portal.roles import Verb
from releases import actions
from releases.errors import Unacceptable
from releases.ingest import bundle_for, check_version, create_release, open_bundle
from releases.models import Application, Bundle, Delivery, Release, Rollout, WebhookSource
from releases.planning.sources import target_of
from releases.states import InvalidTransition
from releases.webhooks import report
from releases.webhooks.mapping import images_of, version_of
from releases.webhooks.providers.base import Ignored, News, Unusable


def lead(delivery: Delivery, read: News | Ignored) -> None:
    """Saves the delivery with its outcome. Inside a transaction; what is refused leaves nothing but the delivery."""
    if isinstance(read, Ignored):
        _end(delivery, Delivery.Outcome.IGNORED, read.why)
    elif "url" in read.bundle or "source" in read.bundle:
        url = read.bundle.get("url")
        delivery.due_at, delivery.attempts = timezone.now(), 0
        delivery.bundle_url = url
        what = outbound.shown(url) if url else "and rendering what the bundle comes from"
        _end(delivery, Delivery.Outcome.FETCHING, f"Fetching {what}.")
        transaction.on_commit(poke)
    else:
        _lead(delivery, read, None)


def lead_on(delivery: Delivery, news: News, bundle: Bundle) -> None:
    """Goes on as `lead` does once the bundle is there. Whoever calls it has the delivery locked."""
    _lead(delivery, news, bundle)


def refuse(delivery: Delivery, words: str) -> None:
    """Ends a delivery whose bundle cannot be had. Whoever calls it has the delivery locked."""
    _end(delivery, Delivery.Outcome.REFUSED, words)


def locked(delivery: Delivery) -> Delivery:
    """The stored delivery; nobody else leads it anywhere before the transaction ends."""
    rows = Delivery.objects.select_for_update(of=("self",)).select_related("source__application__bundle")
    return rows.get(pk=delivery.pk)


def _lead(delivery: Delivery, news: News, fetched: Bundle | None) -> None:
    try:
        with transaction.atomic():
            # Before the first audit entry, as every request does: two in another order would wait for each other.
            Application.objects.select_for_update().get(pk=delivery.source.application_id)
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
        report.tell(delivery, rollout)


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
    check_version(version)
    fields = {**news.fields, "version": version}
    current = bundle_for(source.application, bundle)
    images = {**images_of(source.mapping, fields, _images_in(source, current, places, version)), **news.images}
    if source.mapping.get("images") and not images:
        raise Unusable("The source's template fits no image of the bundle; name them in its mapping under workloads.")
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
        makers=news.makers,
    )
    return release


def _images_in(source: WebhookSource, bundle: Bundle, places: Sequence[Environment], version: str) -> tuple[str, ...]:
    """The image references that the bundle writes, for a template without names; rendering them costs a little."""
    if not isinstance(source.mapping.get("images"), str) or source.mapping.get("workloads"):
        return ()
    files, name = open_bundle(bundle), source.application.name
    # A release that goes nowhere yet has images too: those of the first environment.
    targets = [target_of(place, name, version) for place in places or Environment.objects.all()[:1]]
    return tuple(sorted({image for target in targets for image in images_needed(files, target, {})}))


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
        if outcome != Delivery.Outcome.FETCHING:
            delivery.bundle_url = delivery.due_at = delivery.lease_until = None
            delivery.lease_owner = ""
        delivery.save()
        data = {"event": delivery.event, "delivery": delivery.delivery_id, "release": delivery.release_id}
        source = delivery.source
        audit.record(
            f"webhook.{outcome}", delivery, data, actor=Actor.ci(str(source)), application=source.application.name
        )
