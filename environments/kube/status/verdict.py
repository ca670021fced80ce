"""What a look at an object found, and the words and readers that every judge of objects shares."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

VerdictState = Literal["done", "wait", "fail", "suspended"]
Json = Mapping[str, Any]


class Verdict(NamedTuple):
    """How far one object has come.

    `state`: "done"; "wait" (it may still come right by itself); "fail" (a change is needed);
    "suspended" (somebody told it to stand still). `why` is a sentence for a person. `ready`, `wanted`
    and `updated` count pods (a job's: succeeded, wanted, succeeded), and are 0 for objects without pods.
    """

    state: VerdictState
    why: str
    ready: int = 0
    wanted: int = 0
    updated: int = 0


def section(obj: Json, name: str) -> Json:
    """The object's spec, status or metadata; empty where absent."""
    return obj.get(name) or {}


def count(status: Json, field: str) -> int:
    """A counter of a status: Kubernetes leaves those out that are 0."""
    return int(status.get(field) or 0)


def condition(status: Json, kind: str) -> Json:
    """The condition of that type; empty where absent."""
    return next((c for c in status.get("conditions") or () if c.get("type") == kind), {})


def holds(status: Json, kind: str) -> bool:
    """Whether the condition of that type is True."""
    return condition(status, kind).get("status") == "True"


def counted(number: int, noun: str) -> str:
    """ "1 pod", "3 pods"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def sentence(text: str) -> str:
    """A cluster's message as one line without a full stop at its end."""
    return " ".join(text.split()).rstrip(". ")


def unseen(obj: Json, generation: int = 0) -> str:
    """Why the object's status says nothing yet about its newest spec; "" where it does.

    `generation` is the one that the caller's own write led to: a copy of the object may be older than that.
    """
    metadata, status = section(obj, "metadata"), section(obj, "status")
    if metadata.get("deletionTimestamp"):
        return "it is being deleted; it can be created anew only when it is gone"
    if count(metadata, "generation") < generation:
        return "the last look at it is older than the change"
    if count(status, "observedGeneration") < count(metadata, "generation"):
        return "its controller has not seen the change yet"
    return ""
