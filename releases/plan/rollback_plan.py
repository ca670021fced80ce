"""The way back of a plan, itself a plan: the previous one's objects, and away with what this one added."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from environments.kube.apply.managers import SPARED
from environments.kube.objects import Ref
from releases.plan.irreversible import Left, left_of
from releases.plan.objects import Plan, Row, lasting, lasting_by_key, objects_by_key, ref_in
from releases.plan.pruning import NEVER_ADOPTED, NEVER_PRUNED

BEFORE_SLIPWAY = "what ran before Slipway"
JOB = "Job"
FIRST_WAVE = -1
"""Of Jobs that undo a release: before whatever comes back."""
JOBS_TOLD: Mapping[str, str] = {
    "run": "Going back runs {}.",
    "not_run": "It does not run {} again.",
    "done": "What {} did is not undone.",
}


@dataclass(frozen=True)
class _Returning:
    """One object that comes back, as the way back has it; `row` is None where nothing of it does."""

    ref: Ref
    row: Row | None
    left: Left | None = None
    touched: bool = True
    """Whether the release changed it."""
    sized: bool = True
    """Whether it gets the number of pods that it had."""


def back_plan(plan: Row, previous: Row | None) -> Plan:
    """The plan that takes `plan` back, without its steps. Pure.

    Its objects are the previous plan's and those that the release took over from others, each as it was, less Jobs,
    which have run, and less what cannot be undone. What the release changed is adopted first, so that nothing that
    people added meanwhile survives; the rest keeps what they added. `prune` has uid "": what this release added got
    its uid after the plan was made.
    """
    coming = _coming(plan, previous)
    objects = [each for each in coming if each.row is not None]
    stored = previous or plan
    return {
        **{name: stored[name] for name in ("format", "masks") if name in stored},
        "application": plan["application"],
        "environment": plan["environment"],
        "namespace": plan["namespace"],
        "version": previous["version"] if previous else "",
        "kind": "back",
        "strategy": previous["strategy"] if previous else plan["strategy"],
        "images": previous["images"] if previous else {},
        "references": previous["references"] if previous else {},
        "smoke_tests": previous["smoke_tests"] if previous else [],
        "traffic": plan.get("traffic", []),
        "objects": [each.row for each in objects],
        "changes": [],
        "prune": _added(plan, previous),
        "spare": plan.get("spare", list(SPARED)),
        "adopt": [list(each.ref) for each in objects if each.touched and each.ref.kind not in NEVER_ADOPTED],
        "keeps_size": [each.ref.key for each in objects if not each.sized],
        "added": [],
        "namespaces": [],
        "replicas": previous["replicas"] if previous else {},
        "risks": [],
        "back": {"rollout": None, "version": "", "plan": "", "leaves": _told(coming)},
    }


def outlook(plan: Row, previous: Row | None) -> dict[str, Any]:
    """What the way back of a plan leaves and runs, for who approves it.

    {"leaves": [{"ref", "why"}], "jobs": {"run": [ref], "not_run": [ref], "done": [ref]}}: `run` undo the release,
    `not_run` ran when what comes back went in, `done` are the release's own, whose work stays.
    """
    own = [ref_in(row) for row in lasting(plan["objects"])]
    before = [ref_in(row) for row in lasting(previous["objects"])] if previous else []
    return {
        "leaves": [*_told(_coming(plan, previous)), *_staying(plan, previous)],
        "jobs": {
            "run": [row["ref"] for row in plan.get("back", {}).get("objects", ())],
            "not_run": [list(ref) for ref in before if ref.kind == JOB],
            "done": [list(ref) for ref in own if ref.kind == JOB],
        },
    }


def is_touched(before: Row | None, after: Row | None) -> bool:
    """Whether an object is another in one of two plans; rows of them, None where a plan has it not."""
    return before is None or after is None or before["manifest"] != after["manifest"]


def label(plan: Row) -> str:
    """What going back leads to, as a person reads it."""
    if version := plan["back"]["version"]:
        return f"back to {version}"
    if plan.get("back", {}).get("found"):
        return f"first release here: back to {BEFORE_SLIPWAY}"
    return f"first release here: going back removes what {plan['version']} added"


def words(plan: Row) -> tuple[tuple[str, str], ...]:
    """(title, words) of what going back leaves and runs; () for a plan of before that does not say."""
    back = plan.get("back", {})
    leaves = [f"{ref_in(row).text}: {row['why']}" for row in back.get("leaves", ())]
    named = {name: ", ".join(ref[3] for ref in refs) for name, refs in back.get("jobs", {}).items() if refs}
    told = [text.format(named[name]) for name, text in JOBS_TOLD.items() if name in named]
    return (("The way back leaves", "; ".join(leaves)), ("Jobs and the way back", " ".join(told)))


def _coming(plan: Row, previous: Row | None) -> list[_Returning]:
    own, moved, had = objects_by_key(plan), _moved(plan), lasting_by_key(previous)
    before = lasting(previous["objects"]) if previous else []
    found = [row for row in plan.get("back", {}).get("found", ()) if ref_in(row).key not in had]
    others = (*plan.get("back", {}).get("objects", ()), *found)
    return [
        *(_Returning(ref_in(row), row) for row in others),
        *(_returning(row, own.get(ref_in(row).key), moved) for row in before if _comes_back(row)),
    ]


def _comes_back(row: Row) -> bool:
    """Jobs and hooks ran when what comes back went in: once more, they would meet what the newer ones left."""
    return ref_in(row).kind != JOB and not row.get("hook")


def _returning(row: Row, after: Row | None, moved: frozenset[str]) -> _Returning:
    ref = ref_in(row)
    left = left_of(row["manifest"], after["manifest"]) if after else None
    if left and left.manifest is None:
        return _Returning(ref, None, left)
    coming = {**row, "manifest": left.manifest} if left else row
    sized = after is None or ref.key in moved or not _same_size(row, after)
    return _Returning(ref, coming, left, is_touched(row, after), sized)


def _same_size(before: Row, after: Row) -> bool:
    """Whether the release left the number of pods alone, so that whoever has scaled since is right."""
    was, now = ((row["manifest"].get("spec") or {}).get("replicas") for row in (before, after))
    return bool(was is not None and was == now)


def _moved(plan: Row) -> frozenset[str]:
    """Ref.key of workloads whose numbers of pods are the strategy's."""
    entries = plan.get("traffic", ())
    targets = (Ref(*each["target"]).key for each in entries if each.get("target"))
    return frozenset((*targets, *(each["key"] for each in entries if each.get("key"))))


