"""Tools that bring an object of their own accord, told by the marks that they leave, and how to stop each. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from environments.kube.objects import Manifest, Ref

FLUX = ("kustomize.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io")


class Reconciler(NamedTuple):
    """A tool and what of it brings the object, as a person reads it; `stop` says how it is kept from doing so.

    `source` is the object that it goes by where the marks name one, None where it is not known to be in the cluster.
    """

    name: str
    stop: str
    source: Ref | None = None


Marks = Mapping[str, str]


def reconcilers(live: Manifest) -> tuple[Reconciler, ...]:
    """Those whose marks the object carries, and those that have written to it as such tools do."""
    metadata = live["metadata"]
    marks = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
    managers = {entry["manager"] for entry in metadata.get("managedFields") or ()}
    found = [each for reader in READERS for each in reader(marks, managers)]
    return tuple(dict.fromkeys([*found, *_owners(metadata)]))


def _argo(marks: Marks, managers: set[str]) -> Iterator[Reconciler]:
    tracked = marks.get("argocd.argoproj.io/tracking-id", "").partition(":")[0]
    name = tracked or marks.get("argocd.argoproj.io/instance", "")
    if name or any(re.match("argo-?cd", manager) for manager in managers):
        stop = (
            "switch its automatic sync off (argocd app set NAME --sync-policy none), or delete the Application and "
            "leave its objects (argocd app delete NAME --cascade=false)"
        )
        yield Reconciler(f"Argo CD{_named(' application', name)}", stop.replace("NAME", name or "NAME"))


def _flux(marks: Marks, managers: set[str]) -> Iterator[Reconciler]:
    kinds = ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"), ("helm.toolkit.fluxcd.io/v2", "HelmRelease")
    for group, (version, kind) in zip(FLUX, kinds, strict=True):
        name, namespace = marks.get(f"{group}/name", ""), marks.get(f"{group}/namespace", "")
        controller = f"{group.partition('.')[0]}-controller"
        if name or controller in managers:
            at = f"{name or 'NAME'}{f' -n {namespace}' if namespace else ''}"
            source = Ref(version, kind, namespace, name) if name and namespace else None
            yield Reconciler(f"Flux{_named(f' {kind}', name)}", f"flux suspend {kind.lower()} {at}", source)


def _helm(marks: Marks, _managers: set[str]) -> Iterator[Reconciler]:
    name = marks.get("meta.helm.sh/release-name", "")
    if name and not any(marks.get(f"{FLUX[1]}/{each}") for each in ("name", "namespace")):
        stop = "neither upgrade, roll back nor uninstall the release any more: uninstalling deletes the object"
        yield Reconciler(f"Helm release {name}", stop)


def _terraform(_marks: Marks, managers: set[str]) -> Iterator[Reconciler]:
    if any(re.match("terraform|hashicorp", manager, re.IGNORECASE) for manager in managers):
        yield Reconciler("Terraform", "take it out of Terraform's state (terraform state rm ADDRESS)")


def _pulumi(_marks: Marks, managers: set[str]) -> Iterator[Reconciler]:
    if any(manager.startswith("pulumi") for manager in managers):
        yield Reconciler("Pulumi", "take it out of Pulumi's state (pulumi state delete URN)")


def _kapp(marks: Marks, _managers: set[str]) -> Iterator[Reconciler]:
    if "kapp.k14s.io/app" in marks:
        yield Reconciler("kapp", "do not deploy or delete its app any more")


def _fleet(marks: Marks, _managers: set[str]) -> Iterator[Reconciler]:
    if name := marks.get("fleet.cattle.io/bundle-id", "") or marks.get("objectset.rio.cattle.io/id", ""):
        yield Reconciler(f"Fleet bundle {name}", "pause its GitRepo")


def _config_sync(marks: Marks, _managers: set[str]) -> Iterator[Reconciler]:
    if any(name.startswith(("configsync.gke.io/", "configmanagement.gke.io/")) for name in marks):
        yield Reconciler("Config Sync", "take it out of its repository with configmanagement.gke.io/managed: disabled")


def _owners(metadata: Mapping[str, Any]) -> Iterator[Reconciler]:
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            yield Reconciler(
                f"{owner['kind']} {owner['name']}", f"the controller of {owner['kind']} makes it: change that"
            )


def _named(what: str, name: str) -> str:
    return f"{what} {name}" if name else ""


READERS: tuple[Callable[[Marks, set[str]], Iterator[Reconciler]], ...] = (
    _argo,
    _flux,
    _helm,
    _terraform,
    _pulumi,
    _kapp,
    _fleet,
    _config_sync,
)
