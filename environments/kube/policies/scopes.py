"""Whom a policy of the mesh is for, and which of two comes first: workload before namespace before mesh. Pure."""

from collections.abc import Mapping
from typing import Any, Literal

from environments.kube.objects import Manifest
from environments.kube.policies.base import Around, Remark, namespace_of, spec_of

Scope = Literal["mesh", "namespace", "workload", "target"]
WIDTH = {"workload": 0, "target": 0, "namespace": 1, "mesh": 2}


def selector_of(manifest: Manifest) -> Mapping[str, str]:
    """The labels of the pods that it is for; empty for all."""
    selector: Mapping[str, Any] = spec_of(manifest).get("selector") or {}
    return selector.get("matchLabels") or {}


def scope_of(manifest: Manifest, root: str) -> Scope:
    """How far it reaches; "target" where it names Gateways or Services instead of labels."""
    if spec_of(manifest).get("targetRefs") or spec_of(manifest).get("targetRef"):
        return "target"
    if selector_of(manifest):
        return "workload"
    return "mesh" if namespace_of(manifest) == root else "namespace"


def whom(manifest: Manifest, root: str) -> str:
    """Whom it is for, in words: "the whole namespace", "app=web"."""
    scope = scope_of(manifest, root)
    if scope == "workload":
        return ", ".join(f"{name}={value}" for name, value in selector_of(manifest).items())
    if scope == "target":
        refs = spec_of(manifest).get("targetRefs") or [spec_of(manifest)["targetRef"]]
        return ", ".join(f"{ref.get('kind', '')} {ref.get('name', '')}".strip() for ref in refs)
    return "the whole mesh" if scope == "mesh" else "the whole namespace"


def meet(one: Manifest, other: Manifest, around: Around) -> bool:
    """Whether some pod may have both of them."""
    scopes = {scope_of(one, around.root), scope_of(other, around.root)}
    if "target" in scopes:
        return False
    places = {namespace_of(one), namespace_of(other)}
    if len(places) > 1 and around.root not in places:
        return False
    if "workload" not in scopes or not (selector_of(one) and selector_of(other)):
        return True
    return _share_a_pod(selector_of(one), selector_of(other), around)


def _share_a_pod(one: Mapping[str, str], other: Mapping[str, str], around: Around) -> bool:
    if one.items() <= other.items() or other.items() <= one.items():
        return True
    both = {**one, **other}.items()
    compatible = all(other.get(name, value) == value for name, value in one.items())
    return compatible and any(both <= pods.labels.items() for pods in around.pods)


def at_same_scope(manifest: Manifest, around: Around) -> list[Manifest]:
    """Other objects of its kind that are for the same pods at the same scope, the oldest first."""
    scope = scope_of(manifest, around.root)
    return [
        each
        for each in around.others(manifest)
        if scope_of(each, around.root) == scope and meet(manifest, each, around)
    ]


def narrower(manifest: Manifest, around: Around) -> list[Manifest]:
    """Other objects of its kind that come before it for some of its pods."""
    width = WIDTH[scope_of(manifest, around.root)]
    return [
        each
        for each in around.others(manifest)
        if WIDTH[scope_of(each, around.root)] < width and meet(manifest, each, around)
    ]


def nobody(manifest: Manifest, around: Around) -> tuple[Remark, ...]:
    """A remark where no workload of the release has the labels that it selects by."""
    selector = selector_of(manifest).items()
    here = [pods for pods in around.pods if pods.namespace == namespace_of(manifest)]
    if not selector or not here or any(selector <= pods.labels.items() for pods in here):
        return ()
    return (Remark(f"no workload of this release has the labels {whom(manifest, around.root)}", counts=False),)
