"""What belongs to a workload: its selector as a query, and the objects that it made. Pure."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from environments.kube.api.errors import Unaddressable
from environments.kube.api.naming import pair_fault
from environments.kube.status.verdict import Json, section

REVISION = "deployment.kubernetes.io/revision"
REVISION_HASH = "controller-revision-hash"
TEMPLATE_HASH = "pod-template-hash"
T = TypeVar("T", bound=Json)


def selector_of(workload: Json) -> str:
    """The workload's selector as a query: "app=web,tier in (a,b)"."""
    selector = section(section(workload, "spec"), "selector")
    plain = labelled(selector.get("matchLabels") or {})
    return ",".join(filter(None, [plain, *(_expression(one) for one in selector.get("matchExpressions") or ())]))


def labelled(labels: Mapping[str, str]) -> str:
    """What has all these labels, as a query. Raises Unaddressable for text that would ask for something else."""
    return ",".join(f"{_checked(key, value)}={value}" for key, value in labels.items())


def _checked(key: str, value: str) -> str:
    if fault := pair_fault(key, value):
        raise Unaddressable(f"Objects cannot be listed by this label: {fault}.")
    return key


def _expression(one: Json) -> str:
    given = one.get("values") or [""]
    key, values = _checked(one["key"], given[0]), ",".join(value for value in given if _checked(one["key"], value))
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
