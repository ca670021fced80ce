"""Who may do what where: a role by grant, to a person or a group, and never past a token's scope."""

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.core.exceptions import PermissionDenied

from environments.access import may, require, roles_everywhere, roles_of
from environments.models import Cluster, Environment, Grant
from portal.actors import SYSTEM, Actor, Scope
from portal.roles import ALLOWED, Role, Verb

pytestmark = pytest.mark.django_db


@pytest.fixture
def dev() -> Environment:
    return Environment.objects.create(name="dev", cluster=Cluster.objects.create(name="c"))


@pytest.fixture
def prod(dev: Environment) -> Environment:
    return Environment.objects.create(name="prod", cluster=dev.cluster)


def person(name: str = "p", **fields: object) -> User:
    return User.objects.create(username=name, **fields)


def token_of(user: User, environments: set[str] = frozenset(), verbs: set[str] = frozenset()) -> Actor:
    return Actor("token", "t", user, Scope(frozenset(environments), frozenset(verbs)))


@pytest.mark.parametrize("role", Role)
def test_a_role_allows_what_the_table_says_in_its_environment_only(
    dev: Environment, prod: Environment, role: Role
) -> None:
    user = person()
    Grant.objects.create(environment=dev, role=role, user=user)
    actor = Actor.of(user)
    assert {verb for verb in Verb if may(actor, verb, dev)} == ALLOWED[role]
    assert not any(may(actor, verb, prod) for verb in Verb)


def test_a_group_s_grant_is_its_members_and_grants_add_up(dev: Environment) -> None:
    user, group = person(), Group.objects.create(name="g")
    user.groups.add(group)
    Grant.objects.create(environment=dev, role=Role.VIEWER, group=group)
    Grant.objects.create(environment=dev, role=Role.AUDITOR, user=user)
    assert roles_of(Actor.of(user), dev) == {Role.VIEWER, Role.AUDITOR}
    assert roles_of(Actor.of(person("other")), dev) == set()


def test_a_superuser_may_all_and_who_left_nothing(dev: Environment, prod: Environment) -> None:
    root = Actor.of(person("root", is_superuser=True))
    assert all(may(root, verb, prod) for verb in Verb)
    gone = person("gone", is_active=False, is_superuser=True)
    assert not any(may(Actor.of(gone), verb, prod) for verb in Verb)
    assert not any(may(Actor.of(AnonymousUser()), verb, prod) for verb in Verb)


SCOPES = [
    ({"dev"}, {"request"}, {("dev", Verb.REQUEST)}),
    ({"prod"}, {"request"}, set()),
    (set(), {"view"}, {("dev", Verb.VIEW)}),
    ({"dev"}, set(), {("dev", Verb.VIEW), ("dev", Verb.LOGS), ("dev", Verb.REQUEST)}),
    ({"dev"}, {"approve"}, set()),
]


@pytest.mark.parametrize(("environments", "verbs", "expected"), SCOPES)
def test_a_token_may_what_both_its_person_and_its_scope_allow(
    dev: Environment, prod: Environment, environments: set[str], verbs: set[str], expected: set
) -> None:
    user = person()
    Grant.objects.create(environment=dev, role=Role.DEVELOPER, user=user)
    actor = token_of(user, environments, verbs)
    assert {(place.name, verb) for place in (dev, prod) for verb in Verb if may(actor, verb, place)} == expected


def test_a_superuser_s_token_keeps_to_its_scope(dev: Environment, prod: Environment) -> None:
    actor = token_of(person(is_superuser=True), {"dev"}, {"request"})
    assert may(actor, Verb.REQUEST, dev)
    assert not may(actor, Verb.REQUEST, prod)
    assert not may(actor, Verb.APPROVE, dev)


@pytest.mark.parametrize("actor", [Actor.ci("github/shop"), SYSTEM], ids=["ci", "system"])
def test_ci_and_the_portal_may_what_their_code_path_gives_them(
    dev: Environment, prod: Environment, actor: Actor
) -> None:
    assert not any(may(actor, verb, dev) for verb in Verb)
    granted = actor.granted({"dev"}, {Verb.REQUEST})
    assert [verb for verb in Verb if may(granted, verb, dev)] == [Verb.REQUEST]
    assert not any(may(granted, verb, prod) for verb in Verb)
    assert not may(actor.granted((), (Verb.REQUEST,)), Verb.REQUEST, dev)


def test_who_may_not_is_told_what_it_takes(dev: Environment) -> None:
    user = person("ann")
    with pytest.raises(
        PermissionDenied, match="ann may not approve or reject a plan in dev: that takes the role approver"
    ):
        require(Actor.of(user), Verb.APPROVE, dev)
    with pytest.raises(PermissionDenied, match="scope leaves that out"):
        require(token_of(user, {"prod"}), Verb.APPROVE, dev)
    with pytest.raises(PermissionDenied, match="github/shop may not request"):
        require(Actor.ci("github/shop"), Verb.REQUEST, dev)
    Grant.objects.create(environment=dev, role=Role.APPROVER, user=user)
    require(Actor.of(user), Verb.APPROVE, dev)


def test_roles_everywhere_take_one_query(dev: Environment, prod: Environment, django_assert_num_queries) -> None:
    user = person()
    for place in (dev, prod):
        Grant.objects.create(environment=place, role=Role.VIEWER, user=user)
    actor = Actor.of(user)
    with django_assert_num_queries(1):
        roles = roles_everywhere(actor)
    with django_assert_num_queries(0):
        assert may(actor, Verb.VIEW, dev, roles=roles[dev.pk])
