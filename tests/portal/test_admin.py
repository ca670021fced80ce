"""The admin: what it writes is in the history, and secrets are shown once or never."""

from datetime import timedelta

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.utils import timezone

from portal import tokens
from portal.models import ApiToken, AuditEntry, OutgoingCall
from portal.outbound import calls

pytestmark = pytest.mark.django_db
ADMIN = "/admin/"


@pytest.fixture
def root(client: Client) -> User:
    user = User.objects.create_superuser("root", password="x")
    client.force_login(user)
    return user


@pytest.fixture
def staff(client: Client) -> User:
    """Somebody with every right of the admin's own, but no superuser."""
    user = User.objects.create(username="staff", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    client.force_login(user)
    return user


def entries() -> list[tuple[str, str, dict]]:
    return list(AuditEntry.objects.order_by("number").values_list("verb", "actor", "data"))


def test_every_page_of_every_list_opens(client: Client, root: User) -> None:
    for model in site._registry:
        answer = client.get(f"{ADMIN}{model._meta.app_label}/{model._meta.model_name}/")
        assert answer.status_code == 200, model


class TestPeople:
    def test_what_changes_is_in_the_history_with_its_values(self, client: Client, root: User) -> None:
        group = Group.objects.create(name="leads")
        person = User.objects.create(username="ann")
        form = {"username": "ann", "groups": [group.pk], "is_active": "on", "date_joined_0": "2026-01-01"}
        form |= {"date_joined_1": "00:00:00", "first_name": "Ann", "last_name": "", "email": ""}
        answer = client.post(f"{ADMIN}auth/user/{person.pk}/change/", form)
        assert answer.status_code == 302, answer.context["errors"]
        ((verb, actor, data),) = entries()
        assert (verb, actor) == ("user.changed", "root")
        fields = data["changes"][0]["fields"]
        assert (fields["groups"], fields["first_name"]) == (["", "leads"], ["", "Ann"])

    def test_no_administrator_types_the_password_of_a_new_account(self, client: Client, root: User) -> None:
        form = {"username": "bob", "password1": "correct-horse-1", "password2": "correct-horse-1"}
        answer = client.post(f"{ADMIN}auth/user/add/", form | {"usable_password": "true"})
        assert not User.objects.get(username="bob").has_usable_password()
        assert [verb for verb, *_ in entries()] == ["user.added", "user.invited"]
        assert "/password/" in answer.context["secret"]
        assert answer.context["secret"] not in str(entries())

    def test_a_deletion_is_told(self, client: Client, root: User) -> None:
        group = Group.objects.create(name="leads")
        client.post(f"{ADMIN}auth/group/{group.pk}/delete/", {"post": "yes"})
        assert AuditEntry.objects.get().target == "leads"
        assert entries()[0][:2] == ("group.deleted", "root")

    def test_staff_make_no_superusers_and_touch_none(self, client: Client, staff: User) -> None:
        page = f"{ADMIN}auth/user/{staff.pk}/change/"
        client.post(page, {"username": "staff", "is_superuser": "on", "is_staff": "on", "is_active": "on",
                           "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"})  # fmt: skip
        staff.refresh_from_db()
        assert not staff.is_superuser
        other = User.objects.create_superuser("other", password="x")
        assert client.post(f"{ADMIN}auth/user/{other.pk}/password/", {}).status_code == 403
        assert client.post(f"{ADMIN}auth/user/{other.pk}/delete/", {"post": "yes"}).status_code == 403


class TestTokens:
    def form(self, user: User, **changes: object) -> dict:
        expires = timezone.now() + timedelta(days=1)
        return {
            "name": "ci", "user": user.pk, "environments": "dev, staging", "verbs": ["request"],
            "expires_at_0": expires.date().isoformat(), "expires_at_1": "12:00:00",
        } | changes  # fmt: skip

    def test_a_token_is_shown_once_and_works(self, client: Client, root: User) -> None:
        answer = client.post(f"{ADMIN}portal/apitoken/add/", self.form(root))
        text = answer.context["secret"]
        assert text in answer.content.decode()
        assert "no-store" in answer["Cache-Control"]
        actor = tokens.authenticate(text)
        assert actor.user == root
        assert (actor.scope.environments, actor.scope.verbs) == ({"dev", "staging"}, {"request"})
        token = ApiToken.objects.get()
        for page in ("", f"{token.pk}/change/"):
            shown = client.get(f"{ADMIN}portal/apitoken/{page}").content.decode()
            assert token.prefix in shown
            assert text not in shown
            assert token.hash not in shown
        assert [verb for verb, *_ in entries()] == ["token.issued"]
        assert text not in str(client.cookies)

    def test_a_token_is_revoked_and_never_removed(self, client: Client, root: User) -> None:
        text, token = tokens.issue(root, "ci", [], [], timezone.now() + timedelta(days=1))
        client.post(f"{ADMIN}portal/apitoken/", {"action": "revoke", "_selected_action": [token.pk]})
        assert tokens.authenticate(text) is None
        assert client.post(f"{ADMIN}portal/apitoken/{token.pk}/delete/", {"post": "yes"}).status_code == 403
        assert [verb for verb, *_ in entries()] == ["token.issued", "token.revoked"]

    def test_staff_issue_tokens_for_themselves_only(self, client: Client, staff: User) -> None:
        root = User.objects.create_superuser("root")
        answer = client.post(f"{ADMIN}portal/apitoken/add/", self.form(root))
        assert "user" in answer.context["adminform"].form.errors
        assert not ApiToken.objects.exists()

    def test_one_that_has_expired_is_not_issued(self, client: Client, root: User) -> None:
        answer = client.post(f"{ADMIN}portal/apitoken/add/", self.form(root, expires_at_0="2020-01-01"))
        assert "future" in str(answer.context["adminform"].form.errors)


class TestReadOnly:
    def test_the_history_can_only_be_looked_at(self, client: Client, root: User) -> None:
        tokens.issue(root, "ci", [], [], timezone.now() + timedelta(days=1))
        assert client.get(f"{ADMIN}portal/auditentry/1/change/").status_code == 200
        assert client.post(f"{ADMIN}portal/auditentry/1/change/", {"verb": "x"}).status_code == 403
        assert client.post(f"{ADMIN}portal/auditentry/1/delete/", {"post": "yes"}).status_code == 403
        assert client.get(f"{ADMIN}portal/auditentry/add/").status_code == 403

    def test_a_call_shows_no_credentials_and_can_be_tried_again(self, client: Client, root: User) -> None:
        call = calls.enqueue("k", "https://x.example/", "{}", {"Authorization": "Bearer hush"}, signer="whsec_hush")
        OutgoingCall.objects.update(state=OutgoingCall.State.GIVEN_UP, attempts=11)
        shown = client.get(f"{ADMIN}portal/outgoingcall/{call.pk}/change/").content.decode()
        assert "https://x.example/" in shown
        assert "hush" not in shown
        client.post(f"{ADMIN}portal/outgoingcall/", {"action": "try_again", "_selected_action": [call.pk]})
        call.refresh_from_db()
        assert (call.state, call.attempts) == (OutgoingCall.State.PENDING, 0)
        assert entries()[0][0] == "call.retried"


def test_the_queue_has_no_admin_of_its_own(client: Client, root: User) -> None:
    client.force_login(root)
    assert client.get("/admin/django_q/schedule/add/").status_code == 404
