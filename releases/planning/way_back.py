"""The way back of a plan in the making: what it restores of others, and what the cluster would refuse of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from environments.kube.api.client import Gateway
from environments.kube.api.errors import KubeError
from environments.kube.apply.as_found import as_found
from environments.kube.names import MANAGER
from environments.kube.objects import Manifest, Owner
from portal.blobs import BlobError
from portal.encryption import SecretUnreadable
from releases.errors import PlanRefused
from releases.models import Rollout
from releases.plan import store
from releases.plan.compose import WayBack
from releases.plan.irreversible import Left, left_of
from releases.plan.objects import Plan, Row, Sighting, Wanted, lasting, ref_in
from releases.plan.rollback_plan import JOB, is_touched
from releases.plan.secret_values import Masks, Sealed, found_key, load_sealed, manifests_of
from releases.planning import dry_run

LONGEST = 40  # of a name, so that the one that is tried stays within what a name may have
Seen = Sequence[tuple[Sighting, Mapping[str, Any]]]
"""Every object of the plan in the making, with its manifest as the plan shows it."""


@dataclass(frozen=True)
class BackwardLook:
    """What is asked of a cluster for the way back of a plan. `masks` are those of the environment."""

    gateway: Gateway
    owner: Owner
    masks: Masks

    def completed(
        self, back: WayBack, previous: Rollout | None, seen: Seen, leftovers: Sequence[tuple[Plan, str]]
    ) -> tuple[WayBack, Sealed]:
        """The way back with what it restores and leaves, and the values of Secrets that it restores.

        `leftovers`: plans that came to nothing since, each with its sealed digest. Raises KubeError.
        """
        rows, sealed, leaves = self._found([sighting for sighting, _public in seen])
        earlier, values = found_before(leftovers, rows)
        own = {sighting.ref.key: {"manifest": public} for sighting, public in seen}
        refused = self._tried(previous, own)
        return replace(back, found=(*rows, *earlier), leaves=(*leaves, *refused)), {**sealed, **values}

    def undoing(self, jobs: Iterable[Wanted]) -> tuple[Row, ...]:
        """The rows of Jobs that undo the release. PlanRefused for what the cluster would refuse."""
        found = list(jobs)
        for words in filter(None, dry_run.side_by_side(lambda each: _refused_anew(self.gateway, each), found)):
            raise PlanRefused(f"A Job for the way back would be refused: {words}")
        return tuple(_undoing_row(each) for each in found)

    def _found(self, sightings: Sequence[Sighting]) -> tuple[list[Row], Sealed, list[Row]]:
        """What the plan takes over from others, as it is now; the values of its Secrets; what cannot be undone of it.

        Jobs are none of it: they have run, and are never run again.
        """
        taken = [each for each in sightings if _is_taken_over(each, self.owner)]
        live = dry_run.read_all(self.gateway, [each.ref for each in taken])
        rows: list[Row] = []
        leaves: list[Row] = []
        sealed: Sealed = {}
        for each in taken:
            manifest = live[each.ref.key]
            if manifest is None:
                continue
            was = as_found(manifest)
            if left := left_of(self.masks.masked(was), as_found(each.preview.after)):
                leaves.append({"ref": list(each.ref), "why": left.why})
            if kept := _kept(was, left):
                rows.append(_row(each, self.masks.masked(kept)))
                sealed |= {found_key(each.ref): kept} if kept["kind"] == "Secret" else {}
        return rows, sealed, leaves

    def _tried(self, previous: Rollout | None, own: Mapping[str, Row]) -> list[Row]:
        """[{"ref", "why"}] of what the cluster refuses of the previous plan's objects, by a dry run over what is live.

        Only of what the new plan changes or drops: the rest is tried with the plan itself.
        """
        if previous is None:
            return []
        before = store.load_plan(previous)
        try:
            manifests = manifests_of(before, load_sealed(previous.sealed_digest))
        except (BlobError, SecretUnreadable, ValueError):
            return [{"ref": row["ref"], "why": "its stored values cannot be read"} for row in _secrets(before)]
        wanted = [pair for pair in zip(before["objects"], manifests, strict=True) if _to_try(pair[0], own)]
        answers = dry_run.side_by_side(lambda pair: _refusal(self.gateway, pair[1]), wanted)
        told = [(row, words) for (row, _manifest), words in zip(wanted, answers, strict=True) if words]
        return [{"ref": row["ref"], "why": f"the cluster would refuse it: {words}"} for row, words in told]


def found_before(plans: Iterable[tuple[Plan, str]], have: Iterable[Row]) -> tuple[list[Row], Sealed]:
    """What rollouts that came to nothing had taken over and nobody has restored, with the values of Secrets.

    Of an object that several took over the first knows how it was.
    """
    known = {ref_in(row).key for row in have}
    rows: list[Row] = []
    sealed: Sealed = {}
    for plan, digest in plans:
        new = [row for row in plan.get("back", {}).get("found", ()) if ref_in(row).key not in known]
        values = load_sealed(digest) if any(ref_in(row).kind == "Secret" for row in new) else {}
        rows += new
        known |= {ref_in(row).key for row in new}
        sealed |= {name: values[name] for row in new if (name := found_key(ref_in(row))) in values}
    return rows, sealed


def _is_taken_over(sighting: Sighting, owner: Owner) -> bool:
    there = sighting.preview.live is not None and not sighting.is_ours(owner)
    lasting_one = sighting.wanted.hook is None and not sighting.wanted.temporary
    return there and sighting.ref.kind != JOB and lasting_one


def _kept(was: Manifest, left: Left | None) -> Manifest | None:
    """Values of a Secret are masked where it was compared: it comes back whole, or not at all."""
    if left is None or (left.manifest is not None and was["kind"] == "Secret"):
        return was
    return left.manifest


def _row(sighting: Sighting, public: Manifest) -> dict[str, Any]:
    return {**sighting.wanted.row(public, scaled=sighting.scaled), "found": True}


def _undoing_row(wanted: Wanted) -> dict[str, Any]:
    return {**wanted.row(wanted.manifest), "anew": True}


def _refused_anew(gateway: Gateway, wanted: Wanted) -> str:
    """The cluster's words against a new object like this; "" where it takes it, or where that cannot be told now."""
    name = f"{wanted.ref.name[:LONGEST]}-slipway-preview"
    body = {**wanted.manifest, "metadata": {**wanted.manifest["metadata"], "name": name}}
    try:
        gateway.create(body, dry_run=True)
    except KubeError as error:
        return error.words if error.fault == "user" else ""
    return ""


def _secrets(plan: Plan) -> list[Row]:
    return [row for row in lasting(plan["objects"]) if ref_in(row).kind == "Secret"]


def _to_try(row: Row, own: Mapping[str, Row]) -> bool:
    ref = ref_in(row)
    if ref.kind == JOB or row.get("temporary") or not is_touched(row, own.get(ref.key)):
        return False
    after = own.get(ref.key)
    return after is None or left_of(row["manifest"], after["manifest"]) is None


def _refusal(gateway: Gateway, manifest: Manifest) -> str:
    """The cluster's words; "" where it takes it, and where that cannot be told now."""
    try:
        gateway.apply(manifest, manager=MANAGER, force=True, dry_run=True)
    except KubeError as error:
        return "" if error.fault == "transient" else error.words
    return ""
