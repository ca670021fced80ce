"""What takes one version at a time is rolled by canary and blue-green alike, and routes that do not move are named."""

from typing import Any

import pytest

from environments.kube.objects import Manifest, ref_of
from environments.manifests.settings import RouteSetting
from releases.strategies import find
from releases.strategies.canary.workloads import CanaryWorkload
from tests.environments.kube.traffic import documents
from tests.releases.rollout.canary_paper import NAMESPACE, arranging, bundle, config, deployment

CANARY = find("canary")
CLAIM = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}


def claim(*modes: str) -> Manifest:
    metadata = {"name": "data", "namespace": NAMESPACE}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": {"accessModes": [*modes]},
    }


def agent(strategy: str = "", labels: dict[str, str] | None = None, **pod: Any) -> Manifest:
    manifest = deployment()
    manifest["spec"] |= {"strategy": {"type": strategy}} if strategy else {}
    manifest["spec"]["template"]["metadata"]["labels"] |= labels or {}
    manifest["spec"]["template"]["spec"] |= pod
    return manifest


def with_agent(mine: Manifest, *more: Manifest) -> list[Manifest]:
    service = documents.read(documents.SERVICE)[0]
    return [config("blue"), service, mine, *more]


def beside(name: str = "agent-batch", kind: str = "Deployment") -> Manifest:
    """Another workload whose pods have the labels that the Service asks for."""
    manifest = deployment(name, kind=kind)
    manifest["spec"]["template"]["metadata"]["labels"]["app"] = "agent-service"
    return manifest


ONE = "its pods write to the volume data, which one version at a time can have"
HELD = [
    (with_agent(agent("Recreate")), "its strategy is Recreate: the old version goes before the new one comes"),
    (with_agent(agent(volumes=[CLAIM]), claim("ReadWriteOnce")), ONE),
    (with_agent(agent(volumes=[CLAIM]), claim("ReadWriteOncePod")), ONE),
    (with_agent(agent(volumes=[CLAIM])), ONE),
    (
        with_agent(agent(containers=[{"name": "a", "ports": [{"containerPort": 80, "hostPort": 8080}]}])),
        "its pods take port 8080 of their node, which one version at a time can have",
    ),
    (
        with_agent(agent(hostNetwork=True, containers=[{"name": "a", "ports": [{"containerPort": 80}]}])),
        "its pods take port 80 of their node, which one version at a time can have",
    ),
    (with_agent(agent(), beside()), "Service agent-service leads to agent-batch as well"),
]


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
@pytest.mark.parametrize(("manifests", "why"), HELD)
def test_what_takes_one_version_at_a_time_is_rolled_and_the_plan_says_why(
    manifests: list[Manifest], why: str, strategy: str
) -> None:
    given = arranging(manifests, parameters={"workloads": ["agent-service"]})
    arrangement = find(strategy).arrange(given)
    assert arrangement.traffic == ()
    assert f"agent-service: {why}" in " ".join(words for _, words in arrangement.notes)


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_a_workload_of_another_release_behind_the_service_counts(strategy: str) -> None:
    def listed(_api_version: str, kind: str, _namespace: str) -> list[Manifest]:
        return [beside()] if kind == "Deployment" else []

    arrangement = find(strategy).arrange(arranging(with_agent(agent()), listed=listed))
    assert "leads to agent-batch as well" in " ".join(words for _, words in arrangement.notes)


def test_a_claim_that_several_nodes_may_have_holds_nothing_back() -> None:
    manifests = with_agent(agent(volumes=[CLAIM]), claim("ReadWriteMany"))
    assert len(CANARY.arrange(arranging(manifests)).traffic) == 1


# Routes


def named(text: str, name: str, host: str) -> Manifest:
    manifest = documents.read(text)[0]
    manifest["metadata"] = {**manifest["metadata"], "name": name}
    manifest["spec"] = {**manifest["spec"]}
    if manifest["kind"] == "VirtualService":
        manifest["spec"] |= {"hosts": [host], "http": [{"route": [{"destination": {"host": "agent-service"}}]}]}
    elif manifest["kind"] == "Ingress":
        [*_, rule] = manifest["spec"]["rules"]
        manifest["spec"]["rules"] = [{**rule, "host": host}]
    return manifest


MESH, INNER = named(documents.ISTIO, "mesh", "a.test"), named(documents.ISTIO, "inner", "b.test")
ADMIN, PUBLIC = named(documents.INGRESS, "admin", "c.test"), named(documents.INGRESS, "public", "d.test")
HTTP = documents.read(documents.HTTP_ROUTE)[0]
EVERY = with_agent(agent(), ADMIN, PUBLIC, HTTP, INNER, MESH)


def moved(manifests: list[Manifest], *wishes: RouteSetting, **given: Any) -> tuple[list[str], dict[str, str]]:
    """The objects that move, and what the plan says."""
    arrangement = CANARY.arrange(arranging(manifests, routes=wishes, **given))
    entry = CanaryWorkload.from_json(arrangement.traffic[0])
    assert CanaryWorkload.from_json(entry.to_json()) == entry
    return [each.object.name for each in entry.moving if each.object], dict(arrangement.notes)


ITSELF = "Service agent-service itself: all on stable until the end, then all at once"


