"""What deciding looks at: the plan as work to do, what is known of the world, and what the step remembers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from environments.kube.apply.managers import SPARED
from environments.kube.objects import Ref
from environments.manifests.hooks import Hook
from portal.steps import step as steps

WATCHED = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job"})
"""Kinds that watches tell of; others are read."""


@dataclass(frozen=True)
class Look:
    """What is known of one object (None: it is gone), and when, in seconds since the epoch, it was seen."""

    object: Mapping[str, Any] | None
    seen_at: float
    uid: str = ""
    generation: int = 0
    version: str = ""
    """The resourceVersion of the object as it was last seen, also of one that has gone since."""


@dataclass(frozen=True)
class Target:
    """One object of a plan."""

    index: int
    ref: Ref
    stage: str
    wave: int
    manifest: Mapping[str, Any]
    temporary: bool = False
    """Whether it is there only while the rollout runs."""
    hook: Hook | None = None
    anew: bool = False
    """Whether what has its name is deleted first."""
    finished: bool = False
    """A Job that ran to its end in the release before, and is left alone."""

    @property
    def key(self) -> str:
        return self.ref.key


@dataclass(frozen=True)
class Work:
    """A plan, read: its objects and its steps. `steps` are the plan's own JSON, see releases.engine.steps."""

    targets: tuple[Target, ...]
    steps: tuple[Mapping[str, Any], ...]
    prune: tuple[tuple[Ref, str], ...] = ()
    adopt: tuple[Ref, ...] = ()
    spare: frozenset[str] = frozenset()
    """What an adoption leaves with whoever has it, see environments.kube.apply.managers."""
    strategy: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    created: frozenset[str] = frozenset()
    """Ref.key of what was not there when it was planned."""
    traffic: tuple[Mapping[str, Any], ...] = ()
    """What the strategy noted of each workload whose requests it moves, as its `arrange` wrote it."""
    version: str = ""
    """Of the release that the plan brings; "" where it only takes away."""
    changes_nothing: bool = False
    """Whether everything was as the plan has it when it was planned, and still was at the start."""
    returning: bool = False
    """Whether it is a way back: what cannot be undone is left, and no step is held up by it."""
    leaves: tuple[str, ...] = ()
    """What a way back leaves, in words, by its plan."""

    @classmethod
    def of(cls, plan: Mapping[str, Any]) -> "Work":
        """From a plan."""
        strategy = plan.get("strategy") or {}
        return cls(
            targets=tuple(
                Target(
                    index,
                    Ref(*entry["ref"]),
                    entry["stage"],
                    entry["wave"],
                    entry["manifest"],
                    entry.get("temporary", False),
                    Hook.from_json(entry["hook"]) if entry.get("hook") else None,
                    entry.get("anew", False),
                    entry.get("finished", False),
                )
                for index, entry in enumerate(plan["objects"])
            ),
            steps=tuple(plan.get("steps", ())),
            prune=tuple((Ref(*entry["ref"]), entry.get("uid", "")) for entry in plan.get("prune", ())),
            adopt=tuple(Ref(*ref) for ref in plan.get("adopt", ())),
            spare=frozenset(plan.get("spare", SPARED)),
            strategy=strategy.get("name", ""),
            parameters=strategy.get("parameters") or {},
            created=frozenset(Ref(*row["ref"]).key for row in plan.get("changes", ()) if row["action"] == "create"),
            traffic=tuple(plan.get("traffic", ())),
            version=plan.get("version", ""),
            changes_nothing=_changes_nothing(plan),
            returning=plan.get("kind") == "back",
            leaves=tuple(f"{Ref(*row['ref']).text}: {row['why']}" for row in plan.get("back", {}).get("leaves", ())),
        )

    def target(self, key: str) -> Target | None:
        """The plan's object of that Ref.key."""
        return next((target for target in self.targets if target.key == key), None)


def _changes_nothing(plan: Mapping[str, Any]) -> bool:
    """A way back has no rows of changes: what it writes is not known."""
    rows = plan.get("changes", ())
    same = bool(rows) and all(row["action"] == "unchanged" for row in rows)
    return same and not plan.get("prune") and not plan.get("adopt")


@dataclass(frozen=True)
class Facts(steps.BaseFacts):
    """The world as one pass sees it. `looks` by Ref.key."""

    looks: Mapping[str, Look] = field(default_factory=dict)
    watching: bool = True
    """Whether somebody keeps `looks` fresh; else steps read for themselves."""


@dataclass(frozen=True)
class View(steps.BaseView[Work, Facts]):
    """What a step sees.

    `written` has {"uid", "generation", "version", "at"} of every object that the rollout has applied, as its last write
    left it.
    """

    def look(self, key: str) -> Look | None:
        """The newest look at an object: what the watch told, or what the step read itself; none from before a write."""
        row, read = self.told(key), self.read(key)
        if row is None or read is None:
            return _of_read(read) if read else row
        return _newer(row, _of_read(read))

    def told(self, key: str) -> Look | None:
        """What the watch told of an object since it was written."""
        row = self.facts.looks.get(key)
        return None if row and is_before(row, self.written.get(key)) else row

    def read(self, key: str) -> Mapping[str, Any] | None:
        """What the step read itself since the object was written: a write has reads of before it forgotten."""
        read: Mapping[str, Any] | None = self.slot("read").get(key)
        return read


def is_before(look: Look, written: Mapping[str, Any] | None) -> bool:
    """Whether what a watch told is from before our write. No clock is asked: hosts differ, and rows come late.

    Versions of one cluster only rise, where they are numbers (all of Kubernetes from 1.35 on). Without them, one that
    has gone is of before where it was another object than we wrote; one that has gone since was ours.
    """
    if not written:
        return False
    if look.object is None and look.uid:
        return look.uid != written.get("uid") and not _is_later(look, written)
    seen, wrote = _number(look.version), _number(written.get("version", ""))
    return seen is not None and wrote is not None and seen < wrote


def _newer(row: Look, read: Look) -> Look:
    """Of two looks since the last write, by the object's own versions where both have them."""
    told, found = _number(row.version), _number(read.version)
    if row.object and read.object and told is not None and found is not None:
        return row if told >= found else read
    return row if row.seen_at >= read.seen_at else read


def _is_later(look: Look, written: Mapping[str, Any]) -> bool:
    seen, wrote = _number(look.version), _number(written.get("version", ""))
    return seen is not None and wrote is not None and seen > wrote


def _number(version: str) -> int | None:
    return int(version) if version.isdecimal() else None


def _of_read(read: Mapping[str, Any]) -> Look:
    found = read["object"]
    metadata = (found or {}).get("metadata", {})
    generation, version = int(metadata.get("generation") or 0), str(metadata.get("resourceVersion", ""))
    return Look(found, read["at"], metadata.get("uid", ""), generation, version)
