"""A plan's changes as a person reads them: what removes or restarts first, what stays as it is last."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from environments.kube.objects import Ref

ORDER = {"delete": 0, "replace": 1, "update": 2, "create": 3, "unchanged": 4}
WORDS = {
    "create": "new",
    "replace": "made anew",
    "update": "changed",
    "delete": "removed",
    "unchanged": "unchanged",
}


@dataclass(frozen=True)
class FieldRow:
    """One field: its path, what it is and what it will be (None where there is none), and the layer it comes from."""

    path: str
    before: str | None
    after: str | None
    layer: str


@dataclass(frozen=True)
class ChangeRow:
    """One object of the plan."""

    key: str
    title: str
    where: str
    action: str
    restarts: bool
    hook: str
    fields: tuple[FieldRow, ...]
    warnings: tuple[str, ...]
    conflicts: tuple[Mapping[str, str], ...]
    foreign: tuple[Mapping[str, Any], ...]
    taken: tuple[str, ...]
    manifest: Mapping[str, Any] | None

    @property
    def stands_open(self) -> bool:
        """Whether its fields are shown at once: what is new is long, and what is unchanged has none."""
        return self.action in ("update", "replace", "delete")

    @property
    def text(self) -> str:
        """A new object in full, as YAML."""
        return _yaml(self.manifest) if self.manifest and self.action == "create" else ""


def change_rows(plan: Mapping[str, Any]) -> list[ChangeRow]:
    """Every object of the plan, the weightiest first."""
    manifests = {Ref(*entry["ref"]).key: entry["manifest"] for entry in plan.get("objects", ())}
    rows = [_row(change, manifests.get(Ref(*change["ref"]).key)) for change in plan["changes"]]
    return sorted([*rows, *_removed(plan)], key=lambda row: (ORDER[row.action], not row.restarts, row.title))


def _removed(plan: Mapping[str, Any]) -> list[ChangeRow]:
    known = {Ref(*change["ref"]).key for change in plan["changes"]}
    removed = [entry for entry in plan.get("prune", ()) if Ref(*entry["ref"]).key not in known]
    return [_row({"ref": entry["ref"], "action": "delete"}, None) for entry in removed]


def count_words(plan: Mapping[str, Any]) -> str:
    """ "2 new, 5 changed, 1 removed"."""
    counts = Counter(row.action for row in change_rows(plan))
    return ", ".join(f"{counts[action]} {word}" for action, word in WORDS.items() if counts[action])


def _row(change: Mapping[str, Any], manifest: Mapping[str, Any] | None) -> ChangeRow:
    ref = Ref(*change["ref"])
    return ChangeRow(
        key=ref.key,
        title=f"{ref.kind} {ref.name}",
        where=ref.namespace,
        action=change["action"],
        restarts=bool(change.get("restarts")),
        hook=change.get("hook", ""),
        fields=tuple(_field(field) for field in change.get("fields", ())),
        warnings=tuple(change.get("warnings", ())),
        conflicts=tuple(change.get("conflicts", ())),
        foreign=tuple(change.get("foreign", ())),
        taken=tuple(change.get("taken", ())),
        manifest=manifest,
    )


def _yaml(manifest: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(manifest), sort_keys=False, allow_unicode=True, width=110)


def _field(field: Mapping[str, Any]) -> FieldRow:
    return FieldRow(field["path"], _text(field.get("before")), _text(field.get("after")), field.get("layer") or "")


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, indent=2, ensure_ascii=False)
