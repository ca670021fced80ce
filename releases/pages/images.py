"""Images as a person reads them: what runs, by the name that a release called it, and what is still to come."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from releases.models import Rollout
from releases.plan import store


@dataclass(frozen=True)
class Image:
    """A container's image: the reference in full, and its short name. `to_come` is the plan's where it is another."""

    reference: str
    short: str
    to_come: str = ""


def names_of(rollout: Rollout, plan: Mapping[str, Any] | None) -> dict[str, str]:
    """{pinned reference: what the releases called it}, of the plan and of the one before it."""
    before = rollout.previous.plan_digest if rollout.previous else ""
    plans = [store.load(before) if before else {}, plan or {}]
    return {
        pinned: each["references"][name]
        for each in plans
        for name, pinned in each.get("images", {}).items()
        if name in each.get("references", {})
    }


def images(planned: Iterable[str], live: Iterable[str], names: Mapping[str, str]) -> tuple[Image, ...]:
    """What runs, beside what is planned; what is planned alone where nothing is known to run."""
    wanted, running = list(planned), list(live)
    if not running:
        return tuple(Image(reference, short(reference, names)) for reference in wanted)
    pairs = zip(running, wanted, strict=False) if len(running) == len(wanted) else ((each, each) for each in running)
    return tuple(Image(now, short(now, names), _other(short(now, names), short(then, names))) for now, then in pairs)


def _other(now: str, then: str) -> str:
    """What is to come, without the name where that stays."""
    name, _colon, tag = then.partition(":")
    if then == now:
        return ""
    return tag if tag and now.startswith(f"{name}:") else then


def short(reference: str, names: Mapping[str, str]) -> str:
    """As short as it still tells versions apart: agent-service:1.0.1, or a part of the digest."""
    name = names.get(reference, reference).rpartition("/")[2]
    repository, at, digest = name.partition("@sha256:")
    return f"{repository}{at}{digest[:12]}" if at else name
