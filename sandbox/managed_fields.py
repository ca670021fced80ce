"""Who owns which field: the bookkeeping of server-side apply, for applies, updates and patches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from kube_schema import SchemaNode
from sandbox import fieldset, structured_merge
from sandbox.errors import ApiError, StatusCause, apply_conflict
from sandbox.fieldset import FieldSet
from sandbox.structured_merge import ABSENT

APPLY, UPDATE = "Apply", "Update"
_OWN = ("name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields", "resourceVersion")
_BEFORE_FIRST_APPLY = "before-first-apply"
_MOST_UPDATERS = 10

Object = dict[str, Any]


class Manager(NamedTuple):
    """Who wrote, as entries are told apart: an Apply entry is the same one at whatever version."""

    name: str
    operation: str
    subresource: str
    version: str


@dataclass(frozen=True)
class ManagedFieldsEntry:
    """What one manager owns. `time` is when it last changed something."""

    fields: FieldSet
    version: str
    time: str


Managers = dict[Manager, ManagedFieldsEntry]


@dataclass(frozen=True)
class Writer:
    """One write: who, through which subresource, by which version of the API, and when."""

    name: str
    subresource: str
    api_version: str
    time: str

    def manager(self, operation: str) -> Manager:
        return Manager(self.name, operation, self.subresource, "" if operation == APPLY else self.api_version)


def decode(entries: Sequence[Mapping[str, Any]]) -> Managers:
    """The managers of metadata.managedFields."""
    managers: Managers = {}
    for each in entries:
        operation, version = each.get("operation", ""), each.get("apiVersion", "")
        key = Manager(
            each.get("manager", ""), operation, each.get("subresource", ""), "" if operation == APPLY else version
        )
        found = ManagedFieldsEntry(dict(each.get("fieldsV1") or {}), version, each.get("time", ""))
        mine = managers.get(key)
        managers[key] = replace(found, fields=fieldset.union(mine.fields, found.fields)) if mine else found
    return managers


def encode(managers: Managers) -> list[Object]:
    """metadata.managedFields, in the server's order: applies first, then by time and name."""
    ordered = sorted(
        managers.items(),
        key=lambda pair: (pair[0].operation, pair[1].time, pair[0].name, pair[1].version, pair[0].subresource),
    )
    return [_encode(manager, entry) for manager, entry in ordered]


def put(value: Object, managers: Managers) -> None:
    """Writes metadata.managedFields, which are absent where there are none; in place."""
    if managers:
        value["metadata"]["managedFields"] = encode(managers)
    else:
        value["metadata"].pop("managedFields", None)


def _encode(manager: Manager, entry: ManagedFieldsEntry) -> Object:
    written = {
        "manager": manager.name,
        "operation": manager.operation,
        "apiVersion": entry.version,
        "time": entry.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": fieldset.ordered(entry.fields),
    }
    return {**written, "subresource": manager.subresource} if manager.subresource else written


def bare(value: Object) -> Object:
    """An object less what nobody owns."""
    metadata = {name: inner for name, inner in value.get("metadata", {}).items() if name not in _OWN}
    rest = {name: inner for name, inner in value.items() if name not in ("apiVersion", "kind", "metadata")}
    return {"metadata": metadata, **rest} if metadata else rest


def stripped(fields: FieldSet, ignored: Sequence[tuple[str, ...]]) -> FieldSet:
    """The set without what is below these paths of names."""
    for path in ignored:
        fields = _without(fields, path)
    return fields


def _without(fields: FieldSet, path: tuple[str, ...]) -> FieldSet:
    element = f"f:{path[0]}"
    if element not in fields:
        return fields
    rest = {name: inner for name, inner in fields.items() if name != element}
    if len(path) == 1:
        return rest
    below = _without(fields[element], path[1:])
    return {**rest, element: below} if below else rest


def remembered(live: Object | None, sent: Object, subresource: str) -> Managers:
    """The managers to start an update from: those that the client sent ([] or [{}] is none), else the live one's."""
    mine = (live or {}).get("metadata", {}).get("managedFields") or []
    if subresource:
        return decode(mine)
    given = (sent.get("metadata") or {}).get("managedFields")
    if given is None:
        return decode(mine)
    return {} if list(given) in ([], [{}]) else decode(given)


def update(
    live: Object,
    new: Object,
    managers: Managers,
    writer: Writer,
    kind: SchemaNode | None,
    ignored: Sequence[tuple[str, ...]],
) -> Managers:
    """The managers after an update or a patch made `new` of `live`: who changes a field owns it alone."""
    found = structured_merge.compare(bare(live), bare(new), kind)
    me = writer.manager(UPDATE)
    managers = _taken(managers, me, found)
    mine = managers.get(me)
    fields = fieldset.difference(mine.fields if mine else {}, found.removed)
    fields = stripped(fieldset.union(fieldset.union(fields, found.modified), found.added), ignored)
    others = {manager: entry for manager, entry in managers.items() if manager != me}
    if fields:
        unchanged = mine is not None and mine.fields == fields
        time = mine.time if mine is not None and unchanged else writer.time
        others[me] = ManagedFieldsEntry(fields, writer.api_version, time)
    return _capped(others)


def _taken(managers: Managers, me: Manager, found: structured_merge.FieldComparison) -> Managers:
    """The others' entries less what was changed or removed."""
    changed = fieldset.union(found.modified, found.added)
    kept = {}
    for manager, entry in managers.items():
        fields = entry.fields
        if manager != me:
            fields = fieldset.difference(fieldset.difference(fields, changed), found.removed)
        if fields or manager == me:
            kept[manager] = entry if fields == entry.fields else replace(entry, fields=fields)
    return kept


