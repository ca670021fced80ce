"""Which workloads of a release go from one colour to the other, which are rolled, and why."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from environments.kube.api.errors import Denied
from environments.kube.api.paths import probe_fault
from environments.kube.apply.ownership import autoscaled
from environments.kube.names import STABLE, TRACK
from environments.kube.objects import Manifest, Ref, ref_of
from environments.kube.traffic import Route, choose, find, names
from releases.analysis.metrics import read_metrics
from releases.errors import PlanRefused
from releases.plan.objects import Wanted, ref_in
from releases.strategies.base import Arrangement, Arranging
from releases.strategies.blue_green.colours import COLOURS, SCALERS, Naming, coloured, in_colour, other
from releases.strategies.blue_green.health_path import health_of, unexposed
from releases.strategies.blue_green.paired_services import unpaired
from releases.strategies.blue_green.workloads import ColouredWorkload, Switch, spec_size
from releases.strategies.shared import capacity
from releases.strategies.shared.config_hash import hash_names, shared
from releases.strategies.shared.two_versions import one_at_a_time, shared_service, surroundings

Entries = Sequence[ColouredWorkload]
Needs = Sequence[capacity.Need]
Look = Callable[[Arranging, Entries, Needs], Sequence[str]]

WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
AUTOSCALERS = (("autoscaling/v2", "HorizontalPodAutoscaler"), ("keda.sh/v1alpha1", "ScaledObject"))
MOVED = "Blue and green side by side"
ROLLED = "Rolled out in its wave"
UNCHECKED = "Room for both colours was not checked"
SHARED = "Changes for both versions at once, since more than pods refers to it"
PROBED_FIELD = "spec.template.spec.containers[0].readinessProbe.httpGet.path"
UNLABELLED = "its pods cannot be told apart from new ones yet: this rollout rolls it to label them"
UNMEASURED = "The soak measures no requests"


@dataclass(frozen=True)
class Rolled:
    """A workload that is rolled, and why."""

    name: str
    why: str


def arrange(given: Arranging) -> Arrangement:
    """The objects with every workload that can be in its idle colour. PlanRefused, and KubeError."""
    given = replace(given, objects=unpaired(given.objects))
    _refuse_unknown(given)
    judged = [_judge(given, each) for each in given.objects if each.ref.kind in WORKLOADS]
    entries = [each for each in judged if isinstance(each, ColouredWorkload)]
    rolled = [each for each in judged if isinstance(each, Rolled)]
    unchecked = _check_room(given, entries) if entries else ""
    objects, traffic = given.objects, []
    for entry in entries:
        objects, naming = _colour(objects, entry)
        traffic.append({**entry.to_json(), "naming": naming.to_json()})
    idle = [entry.idle for entry in entries]
    objects = hash_names(objects, idle, given.environment)
    notes = (
        (MOVED, "; ".join(_moved_words(entry) for entry in entries)),
        (ROLLED, "; ".join(f"{each.name}: {each.why}" for each in rolled)),
        (UNCHECKED, unchecked),
        (UNMEASURED, _unmeasured(entries)),
        (SHARED, ", ".join(shared(objects, idle, given.environment))),
    )
    labelled = {each.name for each in rolled if each.why == UNLABELLED}
    marked = (replace(e, labelled=e.ref.kind == "Deployment" and e.ref.name in labelled) for e in objects)
    return Arrangement(tuple(marked), tuple(traffic), notes)


def _refuse_unknown(given: Arranging) -> None:
    known = {each.ref.name for each in given.objects if each.ref.kind in WORKLOADS}
    if unknown := [name for name in given.parameters.get("workloads") or () if name not in known]:
        raise PlanRefused(
            f"The bundle has no workload {unknown[0]}, which `workloads` names; it has {', '.join(sorted(known))}."
        )


def _judge(given: Arranging, wanted: Wanted) -> ColouredWorkload | Rolled:
    name = wanted.ref.name
    if (chosen := given.parameters.get("workloads")) and name not in chosen:
        return Rolled(name, "it is not among the workloads that were chosen")
    if why := one_at_a_time(given, wanted):
        return Rolled(name, why)
    route = _route(given, wanted)
    if route is None:
        return Rolled(name, f"no {_routed_by(given)} leads to its pods")
    if why := _held_back(given, wanted):
        return Rolled(name, why)
    before = _serving(given, wanted, route)
    return before if isinstance(before, Rolled) else _entry(given, wanted, route, before)


def _held_back(given: Arranging, wanted: Wanted) -> str:
    """Why two versions cannot stand side by side, though requests could be moved; "" where they can."""
    if not spec_size(wanted.manifest):
        return "it is to have no pods"
    if why := shared_service(surroundings(given, wanted.ref.namespace), wanted.ref):
        return why
    if scaler := _foreign_scaler(given, wanted):
        return f"{scaler} scales it, is not in the bundle, and would not follow it to the other colour"
    return ""


def _foreign_scaler(given: Arranging, wanted: Wanted) -> str:
    """An autoscaler of the workload that no release of ours brought, "" for none."""
    brought = {each.ref.key for each in given.objects}
    brought |= {ref_in(row).key for row in (given.previous or {}).get("objects", ())}
    for api_version, kind in AUTOSCALERS:
        if not given.knows(api_version, kind):
            continue
        for each in _listed(given, api_version, kind, wanted.ref.namespace):
            made_by_another = bool(each["metadata"].get("ownerReferences"))
            ours = made_by_another or ref_of(each, wanted.ref.namespace).key in brought
            if not ours and any(autoscaled([each], in_colour(wanted.ref, track)) for track in (STABLE, *COLOURS)):
                return f"{kind} {each['metadata']['name']}"
    return ""


def _listed(given: Arranging, api_version: str, kind: str, namespace: str) -> Sequence[Manifest]:
    try:
        return given.listed(api_version, kind, namespace)
    except Denied:
        return ()


def _manifests(given: Arranging) -> list[Manifest]:
    return [each.manifest for each in given.objects]


def _wanted_router(given: Arranging, name: str) -> str:
    wish = next((each.router for each in given.routes if each.workload.rpartition("/")[2] == name), "")
    return str(given.parameters.get("router") or wish or "service")


def _routed_by(given: Arranging) -> str:
    return find(str(given.parameters.get("router") or "service")).title


def _route(given: Arranging, wanted: Wanted) -> Route | None:
    router = _wanted_router(given, wanted.ref.name)
    if router not in names():
        raise PlanRefused(f"There is no router {router!r}; there are: {', '.join(names())}.")
    for api_version, kind in find(router).needs:
        if not given.knows(api_version, kind):
            raise PlanRefused(
                f"{find(router).title} cannot move requests here: the cluster does not know {kind} of {api_version}. "
                f"Install its definitions, or choose another router."
            )
    return choose(_manifests(given), given.routes, wanted.ref.namespace, wanted.ref.name, router)


def _selector(service: Mapping[str, Any]) -> dict[str, str]:
    selector = (service.get("spec") or {}).get("selector") or {}
    return {name: value for name, value in selector.items() if name != TRACK}


def _labels(wanted: Wanted) -> Mapping[str, str]:
    return ((wanted.manifest["spec"].get("template") or {}).get("metadata") or {}).get("labels") or {}


def _services(given: Arranging, wanted: Wanted) -> dict[str, dict[str, str]]:
    """The selectors of all Services that lead to the workload's pods, by name."""
    near = [e for e in given.objects if e.ref.kind == "Service" and e.ref.namespace == wanted.ref.namespace]
    found = {each.ref.name: _selector(each.manifest) for each in near}
    return {
        name: selector for name, selector in found.items() if selector and selector.items() <= _labels(wanted).items()
    }


