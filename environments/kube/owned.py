"""What belongs to a workload: its selector as a query, and the objects that it made. Pure."""

from collections.abc import Iterable
from typing import TypeVar

from environments.kube.verdict import Json, section

REVISION = "deployment.kubernetes.io/revision"
REVISION_HASH = "controller-revision-hash"
TEMPLATE_HASH = "pod-template-hash"
T = TypeVar("T", bound=Json)


def selector_of(workload: Json) -> str:
    """The workload's selector as a query: "app=web,tier in (a,b)"."""
    selector = section(section(workload, "spec"), "selector")
    plain = [f"{name}={value}" for name, value in (selector.get("matchLabels") or {}).items()]
    return ",".join([*plain, *(_expression(one) for one in selector.get("matchExpressions") or ())])


def _expression(one: Json) -> str:
    key, values = str(one["key"]), ",".join(one.get("values") or ())
    words: dict[str, str] = {
        "In": f"{key} in ({values})",
        "NotIn": f"{key} notin ({values})",
        "Exists": key,
        "DoesNotExist": f"!{key}",
    }
    return words[one["operator"]]


def is_owned(obj: Json, owner: Json) -> bool:
    """Whether the owner made the object."""
    owners = section(obj, "metadata").get("ownerReferences") or ()
    return any(o.get("uid") == section(owner, "metadata").get("uid") for o in owners)


def owned(objects: Iterable[T], owner: Json) -> list[T]:
    """Those of the objects that the owner made."""
    return [obj for obj in objects if is_owned(obj, owner)]


def label(obj: Json, name: str) -> str:
    """A label's value, "" where it has none."""
    return str((section(obj, "metadata").get("labels") or {}).get(name, ""))


def annotation(obj: Json, name: str) -> str:
    """An annotation's value, "" where it has none."""
    return str((section(obj, "metadata").get("annotations") or {}).get(name, ""))
