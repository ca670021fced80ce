"""Bearer tokens of the API: shown once, kept as hashes, never more than their person and their scope."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from portal import audit
from portal.actors import Actor, Scope
from portal.models import ApiToken
from portal.roles import Verb

MARK = "slw_"
MOST_NAME = 200  # what the tables have room for where they say who did something
USED_EVERY = timedelta(minutes=1)


class TokenError(ValueError):
    """A token that cannot be issued; the message says why."""


def hash_of(text: str) -> str:
    """What is kept of a token: 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(text.encode()).hexdigest()


def issue(
    user: User,
    name: str,
    environments: Iterable[str],
    verbs: Iterable[str],
    expires_at: datetime,
    *,
    actor: Actor | None = None,
) -> tuple[str, ApiToken]:
    """A new token: its text, which nothing can show again, and its row. Raises TokenError.

    People issue tokens for themselves; `actor` is another person for a service account only.
    """
    issuer = actor or Actor.of(user)
    _check(verbs := sorted(verbs), expires_at)
    _check_issuer(issuer, user)
    text = MARK + secrets.token_urlsafe(32)
    with transaction.atomic():
        token = ApiToken.objects.create(
            name=name,
            user=user,
            issued_by=issuer.user,
            in_session=issuer.kind == "person",
            password_stamp=_stamp(user),
            prefix=text[:12],
            hash=hash_of(text),
            environments=sorted(environments),
            verbs=verbs,
            expires_at=expires_at,
        )
        data = {
            "user": user.get_username(),
            "environments": token.environments,
            "verbs": verbs,
            "expires": expires_at,
        }
        audit.record("token.issued", token, data, actor=issuer)
    return text, token


def revoke(token: ApiToken, *, actor: Actor) -> None:
    """Ends a token now; once is enough."""
    with transaction.atomic():
        if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
            audit.record("token.revoked", token, {"user": token.user.get_username()}, actor=actor)


def revoke_all(user: User) -> int:
    """Ends every token of a person, and says how many; the caller's transaction, and its entry."""
    return ApiToken.objects.filter(user=user, revoked_at=None).update(revoked_at=timezone.now())


def authenticate(text: str) -> Actor | None:
    """Who presents this token; None where it is unknown, revoked, expired, or its person's account is closed.

    A password that was changed since, in whatever way, ends it, as it ends sessions.
    """
    now = timezone.now()
    token = (
        ApiToken.objects.select_related("user__service_account", "user__password_link")
        .filter(hash=hash_of(text), revoked_at=None, expires_at__gt=now, user__is_active=True)
        .first()
    )
    if token is None or token.password_stamp != _stamp(token.user):
        return None
    _note_use(token, now)
    scope = Scope(frozenset(token.environments), frozenset(token.verbs))
    name = f"{token.user.get_username()} (token {token.name})"[:MOST_NAME]
    return Actor("token", name, token.user, scope, own=token.own)


def _stamp(user: User) -> str:
    return hashlib.sha256(user.password.encode()).hexdigest()


def _note_use(token: ApiToken, now: datetime) -> None:
    if token.last_used_at is None or token.last_used_at < now - USED_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USED_EVERY)
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)


def _check(verbs: list[str], expires_at: datetime) -> None:
    unknown = [verb for verb in verbs if verb not in Verb.values]
    if unknown:
        raise TokenError(f"Unknown verbs: {', '.join(unknown)}. There are: {', '.join(Verb.values)}.")
    if expires_at <= timezone.now():
        raise TokenError("A token has to expire in the future.")


def _check_issuer(issuer: Actor, user: User) -> None:
    if issuer.kind == "token":
        raise TokenError("A token issues no tokens: sign in.")
    if issuer.user != user and not hasattr(user, "service_account"):
        raise TokenError(
            f"{user.get_username()} issues tokens for themself, signed in. Issue one for a service account instead."
        )