def _serving(given: Arranging, wanted: Wanted, route: Route) -> str | Rolled:
    """The track that serves now: a colour, or "stable"."""
    name = wanted.ref.name
    service = given.live(Ref("v1", "Service", wanted.ref.namespace, route.service))
    if service is None:
        return Rolled(name, f"Service {route.service} is not there yet")
    track = ((service.get("spec") or {}).get("selector") or {}).get(TRACK, "")
    if track in COLOURS and given.live(in_colour(wanted.ref, track)) is not None:
        return str(track)
    plain = given.live(wanted.ref)
    if plain is None:
        return Rolled(name, "it is not there yet")
    labels = plain["spec"]["template"]["metadata"].get("labels") or {}
    if labels.get(TRACK) != STABLE:
        return Rolled(name, UNLABELLED)
    return STABLE


def _entry(given: Arranging, wanted: Wanted, route: Route, before: str) -> ColouredWorkload:
    selectors = _services(given, wanted) or {route.service: {}}
    colour = other(before)
    naming = Naming(wanted.ref, colour, route.service, selectors)
    _refuse_taken(given, naming)
    scaler_manifests = [each.manifest for each in given.objects if each.ref.kind in SCALERS]
    service = next((each.manifest for each in given.objects if each.ref == naming.at(route.service)), {})
    live = given.live(in_colour(wanted.ref, before))
    scaled = autoscaled(scaler_manifests, wanted.ref)
    health = health_of(wanted.manifest, service, through_preview=True)
    tests = tuple(test for test in given.smoke_tests if _tests_it(test, naming))
    _refuse_leading_away(wanted, health, tests)
    size = spec_size(wanted.manifest) if not scaled else spec_size(live)
    return ColouredWorkload(
        naming=naming,
        before=before,
        switches=_switches(given, naming, route, before),
        hosts=_hosts(given, route),
        scaled=scaled,
        size=max(1, size),
        wave=wanted.wave,
        scalers=_scalers_of(given, in_colour(wanted.ref, before)),
        health=health,
        public=health_of(wanted.manifest, service, through_preview=False),
        tests=tests,
        metrics=_metrics(given),
    )


