"""Bearer tokens: shown once, kept as a hash, never more than their person and their scope."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from portal import tokens
from portal.actors import Actor, Scope
from portal.models import ApiToken, AuditEntry
from portal.tokens import TokenError
from releases.models import Rollout

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> User:
    return User.objects.create(username="dev")


def issue(person: User, **changes: object) -> tuple[str, ApiToken]:
    asked = {"name": "ci", "environments": ["dev"], "verbs": ["request"]}
    return tokens.issue(person, **{**asked, "expires_at": timezone.now() + timedelta(days=1), **changes})


def test_a_token_stands_for_its_person_within_its_scope(person: User) -> None:
    text, _ = issue(person)
    actor = tokens.authenticate(text)
    assert actor == Actor("token", "dev (token ci)", person, Scope(frozenset({"dev"}), frozenset({"request"})))


def test_long_names_leave_a_name_that_fits_wherever_it_is_written() -> None:
    long = User.objects.create(username="p" * 150)
    actor = tokens.authenticate(issue(long, name="t" * 100)[0])
    assert actor is not None
    assert len(actor.name) == Rollout._meta.get_field("requested_by").max_length


def test_the_database_does_not_have_the_token(person: User) -> None:
    text, token = issue(person)
    assert text.startswith("slw_")
    assert token.prefix == text[:12]
    assert text not in str(ApiToken.objects.values().get())
    assert text not in str(AuditEntry.objects.values().get())


DEAD = {
    "expired": lambda token: ApiToken.objects.update(expires_at=timezone.now()),
    "revoked": lambda token: tokens.revoke(token, actor=Actor.of(token.user)),
    "of a person who left": lambda token: User.objects.update(is_active=False),
    "deleted": lambda token: token.delete(),
}


@pytest.mark.parametrize("how", DEAD)
def test_a_dead_token_opens_nothing(person: User, how: str) -> None:
    text, token = issue(person)
    DEAD[how](token)
    assert tokens.authenticate(text) is None


@pytest.mark.parametrize("text", ["", "slw_", "Bearer x", "slw_" + "a" * 43, "ü"])
def test_an_unknown_token_opens_nothing(person: User, text: str) -> None:
    issue(person)
    assert tokens.authenticate(text) is None


def test_its_use_is_noted_at_most_once_a_minute(person: User, django_assert_num_queries) -> None:
    text, token = issue(person)
    tokens.authenticate(text)
    token.refresh_from_db()
    assert token.last_used_at is not None
    with django_assert_num_queries(1):
        tokens.authenticate(text)
    ApiToken.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
    with django_assert_num_queries(2):
        tokens.authenticate(text)


def test_issuing_and_revoking_are_in_the_history(person: User) -> None:
    _, token = issue(person)
    tokens.revoke(token, actor=Actor.of(person))
    tokens.revoke(token, actor=Actor.of(person))
    verbs = AuditEntry.objects.order_by("number").values_list("verb", "actor")
    assert list(verbs) == [("token.issued", "dev"), ("token.revoked", "dev")]


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"verbs": ["fly"]}, "Unknown verbs: fly"), ({"expires_at": timezone.now() - timedelta(1)}, "in the future")],
)
def test_what_cannot_be_issued(person: User, changes: dict, why: str) -> None:
    with pytest.raises(TokenError, match=why):
        issue(person, **changes)