def _capped(managers: Managers) -> Managers:
    """Merges the oldest updaters of a version when there are too many of them."""
    updaters = sorted(
        (pair for pair in managers.items() if pair[0].operation == UPDATE and not pair[0].subresource),
        key=lambda pair: pair[1].time,
    )
    surplus = updaters[: max(0, len(updaters) - _MOST_UPDATERS + 1)] if len(updaters) > _MOST_UPDATERS else []
    for manager, entry in surplus:
        ancient = Manager("ancient-changes", UPDATE, "", manager.version)
        before = managers.get(ancient)
        fields = fieldset.union(before.fields, entry.fields) if before else entry.fields
        managers = {key: value for key, value in managers.items() if key != manager}
        managers[ancient] = replace(entry, fields=fields)
    return managers


class AppliedObject(NamedTuple):
    """The outcome of an apply before defaults: `object` is None where it changes nothing."""

    object: Object
    managers: Managers


def apply(
    live: Object,
    configuration: Object,
    writer: Writer,
    kind: SchemaNode | None,
    ignored: Sequence[tuple[str, ...]],
    *,
    force: bool,
) -> AppliedObject:
    """Merges a configuration into an object; raises ApiError 409 naming fields and managers.

    `live` is an object with apiVersion and kind alone where there is none yet.
    """
    managers = _before_first_apply(live, kind)
    me = writer.manager(APPLY)
    last = managers.get(me)
    wanted, current = bare(configuration), bare(live)
    fields = stripped(structured_merge.fields_of(wanted, kind), ignored)
    merged = structured_merge.merge(current, wanted, kind)
    mine = ManagedFieldsEntry(fields, writer.api_version, writer.time)
    managers = {**managers, me: mine}
    if last is not None and last.fields:
        merged = _pruned(merged, managers, last.fields, kind)
    found = structured_merge.compare(current, merged, kind)
    conflicts = _conflicts(managers, me, found)
    if conflicts and not force:
        raise _refused(conflicts)
    managers = {manager: entry for manager, entry in _taken(managers, me, found).items() if entry.fields}
    if last is not None and last.fields == fields and last.version == mine.version and not any(found):
        managers[me] = last
    return AppliedObject(_whole(merged, live), managers)


def _before_first_apply(live: Object, kind: SchemaNode | None) -> Managers:
    """The live object's managers; one that stands for its past where nobody kept book."""
    metadata = live.get("metadata", {})
    managers = decode(metadata.get("managedFields") or [])
    if managers or not metadata.get("uid"):
        return managers
    writer = Writer(_BEFORE_FIRST_APPLY, "", live["apiVersion"], metadata.get("creationTimestamp", ""))
    return update({}, live, {}, writer, kind, ())


def _pruned(merged: Object, managers: Managers, last: FieldSet, kind: SchemaNode | None) -> Object:
    """Without what the manager had applied before and nobody owns any more."""
    had = structured_merge.with_structs(last, kind)
    present = structured_merge.with_structs(structured_merge.fields_of(merged, kind), kind)
    owned: FieldSet = {}
    for entry in managers.values():
        owned = fieldset.union(owned, entry.fields)
    rest = _removed(merged, had, kind)
    gone = fieldset.difference(present, structured_merge.with_structs(structured_merge.fields_of(rest, kind), kind))
    rest = _removed(merged, fieldset.difference(gone, structured_merge.with_structs(owned, kind)), kind)
    gone = fieldset.difference(present, structured_merge.with_structs(structured_merge.fields_of(rest, kind), kind))
    return _removed(merged, fieldset.intersection(gone, had), kind)


def _removed(value: Object, fields: FieldSet, kind: SchemaNode | None) -> Object:
    rest = structured_merge.remove(value, fields, kind)
    return {} if rest is ABSENT else rest


def _conflicts(
    managers: Managers, me: Manager, found: structured_merge.FieldComparison
) -> list[tuple[Manager, ManagedFieldsEntry, str]]:
    changed = fieldset.union(found.modified, found.added)
    conflicts = []
    for manager, entry in managers.items():
        if manager != me:
            overlap = fieldset.intersection(entry.fields, changed)
            conflicts += [(manager, entry, structured_merge.path_text(path)) for path in fieldset.paths(overlap)]
    return conflicts


def _refused(conflicts: list[tuple[Manager, ManagedFieldsEntry, str]]) -> ApiError:
    named = sorted((_manager_text(manager, entry), path) for manager, entry, path in conflicts)
    causes = [StatusCause("FieldManagerConflict", f"conflict with {who}", path) for who, path in named]
    if len(named) == 1:
        who, path = named[0]
        return apply_conflict(f"Apply failed with 1 conflict: conflict with {who}: {path}", causes)
    lines = []
    for who in dict.fromkeys(who for who, _ in named):
        lines.append(f"conflicts with {who}:")
        lines += [f"- {path}" for other, path in named if other == who]
    return apply_conflict(f"Apply failed with {len(named)} conflicts: " + "\n".join(lines), causes)


def _manager_text(manager: Manager, entry: ManagedFieldsEntry) -> str:
    words = f'"{manager.name}"'
    if manager.subresource:
        words += f' with subresource "{manager.subresource}"'
    return f"{words} using {entry.version}" if manager.operation == UPDATE else words


def _whole(merged: Object, live: Object) -> Object:
    """The merged fields with the identity of the live object."""
    kept = {name: value for name, value in live.get("metadata", {}).items() if name in _OWN}
    rest = {name: value for name, value in merged.items() if name != "metadata"}
    return {
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        "metadata": {**kept, **(merged.get("metadata") or {})},
        **rest,
    }
