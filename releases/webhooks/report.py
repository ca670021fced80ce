"""How it went, told to where the release came from. A rollout never waits for it: the calls are queued and retried."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import structlog
from django.conf import settings
from django.utils import timezone

from portal import outbound, queue
from releases.models import Delivery, Rollout
from releases.rollout import outcomes
from releases.states import Phase

log = structlog.get_logger(__name__)
GITHUB = "https://api.github.com"
MARK = "whsec_"
MOST_DESCRIPTION = 140
STATES: Mapping[str, str] = {
    Phase.SUCCEEDED: "success",
    Phase.FAILED: "failure",
    Phase.REJECTED: "failure",
    Phase.ABORTED: "failure",
    Phase.ROLLED_BACK: "failure",
    Phase.EXPIRED: "error",
    Phase.CANCELLED: "error",
}


def pending(delivery: Delivery, rollout: Rollout) -> None:
    """A rollout has been asked for."""
    _tell(delivery, rollout, "pending", f"A rollout into {rollout.environment} has been asked for.")


@outcomes.on_end
def ended(rollout: Rollout) -> None:
    """A rollout has ended: every delivery that led to it is told, in the transaction that records the end."""
    for delivery in rollout.deliveries.select_related("source"):
        _tell(delivery, rollout, STATES[Phase(rollout.phase)], rollout.why or f"It is {rollout.phase}.")


def _tell(delivery: Delivery, rollout: Rollout, state: str, words: str) -> None:
    source = delivery.source
    if source.provider == "github" and source.callback_token and source.mapping.get("repository"):
        queue.enqueue("releases.webhooks.report.tell_github", delivery.pk, rollout.pk, state, words[:MOST_DESCRIPTION])
    if source.callback_url:
        _call_back(delivery, rollout, state, words)


def _call_back(delivery: Delivery, rollout: Rollout, state: str, words: str) -> None:
    body = {
        "type": f"rollout.{state}",
        "timestamp": timezone.now().isoformat(),
        "data": {
            "rollout": rollout.pk,
            "url": address(rollout),
            "application": rollout.application.name,
            "version": rollout.release.version,
            "environment": rollout.environment.name,
            "phase": rollout.phase,
            "why": words,
            "delivery": delivery.delivery_id,
        },
    }
    key = _key("callback", delivery, rollout, state)
    outbound.enqueue(key, delivery.source.callback_url, json.dumps(body), signer=signer(delivery))


def signer(delivery: Delivery) -> str:
    """The source's own secret in the form of Standard Webhooks: whsec_ and base64."""
    secret = str(delivery.source.secret)
    return secret if secret.startswith(MARK) else MARK + base64.b64encode(secret.encode()).decode()


def tell_github(delivery_pk: int, rollout_pk: int, state: str, words: str) -> None:
    """Queues a commit status; finds the commit first where the event named a tag only. Runs in a worker."""
    delivery = Delivery.objects.select_related("source").get(pk=delivery_pk)
    rollout = Rollout.objects.select_related("environment").get(pk=rollout_pk)
    commit = delivery.commit or _find_commit(delivery)
    if not commit:
        return
    status = {
        "state": state,
        "context": f"slipway/{rollout.environment.name}",
        "target_url": address(rollout),
        "description": words,
    }
    url = f"{_repository(delivery)}/statuses/{commit}"
    outbound.enqueue(_key("status", delivery, rollout, state), url, json.dumps(status), headers=_headers(delivery))


def _find_commit(delivery: Delivery) -> str:
    tag = delivery.body.get("release", {}).get("tag_name", "")
    try:
        answer = outbound.call("GET", f"{_repository(delivery)}/commits/{tag}", headers=_headers(delivery))
        found = json.loads(answer.body).get("sha", "") if answer.status == 200 else ""
    except (outbound.OutboundFailed, outbound.OutboundRefused, ValueError) as error:
        found = ""
        log.warning("GitHub did not name the commit of a tag.", tag=tag, error=str(error))
    if found:
        Delivery.objects.filter(pk=delivery.pk).update(commit=found)
    return str(found)


def _repository(delivery: Delivery) -> str:
    mapping: Mapping[str, Any] = delivery.source.mapping
    return f"{mapping.get('api') or GITHUB}/repos/{mapping['repository']}"


def _headers(delivery: Delivery) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {delivery.source.callback_token}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
        "Content-Type": "application/json",
        "User-Agent": "slipway",
    }


def _key(what: str, delivery: Delivery, rollout: Rollout, state: str) -> str:
    # A rollout may end more than once: succeeded, and rolled back a week later. Each end is told once.
    return f"{what}:{delivery.pk}:{rollout.pk}:{state}:{rollout.phase}"


def address(rollout: Rollout) -> str:
    """The page of a rollout, for people elsewhere."""
    return f"{settings.URL}/rollouts/{rollout.pk}"
