"""What ends with a password that an administrator reset: the person's votes for what has not started."""

from django.contrib.auth.models import User
from django.utils import timezone

from portal.actors import Actor
from portal.audit.vouching import doubts
from portal.people.passwords import on_reset
from releases.actions.transaction import locked
from releases.audit_entries import entry
from releases.lifecycle import PENDING, save
from releases.models import Approval, Rollout
from releases.wake import wake


@on_reset
def void_votes(user: User, actor: Actor) -> dict[str, object]:
    """Voids each standing vote of the person, with an entry a rollout; the caller's transaction."""
    standing = Approval.objects.filter(user=user, revoked_at=None, rollout__phase__in=PENDING)
    waiting = Rollout.objects.filter(pk__in=standing.values("rollout")).order_by("-pk")
    # All locks before the first audit entry, which itself locks out every other writer.
    rollouts = [each for found in waiting if (each := locked(found)).phase in PENDING]
    for rollout in rollouts:
        _void(rollout, user, actor)
    return {"votes void": [rollout.pk for rollout in rollouts]}


def _void(rollout: Rollout, user: User, actor: Actor) -> None:
    why = f"{actor.name} has reset the password of {user.get_username()}."
    votes = Approval.objects.filter(rollout=rollout, user=user, revoked_at=None)
    void = [{"vote": vote.pk, "name": vote.name, "why": why} for vote in votes]
    votes.update(revoked_at=timezone.now(), revoked_why=why)
    sound = not doubts([rollout])
    save(rollout)
    told = {"of": user.get_username(), "why": why, "void": void}
    entry(rollout, "rollout.vote-voided", told, actor=actor, vouches=sound)
    wake(rollout)
