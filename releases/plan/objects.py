"""What goes into a plan: the objects that a release wants, and what the cluster said of each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from environments.kube.apply.diff import FieldChange, Preview
from environments.kube.objects import Manifest, Owner, Ref, owner_of
from environments.manifests.hooks import Hook

Plan = dict[str, Any]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Wanted:
    """One object to be applied. `layers` has the origin of every value by its field, as `render` names fields."""

    manifest: Manifest = field(repr=False)
    ref: Ref
    stage: str
    wave: int
    layers: Mapping[str, str] = field(default_factory=dict, repr=False)
    temporary: bool = False
    """Whether it is there only while the rollout runs."""
    labelled: bool = False
    """Whether its strategy needs the track label on its pods, though they restart for it."""
    hook: Hook | None = None
    """When it runs, of a hook: no part of what stays, of what is pruned, and of the way back."""
    job: str = ""
    """What the bundle says of a Job whose template has changed, see slipway.yaml."""

    def row(self, manifest: Mapping[str, Any], *, scaled: bool = False) -> dict[str, Any]:
        """It as plans have objects; `manifest` as the plan may show it, `scaled`: an autoscaler holds its replicas."""
        return {
            "ref": list(self.ref),
            "stage": self.stage,
            "wave": self.wave,
            "manifest": manifest,
            "scaler": scaled,
        }


@dataclass(frozen=True)
class Sighting:
    """One wanted object beside what the cluster has. `scaled`: an autoscaler holds its replicas.

    `anew`: it can only be deleted and made again. `finished`: a Job that ran to its end in the release before, just
    as it is here, and that is not run again.
    """

    wanted: Wanted
    preview: Preview
    scaled: bool = False
    warnings: tuple[str, ...] = ()
    anew: bool = False
    finished: bool = False

    @property
    def ref(self) -> Ref:
        return self.wanted.ref

    @property
    def changes(self) -> tuple[FieldChange, ...]:
        return self.preview.changes

    @property
    def action(self) -> str:
        """create, replace, update or unchanged."""
        if self.finished:
            return "unchanged"
        if self.anew and self.preview.live is not None:
            return "replace"
        if self.preview.live is None:
            return "create"
        return "update" if self.changes else "unchanged"

    def is_ours(self, owner: Owner) -> bool:
        """Whether what is there was written by Slipway for this application and environment."""
        return self.preview.live is not None and is_marked(self.preview.live, owner)


def is_marked(live: Manifest, owner: Owner) -> bool:
    """Whether an object carries the owner's mark, or one of before that names the application alone.

    Whose of its environments that one is, releases.planning.owners tells.
    """
    return owner_of(live) in (owner, Owner(owner.application))


def ref_in(row: Row) -> Ref:
    """The Ref of a row of a plan."""
    return Ref(*row["ref"])


def lasting(rows: Iterable[Row]) -> list[Row]:
    """The rows of what stays when a rollout is over: hooks have had their time."""
    return [row for row in rows if not (row.get("temporary") or row.get("hook"))]


def objects_by_key(plan: Row | None) -> dict[str, Row]:
    """A plan's object rows by Ref.key; empty for None."""
    return {ref_in(row).key: row for row in (plan["objects"] if plan else ())}


def lasting_by_key(plan: Row | None) -> dict[str, Row]:
    """The same, of what stays when a rollout is over."""
    return {ref_in(row).key: row for row in lasting(plan["objects"] if plan else ())}
