"""Where a second person is needed: environments with approvals, and rights that reach into them."""

from collections.abc import Collection, Mapping
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Q, QuerySet

from environments.models import Environment, Grant
from environments.policy import weakening
from portal.actors import Actor
from portal.people.delegation import Rights, also_held
from portal.people.voice import is_service, why_not_theirs
from portal.roles import ALLOWED, Role

RIGHT = "environments.change_policy"


def is_guarded(environment: Environment) -> bool:
    """Whether its rules and grants are changed by two people."""
    return environment.required_approvals > 0


def roles_as_rights(role: str, environment: Environment) -> frozenset[str]:
    """What a role in an environment allows, each by its name for people."""
    return frozenset(f"{verb} in {environment.name}" for verb in ALLOWED[Role(role)])


@also_held
def granted(holder: User | Group) -> frozenset[str]:
    """What grants to a person, or to a group, allow."""
    given = Q(user=holder) if isinstance(holder, User) else Q(group=holder)
    grants = Grant.objects.filter(given).select_related("environment")
    return frozenset().union(*(roles_as_rights(grant.role, grant.environment) for grant in grants))


def needs_second(gained: Rights) -> bool:
    """Whether two people give such rights: those in a guarded environment, and that to change its rules."""
    guarded = list(Environment.objects.filter(required_approvals__gt=0))
    inside = frozenset().union(*(roles_as_rights(role, place) for place in guarded for role in Role))
    return bool(guarded) and (gained.everything or not gained.names.isdisjoint(inside | {RIGHT}))


def reaches(environment: Environment, place: Mapping[str, Any]) -> list[Environment]:
    """Environments with more approvals whose namespaces it would share with these values and does not share now."""
    wanted = _with(environment, place)
    others = Environment.objects.exclude(pk=environment.pk).filter(required_approvals__gt=wanted.required_approvals)
    return [
        other
        for other in others.select_related("cluster")
        if _share(wanted, other) and not (environment.pk and _share(_stored(environment), other))
    ]


def who_may_confirm(asker: User | None) -> QuerySet[User]:
    """Everybody else who has the right, whether or not it is sure that they hold their account."""
    app, codename = RIGHT.split(".")
    of_right = {"content_type__app_label": app, "codename": codename}
    by_right = Q(is_superuser=True)
    for way in ("user_permissions", "groups__permissions"):
        by_right |= Q(**{f"{way}__{name}": value for name, value in of_right.items()})
    found = User.objects.filter(by_right, is_active=True, service_account=None).distinct()
    return found.exclude(pk=asker.pk) if asker else found


def why_not_decide(actor: Actor, asker: User | None) -> str:
    """Why this actor is no second person; "" where they are. The shell is: it has the database."""
    if actor.kind == "system":
        return ""
    user = actor.user
    if user is None or actor.kind != "person" or is_service(user) or not user.has_perm(RIGHT):
        return "That takes the right to change the approvals and grants of an environment."
    if asker is not None and user.pk == asker.pk:
        return "You asked for this; somebody else has to decide."
    return why_not_theirs(user)


def _with(environment: Environment, place: Mapping[str, Any]) -> Environment:
    names = {field.name for field in Environment._meta.concrete_fields}
    known = {name: getattr(environment, name) for name in names} if environment.pk else {}
    return Environment(**{**known, **{name: value for name, value in place.items() if name in names}})


def _stored(environment: Environment) -> Environment:
    return Environment.objects.select_related("cluster").get(pk=environment.pk)


def _share(one: Environment, other: Environment) -> bool:
    same = one.cluster_id == other.cluster_id or (one.cluster.server and one.cluster.server == other.cluster.server)
    return bool(same) and weakening.may_meet(_patterns(one), _patterns(other))


def _patterns(environment: Environment) -> Collection[str]:
    return environment.namespaces_for("*")
