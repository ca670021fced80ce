"""One line of the history about a rollout, with its release, environment and application."""

from collections.abc import Mapping
from typing import Any

from portal import audit
from portal.actors import SYSTEM, Actor
from releases.models import Rollout


def entry(rollout: Rollout, verb: str, data: Mapping[str, Any] | None = None, *, actor: Actor = SYSTEM) -> None:
    """Appends it, in the caller's transaction, after every other lock of that is taken (`audit.record`)."""
    audit.record(
        verb,
        rollout,
        {"release": rollout.release.version, **(data or {})},
        actor=actor,
        environment=rollout.environment.name,
        application=rollout.application.name,
    )
