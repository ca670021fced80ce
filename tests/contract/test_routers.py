"""Moving requests: what slipway-traffic writes, what is read back, and whose hand is seen, by each router."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from environments.kube.api.client import Gateway
from environments.kube.api.errors import Fenced, KindMissing, NotFound, Stale
from environments.kube.apply.ownership import owns
from environments.kube.names import SEQUENCE, TRACK, TRAFFIC
from environments.kube.objects import Manifest, Ref, ref_of
from environments.kube.traffic import NOBODY, Route, Seen, Testers, choose, find
from environments.kube.traffic.moving import (
    clear,
    hold,
    prepare,
    read_switch,
    read_weight,
    set_weight,
    switch,
)
from tests.contract.namespace import JSON_PATCH, MERGE, ContractNamespace, written
from tests.contract.objects import deployment, service

TESTERS = Testers(header="x-canary", value="yes")
ISTIO = "networking.istio.io/v1"
GATEWAY = "gateway.networking.k8s.io/v1"
NGINX = "nginx.ingress.kubernetes.io/"


def virtual_service(weight: Manifest | None = None) -> Manifest:
    routes = [{"destination": {"host": "web"}, **({"weight": 100} if weight is None else weight)}]
    http = [
        {"match": [{"headers": {"canary": {"exact": "true"}}}], "route": routes},
        {"timeout": "5s", "route": routes},
    ]
    spec = {"hosts": ["web.example.test"], "http": http}
    return {"apiVersion": ISTIO, "kind": "VirtualService", "metadata": {"name": "web"}, "spec": spec}


def destination_rule() -> Manifest:
    spec = {"host": "web", "subsets": [{"name": "v1", "labels": {"version": "1"}}]}
    return {"apiVersion": ISTIO, "kind": "DestinationRule", "metadata": {"name": "web"}, "spec": spec}


def http_route(*, parent: str = "public") -> Manifest:
    spec = {
        "parentRefs": [{"name": parent}],
        "hostnames": ["web.example.test"],
        "rules": [{"backendRefs": [{"name": "web", "port": 80}]}],
    }
    return {"apiVersion": GATEWAY, "kind": "HTTPRoute", "metadata": {"name": "web"}, "spec": spec}


def public_gateway() -> Manifest:
    spec = {"gatewayClassName": "edge", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}
    return {"apiVersion": GATEWAY, "kind": "Gateway", "metadata": {"name": "public"}, "spec": spec}


def ingress() -> Manifest:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    rules = [{"host": "web.example.test", "http": {"paths": [path]}}]
    annotations = {f"{NGINX}proxy-body-size": "50m", f"{NGINX}upstream-vhost": "web.shop.svc"}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "web", "annotations": annotations},
        "spec": {"ingressClassName": "nginx", "rules": rules},
    }


@dataclass(frozen=True)
class World:
    """What a bundle has, and how a person changes the weights of it by hand.

    `by_subsets`: as plans of before have it, and those of the deployment architecture's own objects.
    """

    router: str
    objects: tuple[Manifest, ...]
    by_hand: tuple[tuple[str, Any], ...] = ()
    on: str = ""
    by_subsets: bool = False


WORLDS = {
    "istio": World(
        "istio",
        (virtual_service(), destination_rule()),
        (("/spec/http/2/route/0/weight", 60), ("/spec/http/2/route/1/weight", 40)),
        "VirtualService web",
        by_subsets=True,
    ),
    "istio without a rule": World(
        "istio",
        (virtual_service(),),
        (("/spec/http/2/route/0/weight", 60), ("/spec/http/2/route/1/weight", 40)),
        "VirtualService web",
        by_subsets=True,
    ),
    "istio by hosts": World(
        "istio",
        (virtual_service({}), destination_rule()),
        (("/spec/http/2/route/0/weight", 60), ("/spec/http/2/route/1/weight", 40)),
        "VirtualService web",
    ),
    "gateway": World(
        "gateway",
        (http_route(),),
        (("/spec/rules/1/backendRefs/0/weight", 60), ("/spec/rules/1/backendRefs/1/weight", 40)),
        "HTTPRoute web",
    ),
    "nginx": World(
        "nginx",
        (ingress(),),
        (("/metadata/annotations/nginx.ingress.kubernetes.io~1canary-weight", "40"),),
        "Ingress web-canary",
    ),
}


@dataclass
class Stage:
    """A world that is set up in a namespace, with the route that was chosen for it."""

    ns: ContractNamespace
    world: World
    route: Route

    @property
    def gateway(self) -> Gateway:
        return self.ns.gateway

    def set(self, weight: int, sequence: int = 1, testers: Testers = TESTERS):
        return set_weight(self.gateway, self.route, weight, testers, sequence=sequence)

    def weighted(self) -> Ref:
        return find(self.route.router).weighted(self.route)[0]

    def main(self) -> Manifest:
        return self.ns.found(find(self.route.router).main(self.route))

    def edit(self) -> None:
        """kubectl edit, of the weights."""
        operations = [{"op": "replace", "path": path, "value": value} for path, value in self.world.by_hand]
        self.ns.done(self.ns.patch(self.weighted(), operations, "kubectl-edit", form=JSON_PATCH))


@pytest.fixture(params=list(WORLDS))
def stage(ns: ContractNamespace, request: pytest.FixtureRequest) -> Stage:
    return set_up(ns, WORLDS[request.param])


def set_up(ns: ContractNamespace, world: World) -> Stage:
    manifests = [ns.here(each) for each in (service(selector={"app": "web"}), *world.objects)]
    manifests.append(ns.here(deployment()))
    route = choose(manifests, (), ns.name, "web")
    assert route is not None
    assert route.router == world.router
    if world.by_subsets:
        own = Ref(ISTIO, "DestinationRule", ns.name, "web-slipway")
        route = replace(route, by_host=False, rule=route.rule or own)
    router = find(route.router)
    for manifest in manifests[:-1]:
        ns.apply(router.at_rest(manifest, route))
    ns.apply(service("web-canary", selector={"app": "web", TRACK: "canary"}))
    return Stage(ns, world, route)


def seen_written(seen: Seen) -> tuple[int, str, str, int]:
    """What of it was written, apart from what controllers say about it at any time."""
    return seen.weight, seen.target, seen.manager, seen.generation


def test_weights_are_set_and_read_back(stage: Stage) -> None:
    for weight in (5, 25, 100, 0):
        seen = stage.set(weight)
        assert (seen.weight, seen.manager, seen.ours) == (weight, TRAFFIC, True)
        assert seen_written(read_weight(stage.gateway, stage.route)) == seen_written(seen)
    assert stage.ns.found(stage.weighted())["metadata"]["annotations"][SEQUENCE] == "1"


def test_setting_the_same_weight_again_changes_nothing(stage: Stage) -> None:
    assert seen_written(stage.set(25)) == seen_written(stage.set(25))


def test_a_persons_edit_is_seen_and_named_and_put_right(stage: Stage) -> None:
    stage.set(5)
    stage.edit()
    seen = read_weight(stage.gateway, stage.route)
    assert (seen.weight, seen.manager, seen.ours) == (40, "kubectl-edit", False)
    again = stage.set(5)
    assert (again.weight, again.manager) == (5, TRAFFIC)


def test_a_stale_number_is_refused_and_nothing_is_written(stage: Stage) -> None:
    before = stage.set(25, sequence=7)
    with pytest.raises(Fenced) as raised:
        stage.set(100, sequence=6)
    assert "rollout number 7" in raised.value.words
    with pytest.raises(Fenced):
        clear(stage.gateway, stage.route, sequence=6)
    assert seen_written(read_weight(stage.gateway, stage.route)) == seen_written(before)


def test_a_newer_rollout_on_the_main_object_refuses_too(stage: Stage) -> None:
    main = ref_of(stage.main())
    newer = {"metadata": {"annotations": {SEQUENCE: "9"}}}
    stage.ns.done(stage.ns.patch(main, newer, "slipway", form=MERGE))
    with pytest.raises(Fenced):
        stage.set(5, sequence=8)


def test_a_change_between_reading_and_writing_is_read_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.set(5)
    meddle(stage, monkeypatch, times=2)
    seen = stage.set(25, sequence=2)
    assert (seen.weight, seen.manager) == (25, TRAFFIC)


def test_an_object_that_keeps_changing_is_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.set(5)
    meddle(stage, monkeypatch, times=99)
    with pytest.raises(Stale):
        stage.set(25)


def meddle(stage: Stage, monkeypatch: pytest.MonkeyPatch, *, times: int) -> None:
    """Somebody labels the object that has the weights after each of our looks at it."""
    real, left, at = stage.gateway.get, iter(range(times)), stage.weighted()

    def get(ref: Ref) -> Manifest | None:
        found = real(ref)
        if ref == at and (number := next(left, None)) is not None:
            label = {"metadata": {"labels": {"theirs": f"v{number}"}}}
            stage.ns.done(stage.ns.patch(ref, label, "kubectl-label", form=MERGE))
        return found

    monkeypatch.setattr(stage.gateway, "get", get)


def test_at_rest_all_is_as_the_bundle_has_it(stage: Stage) -> None:
    router = find(stage.route.router)
    at_first = router.owned(stage.main(), stage.route)["spec"]
    stage.set(25)
    seen = clear(stage.gateway, stage.route, sequence=1)
    assert (seen.weight, seen.accepted or stage.route.router == "gateway") == (0, True)
    assert router.owned(stage.main(), stage.route)["spec"] == at_first
    assert [stage.ns.live(ref) for ref in router.removed_at_rest(stage.route)] in ([], [None])
    assert seen_written(clear(stage.gateway, stage.route, sequence=1)) == seen_written(seen)


def test_the_base_may_apply_its_manifest_at_rest_afterwards(stage: Stage) -> None:
    stage.set(25)
    clear(stage.gateway, stage.route, sequence=1)
    for manifest in stage.world.objects:
        stage.ns.apply(find(stage.route.router).at_rest(stage.ns.here(manifest), stage.route), force=True)
    assert read_weight(stage.gateway, stage.route).weight == 0


def test_an_object_that_is_gone_is_named(stage: Stage) -> None:
    main = ref_of(stage.main())
    stage.gateway.delete(main)
    with pytest.raises(NotFound) as raised:
        stage.set(5)
    assert raised.value.words == f"{main.text} is not there: requests to web cannot be moved."


def test_what_is_left_of_a_canary_goes_also_where_the_routes_object_has_gone(stage: Stage) -> None:
    router = find(stage.route.router)
    stage.set(25)
    main = ref_of(stage.main())
    stage.gateway.delete(main)
    seen = clear(stage.gateway, stage.route, sequence=1)
    assert (seen.weight, seen.accepted) == (0, True)
    assert f"{main.text} is not there" in seen.why
    assert not any(stage.ns.live(ref) for ref in router.removed_at_rest(stage.route))


@pytest.mark.parametrize("name", ["istio", "gateway"])
def test_a_missing_definition_is_told_in_words(ns: ContractNamespace, name: str) -> None:
    stage = set_up(ns, WORLDS[name])
    main = find(name).main(stage.route)
    unknown = main._replace(api_version=f"{main.group}/v99")
    with pytest.raises(KindMissing) as raised:
        set_weight(ns.gateway, replace(stage.route, object=unknown), 5, TESTERS, sequence=1)
    assert f"the cluster does not know {main.kind} of {main.group}/v99" in raised.value.words
    assert "Install the definitions (CRDs)" in raised.value.words


class TestIstio:
    def rule(self, stage: Stage) -> list[dict[str, Any]]:
        return stage.ns.found(stage.route.rule)["spec"]["subsets"]

    def test_the_bundles_subsets_stay_and_testers_see_the_canary_before_any_weight(self, ns: ContractNamespace) -> None:
        stage = set_up(ns, WORLDS["istio"])
        prepare(ns.gateway, stage.route, sequence=1)
        assert [each["name"] for each in self.rule(stage)] == ["v1", "stable", "canary"]
        assert stage.set(0).weight == 0
        documented, ours, main = stage.main()["spec"]["http"]
        assert [each["route"][0]["destination"]["subset"] for each in (documented, ours)] == ["canary", "canary"]
        assert ours["match"] == [{"headers": {"x-canary": {"exact": "yes"}}}]
        assert (ours["timeout"], main["timeout"]) == ("5s", "5s")

    def test_nobody_sees_it_any_more_by_one_write(self, ns: ContractNamespace) -> None:
        stage = set_up(ns, WORLDS["istio"])
        stage.set(25)
        stage.set(0, testers=NOBODY)
        subsets = [
            (each["destination"]["subset"], each.get("weight"))
            for entry in stage.main()["spec"]["http"]
            for each in entry["route"]
        ]
        assert ("canary", 0) in subsets
        assert {subset for subset, weight in subsets if weight != 0} == {"stable"}

    def test_our_own_rule_stays_while_the_canarys_pods_do(self, ns: ContractNamespace) -> None:
        stage = set_up(ns, WORLDS["istio without a rule"])
        ns.apply(labelled("web-canary", "canary"))
        ns.until(lambda: ready_pods(ns, "web") == 1)
        stage.set(25)
        seen = clear(ns.gateway, stage.route, sequence=1)
        assert (seen.weight, seen.accepted) == (0, False)
        assert "its subsets stay until they have gone" in seen.why
        assert [each["name"] for each in self.rule(stage)] == ["stable", "canary"]
        ns.gateway.delete(ns.ref(name="web-canary"))
        ns.until(lambda: clear(ns.gateway, stage.route, sequence=1).accepted)
        assert ns.live(stage.route.rule) is None
        assert read_weight(ns.gateway, stage.route).weight == 0

    def test_somebody_takes_the_subsets_away(self, ns: ContractNamespace) -> None:
        stage = set_up(ns, WORLDS["istio"])
        stage.set(25)
        operations = [{"op": "remove", "path": "/spec/subsets/2"}]
        ns.done(ns.patch(stage.route.rule, operations, "kubectl-edit", form=JSON_PATCH))
        seen = read_weight(ns.gateway, stage.route)
        assert (seen.weight, seen.manager) == (-1, "kubectl-edit")
        assert (stage.set(25).weight, stage.set(25).manager) == (25, TRAFFIC)


class TestGateway:
    def test_a_route_counts_when_its_gateway_has_taken_this_generation_up(self, ns: ContractNamespace) -> None:
        ns.apply(public_gateway())
        stage = set_up(ns, WORLDS["gateway"])
        stage.set(5)
        ns.until(lambda: read_weight(ns.gateway, stage.route).accepted)
        self.hold(stage, "true")
        seen = stage.set(25)
        generation = stage.main()["metadata"]["generation"]
        assert (seen.weight, seen.accepted, seen.generation) == (25, False, generation)
        assert f"Gateway public has not taken up generation {generation} of the route yet" in seen.why
        self.hold(stage, None)
        seen = ns.until(lambda: (now := read_weight(ns.gateway, stage.route)).accepted and now)
        assert (seen.weight, seen.why) == (25, "")

    def test_a_service_that_is_not_there_is_not_accepted(self, ns: ContractNamespace) -> None:
        ns.apply(public_gateway())
        stage = set_up(ns, WORLDS["gateway"])
        ns.gateway.delete(ns.ref("Service", "web-canary", "v1"))
        stage.set(5)
        why = ns.until(lambda: (now := read_weight(ns.gateway, stage.route).why) and "ResolvedRefs" in now and now)
        assert "Gateway public says ResolvedRefs False: BackendNotFound" in why

    def hold(self, stage: Stage, value: str | None) -> None:
        annotation = {"metadata": {"annotations": {"test.slipway/hold": value}}}
        stage.ns.done(stage.ns.patch(ref_of(stage.main()), annotation, "kubectl-annotate", form=MERGE))


def labelled(name: str, track: str, replicas: int = 1) -> Manifest:
    labels = {"app": "web", TRACK: track}
    manifest = deployment(name, replicas=replicas)
    manifest["spec"]["selector"] = {"matchLabels": labels}
    manifest["spec"]["template"]["metadata"]["labels"] = labels
    return manifest


def ready_pods(ns: ContractNamespace, name: str) -> int:
    slices = ns.gateway.list(
        "discovery.k8s.io/v1", "EndpointSlice", ns.name, labels=f"kubernetes.io/service-name={name}"
    )
    endpoints = (each for one in slices for each in one.get("endpoints") or [])
    return sum((each.get("conditions") or {}).get("ready", True) for each in endpoints)


class TestService:
    @pytest.fixture
    def stage(self, ns: ContractNamespace) -> Stage:
        stage = set_up(ns, World("service", ()))
        for name, track, replicas in (("web", "stable", 3), ("web-canary", "canary", 1)):
            ns.apply(labelled(name, track, replicas))
        ns.until(lambda: ready_pods(ns, "web") == 4)
        return stage

    def selector(self, stage: Stage) -> dict[str, str]:
        return stage.main()["spec"]["selector"]

    def settled(self, stage: Stage, weight: int) -> Callable[[], bool]:
        return lambda: read_weight(stage.gateway, stage.route).weight == weight

    def test_the_weight_is_the_share_of_pods_and_none_is_written_between_nothing_and_all(self, stage: Stage) -> None:
        before = written(stage.main())
        assert stage.set(25).weight == 25
        assert written(stage.main()) == before

    def test_all_and_nothing_are_the_selector(self, stage: Stage) -> None:
        stage.set(100)
        assert self.selector(stage) == {"app": "web", TRACK: "canary"}
        stage.ns.until(self.settled(stage, 100))
        stage.set(0, testers=NOBODY)
        assert self.selector(stage) == {"app": "web", TRACK: "stable"}
        stage.ns.until(self.settled(stage, 0))
        assert not clear(stage.gateway, stage.route, sequence=1).accepted
        assert self.selector(stage) == {"app": "web", TRACK: "stable"}
        stage.gateway.delete(stage.ns.ref(name="web-canary"))
        stage.ns.until(lambda: clear(stage.gateway, stage.route, sequence=1).accepted)
        assert self.selector(stage) == {"app": "web"}
        assert read_weight(stage.gateway, stage.route).manager == TRAFFIC

    def test_pods_that_cannot_be_told_apart_are_never_shut_out(self, stage: Stage) -> None:
        plain = labelled("web-old", "stable")
        plain["spec"]["selector"] = {"matchLabels": {"app": "web", "old": "true"}}
        plain["spec"]["template"]["metadata"]["labels"] = {"app": "web", "old": "true"}
        stage.ns.apply(plain)
        stage.ns.until(lambda: ready_pods(stage.ns, "web") == 5)
        stage.set(0)
        assert self.selector(stage) == {"app": "web"}


class TestSwitch:
    """Blue-green."""

    @pytest.fixture(params=[*WORLDS, "service"])
    def stage(self, ns: ContractNamespace, request: pytest.FixtureRequest) -> Stage:
        return set_up(ns, WORLDS.get(request.param, World("service", ())))

    def names(self, stage: Stage) -> tuple[str, str]:
        return ("blue", "green") if stage.route.router == "service" else ("web-blue", "web-green")

    def test_goes_there_and_back_by_one_write(self, stage: Stage) -> None:
        blue, green = self.names(stage)
        for to in (blue, green, blue):
            before = stage.main()["metadata"].get("generation", 0)
            seen = switch(stage.gateway, stage.route, to, sequence=3)
            assert (seen.target, seen.manager, seen.weight) == (to, TRAFFIC, -1)
            assert seen_written(read_switch(stage.gateway, stage.route)) == seen_written(seen)
            assert seen.generation in (before, before + 1)

    def test_an_older_rollout_may_not(self, stage: Stage) -> None:
        blue, green = self.names(stage)
        switch(stage.gateway, stage.route, blue, sequence=3)
        with pytest.raises(Fenced):
            switch(stage.gateway, stage.route, green, sequence=2)
        assert read_switch(stage.gateway, stage.route).target == blue

    def test_the_vhost_of_an_ingress_goes_along(self, ns: ContractNamespace) -> None:
        stage = set_up(ns, WORLDS["nginx"])
        switch(stage.gateway, stage.route, "web-green", sequence=1)
        annotations = stage.main()["metadata"]["annotations"]
        assert annotations[f"{NGINX}upstream-vhost"] == "web-green.shop.svc"
        assert annotations[f"{NGINX}proxy-body-size"] == "50m"

    def test_what_is_held_stays_when_the_base_leaves_it_out(self, ns: ContractNamespace) -> None:
        stage = set_up(ns, World("service", ()))
        switch(stage.gateway, stage.route, "blue", sequence=1)
        ns.apply(service(selector={"app": "web", TRACK: "blue"}), force=True)
        hold(stage.gateway, stage.route, sequence=1)
        ns.apply(service(), force=True)
        assert stage.main()["spec"]["selector"] == {"app": "web", TRACK: "blue"}
        assert owns(stage.main(), TRAFFIC, ("f:spec", "f:selector"))
        assert read_switch(stage.gateway, stage.route).target == "blue"

    def test_a_persons_patch_is_named(self, ns: ContractNamespace) -> None:
        stage = set_up(ns, World("service", ()))
        switch(stage.gateway, stage.route, "blue", sequence=1)
        patch = {"spec": {"selector": {TRACK: "green"}}}
        ns.done(ns.patch(ref_of(stage.main()), patch, "kubectl-patch", form=MERGE))
        seen = read_switch(stage.gateway, stage.route)
        assert (seen.target, seen.manager) == ("green", "kubectl-patch")
