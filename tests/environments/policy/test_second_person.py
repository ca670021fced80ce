"""In environments with approvals, weaker rules and more rights take two people, whoever asks and however."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from environments.models import Cluster, Environment, Grant, PolicyChange
from environments.policy import changes
from portal.actors import Actor
from portal.models import AuditEntry, PasswordLink
from portal.people import service_accounts
from portal.roles import Role
from tests.portal.forms import filled

pytestmark = pytest.mark.django_db
ENVIRONMENTS, USERS, GROUPS = "/admin/environments/environment/", "/admin/auth/user/", "/admin/auth/group/"


def person(name: str, *, superuser: bool = True) -> User:
    user: User = User.objects.create(username=name, is_staff=True, is_superuser=superuser)
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def root() -> User:
    return person("root")


@pytest.fixture
def second() -> User:
    return person("second")


@pytest.fixture
def prod() -> Environment:
    return Environment.objects.create(
        name="prod", cluster=Cluster.objects.create(name="c", server="https://c"), required_approvals=2
    )


@pytest.fixture
def dev(prod: Environment) -> Environment:
    return Environment.objects.create(name="dev", cluster=prod.cluster)


@pytest.fixture
def ann() -> User:
    return User.objects.create(username="ann")


def save(by: User, url: str, **fields: Any) -> Any:
    """The form at an address as a browser sends it, some fields changed."""
    client = signed_in(by)
    return client.post(url, filled(client, url, **fields))


def change(by: User, target: Environment | User | Group, **fields: Any) -> Any:
    meta = target._meta
    return save(by, f"/admin/{meta.app_label}/{meta.model_name}/{target.pk}/change/", **fields)


def decide(by: User, verdict: str = "confirm") -> Any:
    waiting = PolicyChange.objects.first()
    return signed_in(by).post(f"/admin/environments/policychange/{waiting.pk}/decide/", {"verdict": verdict})


def verbs() -> list[tuple[str, str]]:
    return list(AuditEntry.objects.order_by("number").values_list("verb", "actor"))


def new_grant(**fields: Any) -> dict[str, Any]:
    return {"grants-TOTAL_FORMS": "1", **{f"grants-0-{name}": value for name, value in fields.items()}}


WEAKER: list[tuple[dict[str, Any], str, Any, Any]] = [
    ({"required_approvals": "0"}, "required_approvals", 2, 0),
    ({"approval_hours": "400"}, "approval_hours", 24, 400),
    ({"namespace": "other"}, "namespace", "{application}-{environment}", "other"),
    ({"more_namespaces": "kube-system"}, "more_namespaces", "", "kube-system"),
    ({"allowed_kinds": "ClusterRole"}, "allowed_kinds", "", "ClusterRole"),
    ({"name": "production"}, "name", "prod", "production"),
]


@pytest.mark.parametrize(("form", "field", "before", "after"), WEAKER)
def test_a_superuser_alone_makes_no_rule_weaker(
    root: User, second: User, prod: Environment, form: dict[str, Any], field: str, before: Any, after: Any
) -> None:
    answer = change(root, prod, title="Live", **form)
    assert answer.status_code == 302
    prod.refresh_from_db()
    assert (getattr(prod, field), prod.title) == (before, "Live")
    assert verbs() == [("policychange.asked", "root"), ("environment.changed", "root")]
    assert field not in str(AuditEntry.objects.get(verb="environment.changed").data)
    decide(second)
    prod.refresh_from_db()
    assert getattr(prod, field) == after
    assert verbs()[-2:] == [("policychange.confirmed", "second"), ("environment.changed", "second")]
    assert field in str(AuditEntry.objects.first().data)


@pytest.mark.parametrize(
    "form", [{"required_approvals": "3"}, {"approval_hours": "1"}, {"rollback_needs_approval": "on"}]
)
def test_what_makes_rules_stricter_is_done_at_once(root: User, prod: Environment, form: dict[str, Any]) -> None:
    change(root, prod, **form)
    assert not PolicyChange.objects.exists()
    assert verbs() == [("environment.changed", "root")]


def test_where_nothing_needs_approval_one_person_changes_all(root: User, dev: Environment, ann: User) -> None:
    change(root, dev, approval_hours="400", **new_grant(role="developer", user=ann.pk))
    dev.refresh_from_db()
    assert (dev.approval_hours, Grant.objects.get().user) == (400, ann)
    assert not PolicyChange.objects.exists()


class TestGrants:
    def test_one_more_waits_and_one_less_does_not(self, root: User, second: User, prod: Environment, ann: User) -> None:
        change(root, prod, **new_grant(role="approver", user=ann.pk))
        assert not Grant.objects.exists()
        decide(second)
        granted = Grant.objects.get()
        assert (granted.role, granted.user) == (Role.APPROVER, ann)
        assert ("grant.added", "second") in verbs()
        change(root, prod, **{"grants-0-DELETE": "on"})
        assert not Grant.objects.exists()

    def test_one_that_is_made_another_waits(self, root: User, prod: Environment, ann: User) -> None:
        Grant.objects.create(environment=prod, role=Role.VIEWER, user=ann)
        change(root, prod, **{"grants-0-role": "approver"})
        assert Grant.objects.get().role == Role.VIEWER
        assert PolicyChange.objects.get().fields["role"] == [None, "approver"]

    def test_to_a_group_it_waits_too(self, root: User, prod: Environment) -> None:
        group = Group.objects.create(name="leads")
        change(root, prod, **new_grant(role="approver", group=group.pk))
        assert not Grant.objects.exists()
        assert PolicyChange.objects.get().fields["group"] == [None, group.pk]

    def test_who_makes_an_environment_names_who_approves(self, root: User, prod: Environment, ann: User) -> None:
        save(
            root, f"{ENVIRONMENTS}add/", name="dr", cluster=prod.cluster_id, required_approvals="1",
            **new_grant(role="approver", user=ann.pk),
        )  # fmt: skip
        assert Grant.objects.get().environment.name == "dr"


def _superuser(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_superuser=True, is_active=False)


def _member_of_leads(user: User, prod: Environment) -> Group:
    group = Group.objects.create(name="leads")
    Grant.objects.create(environment=prod, role=Role.APPROVER, group=group)
    return group


class TestPeople:
    def test_a_superuser_more_takes_two(self, root: User, second: User, prod: Environment, ann: User) -> None:
        change(root, ann, is_superuser="on", first_name="Ann")
        ann.refresh_from_db()
        assert (ann.is_superuser, ann.first_name) == (False, "Ann")
        decide(second)
        ann.refresh_from_db()
        assert ann.is_superuser
        assert verbs()[-2:] == [("policychange.confirmed", "second"), ("user.changed", "second")]

    def test_so_does_a_group_with_a_grant(self, root: User, second: User, prod: Environment, ann: User) -> None:
        group = _member_of_leads(ann, prod)
        change(root, ann, groups=[group.pk])
        assert not ann.groups.exists()
        decide(second)
        assert list(ann.groups.all()) == [group]

    def test_and_an_account_that_is_opened_again(self, root: User, prod: Environment, ann: User) -> None:
        Grant.objects.create(environment=prod, role=Role.APPROVER, user=ann)
        User.objects.filter(pk=ann.pk).update(is_active=False)
        change(root, ann, is_active="on")
        ann.refresh_from_db()
        assert not ann.is_active

    @pytest.mark.parametrize("way", ["user_permissions", "group"])
    def test_and_the_right_to_confirm(self, root: User, prod: Environment, ann: User, way: str) -> None:
        right = Permission.objects.get(codename="change_policy")
        group = Group.objects.create(name="admins")
        ann.groups.add(group)
        if way == "group":
            change(root, group, permissions=[right.pk])
        else:
            change(root, ann, user_permissions=[right.pk], groups=[group.pk])
        assert not User.objects.get(pk=ann.pk).has_perm("environments.change_policy")
        assert PolicyChange.objects.get().kind == ("group" if way == "group" else "person")

    def test_taking_away_does_not(self, root: User, prod: Environment, ann: User) -> None:
        ann.groups.add(_member_of_leads(ann, prod))
        change(root, ann, groups=None, is_active=None)
        ann.refresh_from_db()
        assert (ann.is_active, ann.groups.exists()) == (False, False)

    def test_where_nothing_needs_approval_one_person_does_it(self, root: User, ann: User) -> None:
        change(root, ann, is_superuser="on")
        ann.refresh_from_db()
        assert ann.is_superuser

    def test_a_service_account_is_no_administrator(self, root: User) -> None:
        robot = service_accounts.create("robot", "CI", actor=Actor.of(root)).user
        assert "no part in the administration" in change(root, robot, is_superuser="on").content.decode()


class TestPlaces:
    def test_an_environment_with_fewer_approvals_does_not_reach_into_one_with_more(
        self, root: User, second: User, dev: Environment
    ) -> None:
        change(root, dev, more_namespaces="*-prod")
        dev.refresh_from_db()
        assert dev.more_namespaces == ""
        decide(second)
        dev.refresh_from_db()
        assert dev.more_namespaces == "*-prod"

    def test_nor_does_a_new_one(self, root: User, prod: Environment) -> None:
        twin = Cluster.objects.create(name="twin", server=prod.cluster.server)
        answer = save(root, f"{ENVIRONMENTS}add/", name="x", cluster=twin.pk, namespace="{application}-prod")
        assert "also those of prod" in answer.content.decode()
        assert Environment.objects.count() == 1

    def test_one_with_approvals_is_not_deleted(self, root: User, prod: Environment) -> None:
        client = signed_in(root)
        assert client.post(f"{ENVIRONMENTS}{prod.pk}/delete/", {"post": "yes"}).status_code == 403
        client.post(ENVIRONMENTS, {"action": "delete_selected", "_selected_action": [prod.pk], "post": "yes"})
        assert Environment.objects.exists()


def asked(by: User, prod: Environment) -> PolicyChange:
    change(by, prod, required_approvals="1")
    return PolicyChange.objects.get()


def _lose_right(prod: Environment) -> None:
    User.objects.filter(username="root").update(is_superuser=False)


def _close(prod: Environment) -> None:
    User.objects.filter(username="root").update(is_active=False)


def _delete(prod: Environment) -> None:
    User.objects.get(username="root").delete()


def _change_meanwhile(prod: Environment) -> None:
    Environment.objects.update(required_approvals=3)


def _remove(prod: Environment) -> None:
    Environment.objects.all().delete()


def _reset(prod: Environment) -> None:
    PasswordLink.objects.create(user=User.objects.get(username="root"), issuer="x", issued_at=timezone.now())


MEANWHILE: list[tuple[Callable[[Environment], None], str]] = [
    (_lose_right, "may not change this any more"),
    (_close, "may not change this any more"),
    (_delete, "may not change this any more"),
    (_change_meanwhile, "was changed since"),
    (_remove, "is not there any more"),
    (_reset, "has reset the password of root"),
]


@pytest.mark.parametrize(("happen", "why"), MEANWHILE)
def test_it_is_checked_again_when_it_is_confirmed(
    root: User, second: User, prod: Environment, happen: Callable[[Environment], None], why: str
) -> None:
    waiting = asked(root, prod)
    happen(prod)
    decide(second)
    waiting.refresh_from_db()
    assert waiting.state == PolicyChange.State.VOID
    assert why in waiting.why
    assert ("policychange.void", "second") in verbs()
    assert not Environment.objects.filter(required_approvals=1).exists()


def _outsider() -> User:
    return person("outsider", superuser=False)


def _staff() -> User:
    user = person("staff", superuser=False)
    user.user_permissions.set(Permission.objects.exclude(codename="change_policy"))
    return user


def _whose_password_was_reset() -> User:
    user = person("taken")
    PasswordLink.objects.create(user=user, issuer="root", issued_at=timezone.now())
    return user


@pytest.mark.parametrize("who", [_outsider, _staff, _whose_password_was_reset])
def test_who_is_no_second_person(root: User, prod: Environment, who: Callable[[], User]) -> None:
    asked(root, prod)
    assert decide(who()).status_code in (302, 403)
    assert PolicyChange.objects.get().state == PolicyChange.State.PENDING


def test_the_asker_is_none_by_whatever_door(root: User, prod: Environment) -> None:
    waiting = asked(root, prod)
    assert decide(root).status_code == 403
    with pytest.raises(PermissionDenied, match="You asked for this"):
        changes.confirm(waiting, actor=Actor.of(root))
    with pytest.raises(PermissionDenied):
        changes.confirm(waiting, actor=Actor("token", "second (token x)", person("second")))
    with pytest.raises(PermissionDenied):
        changes.confirm(waiting, actor=Actor.ci("github/shop"))


class TestDeciding:
    def test_declined_is_over(self, root: User, second: User, prod: Environment) -> None:
        asked(root, prod)
        decide(second, "decline")
        decide(second)
        prod.refresh_from_db()
        assert (prod.required_approvals, PolicyChange.objects.get().state) == (2, PolicyChange.State.DECLINED)

    def test_the_asker_takes_it_back(self, root: User, prod: Environment) -> None:
        asked(root, prod)
        decide(root, "decline")
        assert PolicyChange.objects.get().state == PolicyChange.State.DECLINED

    def test_it_expires(self, root: User, second: User, prod: Environment) -> None:
        asked(root, prod)
        PolicyChange.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        decide(second)
        prod.refresh_from_db()
        assert prod.required_approvals == 2
        changes.expire()
        assert verbs()[-1] == ("policychange.expired", "slipway")

    def test_the_same_asked_twice_is_one(self, root: User, prod: Environment) -> None:
        asked(root, prod)
        change(root, prod, required_approvals="1")
        assert PolicyChange.objects.count() == 1

    def test_who_is_alone_is_told_the_way_out(self, root: User, prod: Environment) -> None:
        client = signed_in(root)
        url = f"{ENVIRONMENTS}{prod.pk}/change/"
        page = client.post(url, filled(client, url, required_approvals="1"), follow=True).content.decode()
        waiting = PolicyChange.objects.get()
        assert f"manage.py policy confirm {waiting.pk}" in page
        call_command("policy", "confirm", str(waiting.pk), stdout=StringIO())
        prod.refresh_from_db()
        assert prod.required_approvals == 1
        assert verbs()[-1][1].startswith("shell:")

    def test_its_page_says_what_and_who(self, root: User, second: User, prod: Environment) -> None:
        waiting = asked(root, prod)
        page = f"/admin/environments/policychange/{waiting.pk}/change/"
        assert "Confirm: change it" in signed_in(second).get(page).content.decode()
        shown = signed_in(root).get(page).content.decode()
        assert "Confirm: change it" not in shown
        assert "You asked for this" in shown


class TestOwnRight:
    def test_without_it_approvals_and_grants_are_to_look_at(self, dev: Environment, ann: User) -> None:
        staff = _staff()
        change(staff, dev, required_approvals="1", title="Development", **new_grant(role="viewer", user=ann.pk))
        dev.refresh_from_db()
        assert (dev.required_approvals, dev.title) == (0, "Development")
        assert not Grant.objects.exists()

    def test_nor_does_it_move_one_with_approvals(self, prod: Environment) -> None:
        change(_staff(), prod, namespace="other", cluster="")
        prod.refresh_from_db()
        assert prod.namespace == "{application}-{environment}"
        assert not PolicyChange.objects.exists()
