"""Nobody gives what they do not hold: who has every right of the admin's own, but is no superuser, tries."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from environments.models import Cluster, Environment, Grant
from portal.actors import SYSTEM
from portal.models import ApiToken
from portal.people import service_accounts
from portal.roles import Role
from tests.portal.forms import filled

pytestmark = pytest.mark.django_db


@pytest.fixture
def dev() -> Environment:
    return Environment.objects.create(name="dev", cluster=Cluster.objects.create(name="c"))


@pytest.fixture
def staff(dev: Environment) -> User:
    """All of people, groups, environments and service accounts, and a developer in dev."""
    user: User = User.objects.create(username="staff", is_staff=True)
    apps = ["auth", "environments", "portal"]
    user.user_permissions.set(Permission.objects.filter(content_type__app_label__in=apps))
    Grant.objects.create(environment=dev, role=Role.DEVELOPER, user=user)
    return user


@pytest.fixture
def ann() -> User:
    return User.objects.create(username="ann")


@pytest.fixture
def beyond() -> Permission:
    return Permission.objects.get(codename="change_webhooksource")


def send(staff: User, url: str, **fields: Any) -> Any:
    client = Client()
    client.force_login(staff)
    return client.post(url, filled(client, url, **fields))


def change(staff: User, target: Any, **fields: Any) -> Any:
    return send(staff, f"/admin/{target._meta.app_label}/{target._meta.model_name}/{target.pk}/change/", **fields)


def test_a_permission(staff: User, ann: User, beyond: Permission) -> None:
    for target in (ann, staff):
        answer = change(staff, target, user_permissions=[beyond.pk])
        assert "releases.change_webhooksource" in answer.content.decode()
        assert beyond not in target.user_permissions.all()


def test_a_permission_that_they_hold_they_give(staff: User, ann: User) -> None:
    held = Permission.objects.get(codename="view_user")
    assert change(staff, ann, user_permissions=[held.pk]).status_code == 302
    assert list(ann.user_permissions.all()) == [held]


def test_a_group_that_gives_more(staff: User, ann: User, dev: Environment) -> None:
    group = Group.objects.create(name="leads")
    Grant.objects.create(environment=dev, role=Role.APPROVER, group=group)
    for target in (ann, staff):
        assert "approve in dev" in change(staff, target, groups=[group.pk]).content.decode()
        assert not target.groups.exists()


def test_a_permission_to_a_group_of_theirs(staff: User, beyond: Permission) -> None:
    group = Group.objects.create(name="admins")
    staff.groups.add(group)
    assert "You cannot give" in change(staff, group, permissions=[beyond.pk]).content.decode()
    answer = send(staff, "/admin/auth/group/add/", name="more", permissions=[beyond.pk])
    assert "You cannot give" in answer.content.decode()
    assert not Group.objects.filter(permissions=beyond).exists()


@pytest.mark.parametrize(("role", "given"), [("viewer", True), ("developer", True), ("approver", False)])
def test_a_role_in_an_environment(staff: User, ann: User, dev: Environment, role: str, given: bool) -> None:
    row = {"grants-TOTAL_FORMS": "2", "grants-1-role": role, "grants-1-user": ann.pk}
    change(staff, dev, **row)
    assert Grant.objects.filter(user=ann, role=role).exists() is given


def test_a_role_of_their_own_made_more(staff: User, dev: Environment) -> None:
    change(staff, dev, **{"grants-0-role": "approver"})
    assert Grant.objects.get().role == Role.DEVELOPER


def test_a_role_in_an_environment_that_they_make(staff: User, dev: Environment) -> None:
    row = {"grants-TOTAL_FORMS": "1", "grants-0-role": "approver", "grants-0-user": staff.pk}
    send(staff, "/admin/environments/environment/add/", name="new", cluster=dev.cluster_id, **row)
    assert not Grant.objects.filter(environment__name="new").exists()


MORE = ["change/", "delete/", "password/"]


@pytest.mark.parametrize("page", MORE)
def test_who_holds_more_is_not_theirs_to_change(staff: User, ann: User, dev: Environment, page: str) -> None:
    Grant.objects.create(environment=dev, role=Role.APPROVER, user=ann)
    User.objects.filter(pk=ann.pk).update(is_active=False)
    client = Client()
    client.force_login(staff)
    assert client.post(f"/admin/auth/user/{ann.pk}/{page}", {"post": "yes"}).status_code == 403
    client.post("/admin/auth/user/", {"action": "delete_selected", "_selected_action": [ann.pk], "post": "yes"})
    assert User.objects.filter(pk=ann.pk).exists()


@pytest.mark.parametrize("page", ["change/", "delete/"])
def test_nor_is_a_group_that_gives_more(staff: User, dev: Environment, page: str) -> None:
    group = Group.objects.create(name="leads")
    Grant.objects.create(environment=dev, role=Role.APPROVER, group=group)
    client = Client()
    client.force_login(staff)
    assert client.post(f"/admin/auth/group/{group.pk}/{page}", {"post": "yes"}).status_code == 403


def test_a_token_of_a_service_account_that_holds_more(staff: User, dev: Environment) -> None:
    robot = service_accounts.create("robot", "CI", actor=SYSTEM).user
    Grant.objects.create(environment=dev, role=Role.OPERATOR, user=robot)
    answer = send(staff, "/admin/portal/apitoken/add/", name="x", user=robot.pk)
    assert "user" in answer.context["adminform"].form.errors
    assert not ApiToken.objects.exists()
