"""What the history vouches for of environments and of who may do what there."""

from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Q, QuerySet

from environments.models import Environment, Grant, PolicyChange
from portal.audit.vouching import VouchedKind, vouch_for

PLAIN = {"is_active": True, "is_superuser": False, "groups": []}
LESS = {"is_superuser": False, "groups": []}


def environment(row: Environment) -> dict[str, Any]:
    """The rules that a rollout is held to, and where it goes."""
    return {
        "name": row.name,
        "required_approvals": row.required_approvals,
        "rollback_needs_approval": row.rollback_needs_approval,
        "start_when_approved": row.start_when_approved,
        "cluster": row.cluster_id,
        "namespace": row.namespace,
        "more_namespaces": row.more_namespaces,
        "allowed_kinds": row.allowed_kinds,
        "more_kinds": row.more_kinds,
        "admission": row.admission,
        "admission_rules": row.admission_rules,
        "allowed_registries": row.allowed_registries,
        "hosts": row.hosts,
    }


def grant(row: Grant) -> dict[str, Any]:
    return {"environment": row.environment_id, "role": row.role, "user": row.user_id, "group": row.group_id}


def user(row: User) -> dict[str, Any]:
    return {
        "is_active": row.is_active,
        "is_superuser": row.is_superuser,
        "groups": sorted(group.pk for group in row.groups.all()),
    }


def _may_more_than_its_grants(row: User) -> bool:
    """Whether the account itself carries rights; one without is worth what its grants are, which have their own."""
    return row.is_active and (row.is_superuser or bool(row.groups.all()))


def _weighty_users() -> QuerySet[User]:
    found = User.objects.filter(Q(is_superuser=True) | Q(groups__isnull=False), is_active=True)
    return found.distinct().order_by("pk").prefetch_related("groups")


def policy_change(row: PolicyChange) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "target": row.target,
        "fields": row.fields,
        "state": row.state,
        "asker": row.asker_id,
        "asked_by": row.asked_by,
    }


def _pending() -> QuerySet[PolicyChange]:
    return PolicyChange.objects.filter(state=PolicyChange.State.PENDING).order_by("pk")


def register() -> None:
    # Rows of before more_kinds was there had none.
    of_before = {"more_kinds": ""}
    vouch_for(Environment, VouchedKind(environment, Environment.objects.order_by("pk").all, plain=of_before))
    vouch_for(
        Grant, VouchedKind(grant, Grant.objects.select_related("environment", "user", "group").order_by("pk").all)
    )
    vouch_for(PolicyChange, VouchedKind(policy_change, _pending, settled={"asker": None}))
    vouch_for(User, VouchedKind(user, _weighty_users, weighty=_may_more_than_its_grants, plain=PLAIN, settled=LESS))
    vouch_for(Group, VouchedKind(lambda _row: {}, Group.objects.none, weighty=lambda _row: False))
