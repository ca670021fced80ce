"""What deciding looks at: the plan as work to do, what is known of the world, and what the step remembers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from environments.kube.apply.managers import SPARED
from environments.kube.objects import Ref
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
    """What a step sees. `written` has {"uid", "generation", "at"} of every object that the rollout has applied."""

    def look(self, key: str) -> Look | None:
        """The newest look at an object: what the watch told, or what the step read itself."""
        row, read = self.facts.looks.get(key), self.read(key)
        if read is None or (row and row.seen_at >= read["at"]):
            return row
        return _of_read(read)

    def read(self, key: str) -> Mapping[str, Any] | None:
        """What the step read itself; a read from before the object was written says nothing."""
        read: Mapping[str, Any] | None = self.slot("read").get(key)
        written = self.written.get(key)
        return None if read is None or (written and read["at"] < written["at"]) else read


def _of_read(read: Mapping[str, Any]) -> Look:
    found = read["object"]
    metadata = (found or {}).get("metadata", {})
    return Look(found, read["at"], metadata.get("uid", ""), int(metadata.get("generation") or 0))
