"""Whose tokens are whose: people issue their own, administrators those of service accounts, and only the own vote."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.utils import timezone

from portal import audit, tokens
from portal.actors import SYSTEM, Actor
from portal.models import ApiToken, AuditEntry, ServiceAccount
from portal.people import service_accounts, voice
from portal.tokens import TokenError

pytestmark = pytest.mark.django_db
ADD = "/admin/portal/apitoken/add/"


@pytest.fixture
def root(client: Client) -> User:
    user = User.objects.create_superuser("root", password="x")
    client.force_login(user)
    return user


@pytest.fixture
def lead() -> User:
    return User.objects.create(username="lead")


@pytest.fixture
def robot() -> User:
    return service_accounts.create("robot", "nightly builds", actor=SYSTEM).user


def issue(user: User, actor: Actor | None = None) -> tuple[str, ApiToken]:
    return tokens.issue(user, "ci", [], [], timezone.now() + timedelta(days=1), actor=actor)


def form(user: User) -> dict:
    return {"name": "ci", "user": user.pk, "expires_at_0": "2099-01-01", "expires_at_1": "12:00:00"}


def reason(text: str) -> str:
    actor = tokens.authenticate(text)
    assert actor is not None
    return voice.why_no_vote(actor)


class TestIssuing:
    def test_nobody_issues_a_token_for_another_person(self, client: Client, root: User, lead: User) -> None:
        answer = client.post(ADD, form(lead))
        assert "user" in answer.context["adminform"].form.errors
        with pytest.raises(TokenError, match="lead issues tokens for themself"):
            issue(lead, Actor.of(root))
        assert not ApiToken.objects.exists()

    def test_an_administrator_issues_those_of_service_accounts(self, client: Client, root: User, robot: User) -> None:
        text = client.post(ADD, form(robot)).context["secret"]
        assert tokens.authenticate(text).user == robot
        assert AuditEntry.objects.get(verb="token.issued").actor == "root"

    def test_a_token_issues_none(self, lead: User) -> None:
        with pytest.raises(TokenError, match="issues no tokens"):
            issue(lead, tokens.authenticate(issue(lead)[0]))


class TestVotes:
    def test_a_person_votes_by_a_token_of_their_own(self, lead: User) -> None:
        assert reason(issue(lead)[0]) == ""

    def test_a_token_that_another_issued_has_no_vote(self, root: User, lead: User) -> None:
        text, token = issue(lead)
        ApiToken.objects.filter(pk=token.pk).update(issued_by=root)
        assert "issued for you by somebody else" in reason(text)

    def test_a_token_that_no_session_issued_has_no_vote(self, lead: User) -> None:
        text, token = issue(lead)
        ApiToken.objects.filter(pk=token.pk).update(in_session=False)
        assert "signed in" in reason(text)

    def test_a_service_account_has_none(self, root: User, robot: User) -> None:
        assert "robot is a service account" in reason(issue(robot, Actor.of(root))[0])
        assert "robot is a service account" in voice.why_no_vote(Actor.of(robot))

    @pytest.mark.parametrize("actor", [SYSTEM, Actor.ci("github/shop")])
    def test_what_is_no_person_has_none(self, actor: Actor) -> None:
        assert "A vote is a person's" in voice.why_no_vote(actor)


def told(token: ApiToken, by: Actor) -> None:
    """As the portal of before recorded it, where an administrator could issue anybody's."""
    with transaction.atomic():
        audit.record("token.issued", token, {"user": token.user.get_username()}, actor=by)


BEFORE = [("lead", True), ("root", False), ("", False)]


@pytest.mark.parametrize(("issuer", "own"), BEFORE)
def test_of_tokens_of_before_the_history_says_who_issued_them(root: User, lead: User, issuer: str, own: bool) -> None:
    token = ApiToken.objects.create(user=lead, name="ci", hash="h", expires_at=timezone.now())
    if issuer:
        told(token, Actor.of(User.objects.get(username=issuer)))
    import_module("portal.migrations.0004_issuers_of_before").tell_issuers(apps, None)
    token.refresh_from_db()
    assert token.own is own


class TestServiceAccounts:
    def test_it_is_made_in_the_admin_and_cannot_sign_in(self, client: Client, root: User) -> None:
        form = {"username": "robot", "purpose": "CI"}
        assert client.post("/admin/portal/serviceaccount/add/", form).status_code == 302
        made = ServiceAccount.objects.get()
        assert (made.user.has_usable_password(), made.user.is_staff) == (False, False)
        assert list(AuditEntry.objects.values_list("verb", "actor", "target")) == [
            ("serviceaccount.added", "root", "robot")
        ]

    def test_its_name_is_no_other_s(self, client: Client, root: User, lead: User) -> None:
        answer = client.post("/admin/portal/serviceaccount/add/", {"username": "Lead", "purpose": "CI"})
        assert "There is an account of that name" in answer.content.decode()
        assert not ServiceAccount.objects.exists()
