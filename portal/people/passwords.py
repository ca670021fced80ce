"""Passwords: set by their owner alone. Administrators issue links, which are in the history and cost a vote."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from portal import audit, tokens
from portal.actors import Actor
from portal.models import PasswordLink
from portal.people.voice import is_service, why_not_theirs

# What else ends with a password that somebody reset: given the person and the actor, in the reset's transaction; says
# for the history what it did.
OnReset = Callable[[User, Actor], dict[str, object]]
_on_reset: list[OnReset] = []


def on_reset(do: OnReset) -> OnReset:
    """Has the function called with every reset."""
    if do not in _on_reset:
        _on_reset.append(do)
    return do


def issue_link(user: User, *, actor: Actor) -> str:
    """An invitation to a new account, a reset of one in use: the address that sets the password, for a day and once.

    A reset ends the password, sessions, tokens and standing votes at once. ValueError for a service account.
    """
    if is_service(user):
        raise ValueError(f"{user.get_username()} is a service account: it has tokens, and no password.")
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=user.pk)
        reset = _in_use(locked)
        locked.set_unusable_password()
        locked.save(update_fields=["password"])
        _note_link(locked, reset, actor)
        data = _end_all(locked, actor) if reset else {}
        audit.record("user.password-reset" if reset else "user.invited", locked, data, actor=actor)
    user.password = locked.password
    return _address(locked)


def set_by_link(user: User, password: str) -> None:
    """The owner's own password, by the link."""
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        PasswordLink.objects.filter(user=user, used_at=None).update(used_at=timezone.now())
        audit.record("user.password-set", user, {"by": "link"}, actor=Actor.of(user))


def change_own(user: User, password: str) -> None:
    """A new one in place of the old, which the caller has asked for. Other sessions and all tokens end."""
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        ended = tokens.revoke_all(user)
        audit.record("user.password-changed", user, {"tokens revoked": ended}, actor=Actor.of(user))


def confirm(link: PasswordLink, *, actor: Actor) -> None:
    """Says that a reset's link reached the account's owner. PermissionDenied for its issuer and for the owner."""
    if why := why_not_confirm(link, actor):
        raise PermissionDenied(why)
    with transaction.atomic():
        open_ones = PasswordLink.objects.filter(pk=link.pk, issued_at=link.issued_at, confirmed_at=None)
        if open_ones.update(confirmed_at=timezone.now(), confirmer=actor.name):
            audit.record("passwordlink.confirmed", link, {"issuer": link.issuer}, actor=actor)


def why_not_confirm(link: PasswordLink, actor: Actor) -> str:
    """Why this actor cannot say so; "" where nothing speaks against it. The shell may: it has the database."""
    if actor.user is None:
        return "" if actor.kind == "system" else "A person has to confirm it."
    if actor.user.pk in (link.user_id, link.issued_by_id):
        return "Somebody else than the issuer and the owner of the account has to confirm it, or the shell."
    return why_not_theirs(actor.user)


def _in_use(user: User) -> bool:
    link = getattr(user, "password_link", None)
    return user.has_usable_password() or user.last_login is not None or bool(link and (link.reset or link.used_at))


def _note_link(user: User, reset: bool, actor: Actor) -> None:
    """A system actor is the shell, which could write whatever password it likes: nobody has to confirm its link."""
    by_shell = actor.user is None
    now = timezone.now()
    PasswordLink.objects.update_or_create(
        user=user,
        defaults={
            "reset": reset,
            "issued_by": actor.user,
            "issuer": actor.name,
            "issued_at": now,
            "used_at": None,
            "confirmed_at": now if by_shell else None,
            "confirmer": actor.name if by_shell else "",
        },
    )


def _end_all(user: User, actor: Actor) -> dict[str, object]:
    data: dict[str, object] = {"tokens revoked": tokens.revoke_all(user)}
    for do in _on_reset:
        data |= do(user, actor)
    return data


def _address(user: User) -> str:
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    path = reverse("set-password", args=[uid, default_token_generator.make_token(user)])
    return f"{settings.URL}{path}"
