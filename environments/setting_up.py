"""Environments and grants that are made by a program: with the entries that the admin writes for a person."""

from typing import Any

from django.contrib.auth.models import Group, User
from django.db import transaction

from environments.models import Environment, Grant
from portal import audit
from portal.actors import Actor
from portal.audit.vouching import with_row
from portal.roles import Role


def add_environment(actor: Actor, **fields: Any) -> Environment:
    """A new environment. IntegrityError where the name is taken."""
    with transaction.atomic():
        made = Environment.objects.create(**fields)
        audit.record("environment.added", made, with_row(made), actor=actor, environment=made.name)
    return made


def grant(
    actor: Actor, environment: Environment, role: Role, *, user: User | None = None, group: Group | None = None
) -> Grant:
    """A role in an environment, to a user or to a group. IntegrityError where they have it."""
    with transaction.atomic():
        given = Grant.objects.create(environment=environment, role=role, user=user, group=group)
        audit.record("grant.added", given, with_row(given), actor=actor, environment=environment.name)
    return given
