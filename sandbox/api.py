"""The verbs of the API on objects: what a request does once it is parsed, without HTTP."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sandbox import errors, managed_fields, patches, scale
from sandbox.admission_chain import Admission, Review
from sandbox.defaults import defaulted, prepared
from sandbox.definitions import Definitions
from sandbox.deletion import Deletion, Deletions
from sandbox.kinds import ApiResource, Kinds
from sandbox.managed_fields import Managers, Writer
from sandbox.object_meta import counted, empty_object, is_definition, is_same, key_in, newborn, unborn
from sandbox.preconditions import (
    changed_uid,
    check_manager,
    check_preconditions,
    check_uid_of_absent,
    check_version,
    refuse_invalid,
)
from sandbox.request_decoding import (
    checked_identity,
    checked_kind,
    decoded,
    decoded_patch,
    ignored_fields,
    schema_of,
    with_kept_metadata,
    without_status,
)
from sandbox.services import ClusterAddresses
from sandbox.store import Object, Store, StoredVersion, StoreKey, now
from sandbox.subresources import Subresources
from sandbox.validation import validate_creation, validate_update
from sandbox.versions import to_stored, to_version

__all__ = ["Api", "Deletion", "Options", "WriteOutcome"]

_STATUS_PARTS = ("apiVersion", "kind", "metadata", "status")
_CREATED_BY_PUT = ("ClusterRole", "ClusterRoleBinding", "Endpoints", "Lease", "Role", "RoleBinding", "Service")


@dataclass(frozen=True)
class Options:
    """What a write may ask for. `field_validation` is Ignore, Warn or Strict."""

    manager: str = "unknown"
    subresource: str = ""
    dry_run: bool = False
    force: bool = False
    field_validation: str = "Warn"
    user: str = "kubernetes-admin"


class WriteOutcome(NamedTuple):
    """The object as stored (as it would be, in a dry run) in the stored version."""

    entry: StoredVersion
    created: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def object(self) -> Object:
        return self.entry.object


_Edit = Callable[[Object], Any]


class Api:
    """One cluster's API. Every method raises ApiError; all are safe to call from any thread."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or Store()
        self.kinds = Kinds()
        self.admission = Admission()
        self.subresources = Subresources()
        self.addresses = ClusterAddresses(self.store)
        self.definitions = Definitions(self.store, self.kinds)
        self._deletions = Deletions(self.store, self.admission)
        self.definitions.learn_all()

    # -- reading ----------------------------------------------------------------------------------------------------

    def entry(self, kind: ApiResource, namespace: str, name: str) -> StoredVersion:
        found = self.store.entry(key_in(kind, namespace, name))
        if found is None:
            raise errors.not_found(kind.group, kind.plural, name)
        return found

    # -- writing ----------------------------------------------------------------------------------------------------

    def create(self, kind: ApiResource, namespace: str, body: Object, options: Options = Options()) -> WriteOutcome:
        """POST."""
        checked_kind(kind, body)
        checked_identity(kind, namespace, body, (body.get("metadata") or {}).get("name", ""))
        if (body.get("metadata") or {}).get("resourceVersion"):
            raise errors.ApiError(500, "", "resourceVersion should not be set on objects to be created")
        sent, warnings = decoded(kind, body, options.field_validation)
        with self.store.lock:
            return self._create(kind, namespace, to_stored(kind, sent), options, warnings, None)

    def update(
        self,
        kind: ApiResource,
        namespace: str,
        name: str,
        body: Object,
        options: Options = Options(),
    ) -> WriteOutcome:
        """PUT, to the object or to its status, scale or finalize subresource."""
        if options.subresource != "scale":
            checked_kind(kind, body)
        checked_identity(kind, namespace, body, name)
        if options.subresource == "scale":
            return self._edit(kind, namespace, name, lambda old: scale.written(kind, old, body), options)
        if kind.kind in _CREATED_BY_PUT and self.store.entry(key_in(kind, namespace, name)) is None:
            return self.create(kind, namespace, body, options)
        return self._edit(kind, namespace, name, lambda _: body, options)

    def patch(
        self,
        kind: ApiResource,
        namespace: str,
        name: str,
        media_type: str,
        body: Any,
        options: Options = Options(),
    ) -> WriteOutcome:
        """PATCH with a JSON, merge or strategic merge patch."""
        change = patches.patcher(kind, media_type, body)
        if options.subresource == "scale":
            return self._edit(kind, namespace, name, lambda old: scale.patched(kind, old, change), options)
        return self._edit(kind, namespace, name, lambda old: change(to_version(kind, old)), options, patch=True)

    def apply(
        self,
        kind: ApiResource,
        namespace: str,
        name: str,
        body: Object,
        options: Options = Options(),
    ) -> WriteOutcome:
        """PATCH with an apply configuration: server-side apply."""
        check_manager(options.manager)
        if options.subresource != "scale":
            checked_kind(kind, body)
        if (body.get("metadata") or {}).get("managedFields") is not None:
            raise errors.bad_request("metadata.managedFields must be nil")
        if options.subresource == "scale":
            body = scale.configuration(kind, body)
        patches.check_types(kind, body)
        with self.store.lock:
            found = self.store.entry(key_in(kind, namespace, name))
            if found is None and options.subresource:
                raise errors.not_found(kind.group, kind.plural, name)
            return self._apply(kind, namespace, name, body, options, found)

    def delete(
        self,
        kind: ApiResource,
        namespace: str,
        name: str,
        deletion: Deletion = Deletion(),  # noqa: B008
        options: Options = Options(),
    ) -> tuple[StoredVersion, bool]:
        """DELETE. The object as it was or is now, and whether it is gone."""
        with self.store.lock:
            found = self.entry(kind, namespace, name)
            entry, gone = self._deletions.delete(kind, found, deletion, options)
            if gone and not options.dry_run and is_definition(kind):
                self.definitions.forget(entry.object)
            return entry, gone

    # -- steps ------------------------------------------------------------------------------------------------------

    def _create(
        self,
        kind: ApiResource,
        namespace: str,
        new: Object,
        options: Options,
        warnings: list[str],
        managers: Managers | None,
    ) -> WriteOutcome:
        new = newborn(kind, namespace, new)
        name = new["metadata"]["name"]
        self._check_namespace(kind, namespace, name)
        new = defaulted(kind, without_status(kind, new), None)
        if managers is None:
            managers = self._updated({}, empty_object(kind), new, kind, options)
        review = self._review("CREATE", kind, new, None, options, warnings)
        self.admission.mutate(review)
        self.addresses.assign(prepared(kind, new), None, dry_run=options.dry_run)
        managed_fields.put(new, managers)
        refuse_invalid(kind, name, validate_creation(kind, new))
        if self.store.entry(key_in(kind, namespace, name)):
            raise errors.already_exists(kind.group, kind.plural, name)
        self.admission.validate(review)
        return WriteOutcome(self._stored(kind, new, None, options), True, tuple(warnings))

    def _edit(
        self, kind: ApiResource, namespace: str, name: str, edit: _Edit, options: Options, *, patch: bool = False
    ) -> WriteOutcome:
        with self.store.lock:
            found = self.entry(kind, namespace, name)
            body = edit(found.object)
            if patch:
                checked_identity(kind, namespace, body, name)
            if options.subresource == "status":
                body = {part: value for part, value in body.items() if part in _STATUS_PARTS}
            sent, warnings = (decoded_patch if patch else decoded)(kind, body, options.field_validation)
            sent = to_stored(kind, sent)
            check_preconditions(kind, sent, found.object)
            new = with_kept_metadata(kind, sent, found.object, options.subresource)
            start = managed_fields.remembered(found.object, body, options.subresource)
            return self._replace(kind, new, found, options, warnings, start, None)

    def _apply(
        self, kind: ApiResource, namespace: str, name: str, body: Object, options: Options, found: StoredVersion | None
    ) -> WriteOutcome:
        live = found.object if found else empty_object(kind)
        writer = writer_of(kind, options)
        body = to_stored(kind, copy.deepcopy(body))
        ignored = ignored_fields(kind, options.subresource)
        applied = managed_fields.apply(live, body, writer, schema_of(kind), ignored, force=options.force)
        checked_identity(kind, namespace, body, name)
        sent = patches.converted(kind, applied.object, body)
        if found is None:
            check_uid_of_absent(kind, body)
            sent["metadata"] |= {
                part: body["metadata"][part] for part in ("name", "generateName") if part in body["metadata"]
            }
            return self._create(kind, namespace, sent, options, [], applied.managers)
        check_version(kind, body["metadata"], live["metadata"])
        refuse_invalid(kind, name, changed_uid(body["metadata"], live["metadata"]))
        new = with_kept_metadata(kind, sent, live, options.subresource)
        return self._replace(kind, new, found, options, [], {}, applied.managers)

    def _replace(
        self,
        kind: ApiResource,
        new: Object,
        found: StoredVersion,
        options: Options,
        warnings: list[str],
        start: Managers,
        managers: Managers | None,
    ) -> WriteOutcome:
        old = found.object
        name = old["metadata"]["name"]
        if options.subresource != "status":
            new = defaulted(kind, new, old)
            self.addresses.assign(new, old, dry_run=options.dry_run)
        if managers is None:
            managers = self._updated(start, old, new, kind, options)
        managed_fields.put(new, managers)
        review = self._review("UPDATE", kind, new, old, options, warnings)
        self.admission.mutate(review)
        if is_same(new, old):
            return WriteOutcome(found, False, tuple(warnings))
        if kind.generation and options.subresource != "status" and counted(kind, new) != counted(kind, old):
            new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
        refuse_invalid(kind, name, validate_update(kind, new, old, options.subresource))
        self.admission.validate(review)
        return WriteOutcome(self._stored(kind, new, found, options), False, tuple(warnings))

    def _stored(self, kind: ApiResource, new: Object, found: StoredVersion | None, options: Options) -> StoredVersion:
        if options.dry_run:
            return StoredVersion(
                key_in(kind, new["metadata"].get("namespace", ""), new["metadata"]["name"]), unborn(new), 0
            )
        if is_definition(kind) and (found is None or options.subresource != "status"):
            return self.definitions.learn(self.store.update(new) if found else self.store.create(new))
        if found is None:
            return self.store.create(new)
        if self._deletions.finished(kind, new):
            self.store.update(new)
            return self.store.delete(found.key)
        return self.store.update(new)

    def _updated(self, before: Managers, old: Object, new: Object, kind: ApiResource, options: Options) -> Managers:
        ignored = ignored_fields(kind, options.subresource)
        if options.subresource == "scale":
            old, new = scale.owned(kind, old), scale.owned(kind, new)
        return managed_fields.update(old, new, before, writer_of(kind, options), schema_of(kind), ignored)

    def _review(
        self, operation: str, kind: ApiResource, new: Object, old: Object | None, options: Options, warnings: list[str]
    ) -> Review:
        metadata = new["metadata"]
        return Review(
            operation,
            kind,
            metadata.get("namespace", ""),
            metadata["name"],
            options.subresource,
            new,
            old,
            options.dry_run,
            options.user,
            options.manager,
            warnings,
        )

    def _check_namespace(self, kind: ApiResource, namespace: str, name: str) -> None:
        if not kind.namespaced:
            return
        found = self.store.get(StoreKey("", "Namespace", "", namespace))
        if found is None:
            raise errors.not_found("", "namespaces", namespace)
        if "deletionTimestamp" in found["metadata"]:
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            cause = errors.StatusCause(
                "NamespaceTerminating", f"namespace {namespace} is being terminated", "metadata.namespace"
            )
            raise errors.forbidden(kind.group, kind.plural, name, why, [cause])


def writer_of(kind: ApiResource, options: Options) -> Writer:
    return Writer(options.manager, options.subresource, kind.api_version, now())
