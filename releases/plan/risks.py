"""What to look at before one says yes: rules over the changes, the gravest first."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from environments.kube.apply.diff import FieldChange
from environments.kube.objects import Ref
from environments.kube.quantity import quantity
from releases.plan.objects import Row, ref_in
from releases.plan.reach import reaching

RIGHTS = frozenset({"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "ServiceAccount"})
ROUTES = frozenset({"Ingress", "HTTPRoute", "GRPCRoute", "VirtualService", "DestinationRule"})
WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"})
ADDRESS = re.compile(r"URL|URI|DSN|HOST|ENDPOINT|ADDR|DATABASE|BROKER|PORT$", re.IGNORECASE)
PROBE = re.compile(r"\.(readiness|liveness|startup)Probe\b")
LIMIT = re.compile(r"\.resources\.limits(\.\w+)?$")
VARIABLE = re.compile(r"\.env\[name=\"([^\"]*)\"\]")
MARKS = "slipway.dev/"
SHOWN = 5


@dataclass(frozen=True)
class FieldRule:
    """Flags a changed field of certain kinds."""

    title: str
    kinds: frozenset[str]
    flags: Callable[[FieldChange], bool]


@dataclass(frozen=True)
class Circumstances:
    """What a plan knows beside its changes. `versions` are (before, after) tags of an image by its name."""

    versions: Mapping[str, tuple[str, str]]
    notes: tuple[tuple[str, str], ...] = ()


def _lowered(change: FieldChange) -> bool:
    if not LIMIT.search(change.path):
        return False
    if isinstance(change.before, dict) and isinstance(change.after, dict):
        return any(_less(change.before.get(name), change.after.get(name)) for name in change.before)
    return _less(change.before, change.after)


def _less(before: Any, after: Any) -> bool:
    old, new = quantity(before), quantity(after)
    return old is not None and new is not None and new < old


def _fewer(change: FieldChange) -> bool:
    return change.path == "spec.replicas" and (change.after or 0) < (change.before or 0)


def _is_address(change: FieldChange) -> bool:
    variable = VARIABLE.search(change.path)
    name = variable[1] if variable else change.path.rpartition(".")[2]
    return (variable is not None or change.path.startswith("data.")) and bool(ADDRESS.search(name))


def _any(_change: FieldChange) -> bool:
    return True


FIELD_RULES = (
    FieldRule("An address changes", frozenset({"ConfigMap"}) | WORKLOADS, _is_address),
    FieldRule("A secret changes", frozenset({"Secret"}), lambda change: change.path.startswith("data")),
    FieldRule("Rights change", RIGHTS, _any),
    FieldRule("Who may reach what changes", frozenset({"NetworkPolicy", "AuthorizationPolicy"}), _any),
    FieldRule("Storage changes", frozenset({"PersistentVolumeClaim"}), _any),
    FieldRule(
        "A health check is removed",
        WORKLOADS,
        lambda change: change.after is None and bool(PROBE.search(change.path)),
    ),
    FieldRule("Limits are lowered", WORKLOADS, _lowered),
    FieldRule("Fewer replicas", WORKLOADS, _fewer),
    FieldRule("Routes change", ROUTES, lambda change: change.path.startswith("spec")),
)


def risk_of_field(ref: Ref, change: FieldChange) -> str:
    """The title of the first rule that flags the field, "" where none does; Slipway's own marks are no risk."""
    if MARKS in change.path:
        return ""
    return next((rule.title for rule in FIELD_RULES if ref.kind in rule.kinds and rule.flags(change)), "")


def risks(rows: Sequence[Row], prune: Sequence[Row], known: Circumstances) -> list[dict[str, str]]:
    """[{"title", "detail"}], the gravest first."""
    found = [
        *_migrations(rows),
        *_deletions(prune),
        *_flagged(rows),
        *_major_versions(known.versions),
        *_reaching(rows),
        *_overruled(rows),
        *({"title": title, "detail": detail} for title, detail in known.notes),
    ]
    return [risk for risk in found if risk["detail"]]


def _migrations(rows: Sequence[Row]) -> Iterable[dict[str, str]]:
    made = [row for row in rows if row["action"] in ("create", "replace") and "hook" not in row]
    jobs = [ref_in(row) for row in made if ref_in(row).kind == "Job"]
    yield _risk("A job runs once", (ref.text for ref in jobs if "migrat" not in ref.name))
    yield _risk("A database migration runs", (ref.text for ref in jobs if "migrat" in ref.name))


def _deletions(prune: Sequence[Row]) -> Iterable[dict[str, str]]:
    yield _risk("Objects are deleted", (ref_in(row).text for row in prune))


def _flagged(rows: Sequence[Row]) -> Iterable[dict[str, str]]:
    flagged = [(field["risk"], ref_in(row), field["path"]) for row in rows for field in row["fields"]]
    created = [(risk_of_creation(ref_in(row)), ref_in(row), "") for row in rows if row["action"] == "create"]
    for rule in FIELD_RULES:
        fitting = [(ref, path) for title, ref, path in (*flagged, *created) if title == rule.title]
        yield _risk(rule.title, (f"{ref.text} {path}".strip() for ref, path in fitting))


def risk_of_creation(ref: Ref) -> str:
    """New rights and new network rules are as grave as changed ones."""
    always = (rule for rule in FIELD_RULES if rule.flags is _any and ref.kind in rule.kinds)
    known = ref.kind in RIGHTS - {"ServiceAccount"} or ref.kind in ("NetworkPolicy", "AuthorizationPolicy")
    return next((rule.title for rule in always), "") if known else ""


def _reaching(rows: Sequence[Row]) -> Iterable[dict[str, str]]:
    found = list(reaching(rows))
    for title in dict.fromkeys(title for title, _ in found):
        yield _risk(title, (text for other, text in found if other == title))


def _major_versions(versions: Mapping[str, tuple[str, str]]) -> Iterable[dict[str, str]]:
    jumps = (
        f"{name}: {before} to {after}"
        for name, (before, after) in sorted(versions.items())
        if _major(before) and _major(after) and _major(before) != _major(after)
    )
    yield _risk("Another major version", jumps)


def _major(tag: str) -> str:
    found = re.match(r"v?(\d+)", tag)
    return found[1] if found else ""


def _overruled(rows: Sequence[Row]) -> Iterable[dict[str, str]]:
    overruled = (
        f"{ref_in(row).text} {conflict['field']} (set by {conflict['manager']})"
        for row in rows
        for conflict in row["conflicts"]
    )
    yield _risk("Overrules what others have set", overruled)


def _risk(title: str, details: Iterable[str]) -> dict[str, str]:
    named = list(dict.fromkeys(details))
    more = [f"and {len(named) - SHOWN} more"] if len(named) > SHOWN else []
    return {"title": title, "detail": ", ".join([*named[:SHOWN], *more])}
