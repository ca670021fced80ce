"""How it went, told to where the release came from. A rollout never waits for it: the calls are queued and retried."""

import base64
import json
from collections.abc import Mapping

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from portal.models import OutgoingCall
from portal.outbound import calls, urls
from releases import events
from releases.models import Delivery, Rollout
from releases.states import Phase
from releases.webhooks.providers import find
from releases.webhooks.providers.base import Report, commit_in

log = structlog.get_logger(__name__)
MARK = "whsec_"
STATES: Mapping[str, str] = {
    Phase.SUCCEEDED: "success",
    Phase.FAILED: "failure",
    Phase.REJECTED: "failure",
    Phase.ABORTED: "failure",
    Phase.ROLLED_BACK: "failure",
    Phase.EXPIRED: "error",
    Phase.CANCELLED: "error",
}


def tell(delivery: Delivery, rollout: Rollout) -> None:
    """Tells how a rollout stands to the provider and to the callback of its source, in the caller's transaction."""
    report = report_of(delivery, rollout)
    tell_provider(report)
    if delivery.source.callback_url:
        _call_back(report)


@events.on_end
def ended(rollout: Rollout) -> None:
    """A rollout has ended: every delivery that led to it is told, in the transaction that records the end."""
    for delivery in rollout.deliveries.select_related("source"):
        tell(delivery, rollout)


def tell_provider(report: Report) -> None:
    """The provider alone, where its API may be called."""
    source = report.delivery.source
    provider = find(source.provider)
    if provider and source.callback_token:
        provider.report(report)


def commit_found(call: int) -> None:
    """Tells the provider how the rollouts of a delivery are, now that its commit is known. Runs in a worker.

    Calls that look a commit up name this function, and their key ends in the delivery's id.
    """
    made = OutgoingCall.objects.get(pk=call)
    commit = commit_in(made)
    if not commit:
        log.warning("The provider did not name the commit of a tag.", key=made.key)
        return
    with transaction.atomic():
        rows = Delivery.objects.select_for_update(of=("self",)).select_related("source")
        delivery = rows.get(pk=int(made.key.rpartition(":")[2]))
        delivery.commit = commit
        delivery.save(update_fields=["commit"])
        for rollout in delivery.rollouts.select_related("environment"):
            tell_provider(report_of(delivery, rollout))


def report_of(delivery: Delivery, rollout: Rollout) -> Report:
    """How the rollout stands now."""
    state, words = _so_far(rollout)
    return Report(delivery, rollout, state, words, address(rollout))


def _so_far(rollout: Rollout) -> tuple[str, str]:
    if rollout.ended:
        return STATES[Phase(rollout.phase)], rollout.why or f"It is {rollout.phase}."
    return "pending", f"A rollout into {rollout.environment} has been asked for."


def _call_back(report: Report) -> None:
    rollout, source = report.rollout, report.delivery.source
    body = {
        "type": f"rollout.{report.state}",
        "timestamp": timezone.now().isoformat(),
        "data": {
            "rollout": rollout.pk,
            "url": report.url,
            "application": rollout.application.name,
            "version": rollout.release.version,
            "environment": rollout.environment.name,
            "phase": rollout.phase,
            "why": report.words,
            "delivery": report.delivery.delivery_id,
        },
    }
    url = urls.join_query(source.callback_url, str(source.callback_query or ""))
    calls.enqueue(f"callback:{report.key}", url, json.dumps(body), signer=signer(report.delivery))


def signer(delivery: Delivery) -> str:
    """The source's own secret in the form of Standard Webhooks: whsec_ and base64."""
    secret = str(delivery.source.secret)
    return secret if secret.startswith(MARK) else MARK + base64.b64encode(secret.encode()).decode()


def address(rollout: Rollout) -> str:
    """The page of a rollout, for people elsewhere."""
    return f"{settings.URL}/rollouts/{rollout.pk}"
