"""Tells the history of what is there already: each row that it vouches for from now on, once."""

from django.conf import settings
from django.db import migrations
from django.db.models import Q
from django.utils import timezone

from portal.audit import chain

AT_ONCE = 500
ENVIRONMENT = (
    *("name", "required_approvals", "rollback_needs_approval", "start_when_approved", "namespace"),
    *("more_namespaces", "allowed_kinds", "admission", "admission_rules", "allowed_registries", "hosts"),
)
RELEASE = ("version", "images", "commit", "commit_author", "makers", "source", "created_by")
ROLLOUT = (
    *("kind", "strategy", "parameters", "phase", "intent", "plan_digest", "sealed_digest", "source_plan", "needed"),
    *("requested_by", "requester_account", "requester_username", "requester_email"),
)
VOTE = ("pk", "digest", "name", "account", "username", "email", "own")


def _columns(row, names):
    return {name: getattr(row, name) for name in names}


def _environments(apps, _user):
    for row in apps.get_model("environments", "Environment").objects.order_by("pk").iterator():
        data = {"row": {**_columns(row, ENVIRONMENT), "cluster": row.cluster_id}}
        yield "environments.environment", row.pk, row.name, data, row.name


def _grants(apps, _user):
    grants = apps.get_model("environments", "Grant").objects.select_related("environment", "user", "group")
    for row in grants.order_by("pk").iterator():
        whom = row.user.username if row.user else row.group.name
        data = {"environment": row.environment_id, "role": row.role, "user": row.user_id, "group": row.group_id}
        name = f"{row.role} in {row.environment.name} for {whom}"
        yield "environments.grant", row.pk, name, {"row": data}, row.environment.name


def _users(_apps, user):
    found = user.objects.filter(Q(is_superuser=True) | Q(groups__isnull=False)).distinct().order_by("pk")
    for row in found.prefetch_related("groups").iterator(chunk_size=AT_ONCE):
        groups = sorted(group.pk for group in row.groups.all())
        data = {"is_active": row.is_active, "is_superuser": row.is_superuser, "groups": groups}
        yield "auth.user", row.pk, row.username, {"row": data}, ""


def _releases(apps, _user):
    for row in apps.get_model("releases", "Release").objects.select_related("application").order_by("pk").iterator():
        data = {**_columns(row, RELEASE), "application": row.application_id, "bundle": row.bundle_id}
        yield "releases.release", row.pk, f"{row.application.name} {row.version}", {"row": data}, ""


def _bundles(apps, _user):
    for row in apps.get_model("releases", "Bundle").objects.order_by("pk").iterator():
        data = {"application": row.application_id, "makers": row.makers}
        yield "releases.bundle", row.pk, row.digest[:19], {"row": data}, ""


def _rollouts(apps, _user):
    rollouts = apps.get_model("releases", "Rollout").objects.select_related("release__application", "environment")
    for row in rollouts.order_by("pk").prefetch_related("approvals").iterator(chunk_size=AT_ONCE):
        data = {
            **_columns(row, ROLLOUT),
            "release": row.release_id,
            "application": row.application_id,
            "environment": row.environment_id,
        }
        votes = [_columns(vote, VOTE) for vote in row.approvals.all() if _stands(vote, row)]
        name = f"{row.release.application.name} {row.release.version} → {row.environment.name}"
        yield "releases.rollout", row.pk, name, {"row": data, "votes": votes}, row.environment.name


def _stands(vote, rollout):
    return vote.decision == "approved" and vote.revoked_at is None and vote.digest == rollout.plan_digest


def tell(apps, _schema_editor):
    entries = apps.get_model("portal", "AuditEntry")
    user = apps.get_model(settings.AUTH_USER_MODEL)
    number, previous = entries.objects.order_by("-number").values_list("number", "hash").first() or (0, "")
    made = []
    for every in (_environments, _grants, _users, _bundles, _releases, _rollouts):
        for label, pk, name, data, place in every(apps, user):
            entry = _entry(entries, number + 1, previous, label, pk, name, data, place)
            number, previous = entry.number, entry.hash
            made.append(entry)
    entries.objects.bulk_create(made, batch_size=AT_ONCE)


def _entry(entries, number, previous, label, pk, name, data, place):
    at = timezone.now()
    fields = {
        "number": number,
        "actor": "slipway",
        "actor_kind": "system",
        "verb": "history.baseline",
        "target_type": label,
        "target_id": str(pk),
        "target": str(chain.plain(name))[:300],
        "environment": place,
        "application": "",
        "data": chain.plain(data),
        "previous_hash": previous,
    }
    return entries(**fields, at=at, hash=chain.hash_of({**fields, "at": chain.moment(at)}))


class Migration(migrations.Migration):
    dependencies = [
        ("releases", "0007_addresses_apart"),
        ("environments", "0005_policy_changes"),
        ("portal", "0010_last_of_a_target"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [migrations.RunPython(tell, migrations.RunPython.noop)]
