"""Who may do what in an environment: roles by grant to a person or a group, narrowed by a token's scope."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet, prefetch_related_objects
from django.http import Http404

from environments.models import Environment, Grant
from portal.actors import Actor
from portal.roles import ALLOWED, Role, Verb


def roles_of(actor: Actor, environment: Environment) -> frozenset[Role]:
    """The roles of the person behind an actor in one environment; none for CI and the portal itself."""
    return roles_everywhere(actor).get(environment.pk, frozenset())


def roles_everywhere(actor: Actor) -> dict[int, frozenset[Role]]:
    """Roles by the environment's primary key, in one query: for pages that show many environments."""
    user = actor.user
    if user is None or not user.is_active:
        return {}
    if user.is_superuser:
        return dict.fromkeys(Environment.objects.values_list("pk", flat=True), frozenset(Role))
    roles = defaultdict(set)
    for environment, role in _grants(user).values_list("environment", "role"):
        roles[environment].add(Role(role))
    return {environment: frozenset(held) for environment, held in roles.items()}


@dataclass(frozen=True)
class GrantedBy:
    """What somebody's roles hang on: `rows` of the database. `environment` is its id; None: everywhere."""

    environment: int | None
    roles: frozenset[Role]
    rows: tuple[Model, ...]


def grounds_of(users: Collection[User]) -> Mapping[int, Sequence[GrantedBy]]:
    """Every ground of the roles of active people, by user; in three queries for however many."""
    active = {user.pk: user for user in users if user.is_active}
    prefetch_related_objects(list(active.values()), "groups")
    found = {
        pk: [GrantedBy(None, frozenset(Role), (user,))] if user.is_superuser else [] for pk, user in active.items()
    }
    groups = {group.pk: group for user in active.values() for group in user.groups.all()}
    grants = Grant.objects.filter(Q(user__in=active) | Q(group__in=groups)).select_related("environment")
    for grant in grants.select_related("user", "group"):
        for user in active.values():
            if grant.user_id == user.pk:
                found[user.pk].append(_ground(grant, user))
            elif grant.group_id in {group.pk for group in user.groups.all()}:
                found[user.pk].append(_ground(grant, groups[grant.group_id], user))
    return found


def _ground(grant: Grant, *others: Model) -> GrantedBy:
    return GrantedBy(grant.environment_id, frozenset({Role(grant.role)}), (grant, *others))


def may(actor: Actor, verb: Verb, environment: Environment, *, roles: frozenset[Role] | None = None) -> bool:
    """Whether a role allows the verb and the scope does not exclude it. `roles`: known already, no query."""
    if actor.user is None:
        return actor.scope is not None and actor.scope.names(verb, environment.name)
    if actor.scope is not None and not actor.scope.covers(verb, environment.name):
        return False
    held = roles_of(actor, environment) if roles is None else roles
    return any(verb in ALLOWED[role] for role in held)


def permitted(actor: Actor, verb: Verb) -> list[Environment]:
    """The environments in which the actor may, in their order of promotion."""
    roles = roles_everywhere(actor)
    places = Environment.objects.select_related("cluster")
    return [place for place in places if may(actor, verb, place, roles=roles.get(place.pk, frozenset()))]


def visible(actor: Actor) -> list[Environment]:
    """The environments that the actor may see."""
    return permitted(actor, Verb.VIEW)


def require(actor: Actor, verb: Verb, environment: Environment, *, roles: frozenset[Role] | None = None) -> None:
    """PermissionDenied, saying what is missing and who can give it, unless the actor may. `roles` as for `may`."""
    if not may(actor, verb, environment, roles=roles):
        raise PermissionDenied(why_not(actor, verb, environment.name))


def environment_for(actor: Actor, verb: Verb, name: str) -> Environment:
    """The environment of that name, where the actor may do this.

    PermissionDenied says the same whether a hidden one is there or not; Http404 is for who sees all there are.
    """
    known = {place.name: place for place in [*visible(actor), *permitted(actor, verb)]}
    if name in known:
        require(actor, verb, known[name])
        return known[name]
    if sees_all(actor):
        raise Http404(f"There is no environment {name!r}. There are: {', '.join(known) or 'none yet'}.")
    raise PermissionDenied(why_not(actor, verb, name))


def sees_all(actor: Actor) -> bool:
    """Whether no environment is hidden from the actor, who may so be told that something is not there."""
    return len(visible(actor)) == Environment.objects.count()


def why_not(actor: Actor, verb: Verb, environment: str) -> str:
    """What an actor that may not do something is told; the environment is named as they named it."""
    what = f"{verb.label} in {environment}"
    if actor.scope is not None and not actor.scope.covers(verb, environment):
        return f"{actor.name} may not {what}: its scope leaves that out. Use one that has it."
    if actor.user is None:
        return f"{actor.name} may not {what}."
    roles = " or ".join(role.value for role in Role if verb in ALLOWED[role])
    return f"{actor.name} may not {what}: that takes the role {roles}. An administrator can grant it."


def _grants(user: User) -> QuerySet[Grant]:
    return Grant.objects.filter(Q(user=user) | Q(group__in=user.groups.all()))
