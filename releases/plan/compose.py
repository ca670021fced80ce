"""Puts a plan together: one JSON document whose canonical form is what people approve."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from environments.kube.apply.managers import SPARED
from environments.kube.apply.server_side_apply import has_replicas
from environments.kube.names import APPLICATION, MANAGED, TRACKING
from environments.kube.objects import Owner, Ref, tracking_of
from environments.manifests.order import stage_of
from releases.plan.changes import change_row
from releases.plan.objects import Plan, Row, Sighting, Wanted, lasting_by_key
from releases.plan.risks import Circumstances, risks
from releases.plan.rollback_plan import outlook, words

FORMAT = 3


@dataclass(frozen=True)
class Header:
    """What a plan is of. `images` are pinned references by name, `references` what the release called them."""

    application: str
    environment: str
    namespace: str
    version: str
    kind: str
    strategy: str
    parameters: Mapping[str, Any]
    images: Mapping[str, str]
    references: Mapping[str, str]
    smoke_tests: Sequence[Mapping[str, Any]] = ()
    traffic: Sequence[Mapping[str, Any]] = ()
    spare: Sequence[str] = SPARED
    above: int = 0
    """The sequence number of another's rollout that wrote one of the objects last: ours has to be higher."""
    masks: int = 0
    """The environment whose masks stand for values of Secrets, see releases.plan.secret_values.Masks."""

    @property
    def owner(self) -> Owner:
        return Owner(self.application, self.environment)


@dataclass(frozen=True)
class WayBack:
    """The rollout whose plan comes back if this one has to be taken back; all empty for a first release."""

    rollout: int | None = None
    version: str = ""
    digest: str = ""
    plan: Row | None = field(default=None, repr=False)
    objects: tuple[Row, ...] = field(default=(), repr=False)
    """Rows of Jobs that undo the release, run on the way back alone."""
    found: tuple[Row, ...] = field(default=(), repr=False)
    """Rows of what the release takes over from others, as it was."""
    leaves: tuple[Row, ...] = ()
    """[{"ref", "why"}] of what the cluster would refuse of the way back, by a dry run."""


def compose(
    header: Header,
    sightings: Sequence[Sighting],
    public: Sequence[Mapping[str, Any]],
    prune: Sequence[Mapping[str, Any]],
    back: WayBack,
    known: Circumstances,
    shared: Sequence[Ref] = (),
) -> Plan:
    """The plan without its steps, which the strategy makes of it.

    `public` are the manifests as the plan may show them, in the order of `sightings`; `shared` is what the release
    has and another one looks after.
    """
    rows = [change_row(sighting) for sighting in sightings]
    objects = [_object_row(*pair) for pair in zip(sightings, public, strict=True)]
    document: Plan = {
        "format": FORMAT,
        "masks": header.masks,
        "application": header.application,
        "environment": header.environment,
        "namespace": header.namespace,
        "version": header.version,
        "kind": header.kind,
        "strategy": {"name": header.strategy, "parameters": dict(header.parameters)},
        "images": dict(header.images),
        "references": dict(header.references),
        "smoke_tests": list(header.smoke_tests),
        "traffic": list(header.traffic),
        "objects": objects,
        "changes": rows,
        "prune": [*_temporary(sightings), *prune],
        "adopt": [list(each.ref) for each in sightings if each.preview.taken],
        "spare": list(header.spare),
        **({"above": header.above} if header.above else {}),
        **({"shared": [list(ref) for ref in shared]} if shared else {}),
        "added": _added(sightings, header.owner, back.plan),
        "namespaces": [each.ref.name for each in sightings if each.ref.kind == "Namespace" and each.action == "create"],
        "replicas": _replicas(sightings),
        "risks": risks(rows, prune, known),
        "back": {
            "rollout": back.rollout,
            "version": back.version,
            "plan": back.digest,
            "objects": list(back.objects),
            "found": list(back.found),
        },
    }
    return _with_outlook(document, back)


def _with_outlook(document: Plan, back: WayBack) -> Plan:
    known = outlook(document, back.plan)
    named = {tuple(row["ref"]) for row in known["leaves"]}
    refused = [dict(row) for row in back.leaves if tuple(row["ref"]) not in named]
    told = {**document, "back": {**document["back"], **known, "leaves": [*known["leaves"], *refused]}}
    noted = [{"title": title, "detail": detail} for title, detail in words(told) if detail]
    return {**told, "risks": [*document["risks"], *noted]}


def _temporary(sightings: Sequence[Sighting]) -> list[dict[str, Any]]:
    """What goes again before the rollout ends: last applied first, by the uid that it gets on the way."""
    return [{"ref": list(each.ref), "uid": ""} for each in reversed(sightings) if each.wanted.temporary]


def _object_row(sighting: Sighting, public: Mapping[str, Any]) -> dict[str, Any]:
    wanted = sighting.wanted
    return {
        **wanted.row(public, scaled=sighting.scaled),
        **({"temporary": True} if wanted.temporary else {}),
        **({"hook": wanted.hook.to_json()} if wanted.hook else {}),
        **({"job": wanted.job} if wanted.job else {}),
        **({"anew": True} if sighting.anew else {}),
        **({"finished": True} if sighting.finished else {}),
    }


def _added(sightings: Sequence[Sighting], owner: Owner, previous: Row | None) -> list[str]:
    """What this release brings: going back removes it. What others had put there before is not among it."""
    before = lasting_by_key(previous)
    return [
        each.ref.key
        for each in sightings
        if each.ref.key not in before
        and each.wanted.hook is None
        and (each.preview.live is None or each.is_ours(owner))
    ]


def _replicas(sightings: Sequence[Sighting]) -> dict[str, int]:
    return {
        each.ref.key: each.wanted.manifest["spec"]["replicas"]
        for each in sightings
        if not each.scaled and _wants_replicas(each.wanted.manifest)
    }


def _wants_replicas(manifest: Mapping[str, Any]) -> bool:
    return has_replicas(manifest) and manifest.get("spec", {}).get("replicas") is not None


def namespaces_to_create(names: Iterable[str], owner: Owner, have: Iterable[Ref]) -> tuple[Wanted, ...]:
    """The Namespaces that a plan brings itself, as the bundle has none of the kind."""
    known = {ref.name for ref in have if ref.kind == "Namespace"}
    return tuple(_namespace(name, owner) for name in sorted(set(names) - known))


def _namespace(name: str, owner: Owner) -> Wanted:
    ref = Ref("v1", "Namespace", "", name)
    labels = {APPLICATION: owner.application, MANAGED: "true"}
    metadata = {"name": name, "labels": labels, "annotations": {TRACKING: tracking_of(owner.mark, ref)}}
    manifest = {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata}
    return Wanted(manifest, ref, stage_of(manifest), 0)
