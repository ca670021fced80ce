"""Plans of format 1, whose masks of Secrets were the same in all environments and left annotations as they were."""

from environments.kube.apply.masking import Mask
from environments.kube.objects import Manifest
from portal.blobs import BlobError
from portal.encryption import SecretUnreadable
from releases.plan.objects import Plan, Row, ref_in
from releases.plan.secret_values import Masks, load_sealed, manifests_of


def as_shown(plan: Plan, environment: int) -> Plan:
    """The plan as people may see it: one of before with what it tells of Secrets masked once more."""
    if "masks" in plan:
        return plan
    masks = Masks(environment)
    shown = _with(plan, [masks.masked(row["manifest"]) for row in plan.get("objects", ())])
    return {**shown, "changes": [_masked(row, masks) for row in plan.get("changes", ())]}


def comparable(plan: Plan, sealed_digest: str, environment: int) -> Plan:
    """The plan with the masks of today, so that it can be held against others of its environment."""
    if "masks" in plan:
        return plan
    try:
        manifests = manifests_of(plan, load_sealed(sealed_digest))
    except (BlobError, SecretUnreadable, ValueError):
        return as_shown(plan, environment)
    return _with(plan, [Masks(environment).masked(each) for each in manifests])


def _with(plan: Plan, manifests: list[Manifest]) -> Plan:
    rows = zip(plan.get("objects", ()), manifests, strict=True)
    return {**plan, "objects": [{**row, "manifest": manifest} for row, manifest in rows]}


def _masked(row: Row, masks: Masks) -> Row:
    ref = ref_in(row)
    if ref.kind != "Secret":
        return row
    return {**row, "fields": [_anew(field, masks.of(ref)) for field in row.get("fields", ())]}


def _anew(field: Row, mask: Mask) -> Row:
    sides = {name: field[name] for name in ("before", "after") if field[name] is not None}
    return {**field, **{name: mask(field["path"], str(value)) for name, value in sides.items()}}
