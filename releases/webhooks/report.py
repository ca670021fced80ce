"""How it went, told to where the release came from. A rollout never waits for it: the calls are queued and retried."""

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from portal.models import OutgoingCall
from portal.outbound import calls, urls
from releases import events
from releases.models import Delivery, Rollout
from releases.states import Phase
from releases.webhooks.github import FULL_HASH

log = structlog.get_logger(__name__)
GITHUB = "https://api.github.com"
JSON = "application/vnd.github+json"
# The commit's hash alone: the whole commit with its files can be longer than an answer may be.
HASH = "application/vnd.github.sha"
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
    _tell(delivery, rollout, *_so_far(rollout))


@events.on_end
def ended(rollout: Rollout) -> None:
    """A rollout has ended: every delivery that led to it is told, in the transaction that records the end."""
    for delivery in rollout.deliveries.select_related("source"):
        _tell(delivery, rollout, *_so_far(rollout))


def _tell(delivery: Delivery, rollout: Rollout, state: str, words: str) -> None:
    source = delivery.source
    if source.provider == "github" and source.callback_token and source.mapping.get("repository"):
        _tell_github(delivery, rollout, state, words)
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
    source = delivery.source
    url = urls.join_query(source.callback_url, str(source.callback_query or ""))
    calls.enqueue(key, url, json.dumps(body), signer=signer(delivery))


def signer(delivery: Delivery) -> str:
    """The source's own secret in the form of Standard Webhooks: whsec_ and base64."""
    secret = str(delivery.source.secret)
    return secret if secret.startswith(MARK) else MARK + base64.b64encode(secret.encode()).decode()


def _tell_github(delivery: Delivery, rollout: Rollout, state: str, words: str) -> None:
    """Queues a commit status; where the event named a tag only, the look-up of its commit, which tells on."""
    commit = _commit_of(delivery)
    if not commit:
        return
    status = {
        "state": state,
        "context": f"slipway/{rollout.environment.name}",
        "target_url": address(rollout),
        "description": words[:MOST_DESCRIPTION],
    }
    url = f"{_repository(delivery)}/statuses/{commit}"
    calls.enqueue(_key("status", delivery, rollout, state), url, json.dumps(status), headers=_headers(delivery, JSON))


def _commit_of(delivery: Delivery) -> str:
    """The commit; "" where it is being looked up, or cannot be."""
    # Locked: who finds the commit tells what has been so far, and whoever comes after that tells the rest.
    known = Delivery.objects.select_for_update().values_list("commit", flat=True).get(pk=delivery.pk)
    tag = delivery.body["release"]["tag_name"] if delivery.event == "release" else ""
    if known or not tag:
        return known
    url = f"{_repository(delivery)}/commits/{quote(str(tag), safe='')}"
    key, then = f"commit:{delivery.pk}", "releases.webhooks.report.commit_found"
    return _found(calls.enqueue(key, url, "", headers=_headers(delivery, HASH), method="GET", then=then))


def commit_found(call: int) -> None:
    """Tells how the rollouts of a delivery are, now that its commit is known. Runs in a worker."""
    made = OutgoingCall.objects.get(pk=call)
    commit = _found(made)
    if not commit:
        log.warning("GitHub did not name the commit of a tag.", key=made.key)
        return
    with transaction.atomic():
        rows = Delivery.objects.select_for_update(of=("self",)).select_related("source")
        delivery = rows.get(pk=int(made.key.partition(":")[2]))
        delivery.commit = commit
        delivery.save(update_fields=["commit"])
        for rollout in delivery.rollouts.select_related("environment"):
            _tell_github(delivery, rollout, *_so_far(rollout))


def _found(made: OutgoingCall) -> str:
    commit = made.answer.partition(" ")[2].strip()
    return commit if made.state == OutgoingCall.State.DONE and FULL_HASH.fullmatch(commit) else ""


def _so_far(rollout: Rollout) -> tuple[str, str]:
    if rollout.ended:
        return STATES[Phase(rollout.phase)], rollout.why or f"It is {rollout.phase}."
    return "pending", f"A rollout into {rollout.environment} has been asked for."


def _repository(delivery: Delivery) -> str:
    mapping: Mapping[str, Any] = delivery.source.mapping
    return f"{mapping.get('api') or GITHUB}/repos/{mapping['repository']}"


def _headers(delivery: Delivery, accept: str) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {delivery.source.callback_token}",
        "Accept": accept,
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