def _refuse_taken(given: Arranging, naming: Naming) -> None:
    taken = {each.ref.key for each in given.objects} & {naming.coloured.key, naming.preview.key, naming.own.key}
    if taken:
        raise PlanRefused(
            f"The bundle has {', '.join(sorted(taken))} itself: {naming.workload.name} needs the names of its colours "
            "and of its preview. Rename what the bundle has, or leave it to Slipway to make these."
        )


def _refuse_leading_away(wanted: Wanted, health: Mapping[str, Any], tests: Iterable[Mapping[str, Any]]) -> None:
    """PlanRefused for what would be asked of another place than the workload's own Service."""
    asked = [(f"The smoke test {test['name']!r} of slipway.yaml", test["path"]) for test in tests]
    if health:
        at = wanted.layers.get(PROBED_FIELD)
        asked.append((f"{wanted.ref.text}, {PROBED_FIELD}{f' ({at})' if at else ''}", health["path"]))
    for what, path in asked:
        if fault := probe_fault(path):
            raise PlanRefused(f"{what} cannot be asked: {fault}.")


def _tests_it(test: Mapping[str, Any], naming: Naming) -> bool:
    namespace, _, name = str(test["service"]).rpartition("/")
    return name in naming.selectors and namespace in ("", naming.workload.namespace)


def _switches(given: Arranging, naming: Naming, route: Route, before: str) -> tuple[Switch, ...]:
    """The route's object first, then every Service: what calls one by its name is led as well."""
    manifests = _manifests(given)
    found = [_by_service(given, naming, name, before, manifests) for name in _main_first(naming)]
    if route.router == "service":
        return tuple(found)
    live = given.live(find(route.router).main(route))
    now = find(route.router).target_of(live, route) if live else ""
    return (Switch(route, naming.own.name, now or route.service), *found)


def _main_first(naming: Naming) -> list[str]:
    return sorted(naming.selectors, key=lambda name: (name != naming.service, name))


def _by_service(given: Arranging, naming: Naming, name: str, before: str, manifests: Sequence[Manifest]) -> Switch:
    namespace = naming.workload.namespace
    route = find("service").detect(manifests, namespace, naming.workload.name, name)
    route = route or Route("service", namespace, naming.workload.name, name)
    live = given.live(naming.at(name))
    return Switch(route, naming.colour, before, naming.selectors[name], _selector(live or {}) or naming.selectors[name])


