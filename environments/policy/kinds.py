"""What a policy change changes: a kind reads what stands there, and sets what was confirmed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model, QuerySet

from environments.models import Cluster, Environment, Grant
from environments.policy.guarding import roles_as_rights
from portal.people import delegation
from portal.people.delegation import Rights

Values = Mapping[str, Any]
PERSON = ("is_superuser", "is_active", "is_staff", "groups", "user_permissions")
Rows = Callable[[], QuerySet[Any]]
RELATED: Mapping[str, Rows] = {
    "cluster": Cluster.objects.all,
    "groups": Group.objects.all,
    "user_permissions": Permission.objects.select_related("content_type").all,
    "permissions": Permission.objects.select_related("content_type").all,
    "user": User.objects.all,
    "group": Group.objects.all,
}


@dataclass(frozen=True)
class PolicyKind:
    """`now` reads fields as JSON, `apply` sets them and returns what was changed; `gives` are the rights given away."""

    rows: Rows
    now: Callable[[Any, Values], Values]
    apply: Callable[[Any, Values], Model]
    gives: Callable[[Any, Values], Rights]


def plain(value: Any) -> Any:
    """A field's value as JSON: ids of rows, sorted."""
    if isinstance(value, Model):
        return value.pk
    if hasattr(value, "all"):
        value = value.all()
    if hasattr(value, "__iter__") and not isinstance(value, str):
        return sorted(row.pk if isinstance(row, Model) else row for row in value)
    return value


def shown(name: str, value: Any) -> str:
    """A field's JSON value for people."""
    if name not in RELATED or value is None:
        return "nothing" if value in ("", None) else str(value)
    rows = RELATED[name]().filter(pk__in=value if isinstance(value, list) else [value])
    return ", ".join(sorted(map(str, rows))) or "none"


def _read(target: Model, fields: Values) -> Values:
    return {name: plain(getattr(target, name)) for name in fields}


def _set(target: Model, fields: Values) -> Model:
    many = {field.name for field in target._meta.many_to_many}
    for name in fields.keys() - many:
        field = target._meta.get_field(name)
        setattr(target, getattr(field, "attname", name), fields[name])
    target.save()
    for name in fields.keys() & many:
        getattr(target, name).set(fields[name])
    return target


def _nothing(_target: Model, _fields: Values) -> Rights:
    return Rights()


def person_after(user: User, fields: Values) -> Rights:
    """The rights of an account once these fields are set; none where it is closed."""
    read = {**_read(user, dict.fromkeys(PERSON)), **fields}
    if not read["is_active"]:
        return Rights()
    own = delegation.named(Permission.objects.filter(pk__in=read["user_permissions"]).select_related("content_type"))
    return delegation.rights(
        superuser=read["is_superuser"],
        staff=read["is_staff"],
        own=own | delegation.given_to(user),
        groups=Group.objects.filter(pk__in=read["groups"]),
    )


def person_gains(user: User, fields: Values) -> Rights:
    """What they would hold more than now."""
    return person_after(user, {}).gained(person_after(user, fields))


def group_gains(group: Group, fields: Values) -> Rights:
    """What its members would hold more than now by it."""
    after = Permission.objects.filter(pk__in=fields["permissions"]).select_related("content_type")
    return Rights(delegation.named(after) - delegation.named(group.permissions.select_related("content_type")))


def grant_gains(environment: Environment, fields: Values) -> Rights:
    """What the role allows there."""
    return Rights(roles_as_rights(fields["role"], environment))


def _no_such_grant(environment: Environment, fields: Values) -> Values:
    there = Grant.objects.filter(
        environment=environment, role=fields["role"], user=fields["user"], group=fields["group"]
    ).exists()
    return fields if there else dict.fromkeys(fields)


def _add_grant(environment: Environment, fields: Values) -> Model:
    return Grant.objects.create(
        environment=environment, role=fields["role"], user_id=fields["user"], group_id=fields["group"]
    )


KINDS: Mapping[str, PolicyKind] = {
    "environment": PolicyKind(Environment.objects.all, _read, _set, _nothing),
    "grant": PolicyKind(Environment.objects.all, _no_such_grant, _add_grant, grant_gains),
    "person": PolicyKind(User.objects.all, _read, _set, person_gains),
    "group": PolicyKind(Group.objects.all, _read, _set, group_gains),
}
