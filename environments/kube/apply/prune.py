"""Removing what a release no longer has."""

from collections.abc import Collection, Mapping
from typing import Any

from environments.kube.api.client import Gateway
from environments.kube.names import TRACKING
from environments.kube.objects import Ref


def prune_object(gateway: Gateway, ref: Ref, uid: str = "", *, tracking: Collection[str]) -> bool:
    """Deletes the very object that was planned to go; False where it has gone or is another one.

    `uid` "" stands for whichever object has the name now. Its tracking annotation must be among `tracking`: a copy
    that somebody made under another name, or for another application, is left alone. Raises KubeError: Stale
    where it is replaced at this moment.
    """
    live = gateway.get(ref)
    if live is None:
        return False
    metadata = live["metadata"]
    if uid not in ("", metadata["uid"]) or _tracking(metadata) not in tracking:
        return False
    return gateway.delete(ref, uid=metadata["uid"])


def _tracking(metadata: Mapping[str, Any]) -> str:
    return str((metadata.get("annotations") or {}).get(TRACKING, ""))
