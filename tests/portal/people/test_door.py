"""Signing in: pauses that grow, told to the person, the same for accounts that are not there, and in the history."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from portal.actors import SYSTEM
from portal.models import AuditEntry, SignInTally
from portal.people import door, service_accounts
from portal.people.pauses import LIMITS, AttemptKind

pytestmark = pytest.mark.django_db
RIGHT, WRONG = "correct-horse-1", "battery-staple-1"
DOORS = ["/sign-in", "/admin/login/"]


@pytest.fixture(autouse=True)
def _quick(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.UNSAFE = ""  # the development key answers this machine alone


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries take no time at the door, however busy the machine is; `later` lets it pass."""
    moment = timezone.now()
    monkeypatch.setattr(door, "timezone", SimpleNamespace(now=lambda: moment))


@pytest.fixture
def lead() -> User:
    return User.objects.create_user("lead", password=RIGHT, is_staff=True)


def enter(
    client: Client, name: str = "lead", password: str = WRONG, *, at: str = "10.0.0.1", to: str = "/sign-in"
) -> Any:
    return client.post(to, {"username": name, "password": password}, REMOTE_ADDR=at)


def fail(client: Client, times: int, **more: Any) -> Any:
    return [enter(client, **more) for _ in range(times)][-1]


def signed_in(answer: Any) -> bool:
    return answer.status_code == 302


def later(by: timedelta) -> None:
    SignInTally.objects.update(last_at=F("last_at") - by)


FREE = LIMITS[AttemptKind.PAIR].free


@pytest.mark.parametrize("to", DOORS)
def test_a_few_mistakes_are_free_and_then_it_pauses_and_says_how_long(client: Client, lead: User, to: str) -> None:
    assert fail(client, FREE, to=to).status_code == 200
    fail(client, 1, to=to)
    answer = enter(client, to=to)
    assert answer.status_code == 429
    assert "Wait for 5 seconds" in answer.content.decode()


def test_both_doors_are_one(client: Client, lead: User) -> None:
    fail(client, FREE, to="/sign-in")
    fail(client, 1, to="/admin/login/")
    assert [enter(client, to=to).status_code for to in DOORS] == [429, 429]


def test_in_a_pause_the_right_password_is_refused_like_a_wrong_one(client: Client, lead: User) -> None:
    fail(client, FREE + 1)
    wrong, right = enter(client), enter(client, password=RIGHT)
    assert not signed_in(right)
    assert right.context["form"].errors == wrong.context["form"].errors


def test_an_account_that_is_not_there_is_told_the_same(client: Client, lead: User) -> None:
    for name in ("lead", "nobody-of-that-name"):
        told = [enter(client, name=name) for _ in range(FREE + 2)]
        assert [answer.status_code for answer in told] == [*[200] * (FREE + 1), 429], name


def test_after_the_pause_the_owner_comes_in_and_all_is_well(client: Client, lead: User) -> None:
    fail(client, FREE + 1)
    later(timedelta(seconds=6))
    assert signed_in(enter(client, password=RIGHT))
    assert not SignInTally.objects.filter(kind=AttemptKind.PAIR).exists()


def test_pauses_grow_and_a_try_in_one_makes_it_no_longer(client: Client, lead: User) -> None:
    fail(client, FREE + 1)
    fail(client, 30)
    later(timedelta(seconds=6))
    assert enter(client).status_code == 200
    assert "Wait for 10 seconds" in enter(client).content.decode()


def test_who_tries_many_accounts_pauses_by_address(client: Client) -> None:
    for number in range(LIMITS[AttemptKind.ADDRESS].free + 1):
        enter(client, name=f"guess-{number}")
    assert enter(client, name="another").status_code == 429
    assert enter(client, name="another", at="10.0.0.2").status_code == 200


def test_many_addresses_share_one_account_s_pause_and_its_owner_s_browser_does_not(client: Client, lead: User) -> None:
    owner = Client()
    assert signed_in(enter(owner, password=RIGHT, at="192.0.2.1"))
    for number in range(LIMITS[AttemptKind.ACCOUNT].free + 1):
        enter(client, at=f"10.0.1.{number}")
    assert enter(client, password=RIGHT, at="10.0.2.1").status_code == 429
    assert signed_in(enter(owner, password=RIGHT, at="10.0.2.2"))


def test_a_known_browser_has_no_more_tries_than_another(client: Client, lead: User) -> None:
    enter(client, password=RIGHT)
    fail(client, FREE + 1)
    assert enter(client, at="10.9.9.9").status_code == 429


