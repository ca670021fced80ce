"""One line of the history about a rollout, with its release, environment and application."""

from collections.abc import Mapping
from typing import Any

from portal import audit
from portal.actors import SYSTEM, Actor
from portal.audit.vouching import with_row
from releases.models import Rollout


def entry(
    rollout: Rollout,
    verb: str,
    data: Mapping[str, Any] | None = None,
    *,
    actor: Actor = SYSTEM,
    vouches: bool = True,
) -> None:
    """Appends it, in the caller's transaction, after every other lock of that is taken (`audit.record`).

    The rollout is as the transaction leaves it; `vouches` is False where that is not to be vouched for.
    """
    told = {"release": rollout.release.version, **(data or {})}
    audit.record(
        verb,
        rollout,
        with_row(rollout, told) if vouches else told,
        actor=actor,
        environment=rollout.environment.name,
        application=rollout.application.name,
    )