def test_every_route_of_every_kind_moves_and_each_ingress_has_a_canary_of_its_own() -> None:
    names, notes = moved(EVERY)
    assert names == ["inner", "mesh", "agent-service", "admin", "public"]
    assert notes["Not moved"] == ITSELF
    arrangement = CANARY.arrange(arranging(EVERY))
    routes = CanaryWorkload.from_json(arrangement.traffic[0]).moving
    assert len({each.companion or each.canary for each in routes if each.router == "nginx"}) == 2
    assert arrangement.traffic[0]["hosts"] == [
        "b.test", "a.test", "api.aiworkflow.com/api/agents", "c.test/api/agents", "d.test/api/agents",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wishes", "names", "left"),
    [
        ([("nginx", "", "")], ["admin", "public"], ["VirtualService inner", "HTTPRoute agent-service"]),
        ([("", "Ingress/admin", "")], ["admin"], ["VirtualService inner", "Ingress public"]),
        ([("", "VirtualService/mesh", ""), ("", "", "d.test")], ["mesh", "public"], ["Ingress admin"]),
        ([("service", "", "")], [], []),
        ([("", "", "")], ["inner", "mesh", "agent-service", "admin", "public"], []),
    ],
)  # fmt: skip
def test_routes_of_slipway_yaml_name_what_moves_and_the_plan_names_the_rest(
    wishes: list[tuple[str, str, str]], names: list[str], left: list[str]
) -> None:
    settings = [RouteSetting("agent-service", "agent-service", *each) for each in wishes]
    found, notes = moved(EVERY, *settings)
    assert found == names
    for each in left:
        assert f"{each}: all on stable until the end, then all at once" in notes["Not moved"]


def test_routes_that_are_not_the_releases_are_named() -> None:
    theirs = named(documents.INGRESS, "theirs", "e.test")

    def listed(_api_version: str, kind: str, _namespace: str) -> list[Manifest]:
        return [theirs] if kind == "Ingress" else []

    names, notes = moved(with_agent(agent(), MESH), listed=listed)
    assert names == ["mesh"]
    assert notes["Not moved"].startswith("Ingress theirs: all on stable until the end")


def test_a_route_that_comes_with_the_release_is_left_until_the_end() -> None:
    there = [each for each in EVERY if ref_of(each).name != "inner"]
    given = arranging(EVERY, there)
    arrangement = CANARY.arrange(given)
    entry = CanaryWorkload.from_json(arrangement.traffic[0])
    assert [each.object.name for each in entry.moving if each.object] == ["mesh", "agent-service", "admin", "public"]
    assert "VirtualService inner" in dict(arrangement.notes)["Not moved"]


def test_where_weights_are_between_subsets_of_the_service_who_calls_it_gets_the_share_of_the_pods() -> None:
    arrangement = CANARY.arrange(arranging(bundle(ADMIN), parameters={"weights": [5, 50]}))
    words = dict(arrangement.notes)["Not moved"]
    assert words == "Ingress admin: by pods: about 20 to 33 %; Service agent-service itself: by pods: about 20 to 33 %"


def test_an_entry_of_a_plan_of_before_has_one_route() -> None:
    arrangement = CANARY.arrange(arranging(bundle()))
    stored = {name: value for name, value in arrangement.traffic[0].items() if name != "others"}
    new = ("by_host", "subsets", "companion", "measured_with")
    stored["route"] = {name: value for name, value in stored["route"].items() if name not in new}
    entry = CanaryWorkload.from_json(stored)
    assert (entry.others, entry.route.by_host, entry.moving) == ((), False, (entry.route,))


def subset(name: str) -> Manifest:
    manifest = deployment(f"agent-{name}")
    manifest["spec"]["template"]["metadata"]["labels"] |= {"app": "agent-service", "version": name}
    return manifest


def versions(route: list[dict[str, Any]]) -> list[Manifest]:
    rule, virtual = documents.read(documents.ISTIO)[1], documents.read(documents.ISTIO)[0]
    subsets = [{"name": name, "labels": {"version": name}} for name in ("v1", "v2")]
    rule["spec"] = {**rule["spec"], "subsets": subsets}
    virtual["spec"] = {**virtual["spec"], "http": [{"route": route}]}
    service = documents.read(documents.SERVICE)[0]
    return [config("blue"), service, subset("v1"), subset("v2"), rule, virtual]


def test_a_workload_stays_inside_its_own_subset_and_the_bundles_routes_as_they_are() -> None:
    manifests = versions([{"destination": {"host": "agent-service", "subset": "v1"}}])
    arrangement = CANARY.arrange(arranging(manifests))
    [entry] = [CanaryWorkload.from_json(each) for each in arrangement.traffic]
    assert (entry.workload, entry.route.subsets) == ("agent-v1", ("v1",))
    objects = {each.ref.key: each.manifest for each in arrangement.objects}
    assert all(
        objects[ref_of(each).key] == each for each in manifests if each["kind"] not in ("ConfigMap", "Deployment")
    )


def test_a_subset_that_is_told_apart_needs_the_label_on_its_neighbours_too() -> None:
    manifests = versions([{"destination": {"host": "agent-service", "subset": "v1"}}])
    bare = subset("v2")
    bare["spec"]["template"]["metadata"]["labels"].pop("slipway.dev/track")
    there = [bare if ref_of(each).name == "agent-v2" else each for each in manifests]
    arrangement = CANARY.arrange(arranging(manifests, there))
    assert (
        "agent-v1: pods of agent-v2 behind the same Service carry no track label yet"
        in dict(arrangement.notes)["Rolled"]
    )
