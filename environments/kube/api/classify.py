"""What can go wrong at a cluster, classified once.

`classify` turns an answer of the API server into a KubeError, `classify_exception` what the network did
instead of an answer. Both are pure.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from environments.kube.api.errors import (
    AlreadyExists,
    Cause,
    Denied,
    Expired,
    FieldConflict,
    Forbidden,
    KindMissing,
    KubeError,
    NamespaceMissing,
    NotFound,
    NotKubernetes,
    Rejected,
    ServerError,
    Stale,
    Terminating,
    Throttled,
    Unauthorized,
    Unreachable,
    UntrustedCertificate,
    WebhookDown,
)

LONGEST = 600
LONGEST_VALUE = 60
UNTRUSTED = "The cluster's certificate is not signed by the authority given: check its CA data."
KIND_MISSING = "The cluster does not know this kind: its definition (CRD) or version is not there."

Judgement = tuple[type[KubeError], str]


class _StatusAnswer(NamedTuple):
    status: int
    reason: str
    message: str
    kind: str
    name: str
    causes: tuple[Cause, ...]
    reasons: frozenset[str]
    is_status: bool
    text: str


RIGHTS = re.compile(r"User \"(?P<user>[^\"]*)\" cannot (?P<what>.+)", re.DOTALL)
# etcd's own limit, and that of the call to it: the same object never fits, and the API server is well.
TOO_LARGE = re.compile(r"etcdserver: request is too large|trying to send message larger than max")
ESCALATION = "RBAC permissions not currently held"
SCHEMA = re.compile(r"failed to (?:create typed patch object|convert new object|create typed live object)")
SCHEMA_OBJECT = re.compile(
    r"^[^(]*\((?P<path>[^;]*); [^)]*Kind=(?P<kind>\w+)\)(?: to proper version: .*?error decoding from json)?: "
)
MANAGER = re.compile(r"conflict with \"(?P<manager>[^\"]*)\"")
POLICY = re.compile(r"ValidatingAdmissionPolicy '|admission webhook \"")
GOT = re.compile(r", got &.*?(?=\n  \.|\Z)", re.DOTALL)
GOT_AND_ALL_AFTER = re.compile(r", got &.*", re.DOTALL)


def classify(status: int, headers: Mapping[str, str], body: bytes | str | dict[str, Any]) -> KubeError:
    """The error of an answer that is none of success. Pure."""
    answer = _read(status, body)
    lower = {name.lower(): value for name, value in headers.items()}
    error_type, words = _judge(answer, lower)
    return error_type(
        _cut(words),
        status=status,
        reason=answer.reason,
        causes=answer.causes,
        retry_after=_seconds(lower.get("retry-after", "")),
        ambiguous=status in (500, 502, 503, 504) and error_type is ServerError,
    )


def _read(status: int, body: bytes | str | dict[str, Any]) -> _StatusAnswer:
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    data = text if isinstance(text, dict) else _json(text)
    shown = text if isinstance(text, str) else ""
    if not isinstance(data, dict) or data.get("kind") != "Status":
        return _StatusAnswer(status, "", shown.strip(), "", "", (), frozenset(), is_status=False, text=shown)
    details = data.get("details") or {}
    given = details.get("causes") or []
    return _StatusAnswer(
        status,
        data.get("reason") or "",
        data.get("message") or "",
        details.get("kind") or "",
        details.get("name") or "",
        tuple(_cause(cause) for cause in given),
        frozenset(cause.get("reason") or "" for cause in given),
        is_status=True,
        text=shown,
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _cause(cause: Mapping[str, str]) -> Cause:
    message = cause.get("message") or ""
    found = MANAGER.search(message)
    return Cause((cause.get("field") or "").lstrip("."), _shorten(message), found["manager"] if found else "")


def _judge(answer: _StatusAnswer, headers: Mapping[str, str]) -> Judgement:
    if 300 <= answer.status < 400:
        return NotKubernetes, _redirected(answer, headers)
    if _is_html(answer, headers) and answer.status < 500:
        words = f"The address answered with a page of HTML (status {answer.status}): no API server does."
        return NotKubernetes, words
    if answer.status >= 500:
        return _of_server(answer)
    return OF_STATUS.get(answer.status, _of_bad_request)(answer)


def _redirected(answer: _StatusAnswer, headers: Mapping[str, str]) -> str:
    where = headers.get("location", "another address")
    return f"The address answers with a redirect ({answer.status}) to {where}: give the API server's own."


def _is_html(answer: _StatusAnswer, headers: Mapping[str, str]) -> bool:
    start = answer.text.lstrip()[:9].lower()
    return "html" in headers.get("content-type", "") or start.startswith(("<!doctype", "<html"))


def _of_bad_request(answer: _StatusAnswer) -> Judgement:
    return Rejected, f"The cluster refuses the request: {_message(answer)}."


def _of_unauthorized(_answer: _StatusAnswer) -> Judgement:
    return Unauthorized, "The cluster does not accept the credential (wrong, revoked or expired): renew it."


def _of_forbidden(answer: _StatusAnswer) -> Judgement:
    if "NamespaceTerminating" in answer.reasons:
        return (
            Terminating,
            f"{_named(answer)}: its namespace is being deleted and takes nothing new.",
        )
    rights = RIGHTS.search(answer.message)
    if rights:
        return Denied, _of_rights(rights["user"], rights["what"])
    if ESCALATION in answer.message:
        return Forbidden, _of_escalation(answer)
    return Forbidden, f"{_named(answer)} is not admitted: {_after_forbidden(answer.message)}."


def _of_escalation(answer: _StatusAnswer) -> str:
    binding = answer.kind.lower().startswith(("rolebinding", "clusterrolebinding"))
    verb = "`bind` on the role that it names" if binding else f"`escalate` on {answer.kind or 'roles'}"
    held = " ".join(answer.message.partition(ESCALATION)[2].split())
    return (
        f"{_named(answer)} gives rights that Slipway's account has not itself, and Kubernetes lets nobody give more "
        f"than they have: give the account these rights, or the verb {verb}. They are{held}"
    )


def _of_rights(user: str, what: str) -> str:
    if user == "system:anonymous":
        return f"The cluster saw no credential; an anonymous user cannot {what}. Connect it with a token."
    return f"Slipway has not the right to do this: {user} cannot {what}. Bind a role that allows it."


def _of_not_found(answer: _StatusAnswer) -> Judgement:
    if not answer.kind:
        return KindMissing, KIND_MISSING
    if answer.kind == "namespaces":
        return NamespaceMissing, f"The namespace {answer.name} is not there."
    return NotFound, f"{_named(answer)} is not there."


def _of_conflict(answer: _StatusAnswer) -> Judgement:
    if answer.reason == "AlreadyExists":
        return AlreadyExists, f"{_named(answer)} is already there."
    if "FieldManagerConflict" in answer.reasons:
        return FieldConflict, f"Others have set fields to other values: {_managers(answer.causes)}."
    if "precondition" in answer.message:
        return (
            Stale,
            f"{_named(answer)} is not the object that was looked at: it was deleted or replaced.",
        )
    return Stale, f"{_named(answer)} has changed since it was read. Nothing was written."


def _managers(causes: tuple[Cause, ...]) -> str:
    fields: dict[str, list[str]] = {}
    for cause in causes:
        fields.setdefault(cause.manager, []).append(cause.field)
    return "; ".join(f"{manager} has {', '.join(names)}" for manager, names in fields.items())


def _of_gone(_answer: _StatusAnswer) -> Judgement:
    return Expired, "The cluster no longer has the version to go on from: read everything again."


def _of_too_large(answer: _StatusAnswer) -> Judgement:
    return Rejected, f"The object is too large for the cluster: {_message(answer)}."


def _of_media_type(_answer: _StatusAnswer) -> Judgement:
    return Rejected, "The cluster does not take this form of patch for this kind."


def _of_invalid(answer: _StatusAnswer) -> Judgement:
    if POLICY.search(answer.message):
        return Forbidden, f"{_named(answer)} is not admitted: {_after_forbidden(answer.message)}."
    causes = [f"{cause.field}: {cause.message}" for cause in answer.causes if cause.field]
    if causes:
        return Rejected, f"{_named(answer)} is not valid: {'; '.join(causes)}."
    if not answer.name:
        return Rejected, "The cluster refuses the patch: a path in it is not there, or a test in it failed."
    return Rejected, f"{_named(answer)} is not valid: {_message(answer)}."


def _of_throttled(answer: _StatusAnswer) -> Judgement:
    if "DisruptionBudget" in answer.reasons:
        return Throttled, f"The pod cannot be evicted now: {answer.causes[0].message}."
    return Throttled, "The cluster has too many requests at the moment; trying again later."


OF_STATUS: Mapping[int, Callable[[_StatusAnswer], Judgement]] = {
    401: _of_unauthorized,
    403: _of_forbidden,
    404: _of_not_found,
    409: _of_conflict,
    410: _of_gone,
    413: _of_too_large,
    415: _of_media_type,
    422: _of_invalid,
    429: _of_throttled,
}


def _of_server(answer: _StatusAnswer) -> Judgement:
    if TOO_LARGE.search(answer.message):
        return _of_too_large(answer)
    if SCHEMA.search(answer.message):
        return Rejected, _of_schema(answer.message)
    if "failed calling webhook" in answer.message:
        return (
            WebhookDown,
            f"An admission webhook fails: {_after(answer.message, 'occurred: ')}.",
        )
    if answer.is_status:
        return ServerError, f"The API server answers with an error ({answer.status}): {_message(answer)}."
    return ServerError, f"Something before the API server answers with an error ({answer.status})."


def _of_schema(message: str) -> str:
    found = SCHEMA_OBJECT.search(message)
    what = f"{found['kind']} {found['path'].lstrip('/')}" if found else "The object"
    # A value of a Secret may look like anything, also like the next problem.
    value = GOT_AND_ALL_AFTER if found and found["kind"] == "Secret" else GOT
    problems = value.sub("", _after(message[found.end() if found else 0 :], "errors:\n"))
    lines = [line.strip().removeprefix(".") for line in problems.splitlines()]
    return f"{what} does not fit its schema: {'; '.join(filter(None, lines))}."


def _named(answer: _StatusAnswer) -> str:
    kind = answer.kind or "The object"
    return f"{kind} {answer.name}".rstrip()


def _message(answer: _StatusAnswer) -> str:
    return _shorten(answer.message or f"status {answer.status}").rstrip(".")


def _after(text: str, mark: str) -> str:
    return text.partition(mark)[2] if mark in text else text


def _after_forbidden(message: str) -> str:
    return _after(message, " is forbidden: ").rstrip(".")


def _shorten(message: str) -> str:
    """Leaves out the value that the server repeats in "Invalid value: VALUE: why" where it is long."""
    head, mark, rest = message.partition("Invalid value: ")
    if not mark:
        return message
    try:
        end = json.JSONDecoder().raw_decode(rest)[1]
    except ValueError:
        return _cut(message, 200)
    return f"{head}{rest[end:].lstrip(': ')}" if end > LONGEST_VALUE else message


def _cut(text: str, length: int = LONGEST) -> str:
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def _seconds(text: str) -> float | None:
    return float(text) if text.isdecimal() else None


def classify_exception(error: BaseException) -> KubeError:
    """The KubeError of what urllib3 or the Kubernetes client raised in place of an answer. Pure.

    `ambiguous` is true where the request had gone out; whoever only reads may ignore it.
    """
    if isinstance(error, KubeError):
        return error
    if isinstance(getattr(error, "reason", None), Exception):
        return classify_exception(error.reason)  # type: ignore[attr-defined]
    names = {base.__name__ for base in type(error).__mro__}
    text = str(getattr(error, "reason", None) or error)
    for found, error_type, words, ambiguous in OF_EXCEPTION:
        if found in names or (found in text and names & WRAPPED):
            return error_type(words, ambiguous=ambiguous)
    return Unreachable(f"The call to the cluster failed ({type(error).__name__}).", ambiguous=True)


WRAPPED = frozenset({"ApiException", "SSLError"})
OF_EXCEPTION: tuple[tuple[str, type[KubeError], str, bool], ...] = (
    ("CERTIFICATE_VERIFY_FAILED", UntrustedCertificate, UNTRUSTED, False),
    ("SSLError", Unreachable, "The cluster breaks off the TLS handshake.", False),
    ("NameResolutionError", Unreachable, "The cluster's host name cannot be resolved.", False),
    (
        "NewConnectionError",
        Unreachable,
        "No connection to the cluster: nothing listens there, or the network does not lead there.",
        False,
    ),
    ("ConnectTimeoutError", Unreachable, "The cluster does not take the connection in time.", False),
    ("ReadTimeoutError", Unreachable, "The cluster does not answer in time.", True),
    ("TimeoutError", Unreachable, "The cluster does not answer in time.", True),
    ("IncompleteRead", Unreachable, "The cluster's answer was cut short.", True),
    ("ProtocolError", Unreachable, "The connection to the cluster broke in the middle of the call.", True),
)