def test_another_s_mark_on_a_browser_opens_nothing(client: Client, lead: User) -> None:
    client.cookies[door.DEVICE] = "forged"
    fail(client, FREE + 1)
    assert enter(client).status_code == 429
    User.objects.create_user("other", password=RIGHT)
    other = Client()
    enter(other, name="other", password=RIGHT)
    assert enter(other).status_code == 429


def test_tries_are_counted_before_a_password_is_looked_at(client: Client, lead: User, monkeypatch: Any) -> None:
    """So a hundred tries at once are no more than a hundred one after the other."""
    tried = door.Try("lead", "10.0.0.1", "")
    for _ in range(FREE + 1):
        door.enter(tried)
    with pytest.raises(door.Paused):
        door.enter(tried)


NETWORKS = [
    ("10.0.0.1", "10.0.0.1"),
    ("::ffff:10.0.0.1", "10.0.0.1"),
    ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
    ("fe80::1%eth0", "fe80::/64"),
    ("unix", "unknown"),
]


@pytest.mark.parametrize(("address", "network"), NETWORKS)
def test_what_counts_as_one_address(address: str, network: str) -> None:
    assert door.network(address) == network


def test_behind_a_proxy_its_word_is_taken_and_no_other_s(rf: Any, settings: Settings) -> None:
    request = rf.get("/", headers={"X-Forwarded-For": "1.1.1.1, 2.2.2.2"}, REMOTE_ADDR="127.0.0.1")
    settings.BEHIND_PROXY = False
    assert door.address_of(request) == "127.0.0.1"
    settings.BEHIND_PROXY = True
    assert door.address_of(request) == "2.2.2.2"


class TestHistory:
    def test_a_failure_is_told_with_its_pause_and_no_password(self, client: Client, lead: User) -> None:
        fail(client, FREE + 1)
        last = AuditEntry.objects.first()
        assert (last.verb, last.target, last.actor) == ("user.sign-in-failed", "lead", "nobody")
        assert last.data["address"] == "10.0.0.1"
        assert (last.data["failures"], last.data["pause"]) == (FREE + 1, "5 seconds")
        assert WRONG not in str(AuditEntry.objects.values())

    def test_a_name_that_is_no_account_is_not_kept(self, client: Client) -> None:
        enter(client, name="my-password-by-mistake")
        assert AuditEntry.objects.get().data["account"] == door.UNKNOWN
        assert "mistake" not in str([*AuditEntry.objects.values(), *SignInTally.objects.values()])

    def test_a_pause_is_told_once(self, client: Client, lead: User) -> None:
        fail(client, FREE + 1)
        before = AuditEntry.objects.count()
        fail(client, 20)
        assert AuditEntry.objects.count() == before

    @pytest.mark.parametrize("to", DOORS)
    def test_signing_in_and_out_is_told(self, client: Client, lead: User, to: str) -> None:
        enter(client, password=RIGHT, to=to)
        client.post("/admin/logout/" if "admin" in to else "/sign-out")
        verbs = AuditEntry.objects.order_by("number").values_list("verb", "actor")
        assert list(verbs) == [("user.signed-in", "lead"), ("user.signed-out", "lead")]


class TestRows:
    def test_they_are_swept_when_no_pause_needs_them(self, client: Client, lead: User) -> None:
        fail(client, 1)
        later(timedelta(hours=23))
        door.sweep()
        assert SignInTally.objects.filter(kind=AttemptKind.PAIR).exists()
        later(timedelta(hours=2))
        door.sweep()
        assert not SignInTally.objects.exists()

    def test_there_is_a_most(self, monkeypatch: Any) -> None:
        monkeypatch.setattr(door, "MOST_ROWS", 10)
        now = timezone.now()
        rows = (SignInTally(key=str(age), kind="pair", last_at=now - timedelta(minutes=age)) for age in range(30))
        SignInTally.objects.bulk_create(rows)
        door.sweep()
        assert sorted(map(int, SignInTally.objects.values_list("key", flat=True))) == list(range(10))


def test_who_has_no_part_in_the_administration_is_told_and_not_sent_around(client: Client) -> None:
    client.force_login(User.objects.create(username="dev"))
    answer = client.get("/admin/", follow=True)
    assert answer.status_code == 403
    assert "no part in the administration" in answer.content.decode()


def test_a_service_account_does_not_sign_in(client: Client) -> None:
    robot = service_accounts.create("robot", "CI", actor=SYSTEM).user
    robot.set_password(RIGHT)
    robot.save()
    assert not signed_in(enter(client, name="robot", password=RIGHT))
    client.force_login(robot)
    assert client.get("/account").status_code == 302
