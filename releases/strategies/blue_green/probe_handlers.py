"""Answers asked for: of a Service through the API server, or of an address as the public does."""

import json

from environments.kube.api.errors import Denied, Unreachable
from portal import outbound
from portal.steps.operations import Result
from releases.strategies.blue_green.health_path import ANY_ANSWER
from releases.strategies.blue_green.operations import Probe, ProbeUrl
from releases.strategies.shared.handling import Execution, handles

EXCERPT = 200


@handles(Probe)
def probe(execution: Execution, operation: Probe) -> Result:
    ref = operation.ref
    try:
        status, body = execution.gateway.proxy(
            ref.namespace, ref.name, operation.port, operation.path, timeout=operation.timeout
        )
    except Unreachable:
        execution.gateway.version()  # raises where it is the cluster that does not answer
        return _result(operation.at, f"did not answer within {operation.timeout:g} s")
    text = body.decode("utf-8", "replace")
    _refuse_denied(status, text)
    why = _wrong(operation.status, status) or _missing(operation.contains, text)
    return _result(operation.at, why, _said(text) if why else "")


@handles(ProbeUrl)
def probe_url(_hands: Execution, operation: ProbeUrl) -> Result:
    try:
        answer = outbound.call("GET", operation.url)
    except (outbound.OutboundFailed, outbound.OutboundRefused) as error:
        return _result(operation.at, str(error).rstrip("."))
    return _result(operation.at, _wrong(0, answer.status))


def _result(at: float, why: str, said: str = "") -> Result:
    return {"ok": not why, "why": why, "at": at, "said": said}


def _wrong(wanted: int, status: int) -> str:
    fits = {0: 200 <= status < 400, ANY_ANSWER: status < 500}.get(wanted, status == wanted)
    if fits:
        return ""
    expected = {0: "", ANY_ANSWER: ""}.get(wanted, f" instead of {wanted}")
    return f"answered {status}{expected}"


def _missing(wanted: str, text: str) -> str:
    return f"answered without {wanted!r} in it" if wanted and wanted not in text else ""


def _said(text: str) -> str:
    """The API server's own words where it could not reach a pod, else the beginning of the answer."""
    return str(_status(text).get("message") or " ".join(text.split()))[:EXCERPT]


def _status(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and found.get("kind") == "Status" else {}


def _refuse_denied(status: int, text: str) -> None:
    if status == 403 and _status(text).get("reason") == "Forbidden":
        raise Denied(
            "Slipway has no right to ask Services through the API server: it needs get on services/proxy.", status=403
        )
