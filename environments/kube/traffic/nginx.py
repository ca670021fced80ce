"""ingress-nginx: a second Ingress with canary annotations beside the one that leads to the workload.

The main Ingress is never touched by weights; blue-green switches its backends.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from environments.kube.names import MANAGED
from environments.kube.objects import Manifest, Ref, ref_of
from environments.kube.traffic.base import (
    NO_TESTERS,
    Live,
    Path,
    Route,
    Router,
    Testers,
    annotations_of,
    fits_hint,
    is_at,
    named,
    named_by,
    of_kind,
    with_sides,
)

GROUP = "networking.k8s.io"
NGINX = "nginx.ingress.kubernetes.io/"
VHOST = f"{NGINX}upstream-vhost"
WEIGHT = f"{NGINX}canary-weight"
TOTAL = f"{NGINX}canary-weight-total"
CLASS = "kubernetes.io/ingress.class"
RULES: Path = ("f:spec", "f:rules")
# With a session's cookie the controller would go on sending to the canary whatever its weight.
NOT_COPIED = ("canary", "affinity", "session-cookie-")
LEGACY = {f"{NGINX}affinity-canary-behavior": "legacy"}

Rule = dict[str, Any]


class Nginx(Router):
    name = "nginx"
    title = "NGINX Ingress"
    needs = ((f"{GROUP}/v1", "Ingress"),)

    def routes(
        self, objects: Sequence[Manifest], namespace: str, workload: str, service: str, hint: str = ""
    ) -> Iterator[Route]:
        for ingress in of_kind(objects, GROUP, "Ingress"):
            route = with_sides(Route(self.name, namespace, workload, service, ref_of(ingress, namespace)))
            rules = _rules_of(ingress, route)
            hosts = [rule.get("host", "") for rule in rules]
            object_hint = bool(hint) and fits_hint(ingress, (), hint)
            if not fits_hint(ingress, hosts, hint) or not (object_hint or _is_nginx(ingress)) or _is_canary(ingress):
                continue
            if rules or _default(ingress, route):
                port = next((_port(each, route) for each in _backends(ingress) if _port(each, route)), 0)
                yield replace(route, host=next(iter(hosts), ""), port=port)

    def leading(self, objects: Sequence[Manifest], route: Route) -> list[Ref]:
        found = (each for each in of_kind(objects, GROUP, "Ingress") if not _is_ours(each))
        near = [each for each in found if ref_of(each, route.namespace).namespace == route.namespace]
        return [
            ref_of(each, route.namespace)
            for each in near
            if any(_service(backend) == route.service for backend in _backends(each))
        ]

    def point(self, manifest: Manifest, route: Route, to: str) -> Manifest:
        if not is_at(manifest, route.object):
            return manifest
        spec = {**(manifest.get("spec") or {})}
        spec["rules"] = [_pointed(rule, route, to) for rule in spec.get("rules") or []]
        if spec.get("defaultBackend"):
            spec["defaultBackend"] = _to(spec["defaultBackend"], route, to)
        return {**manifest, "metadata": _metadata_at(manifest, route, to), "spec": spec}

    def target_of(self, manifest: Manifest, route: Route) -> str:
        found = {_service(each) for each in _backends(manifest)} & route.sides
        return found.pop() if len(found) == 1 else ""

    def owned(self, manifest: Manifest, route: Route) -> Manifest:
        body = named(manifest)
        vhost = annotations_of(manifest).get(VHOST)
        if vhost is not None:
            body["metadata"]["annotations"] = {VHOST: vhost}
        names = ("rules", "defaultBackend")
        given = manifest.get("spec") or {}
        return {**body, "spec": {name: given[name] for name in names if given.get(name)}}

    def reads(self, route: Route) -> tuple[Ref, ...]:
        return (self.main(route), _canary(route))

    def weighted(self, route: Route) -> tuple[Ref, Path]:
        return _canary(route), ("f:metadata", "f:annotations", f"f:{WEIGHT}")

    def switched(self, route: Route) -> Path:
        return RULES

    def weigh(self, live: Live, route: Route, weight: int, testers: Testers) -> list[Manifest]:
        main = live.objects[self.main(route)]
        body = named_by(_canary(route))
        body["metadata"]["labels"] = {MANAGED: "true"}
        body["metadata"]["annotations"] = {**_copied(main, route), **_canary_annotations(weight, testers)}
        return [{**body, "spec": _canary_spec(main, route)}]

    def weight_of(self, live: Live, route: Route) -> int:
        canary = live.get(_canary(route))
        if canary is None:
            return 0
        annotations = annotations_of(canary)
        weight, total = annotations.get(WEIGHT, ""), annotations.get(TOTAL, "100")
        if not _is_canary(canary) or not weight.isdecimal() or not total.isdecimal() or not int(total):
            return -1
        return round(100 * int(weight) / int(total))

    def rest(self, live: Live, route: Route) -> list[Manifest]:
        return []

    def removed_at_rest(self, route: Route) -> tuple[Ref, ...]:
        return (_canary(route),)

    def hosts(self, manifest: Manifest, route: Route) -> tuple[str, ...]:
        if not is_at(manifest, route.object):
            return ()
        return tuple(dict.fromkeys(f"{host}{path}" for host, path in _places(_rules_of(manifest, route))))

    def clashes(self, manifest: Manifest, route: Route, others: Iterable[Manifest]) -> tuple[str, ...]:
        mine = set(_places(_rules_of(manifest, route)))
        words = []
        for other in of_kind(others, GROUP, "Ingress"):
            if is_at(other, _canary(route)):
                words += [] if _is_ours(other) else [f"{_canary(route).text} is there already and is not Slipway's."]
            elif _is_canary(other) and not _is_of(other, route):
                shared = sorted(mine & set(_places(other.get("spec", {}).get("rules") or [])))
                words += [_two_canaries(other, *shared[0])] if shared else []
        return tuple(words)

    def unsupported(self, manifest: Manifest, route: Route, testers: Testers = NO_TESTERS) -> tuple[str, ...]:
        if not is_at(manifest, route.object) or f"{NGINX}affinity" not in annotations_of(manifest):
            return ()
        kept = f"{route.text} keeps sessions by a cookie: clients that have one stay on the stable version"
        return (f"{kept}, so the canary gets less than its weight.",)


def _canary(route: Route) -> Ref:
    return ROUTER.main(route)._replace(name=route.companion or route.canary)


def _two_canaries(other: Manifest, host: str, path: str) -> str:
    where = ref_of(other).text
    return f"{where} is a canary at {host}{path} already: NGINX takes one canary for a rule, two on one host and path."


def _class_of(ingress: Manifest) -> str:
    given = (ingress.get("spec") or {}).get("ingressClassName") or annotations_of(ingress).get(CLASS) or ""
    return str(given)


def _is_nginx(ingress: Manifest) -> bool:
    """Whether ingress-nginx may serve it: its class says so, or leaves it to the cluster's default."""
    return not _class_of(ingress) or "nginx" in _class_of(ingress)


