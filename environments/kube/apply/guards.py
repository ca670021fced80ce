"""The version of an object that a write may reach."""

from collections.abc import Mapping
from typing import Any

from environments.kube.api.client import Guard

# An object that exists has never this version, so an apply that carries it creates, or is Stale.
ABSENT = Guard("", "1")


def guard_of(obj: Mapping[str, Any] | None) -> Guard:
    """The guard by which a write reaches only this version of the object, or only its absence for None."""
    if obj is None:
        return ABSENT
    return Guard(obj["metadata"]["uid"], obj["metadata"]["resourceVersion"])
