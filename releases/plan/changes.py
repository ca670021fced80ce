"""The rows of a plan that say what will change."""

from typing import Any

from environments.kube.names import MARKS, SEQUENCE
from releases.plan.objects import Sighting
from releases.plan.provenance import layer_of
from releases.plan.risks import risk_of_field

POD_TEMPLATE = ("spec.template", "spec.jobTemplate")


def change_row(sighting: Sighting) -> dict[str, Any]:
    """What becomes of one object; the server's own fields are no part of it."""
    told = [change for change in sighting.changes if SEQUENCE not in change.path and change.path not in MARKS]
    fields = [_field(sighting, change) for change in told]
    conflicts = [{"field": cause.field, "manager": cause.manager} for cause in sighting.preview.conflicts]
    foreign = [
        {"manager": each.manager, "fields": [name for name in each.fields if SEQUENCE not in name]}
        for each in sighting.preview.foreign
    ]
    return {
        "ref": list(sighting.ref),
        "action": sighting.action if fields or sighting.action in ("create", "replace") else "unchanged",
        "fields": fields,
        "warnings": sorted({*sighting.preview.warnings, *sighting.warnings}),
        "conflicts": sorted(conflicts, key=lambda row: (row["manager"], row["field"])),
        "foreign": foreign,
        "taken": list(sighting.preview.taken),
        "restarts": not sighting.anew and any(row["path"].startswith(POD_TEMPLATE) for row in fields),
        **({"hook": sighting.wanted.hook.said} if sighting.wanted.hook else {}),
    }


def _field(sighting: Sighting, change: Any) -> dict[str, Any]:
    return {
        "path": change.path,
        "before": change.before,
        "after": change.after,
        "layer": layer_of(change.path, sighting.wanted.manifest, sighting.wanted.layers),
        "risk": risk_of_field(sighting.ref, change),
    }