def _is_canary(ingress: Manifest) -> bool:
    return annotations_of(ingress).get(f"{NGINX}canary") == "true"


def _is_ours(ingress: Manifest) -> bool:
    return (ingress["metadata"].get("labels") or {}).get(MANAGED) == "true"


def _is_of(ingress: Manifest, route: Route) -> bool:
    """Whether it is ours beside another Ingress of the same workload."""
    names = {route.canary, *(f"{name}-{route.canary}" for name in route.measured_with)}
    return _is_ours(ingress) and ingress["metadata"]["name"] in names


def goes_on_through_the_mesh(ingress: Manifest) -> bool:
    """Whether its requests go to the Service by its name, where a mesh before the pods divides them again."""
    annotations = annotations_of(ingress)
    return VHOST in annotations or annotations.get(f"{NGINX}service-upstream") == "true"


def _rules(ingress: Mapping[str, Any]) -> list[Rule]:
    return list((ingress.get("spec") or {}).get("rules") or [])


def _paths(rule: Rule) -> list[Rule]:
    return list((rule.get("http") or {}).get("paths") or [])


def _backends(ingress: Mapping[str, Any]) -> list[Rule]:
    default = (ingress.get("spec") or {}).get("defaultBackend")
    return [*([default] if default else []), *(path["backend"] for rule in _rules(ingress) for path in _paths(rule))]


