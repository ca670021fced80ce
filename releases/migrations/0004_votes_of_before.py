"""Freezes who asked and who voted, as far as it is known, and the number of approvals, of rollouts made before."""

from django.conf import settings
from django.db import migrations
from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import Substr

FREEZE = (
    ("Rollout", "requester", "requested_by", ("requester_account", "requester_username", "requester_email")),
    ("Approval", "user", "name", ("account", "username", "email")),
)
MARK = " (token "
MOST = 150


def freeze(apps, _schema_editor):
    for model, field, name, targets in FREEZE:
        rows = apps.get_model("releases", model).objects
        user = apps.get_model(settings.AUTH_USER_MODEL).objects.filter(pk=OuterRef(f"{field}_id"))
        found = {target: Subquery(user.values(column)) for target, column in zip(targets, ("pk", "username", "email"))}
        rows.filter(**{f"{field}__isnull": False}).update(**found)
        _freeze_names(rows.filter(**{field: None}), name, targets[1])


def _freeze_names(gone, name, target):
    """Of accounts that were removed before, their name is what is left."""
    gone.exclude(**{f"{name}__contains": MARK}).update(**{target: Substr(name, 1, MOST)})
    for row in gone.filter(**{f"{name}__contains": MARK}).iterator():
        setattr(row, target, getattr(row, name).partition(MARK)[0][:MOST])
        row.save(update_fields=[target])


def count(apps, _schema_editor):
    rollouts = apps.get_model("releases", "Rollout").objects
    environment = apps.get_model("environments", "Environment").objects.filter(pk=OuterRef("environment_id"))
    free = Q(kind="undo", environment__rollback_needs_approval=False)
    planned = rollouts.exclude(plan_digest="")
    planned.exclude(free).update(needed=Subquery(environment.values("required_approvals")))
    planned.filter(free).update(needed=0)


def judge(apps, _schema_editor):
    """By token: own where its person issued every token of that name, signed in."""
    tokens = apps.get_model("portal", "ApiToken").objects
    for vote in apps.get_model("releases", "Approval").objects.filter(name__contains=MARK).iterator():
        name = vote.name.partition(MARK)[2].removesuffix(")")
        named = list(tokens.filter(user_id=vote.user_id, name__startswith=name)) if vote.user_id else []
        vote.own = bool(named) and all(one.in_session and one.issued_by_id == one.user_id for one in named)
        vote.save(update_fields=["own"])


class Migration(migrations.Migration):
    dependencies = [
        ("releases", "0003_votes_frozen"),
        ("environments", "0001_initial"),
        ("portal", "0004_issuers_of_before"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(freeze, migrations.RunPython.noop),
        migrations.RunPython(judge, migrations.RunPython.noop),
        migrations.RunPython(count, migrations.RunPython.noop),
    ]
