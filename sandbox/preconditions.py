"""What refuses a write before its content is looked at: managers, versions, uids. Pure."""

from sandbox import errors
from sandbox.errors import ApiError
from sandbox.kinds import ApiResource
from sandbox.store import Object

LONGEST_MANAGER = 128


def check_manager(manager: str) -> None:
    if not manager:
        words = "Required value: is required for apply patch"
    elif len(manager.encode()) > LONGEST_MANAGER:
        words = f"Too long: may not be more than {LONGEST_MANAGER} bytes"
    else:
        return
    reason = "FieldValueTooLong" if manager else "FieldValueRequired"
    cause = errors.StatusCause(reason, words, "fieldManager")
    raise errors.invalid("meta.k8s.io", "PatchOptions", "", [cause])


def check_preconditions(kind: ApiResource, sent: Object, old: Object) -> None:
    metadata, live = sent["metadata"], old["metadata"]
    name = live["name"]
    if metadata.get("uid", live["uid"]) not in ("", live["uid"]):
        why = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {live['uid']}"
        raise _conflict(kind, name, why)
    check_version(kind, metadata, live)


def check_version(kind: ApiResource, sent: Object, live: Object) -> None:
    if sent.get("resourceVersion", live["resourceVersion"]) not in ("", live["resourceVersion"]):
        raise errors.stale(kind.group, kind.plural, live["name"])


def changed_uid(sent: Object, live: Object) -> list[errors.StatusCause]:
    """An apply to another object of this name; the server names the cause twice."""
    if sent.get("uid", live["uid"]) in ("", live["uid"]):
        return []
    words = f'Invalid value: "{sent["uid"]}": field is immutable'
    return [errors.StatusCause("FieldValueInvalid", words, "metadata.uid")] * 2


def check_uid_of_absent(kind: ApiResource, sent: Object) -> None:
    uid = sent["metadata"].get("uid")
    if uid:
        why = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
        raise _conflict(kind, sent["metadata"]["name"], why)


def _conflict(kind: ApiResource, name: str, why: str) -> ApiError:
    message = f'Operation cannot be fulfilled on {errors.qualified(kind.group, kind.plural)} "{name}": {why}'
    details = {"name": name, "group": kind.group, "kind": kind.plural}
    return ApiError(409, "Conflict", message, details={part: value for part, value in details.items() if value})


def refuse_invalid(kind: ApiResource, name: str, causes: list[errors.StatusCause]) -> None:
    if causes:
        raise errors.invalid(kind.group, kind.kind, name, causes)
