"""The plan of a rollout's track, read once a process: plans are stored by their digest and never change."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

from environments.kube.objects import Manifest
from portal.steps.state import Track
from releases import strategies
from releases.engine.facts import Work
from releases.models import Rollout
from releases.plan import store
from releases.plan.objects import ref_in
from releases.plan.rollback_plan import back_plan
from releases.plan.secret_values import Masks, load_sealed, masks_of, sealed_digest_of, unseal, unseal_found

KEPT = 512
WITH_ENVIRONMENT = 3
"""The format of plans since which the mark on an object names its environment."""


@dataclass(frozen=True)
class Loaded:
    """A track's work, where the values of its Secrets are, and what stands for them in its plan."""

    work: Work
    sealed_digest: str
    scalers: frozenset[int]
    masks: Masks
    keeps_size: frozenset[int] = frozenset()
    found: Mapping[int, Manifest] = field(default_factory=dict, repr=False)
    """What the plan took over from others, as it was, with the values of Secrets."""
    of_before: bool = False
    """Whether the rollout's plan has objects that do not say of which environment they are."""

    @cached_property
    def manifests(self) -> Mapping[int, Manifest]:
        """What is applied, by index, with the values of Secrets."""
        sealed = load_sealed(self.sealed_digest)
        own = [target for target in self.work.targets if target.index not in self.found]
        return {**self.found, **{t.index: unseal(t.ref, dict(t.manifest), sealed, self.masks) for t in own}}


def load(rollout: Rollout, track: Track) -> Loaded:
    """The forward track is the approved plan; the way back follows from it and from the plan before it."""
    if track == "forward":
        return _loaded(rollout.plan_digest, rollout.sealed_digest)
    return _way_back(rollout.plan_digest, rollout.strategy)


@lru_cache(KEPT)
def _loaded(digest: str, sealed_digest: str) -> Loaded:
    plan = store.load(digest)
    return replace(_of(plan, sealed_digest), of_before=plan["format"] < WITH_ENVIRONMENT)


@lru_cache(KEPT)
def _way_back(digest: str, strategy: str) -> Loaded:
    plan = store.load(digest)
    before = plan["back"]["plan"]
    sealed_digest = sealed_digest_of(before) if before else ""
    loaded = _of(back_plan(plan, store.load(before) if before else None), sealed_digest or "")
    steps = tuple(step.to_json() for step in strategies.find(strategy).back(loaded.work))
    of_before, found = plan["format"] < WITH_ENVIRONMENT, _found(plan, digest, loaded.work)
    return replace(loaded, work=replace(loaded.work, steps=steps), found=found, of_before=of_before)


def _found(plan: Mapping[str, Any], digest: str, work: Work) -> dict[int, Manifest]:
    rows = {ref_in(row).key: row["manifest"] for row in plan.get("back", {}).get("found", ())}
    sealed = load_sealed(sealed_digest_of(digest) or "") if rows else {}
    masks = masks_of(plan)
    found = (target for target in work.targets if target.key in rows)
    return {t.index: unseal_found(t.ref, rows[t.key], sealed, masks) for t in found}


def _of(plan: Mapping[str, Any], sealed_digest: str) -> Loaded:
    scalers = frozenset(index for index, row in enumerate(plan["objects"]) if row["scaler"])
    kept = set(plan.get("keeps_size", ()))
    keeps = frozenset(index for index, row in enumerate(plan["objects"]) if ref_in(row).key in kept)
    return Loaded(Work.of(plan), sealed_digest, scalers, masks_of(plan), keeps)
