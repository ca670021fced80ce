"""Asking for a change, confirming, declining: each with its entry, checked again at the moment it is acted on."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from environments.models import Environment, PolicyChange
from environments.policy.guarding import RIGHT, why_not_decide
from environments.policy.kinds import KINDS, PolicyKind, shown
from portal import audit
from portal.actors import SYSTEM, Actor
from portal.audit.vouching import doubts, with_changes, with_row
from portal.orchestration.duties import every
from portal.people import delegation
from portal.people.voice import why_not_theirs

LIFETIME = timedelta(days=3)
State = PolicyChange.State


class NoChange(Exception):
    """It cannot be decided any more; the message says why."""


def ask(kind: str, target: Model, fields: Mapping[str, tuple[Any, Any]], *, actor: Actor) -> PolicyChange:
    """{field: (before, after)}, as JSON, waits for a second person. The same asked again is one."""
    stored = {name: list(pair) for name, pair in fields.items()}
    asked = {"kind": kind, "target": target.pk, "fields": stored, "asker": actor.user}
    known = PolicyChange.objects.filter(**asked, state=State.PENDING, expires_at__gt=timezone.now()).first()
    if known:
        return known
    with transaction.atomic():
        change = PolicyChange.objects.create(
            **asked,
            what=str(target)[:200],
            environment=target.name if isinstance(target, Environment) else "",
            words=[[name, shown(name, before), shown(name, after)] for name, (before, after) in stored.items()],
            asked_by=actor.name,
            expires_at=timezone.now() + LIFETIME,
        )
        _tell(change, "asked", actor)
    return change


def confirm(change: PolicyChange, *, actor: Actor) -> PolicyChange:
    """Makes the change, if all still is as it was when it was asked for; else it is void and says why.

    PermissionDenied for who is no second person; NoChange where it is decided or over.
    """
    with transaction.atomic():
        locked = _open(change, actor)
        if found := doubts([locked]):
            raise NoChange(f"{'; '.join(map(str, found))}. Somebody wrote to the database itself: decline it.")
        kind = KINDS[locked.kind]
        target = kind.rows().select_for_update().filter(pk=locked.target).first()
        if why := _why_void(locked, kind, target):
            return _end(locked, State.VOID, actor, why)
        assert target is not None
        changed = kind.apply(target, _after(locked))
        _end(locked, State.CONFIRMED, actor)
        _tell_of(changed, locked, actor)
    return locked


def decline(change: PolicyChange, *, actor: Actor, why: str = "") -> PolicyChange:
    """Leaves all as it is. The asker may take it back too."""
    with transaction.atomic():
        return _end(_open(change, actor, own=True), State.DECLINED, actor, why)


@every(1.0)
def expire() -> None:
    """Ends what nobody has decided in time."""
    for change in PolicyChange.objects.filter(state=State.PENDING, expires_at__lte=timezone.now())[:100]:
        with transaction.atomic():
            locked = PolicyChange.objects.select_for_update().get(pk=change.pk)
            if locked.state == State.PENDING:
                _end(locked, State.EXPIRED, SYSTEM)


def _open(change: PolicyChange, actor: Actor, *, own: bool = False) -> PolicyChange:
    locked = PolicyChange.objects.select_for_update().get(pk=change.pk)
    is_own = own and actor.user is not None and actor.user.pk == locked.asker_id
    why_not = "" if is_own else why_not_decide(actor, locked.asker)
    if why_not:
        raise PermissionDenied(why_not)
    if locked.state != State.PENDING or locked.expires_at <= timezone.now():
        over = locked.state if locked.state != State.PENDING else State.EXPIRED
        raise NoChange(f"This change is {over}. Ask for it again.")
    return locked


def _why_void(change: PolicyChange, kind: PolicyKind, target: Model | None) -> str:
    if target is None:
        return f"{change.what} is not there any more."
    if kind.now(target, _after(change)) != {name: before for name, (before, _after_) in change.fields.items()}:
        return f"{change.what} was changed since: ask anew."
    return _why_not_asker(change, kind, target)


def _why_not_asker(change: PolicyChange, kind: PolicyKind, target: Model) -> str:
    """Who asked has to hold, still, what it takes to ask."""
    asker = User.objects.filter(pk=change.asker_id or 0, is_active=True).first()
    if asker is None or not asker.has_perm(RIGHT):
        return f"{change.asked_by}, who asked, may not change this any more."
    beyond = delegation.rights_of(asker).beyond(kind.gives(target, _after(change)))
    if beyond:
        return f"{change.asked_by}, who asked, does not hold {', '.join(beyond)} any more."
    return why_not_theirs(asker)


def _after(change: PolicyChange) -> dict[str, Any]:
    return {name: after for name, (_before, after) in change.fields.items()}


def _end(change: PolicyChange, state: State, actor: Actor, why: str = "") -> PolicyChange:
    change.state, change.decided_by, change.decided_at, change.why = state, actor.name, timezone.now(), why
    change.save(update_fields=["state", "decided_by", "decided_at", "why"])
    _tell(change, state.value, actor)
    return change


def _tell(change: PolicyChange, verb: str, actor: Actor) -> None:
    data = with_row(change, {"changes": change.words, "asked by": change.asked_by, "why": change.why})
    audit.record(f"policychange.{verb}", change, data, actor=actor, environment=change.environment)


def _tell_of(changed: Model, change: PolicyChange, actor: Actor) -> None:
    """The line of what was changed, as the admin writes it where one person may."""
    verb = "added" if change.kind == "grant" else "changed"
    told = {name: [before, after] for name, before, after in change.words}
    data = {"changes": [{"what": str(changed), "fields": told}], "asked by": change.asked_by}
    data = with_row(changed, data) if verb == "added" else with_changes(changed, change.fields, data)
    audit.record(f"{changed._meta.model_name}.{verb}", changed, data, actor=actor, environment=change.environment)
