"""What has changed in a cluster between a plan and its start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SHOWN = 5
RUNS = ("create", "replace")  # a Job runs either way: its TTL may have removed the old one meanwhile


@dataclass(frozen=True)
class Drift:
    """`objects` are those whose diff is another than the plan's, as a person reads them; `refusal` is what is said
    where the plan would be refused now. `outdated`: all are Secrets, and the plan has masks of before."""

    objects: tuple[str, ...]
    refusal: str = ""
    outdated: bool = False

    @property
    def words(self) -> str:
        """One sentence that names them."""
        if self.refusal:
            return f"The plan would be refused now: {self.refusal}"
        named = ", ".join(self.objects[:SHOWN])
        more = f" and {len(self.objects) - SHOWN} more" if len(self.objects) > SHOWN else ""
        if self.outdated:
            return f"An earlier version of Slipway made the plan, and masked Secrets in another way: {named}{more}."
        return f"The cluster has changed since the plan was made: {named}{more}."


def compare(planned: Mapping[str, Any], now: Mapping[str, Any]) -> Drift | None:
    """None where both plans would do the same to the cluster as it is."""
    before, after = _effects(planned), _effects(now)
    names = [text for key, text in _names(planned, now).items() if before.get(key) != after.get(key)]
    outdated = planned.get("masks") != now.get("masks") and all(text.startswith("Secret ") for text in names)
    return Drift(tuple(sorted(names)), outdated=outdated) if names else None


def _effects(plan: Mapping[str, Any]) -> dict[tuple[str, ...], Any]:
    changes = {tuple(row["ref"]): _effect(row) for row in plan["changes"] if "hook" not in row}
    return changes | {tuple(row["ref"]): ("prune", row["uid"]) for row in plan["prune"]}


def _effect(row: Mapping[str, Any]) -> tuple[Any, ...]:
    if row["ref"][1] == "Job" and row["action"] in RUNS:
        return (RUNS, row["conflicts"])
    # A stored plan has the keys of its maps in another order than one just made, and so the fields.
    fields = {field["path"]: (field["before"], field["after"]) for field in row["fields"]}
    return row["action"], fields, row["conflicts"]


def _names(*plans: Mapping[str, Any]) -> dict[tuple[str, ...], str]:
    rows: Sequence[Mapping[str, Any]] = [row for plan in plans for row in (*plan["changes"], *plan["prune"])]
    return {tuple(row["ref"]): _text(row["ref"]) for row in rows}


def _text(ref: Sequence[str]) -> str:
    _, kind, namespace, name = ref
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
