"""Every way to make a right or a rule is vouched for by the history; a save makes nothing true that it did not say."""

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client

from environments import setting_up
from environments.models import Cluster, Environment, Grant, PolicyChange
from environments.policy import changes
from environments.policy.changes import NoChange
from portal.actors import SYSTEM, Actor
from portal.audit.vouching import doubts
from portal.models import AuditEntry
from portal.roles import Role
from tests.environments.test_admin import form_of, save

pytestmark = pytest.mark.django_db
USERS = "/admin/auth/user/"


@pytest.fixture(autouse=True)
def _root(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root", password="x"))


@pytest.fixture
def dev() -> Environment:
    return setting_up.add_environment(SYSTEM, name="dev", cluster=Cluster.objects.create(name="c"))


@pytest.fixture
def ann() -> User:
    return User.objects.create(username="ann")


def person(user: User, **changes: object) -> dict[str, object]:
    form = {"username": user.username, "is_active": "on", "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    return form | {"first_name": "", "last_name": "", "email": ""} | changes


def test_an_environment_that_is_added(client: Client, dev: Environment) -> None:
    form = form_of(dev) | {"name": "staging"}
    assert client.post("/admin/environments/environment/add/", form).status_code == 302
    assert doubts([dev, Environment.objects.get(name="staging")]) == []


def test_a_grant_that_is_added_changed_and_taken(client: Client, dev: Environment, ann: User) -> None:
    assert save(client, dev, grants=[{"role": "viewer", "user": ann.pk}]).status_code == 302
    grant = Grant.objects.get()
    assert doubts([grant]) == []
    row = {"id": grant.pk, "role": "approver", "user": ann.pk}
    assert save(client, dev, grants=[row]).status_code == 302
    grant.refresh_from_db()
    assert (grant.role, doubts([grant])) == (Role.APPROVER, [])
    assert save(client, dev, grants=[row | {"DELETE": "on"}]).status_code == 302
    assert not Grant.objects.exists()
    verbs = AuditEntry.objects.filter(target_type="environments.grant").order_by("number")
    assert list(verbs.values_list("verb", flat=True)) == ["grant.added", "grant.changed", "grant.deleted"]
    (doubt,) = doubts([grant])
    assert "says that it was removed" in str(doubt)


def test_a_grant_that_goes_with_its_person_cannot_be_written_again(client: Client, dev: Environment, ann: User) -> None:
    grant = setting_up.grant(SYSTEM, dev, Role.APPROVER, user=ann)
    pk = ann.pk
    assert client.post(f"{USERS}{pk}/delete/", {"post": "yes"}).status_code == 302
    again = User.objects.create(pk=pk, username="ann")
    Grant.objects.create(pk=grant.pk, environment=dev, role=Role.APPROVER, user=again)
    assert len(doubts([Grant.objects.get(), again])) == 2


@pytest.mark.parametrize("field", ["is_superuser", "groups"])
def test_what_an_account_may(client: Client, ann: User, field: str) -> None:
    group = Group.objects.create(name="leads")
    form = person(ann, **{field: "on" if field == "is_superuser" else [group.pk]})
    assert client.post(f"{USERS}{ann.pk}/change/", form).status_code == 302
    ann = User.objects.get(pk=ann.pk)
    assert ann.is_superuser or ann.groups.exists()
    assert doubts([ann]) == []
    ann.groups.add(Group.objects.create(name="others"))
    (doubt,) = doubts([User.objects.get(pk=ann.pk)])
    assert doubt.field == "groups"


def test_an_account_that_was_opened_again_by_sql(client: Client, ann: User) -> None:
    form = person(ann)
    del form["is_active"]
    assert client.post(f"{USERS}{ann.pk}/change/", form).status_code == 302
    User.objects.filter(pk=ann.pk).update(is_active=True)
    (doubt,) = doubts([User.objects.get(pk=ann.pk)])
    assert doubt.field == "is_active"


def test_a_superuser_from_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "correct-horse-1")
    call_command("createsuperuser", "--noinput", username="boss", email="boss@example.test")
    assert doubts([User.objects.get(username="boss")]) == []
    assert AuditEntry.objects.get(verb="user.added").target == "boss"


def test_a_save_of_another_field_does_not_make_a_forged_rule_true(client: Client, dev: Environment) -> None:
    Environment.objects.filter(pk=dev.pk).update(required_approvals=7)
    dev.refresh_from_db()
    assert save(client, dev, approval_hours=5).status_code == 302
    dev.refresh_from_db()
    (doubt,) = doubts([dev])
    assert (doubt.field, doubt.found) == ("required_approvals", "“7”")
    assert save(client, dev, required_approvals=8).status_code == 302
    dev.refresh_from_db()
    assert doubts([dev]) == []


def test_a_change_of_policy_that_was_forged_is_not_confirmed(dev: Environment) -> None:
    """A second person confirms what a first one asked for, not what SQL wrote in their name."""
    root, second = User.objects.get(username="root"), User.objects.create_superuser("second")
    asked = changes.ask("environment", dev, {"required_approvals": (0, 1)}, actor=Actor.of(root))
    PolicyChange.objects.filter(pk=asked.pk).update(fields={"required_approvals": [0, 9]})
    with pytest.raises(NoChange, match="wrote to the database itself"):
        changes.confirm(asked, actor=Actor.of(second))
    PolicyChange.objects.filter(pk=asked.pk).update(fields={"required_approvals": [0, 1]})
    changes.confirm(asked, actor=Actor.of(second))
    dev.refresh_from_db()
    assert (dev.required_approvals, doubts([dev])) == (1, [])