def _service(backend: Rule) -> str:
    return str((backend.get("service") or {}).get("name", ""))


def _port(backend: Rule, route: Route) -> int:
    if _service(backend) not in route.sides:
        return 0
    return int((backend["service"].get("port") or {}).get("number", 0))


def _rules_of(ingress: Mapping[str, Any], route: Route) -> list[Rule]:
    """The rules with the paths that lead to the workload, and no others."""
    found = []
    for rule in _rules(ingress):
        paths = [path for path in _paths(rule) if _service(path["backend"]) in route.sides]
        if paths:
            found.append({**rule, "http": {**rule["http"], "paths": paths}})
    return found


def _default(ingress: Mapping[str, Any], route: Route) -> Rule | None:
    default = (ingress.get("spec") or {}).get("defaultBackend")
    return default if default and _service(default) in route.sides else None


def _places(rules: Iterable[Rule]) -> list[tuple[str, str]]:
    return [(rule.get("host") or "*", path.get("path") or "/") for rule in rules for path in _paths(rule)]


def _to(backend: Rule, route: Route, to: str) -> Rule:
    if _service(backend) not in route.sides:
        return backend
    return {**backend, "service": {**backend["service"], "name": to}}


def _pointed(rule: Rule, route: Route, to: str) -> Rule:
    if not rule.get("http"):
        return rule
    paths = [{**path, "backend": _to(path["backend"], route, to)} for path in _paths(rule)]
    return {**rule, "http": {**rule["http"], "paths": paths}}


def _metadata_at(manifest: Manifest, route: Route, to: str) -> Manifest:
    """The metadata with the annotation that names a side for the upstream in step with the backends."""
    annotations = annotations_of(manifest)
    name, dot, rest = annotations.get(VHOST, "").partition(".")
    if name not in route.sides:
        return dict(manifest["metadata"])
    return {**manifest["metadata"], "annotations": {**annotations, VHOST: f"{to}{dot}{rest}"}}


def _copied(main: Manifest, route: Route) -> dict[str, str]:
    pointed = annotations_of({"metadata": _metadata_at(main, route, route.canary)})
    kept = {
        name: value
        for name, value in pointed.items()
        if name == CLASS or (name.startswith(NGINX) and not name.removeprefix(NGINX).startswith(NOT_COPIED))
    }
    return {**kept, **(LEGACY if f"{NGINX}affinity" in pointed else {})}


def _canary_annotations(weight: int, testers: Testers) -> dict[str, str]:
    wanted = {f"{NGINX}canary": "true", WEIGHT: str(weight)}
    if testers.nobody:
        return wanted
    if testers.header:
        wanted[f"{NGINX}canary-by-header"] = testers.header
    if testers.header and testers.value:
        wanted[f"{NGINX}canary-by-header-value"] = testers.value
    if testers.cookie:
        wanted[f"{NGINX}canary-by-cookie"] = testers.cookie
    return wanted


def _canary_spec(main: Manifest, route: Route) -> Manifest:
    given = main.get("spec") or {}
    spec = {name: given[name] for name in ("ingressClassName", "tls") if given.get(name)}
    rules = [_pointed(rule, route, route.canary) for rule in _rules_of(main, route)]
    default = _default(main, route)
    if rules:
        spec["rules"] = rules
    if default:
        spec["defaultBackend"] = _to(default, route, route.canary)
    return spec


ROUTER = Nginx()
