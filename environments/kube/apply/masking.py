"""What may be shown of a Secret: what names it, and which of its values change. Pure."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from environments.kube.names import APPLICATION, MANAGED, SEQUENCE, TRACKING
from environments.kube.objects import Manifest, ref_of

Mask = Callable[[str, str], str]
"""(the field, its value) to what stands for the value."""

# What names the Secret, and what the server counts.
OPEN = frozenset(
    {("apiVersion",), ("kind",)}
    | {
        ("metadata", name)
        for name in ("name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp")
    }
)
TYPES = frozenset(
    {"Opaque", "bootstrap.kubernetes.io/token"}
    | {
        f"kubernetes.io/{name}"
        for name in ("basic-auth", "dockercfg", "dockerconfigjson", "service-account-token", "ssh-auth", "tls")
    }
)
SLUG = re.compile(r"[-a-zA-Z0-9_]{1,60}")
MARK_OF_OWNER = re.compile(rf"{SLUG.pattern}(@{SLUG.pattern})?")
OWN: dict[tuple[str, ...], re.Pattern[str]] = {
    ("metadata", "labels", MANAGED): re.compile("true"),
    ("metadata", "labels", APPLICATION): SLUG,
    ("metadata", "annotations", SEQUENCE): re.compile(r"\d{1,19}"),
}


def hidden(_field: str, _value: str) -> str:
    return "(hidden)"


def masked(secret: Manifest, mask: Mask) -> Manifest:
    """A copy that shows what names it, its type if that is one of Kubernetes' own, and the keys of all else."""
    shown: Manifest = {}
    for place, value in _leaves(secret):
        below = shown
        for step in place[:-1]:
            below = below.setdefault(step, {})
        below[place[-1]] = _shown(secret, place, value, mask)
    return shown


def differences(before: Manifest, after: Manifest, mask: Mask) -> Iterator[tuple[str, Any, Any]]:
    """(path, before, after) of every value in which two versions differ; None where there is none."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    for place in dict.fromkeys([*old, *new]):
        if old.get(place) != new.get(place):
            was = _shown(before, place, old[place], mask) if place in old else None
            yield ".".join(place), was, _shown(after, place, new[place], mask) if place in new else None


def _leaves(value: Mapping[str, Any], place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value that is no map; a list is one value."""
    for name, below in value.items():
        if (*place, name) == ("metadata", "managedFields"):
            continue
        if isinstance(below, Mapping) and below:
            yield from _leaves(below, (*place, name))
        else:
            yield (*place, name), below


def _shown(secret: Manifest, place: tuple[str, ...], value: Any, mask: Mask) -> Any:
    if value in ({}, None) or _is_known(secret, place, value):
        return value
    return mask(json.dumps(place), value if isinstance(value, str) else json.dumps(value, sort_keys=True))


def _is_known(secret: Manifest, place: tuple[str, ...], value: Any) -> bool:
    """Whether it is one of a few values that tell nothing."""
    if isinstance(value, list):
        return False
    if place == ("type",):
        return value in TYPES
    if place == ("immutable",):
        return isinstance(value, bool)
    if place == ("metadata", "annotations", TRACKING):
        mark, _, tracked = str(value).partition(":")
        return bool(MARK_OF_OWNER.fullmatch(mark)) and tracked == ref_of(secret).key
    pattern = OWN.get(place)
    return place in OPEN or (pattern is not None and pattern.fullmatch(str(value)) is not None)
