"""What a provider of webhooks has to know: how its requests are signed, what its events mean, and whom to tell."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from environments.manifests.limits import LIMITS
from portal import outbound
from portal.models import OutgoingCall
from releases.makers import Maker
from releases.models import Delivery, Rollout

FETCH_SECONDS = (2.0, 40.0)
TRY_AGAIN = frozenset({429, 500, 502, 503, 504})
OK = 200
FULL_HASH = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")

Headers = Mapping[str, str]
"""With lower-case names."""


class Untrusted(Exception):
    """The request is not from whom it says; nobody is told why."""


class Unusable(ValueError):
    """The request is genuine, and nothing can be made of it; the sender is told why."""


@dataclass(frozen=True)
class Ignored:
    """A genuine event that leads to nothing, and why."""

    event: str
    why: str


@dataclass(frozen=True)
class News:
    """A genuine event that leads to a release.

    `business_key` names what happened whatever the delivery's id. `fields` fill the templates of the mapping.
    `commit` is a full hash or "". `makers` are all whom the event names as having had a hand in it. `bundle` is
    {"digest"}, {"url"}, {"source"} (as slipway.yaml has it) or empty. `images` overrule the mapping's.
    """

    event: str
    business_key: str
    fields: Mapping[str, str]
    version: str
    commit: str = ""
    author: str = ""
    makers: tuple[Maker, ...] = ()
    changelog: str = ""
    images: Mapping[str, str] = field(default_factory=dict)
    bundle: Mapping[str, Any] = field(default_factory=dict)
    environments: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Report:
    """How a rollout stands, to be told to where it came from. `state`: pending, success, failure or error.

    `url` is the rollout's page. `key` names this word, so that it is told once.
    """

    delivery: Delivery
    rollout: Rollout
    state: str
    words: str
    url: str

    @property
    def key(self) -> str:
        # A rollout may end more than once: succeeded, and rolled back a week later. Each end is told once.
        return f"{self.delivery.pk}:{self.rollout.pk}:{self.state}:{self.rollout.phase}"


def commit_in(made: OutgoingCall) -> str:
    """The full hash that a look-up of a commit was answered; "" where it was not, or not yet."""
    commit = made.answer.partition(" ")[2].strip()
    return commit if made.state == OutgoingCall.State.DONE and FULL_HASH.fullmatch(commit) else ""


class NotYet(Exception):
    """An answer after which the bundle may come later."""


def fetch(_delivery: Delivery, url: str) -> bytes:
    """What an address has, without any credential: it let in whoever knows it. NotYet, Unusable, and outbound's."""
    answer = outbound.call("GET", url, timeout=FETCH_SECONDS, limit=LIMITS.archive)
    if answer.status in TRY_AGAIN:
        raise NotYet(f"{outbound.shown(url)} answered {answer.status}.")
    if answer.status != OK:
        raise Unusable(f"{outbound.shown(url)} answered {answer.status}.")
    return answer.body


def tell_nobody(_report: Report) -> None:
    """For a provider without an API to report to."""


def no_api(_mapping: Mapping[str, Any]) -> str:
    """For a provider whose API is never called."""
    return ""


@dataclass(frozen=True)
class Provider:
    """One provider. `verify` raises Untrusted; `read` raises Unusable; `check` says what a mapping has wrong.

    `read` gets a mapping with which nothing is wrong. `report` queues what tells the provider how a rollout stands,
    in the caller's transaction; it gets the source's token for the API at `api(mapping)`, and for no other address.
    `fetch` brings the bundle that an event names by an address.
    """

    name: str
    verify: Callable[[str, Headers, bytes], None]
    delivery_id: Callable[[Headers], str]
    read: Callable[[Mapping[str, Any], Headers, Mapping[str, Any]], News | Ignored]
    check: Callable[[Mapping[str, Any]], list[str]]
    report: Callable[[Report], None] = tell_nobody
    api: Callable[[Mapping[str, Any]], str] = no_api
    fetch: Callable[[Delivery, str], bytes] = fetch
