"""What a release changes for good: the API server never takes the old value again. Pure.

A server can only be asked about what is live now, so what a release makes irreversible is told from a table, by the
object as it was and as it will be.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from environments.kube.objects import Manifest
from environments.kube.quantity import quantity

Spec = Mapping[str, Any]
OPAQUE = "Opaque"


class Left(NamedTuple):
    """What a way back leaves of one object, in words. `manifest`: what of it does come back; None for nothing."""

    why: str
    manifest: Manifest | None


class Fixed(NamedTuple):
    """Fields under spec, or at the top, that never change once an object is there. `words` name them.

    One that the newer object does not name is as it was.
    """

    fields: tuple[str, ...]
    words: str
    top: bool = False


# All fields of a StatefulSet's spec but these are immutable.
STATEFUL_SET_MAY_CHANGE = frozenset({
    "minReadySeconds", "ordinals", "persistentVolumeClaimRetentionPolicy", "replicas", "revisionHistoryLimit",
    "template", "updateStrategy",
})  # fmt: skip
FIXED: Mapping[str, Fixed] = {
    "IngressClass": Fixed(("controller",), "its controller"),
    "PriorityClass": Fixed(("value", "preemptionPolicy"), "its value and preemption", top=True),
    "RuntimeClass": Fixed(("handler",), "its handler", top=True),
    "Service": Fixed(("clusterIP", "clusterIPs"), "its cluster address, or that it has none"),
    "StorageClass": Fixed(
        ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"), "what it makes volumes of", top=True
    ),
}
# Objects that keep something immutable, without which the rest of the old one means something else.
WHOLE: Mapping[str, Fixed] = {
    "ClusterRoleBinding": Fixed(("roleRef",), "the role that it gives", top=True),
    "PersistentVolume": Fixed(("csi", "nfs", "hostPath", "local", "claimRef"), "where its data is"),
    "RoleBinding": Fixed(("roleRef",), "the role that it gives", top=True),
}


def left_of(old: Manifest, new: Manifest) -> Left | None:
    """What stays as `new` has it when `old` is to come back; None where all of it comes back."""
    rule = RULES.get(old["kind"])
    return rule(old, new) if rule else None


def _claim(old: Manifest, new: Manifest) -> Left | None:
    was, now = old.get("spec") or {}, new.get("spec") or {}
    before, after = _storage(was), _storage(now)
    # Of a claim's spec only its size and its class of attributes ever change.
    spec = {**now, **{name: was[name] for name in ("volumeAttributesClassName",) if name in was}}
    if _grows(before, after):
        return Left(f"a claim only grows: it stays at {after}", {**old, "spec": spec})
    spec = {**spec, "resources": was["resources"]} if "resources" in was else spec
    return Left("what a claim asks for cannot be changed", {**old, "spec": spec}) if spec != was else None


def _storage(spec: Spec) -> Any:
    return ((spec.get("resources") or {}).get("requests") or {}).get("storage")


def _grows(before: Any, after: Any) -> bool:
    small, large = quantity(before), quantity(after)
    return small is not None and large is not None and small < large


def _contents(old: Manifest, new: Manifest) -> Left | None:
    """A ConfigMap or Secret."""
    same = all((old.get(name) or {}) == (new.get(name) or {}) for name in ("data", "binaryData", "immutable"))
    if new.get("immutable") and not same:
        return Left("it is immutable: it stays as the newer release has it", None)
    if old["kind"] == "Secret" and (new.get("type") or OPAQUE) != (old.get("type") or OPAQUE):
        return Left("the type of a Secret cannot be changed: it stays as the newer release has it", None)
    return None


def _definition(old: Manifest, new: Manifest) -> Left | None:
    had = {version["name"] for version in (old.get("spec") or {}).get("versions") or ()}
    stored = [each["name"] for each in (new.get("spec") or {}).get("versions") or () if each.get("storage")]
    lost = [name for name in stored if name not in had]
    if not lost:
        return None
    return Left(f"objects may be stored as {', '.join(lost)} by now, which the older definition does not have", None)


def _stateful_set(old: Manifest, new: Manifest) -> Left | None:
    was, now = old.get("spec") or {}, new.get("spec") or {}
    changed = [name for name in sorted({*was, *now} - STATEFUL_SET_MAY_CHANGE) if was.get(name) != now.get(name)]
    if not changed:
        return None
    return Left(f"of a StatefulSet {', '.join(changed)} cannot be changed", _keeping(old, new, changed))


def _selecting(old: Manifest, new: Manifest) -> Left | None:
    """A Deployment or DaemonSet: the pods that it had get the labels by which it now finds them."""
    was, now = old.get("spec") or {}, new.get("spec") or {}
    if was.get("selector") == now.get("selector"):
        return None
    template = was.get("template") or {}
    metadata = template.get("metadata") or {}
    labels = {**(metadata.get("labels") or {}), **((now.get("selector") or {}).get("matchLabels") or {})}
    labelled = {**template, "metadata": {**metadata, "labels": labels}}
    kept = {**old, "spec": {**was, "selector": now.get("selector"), "template": labelled}}
    return Left("its selector cannot be changed", kept)


def _fixed(old: Manifest, new: Manifest) -> Left | None:
    rule = FIXED[old["kind"]]
    changed = _changed(rule, old, new)
    return Left(f"{rule.words} cannot be changed", _keeping(old, new, changed, top=rule.top)) if changed else None


def _whole(old: Manifest, new: Manifest) -> Left | None:
    rule = WHOLE[old["kind"]]
    if not _changed(rule, old, new):
        return None
    return Left(f"{rule.words} cannot be changed: it stays as the newer release has it", None)


def _changed(rule: Fixed, old: Manifest, new: Manifest) -> list[str]:
    was, now = (old, new) if rule.top else (old.get("spec") or {}, new.get("spec") or {})
    return [name for name in rule.fields if name in now and was.get(name) != now[name]]


def _keeping(old: Manifest, new: Manifest, fields: list[str], *, top: bool = False) -> Manifest:
    """The old one with these fields as the new one has them."""
    was, now = (old, new) if top else (old.get("spec") or {}, new.get("spec") or {})
    kept = {name: value for name, value in was.items() if name not in fields}
    kept |= {name: now[name] for name in fields if name in now}
    return kept if top else {**old, "spec": kept}


RULES: Mapping[str, Callable[[Manifest, Manifest], Left | None]] = {
    **dict.fromkeys(FIXED, _fixed),
    **dict.fromkeys(WHOLE, _whole),
    "ConfigMap": _contents,
    "CustomResourceDefinition": _definition,
    "DaemonSet": _selecting,
    "Deployment": _selecting,
    "PersistentVolumeClaim": _claim,
    "Secret": _contents,
    "StatefulSet": _stateful_set,
}