def _told(coming: Sequence[_Returning]) -> list[dict[str, Any]]:
    return [{"ref": list(each.ref), "why": each.left.why} for each in coming if each.left]


def _staying(plan: Row, previous: Row | None) -> list[dict[str, Any]]:
    """What the release brings that going back does not take away, since data would go with it."""
    before, own = lasting_by_key(previous), objects_by_key(plan)
    new = [ref_in(own[key]) for key in plan["added"] if key not in before]
    return [{"ref": list(ref), "why": STAYING[ref.kind]} for ref in new if ref.kind in STAYING]


STAYING: Mapping[str, str] = {
    "CustomResourceDefinition": "it stays: with it all objects of its kind would go",
    "PersistentVolume": "it stays: data would go with it",
    "PersistentVolumeClaim": "it stays: data would go with it",
    "StatefulSet": "it goes, the claims that it made stay: data would go with them",
}


def _added(plan: Row, previous: Row | None) -> list[dict[str, Any]]:
    """In the order of removal: last applied first."""
    before, own = lasting_by_key(previous), objects_by_key(plan)
    going = [ref_in(own[key]) for key in plan["added"] if key not in before]
    return [{"ref": list(ref), "uid": ""} for ref in reversed(going) if ref.kind not in NEVER_PRUNED]
