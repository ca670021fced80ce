"""Answers asked for: of a Service through the API server, or of an address as the public does."""

import json

from environments.kube.api.errors import Denied, Unreachable
from portal import outbound
from releases.rollout.acting.hands import Hands, Result
from releases.rollout.acting.performers import performs
from releases.rollout.colours.health import ANY_ANSWER
from releases.rollout.colours.wants import Probe, ProbeUrl

EXCERPT = 200


@performs(Probe)
def probe(hands: Hands, action: Probe) -> Result:
    ref = action.ref
    try:
        status, body = hands.gateway.proxy(ref.namespace, ref.name, action.port, action.path, timeout=action.timeout)
    except Unreachable:
        hands.gateway.version()  # raises where it is the cluster that does not answer
        return _result(action.at, f"did not answer within {action.timeout:g} s")
    text = body.decode("utf-8", "replace")
    _refuse_denied(status, text)
    why = _wrong(action.status, status) or _missing(action.contains, text)
    return _result(action.at, why, _said(text) if why else "")


@performs(ProbeUrl)
def probe_url(_hands: Hands, action: ProbeUrl) -> Result:
    try:
        answer = outbound.call("GET", action.url)
    except (outbound.OutboundFailed, outbound.OutboundRefused) as error:
        return _result(action.at, str(error).rstrip("."))
    return _result(action.at, _wrong(0, answer.status))


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