def _hosts(given: Arranging, route: Route) -> tuple[str, ...]:
    """Where requests come in. PlanRefused where another rollout moves those of one of them."""
    router = find(route.router)
    at = next((each for each in _manifests(given) if ref_of(each) == router.main(route)), None)
    hosts = router.hosts(at, route) if at else ()
    for host in hosts:
        if who := given.taken(host):
            raise PlanRefused(f"{who} is moving the requests of {host}. Wait until it is over, or abort it.")
    return hosts


def _scalers_of(given: Arranging, live: Ref) -> tuple[Ref, ...]:
    rows = (given.previous or {}).get("objects", ())
    scalers = (row for row in rows if ref_in(row).kind in SCALERS)
    return tuple(ref_in(row) for row in scalers if autoscaled([row["manifest"]], live))


def _metrics(given: Arranging) -> tuple[Mapping[str, Any], ...]:
    asked = given.parameters.get("metrics")
    if asked is None and not given.measured:
        return ()
    return tuple(metric.to_json() for metric in read_metrics(asked))


def _colour(objects: tuple[Wanted, ...], entry: ColouredWorkload) -> tuple[tuple[Wanted, ...], Naming]:
    routes = [(switch.route, switch.to) for switch in entry.switches]
    service = next((each.manifest for each in objects if each.ref == entry.service), {})
    deployment = next(each.manifest for each in objects if each.ref.key == entry.naming.workload.key)
    return coloured(objects, entry.naming, routes, unexposed(deployment, service))


def _check_room(given: Arranging, entries: Sequence[ColouredWorkload]) -> str:
    """Why it could not be checked whether both colours have room, "" where they have. PlanRefused where not."""
    if given.parameters.get("checkCapacity") is False:
        return "the parameters say so"
    specs = {
        each.ref.key: each.manifest["spec"]["template"]["spec"]
        for each in given.objects
        if each.ref.kind == "Deployment"
    }
    needs = [_need(given, entry, specs[entry.naming.workload.key]) for entry in entries]
    looks = (_over_quota, _lacking)
    found = [_tried(look, given, entries, needs) for look in looks]
    if words := [each for several, _ in found for each in several]:
        raise PlanRefused(
            f"There is no room for both colours: {'; '.join(words)}. Make room, roll it out without a second colour, "
            "or set checkCapacity to false where nodes come by themselves."
        )
    return " ".join(why for _, why in found if why)


def _tried(look: Look, given: Arranging, entries: Entries, needs: Needs) -> tuple[Sequence[str], str]:
    """What the look has found, and why it could not be made."""
    try:
        return look(given, entries, needs), ""
    except Denied as error:
        return (), error.words


def _over_quota(given: Arranging, entries: Entries, needs: Needs) -> Sequence[str]:
    namespaces = sorted({entry.naming.workload.namespace for entry in entries})
    quotas = [each for namespace in namespaces for each in given.listed("v1", "ResourceQuota", namespace)]
    return capacity.over_quota(needs, quotas)


def _lacking(given: Arranging, _entries: Entries, needs: Needs) -> Sequence[str]:
    if not any(capacity.requests_of(need.spec) for need in needs):
        return ()
    return capacity.lacking(needs, given.listed("v1", "Node", ""), given.listed("v1", "Pod", ""))


def _need(given: Arranging, entry: ColouredWorkload, spec: Mapping[str, Any]) -> capacity.Need:
    labels = {**entry.naming.selectors[entry.naming.service], TRACK: entry.naming.colour}
    namespace = entry.naming.workload.namespace

    def mine(pod: Manifest) -> bool:
        metadata = pod["metadata"]
        return metadata.get("namespace") == namespace and labels.items() <= (metadata.get("labels") or {}).items()

    count = max(entry.size, spec_size(given.live(entry.live)))
    return capacity.Need(entry.idle.name, spec, count, mine)


def _moved_words(entry: ColouredWorkload) -> str:
    before = entry.live.name
    return f"{entry.workload}: {entry.idle.name} beside {before}, led by {entry.route.text}"


def _unmeasured(entries: Sequence[ColouredWorkload]) -> str:
    if not entries or any(entry.metrics for entry in entries):
        return ""
    return "the environment has no Prometheus: only readiness and restarts of the new colour are watched"
