"""Passwords are their owner's: links, resets, what ends with an old one, and that all of it is in the history."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from portal import tokens
from portal.actors import SYSTEM, Actor
from portal.models import AuditEntry, PasswordLink
from portal.people import passwords, service_accounts, voice

pytestmark = pytest.mark.django_db
OLD, NEW = "correct-horse-1", "battery-staple-2"
USERS = "/admin/auth/user/"


@pytest.fixture(autouse=True)
def _quick(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def root(client: Client) -> User:
    user = User.objects.create_superuser("root", password=OLD)
    client.force_login(user)
    return user


@pytest.fixture
def lead() -> User:
    return User.objects.create_user("lead", password=OLD)


def verbs() -> list[tuple[str, str, str]]:
    return list(AuditEntry.objects.order_by("number").values_list("verb", "actor", "target"))


def reset(client: Client, user: User) -> str:
    return str(client.post(f"{USERS}{user.pk}/password/").context["secret"])


def follow(link: str, password: str = NEW) -> Any:
    guest = Client()
    page = guest.get(urlsplit(link).path, follow=True)
    return guest.post(page.request["PATH_INFO"], {"new_password1": password, "new_password2": password})


def token_of(user: User) -> str:
    return tokens.issue(user, "t", [], [], timezone.now() + timedelta(days=1))[0]


class TestLinks:
    def test_a_new_account_s_owner_sets_its_password(self, client: Client, root: User) -> None:
        link = client.post(f"{USERS}add/", {"username": "ann", "email": "ann@example.test"}).context["secret"]
        assert follow(link).status_code == 302
        assert User.objects.get(username="ann").check_password(NEW)
        assert verbs() == [
            ("user.added", "root", "ann"), ("user.invited", "root", "ann"), ("user.password-set", "ann", "ann"),
        ]  # fmt: skip

    def test_a_link_opens_once_and_a_newer_one_ends_it(self, client: Client, root: User, lead: User) -> None:
        first, second = reset(client, lead), reset(client, lead)
        assert "This link has been used" in Client().get(urlsplit(first).path).content.decode()
        follow(second)
        assert "This link has been used" in Client().get(urlsplit(second).path).content.decode()

    def test_it_ends_after_a_day(self, client: Client, root: User, lead: User, settings: Settings) -> None:
        link = reset(client, lead)
        settings.PASSWORD_RESET_TIMEOUT = -1
        assert "older than a day" in Client().get(urlsplit(link).path).content.decode()

    def test_a_weak_password_is_refused(self, client: Client, root: User, lead: User) -> None:
        assert "too common" in follow(reset(client, lead), "password1").content.decode()

    def test_it_is_shown_once_and_stands_in_no_line(
        self, client: Client, root: User, lead: User, capsys: pytest.CaptureFixture[str], caplog: Any
    ) -> None:
        answer = client.post(f"{USERS}{lead.pk}/password/")
        link = urlsplit(answer.context["secret"]).path
        assert "no-store" in answer["Cache-Control"]
        follow(link)
        secret = link.rpartition("/")[2]
        told = capsys.readouterr()
        assert secret not in told.out + told.err + caplog.text + str(AuditEntry.objects.values())

    def test_nobody_types_another_s_password(self, client: Client, root: User, lead: User) -> None:
        client.post(f"{USERS}{lead.pk}/password/", {"password1": NEW, "password2": NEW, "usable_password": "true"})
        lead.refresh_from_db()
        assert not lead.check_password(NEW)
        assert not lead.check_password(OLD)

    def test_a_closed_account_s_link_sets_nothing(self, client: Client, root: User, lead: User) -> None:
        link = reset(client, lead)
        User.objects.filter(pk=lead.pk).update(is_active=False)
        assert "This link has been used" in Client().get(urlsplit(link).path).content.decode()

    def test_a_service_account_has_none(self, client: Client, root: User) -> None:
        robot = service_accounts.create("robot", "CI", actor=SYSTEM).user
        assert client.post(f"{USERS}{robot.pk}/password/").status_code == 403
        with pytest.raises(ValueError, match="has tokens, and no password"):
            passwords.issue_link(robot, actor=Actor.of(root))


class TestVoteAfterAReset:
    """Who resets a password sees the link: they could be the one who votes with it."""

    @pytest.fixture
    def taken(self, client: Client, root: User, lead: User) -> User:
        follow(reset(client, lead))
        return User.objects.get(pk=lead.pk)

    def test_there_is_none_until_another_confirms(self, client: Client, root: User, taken: User) -> None:
        assert "root has reset the password of lead" in voice.why_no_vote(Actor.of(taken))
        second = User.objects.create_superuser("second")
        client.force_login(second)
        form = {"action": "confirm", "_selected_action": [taken.pk]}
        client.post("/admin/portal/passwordlink/", form)
        assert voice.why_no_vote(Actor.of(User.objects.get(pk=taken.pk))) == ""
        assert verbs()[-1] == ("passwordlink.confirmed", "second", "lead")

    @pytest.mark.parametrize("who", ["root", "lead"])
    def test_neither_issuer_nor_owner_confirms(self, client: Client, root: User, taken: User, who: str) -> None:
        User.objects.filter(username="lead").update(is_superuser=True, is_staff=True)
        client.force_login(User.objects.get(username=who))
        client.post("/admin/portal/passwordlink/", {"action": "confirm", "_selected_action": [taken.pk]})
        assert PasswordLink.objects.get().unconfirmed

    def test_nor_does_one_whom_the_issuer_has_reset_as_well(self, client: Client, root: User, taken: User) -> None:
        other = User.objects.create_superuser("other", password=OLD)
        client.force_login(root)
        follow(reset(client, other))
        with pytest.raises(PermissionDenied, match="has reset the password of other"):
            passwords.confirm(PasswordLink.objects.get(user=taken), actor=Actor.of(User.objects.get(username="other")))

    def test_a_changed_password_does_not_bring_it_back(self, root: User, taken: User) -> None:
        passwords.change_own(taken, OLD)
        assert voice.why_no_vote(Actor.of(taken))

    def test_the_shell_is_the_way_out(self, root: User, taken: User, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("people", "confirm", "lead")
        assert voice.why_no_vote(Actor.of(User.objects.get(pk=taken.pk))) == ""
        assert verbs()[-1][1].startswith("shell:")

    def test_an_invitation_costs_nothing_and_a_second_one_after_its_use_is_a_reset(
        self, client: Client, root: User
    ) -> None:
        follow(client.post(f"{USERS}add/", {"username": "ann"}).context["secret"])
        ann = User.objects.get(username="ann")
        assert voice.why_no_vote(Actor.of(ann)) == ""
        reset(client, ann)
        assert voice.why_no_vote(Actor.of(User.objects.get(username="ann")))


def _changed(user: User) -> None:
    passwords.change_own(user, NEW)


def _reset(user: User) -> None:
    passwords.issue_link(user, actor=SYSTEM)


def _set_by_hand(user: User) -> None:
    user.set_password(NEW)
    user.save()


def _closed(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def _deleted(user: User) -> None:
    User.objects.get(pk=user.pk).delete()


def _made_a_program(user: User) -> None:
    service_accounts.ServiceAccount.objects.create(user=user, purpose="CI")


ENDS: list[Callable[[User], None]] = [_changed, _reset, _set_by_hand, _closed, _deleted]


@pytest.mark.parametrize("end", ENDS)
def test_sessions_and_tokens_end(lead: User, end: Callable[[User], None]) -> None:
    browser = Client()
    browser.force_login(lead)
    text = token_of(lead)
    program = Client(headers={"Authorization": f"Bearer {text}"})
    assert (browser.get("/account").status_code, program.get("/api/v1/environments").status_code) == (200, 200)
    end(User.objects.get(pk=lead.pk))
    assert (browser.get("/account").status_code, program.get("/api/v1/environments").status_code) == (302, 401)


def test_a_session_ends_where_the_account_becomes_a_program_s(lead: User) -> None:
    browser = Client()
    browser.force_login(lead)
    _made_a_program(lead)
    assert browser.get("/account").status_code == 302


def test_what_is_an_account_s_own_goes_with_it(client: Client, root: User, lead: User) -> None:
    token_of(lead)
    reset(client, lead)
    client.post(f"{USERS}{lead.pk}/delete/", {"post": "yes"})
    assert not User.objects.filter(pk=lead.pk).exists()


class TestOwnChange:
    @pytest.mark.parametrize("page", ["/account/password", "/admin/password_change/"])
    def test_it_takes_the_old_one_keeps_this_session_and_is_told(self, lead: User, page: str) -> None:
        browser = Client()
        browser.force_login(lead)
        form = {"new_password1": NEW, "new_password2": NEW}
        assert browser.post(page, {**form, "old_password": "wrong"}).status_code == 200
        assert browser.post(page, {**form, "old_password": OLD}).status_code == 302
        assert User.objects.get(pk=lead.pk).check_password(NEW)
        assert browser.get("/account").status_code == 200
        assert ("user.password-changed", "lead", "lead") in verbs()

    def test_the_old_one_cannot_be_guessed_from_an_open_session(self, lead: User) -> None:
        browser = Client()
        browser.force_login(lead)
        form = {"old_password": "wrong", "new_password1": NEW, "new_password2": NEW}
        assert [browser.post("/account/password", form).status_code for _ in range(6)][-1] == 429

    def test_an_administrator_s_own_goes_the_same_way(self, client: Client, root: User) -> None:
        assert client.get(f"{USERS}{root.pk}/password/").url == "/account/password"


class TestOwnTokens:
    def test_who_is_no_staff_issues_and_revokes_their_own(self, lead: User) -> None:
        browser = Client()
        browser.force_login(lead)
        text = browser.post("/account/tokens", {"name": "laptop", "days": 30}).context["text"]
        actor = tokens.authenticate(text)
        assert (actor.user, voice.why_no_vote(actor)) == (lead, "")
        assert text not in browser.get("/account").content.decode()
        browser.post(f"/account/tokens/{lead.api_tokens.get().pk}/revoke")
        assert tokens.authenticate(text) is None

    def test_nobody_revokes_another_s(self, root: User, lead: User) -> None:
        token_of(root)
        browser = Client()
        browser.force_login(lead)
        assert browser.post(f"/account/tokens/{root.api_tokens.get().pk}/revoke").status_code == 404

    @pytest.mark.parametrize("form", [{"name": "", "days": 30}, {"name": "x", "days": 0}, {"name": "x", "days": 366}])
    def test_what_cannot_be_issued(self, lead: User, form: dict) -> None:
        browser = Client()
        browser.force_login(lead)
        assert browser.post("/account/tokens", form).status_code == 422
        assert not lead.api_tokens.exists()


def test_staff_reset_no_superuser(client: Client, root: User) -> None:
    staff = User.objects.create(username="staff", is_staff=True)
    staff.user_permissions.set(Permission.objects.all())
    client.force_login(staff)
    assert client.post(f"{USERS}{root.pk}/password/").status_code == 403
