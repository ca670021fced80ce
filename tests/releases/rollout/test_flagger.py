"""Releases through Flagger, decided on paper: the Canary, the steps, and what Flagger's word leads to."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from environments.kube.objects import Manifest, Ref, ref_of
from environments.manifests.order import STAGES, stage_of
from environments.manifests.settings import RouteSetting as Wish
from portal.steps.operations import Operation, Outcome
from portal.steps.state import State, StepChange
from releases.engine.decide import absorb, decide
from releases.engine.facts import Facts, Work
from releases.engine.operations import Apply, Prune, Scale
from releases.errors import PlanRefused
from releases.plan.objects import Wanted
from releases.states import Phase
from releases.strategies import Arrangement, Arranging, ParameterError, entries, find, neighbours
from releases.strategies.flagger.operations import ApplyTemplate, Follow, HandBack, Tune
from releases.strategies.flagger.resource import duration, patience, seconds_of, steps_of
from releases.strategies.flagger.status import Sight, measured, outcome, returned, sight_of, told
from releases.strategies.flagger.workloads import FlaggerWorkload

FLAGGER = find("flagger")
SHOP = "shop"
POD = {"containers": [{"name": "web", "image": "shop/web:2"}]}
DEPLOYMENT: Manifest = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": SHOP, "labels": {"app.kubernetes.io/part-of": "shop", "team": "a"}},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": POD},
    },
}
SERVICE: Manifest = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": SHOP},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
}
ROUTE: Manifest = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "web", "namespace": SHOP},
    "spec": {
        "hosts": ["web.example.test"],
        "gateways": ["edge"],
        "http": [{"timeout": "10s", "route": [{"destination": {"host": "web"}}]}],
    },
}
SCALER: Manifest = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "web", "namespace": SHOP},
    "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 5},
}
CANARY = Ref("flagger.app/v1beta1", "Canary", SHOP, "web")
WEB = ref_of(DEPLOYMENT)
UP = {"status": {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3, "readyReplicas": 3}}


def given(*manifests: Manifest, live: tuple[Manifest, ...] = (), **more: Any) -> Arranging:
    objects = tuple(
        Wanted(each, ref_of(each), stage_of(each), 2 * (each["kind"] == "Deployment")) for each in manifests
    )
    there = {ref_of(each): each for each in live}
    return Arranging(
        objects, application="shop", namespace=SHOP, parameters=more.pop("parameters", {}), live=there.get, **more
    )


def handed_over(traffic: tuple[Mapping[str, Any], ...]) -> list[Ref]:
    return [ref for entry in entries(traffic) for ref in entry.handed_over]


def arranged(*manifests: Manifest, **more: Any) -> Arrangement:
    return FLAGGER.arrange(given(*manifests, **more))


def made(arrangement: Arrangement, kind: str, name: str = "web") -> Manifest:
    return next(e.manifest for e in arrangement.objects if (e.ref.kind, e.ref.name) == (kind, name))


def worker() -> Manifest:
    """A Deployment that no Service selects."""
    labels = {"app": "worker"}
    template = {"metadata": {"labels": labels}, "spec": POD}
    return named(but(DEPLOYMENT, selector={"matchLabels": labels}, template=template), "worker")


def but(manifest: Manifest, **spec: Any) -> Manifest:
    """Another spec's fields; None takes one away."""
    merged = {**manifest["spec"], **spec}
    return {**manifest, "spec": {name: value for name, value in merged.items() if value is not None}}


def named(manifest: Manifest, name: str) -> Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "name": name}}


# -- the Canary --------------------------------------------------------------------------------------------------------


def test_a_routed_deployment_gets_a_canary_of_the_bundles_service_and_route():
    canary = made(arranged(DEPLOYMENT, SERVICE, ROUTE, SCALER), "Canary")
    assert canary["metadata"]["labels"] == {"app.kubernetes.io/part-of": "shop"}
    assert canary["metadata"]["annotations"] == {"slipway.dev/tracking": "shop:flagger.app/Canary/shop/web"}
    assert canary["spec"] == {
        "provider": "istio",
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "autoscalerRef": {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "web"},
        "service": {
            "port": 80,
            "targetPort": 8080,
            "portName": "http",
            "hosts": ["web.example.test"],
            "gateways": ["edge"],
            "timeout": "10s",
        },
        "analysis": {
            "interval": "1m",
            "threshold": 5,
            "maxWeight": 50,
            "stepWeight": 10,
            "metrics": [
                {"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}},
                {"name": "request-duration", "interval": "1m", "thresholdRange": {"max": 500}},
            ],
        },
    }


def test_the_parameters_say_how_it_is_analysed():
    parameters = FLAGGER.check(
        {"interval": "30", "threshold": 2, "stepWeights": "5, 20", "successRate": 95, "latency": 250}
    )
    spec = made(arranged(DEPLOYMENT, SERVICE, ROUTE, parameters=parameters), "Canary")["spec"]
    assert {name: spec["analysis"][name] for name in ("interval", "threshold", "stepWeights")} == {
        "interval": "30s",
        "threshold": 2,
        "stepWeights": [5, 20],
    }
    assert [each["thresholdRange"] for each in spec["analysis"]["metrics"]] == [{"min": 95}, {"max": 250}]


def test_flaggers_own_metrics_can_be_left_out():
    query = {"name": "errors", "query": "vector(0)", "thresholdRange": {"max": 1}}
    parameters = FLAGGER.check({"builtIn": "false", "metrics": [query]})
    spec = made(arranged(DEPLOYMENT, SERVICE, ROUTE, parameters=parameters), "Canary")["spec"]
    assert spec["analysis"]["metrics"] == [query]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"interval": 5}, "Flagger looks every 10 s"),
        ({"stepWeights": [5, 20], "maxWeight": 50}, "leave maxWeight and stepWeight out"),
        ({"stepWeights": [20, 5]}, "has to rise"),
        ({"builtIn": False}, "nothing would be checked"),
        ({"stepWeight": 0}, "no request would ever reach"),
        ({"metrics": ["errors"]}, "with a name"),
        ({"provider": "linkerd"}, "one of istio"),
    ],
)
def test_parameters_that_do_not_fit_are_named(parameters, words):
    with pytest.raises(ParameterError, match=words):
        FLAGGER.check(parameters)


def test_the_bundles_own_canary_wins():
    own = {"targetRef": {"name": "web"}, "service": {"port": 80}, "analysis": {"interval": "2m", "threshold": 3}}
    canary = {
        "apiVersion": CANARY.api_version,
        "kind": "Canary",
        "metadata": {"name": "own", "namespace": SHOP},
        "spec": own,
    }
    result = arranged(DEPLOYMENT, SERVICE, ROUTE, canary, parameters={"interval": 10})
    assert [e.ref.name for e in result.objects if e.ref.kind == "Canary"] == ["own"]
    assert made(result, "Canary", "own")["spec"] == own
    hold = FlaggerWorkload.from_json(result.traffic[0])
    assert (hold.canary.name, hold.interval, hold.threshold) == ("own", 120.0, 3)


def test_the_service_is_applied_without_its_selector_and_with_flaggers_port():
    service = made(arranged(DEPLOYMENT, SERVICE, ROUTE), "Service")
    assert service["spec"] == {"ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080}]}


def test_flaggers_own_route_is_neither_applied_nor_removed_and_another_is_replaced():
    for name, given_refs, replaced in (
        ("web", ["web"], ()),
        ("shop-routes", [], ("networking.istio.io/VirtualService/shop/shop-routes",)),
    ):
        result = arranged(DEPLOYMENT, SERVICE, named(ROUTE, name))
        hold = FlaggerWorkload.from_json(result.traffic[0])
        assert "VirtualService" not in {e.ref.kind for e in result.objects}
        assert [ref.name for ref in handed_over(result.traffic)] == given_refs
        assert hold.replaced == replaced


def test_a_mesh_policy_follows_to_the_services_that_flagger_makes():
    pool = {"http": {"http2MaxRequests": 100}}
    policy = {"outlierDetection": {"consecutive5xxErrors": 5}, "connectionPool": pool}
    written = {**policy, "connectionPool": {**pool, "tcp": {"maxConnections": 100}}, "tunnel": {}}
    rule = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "web", "namespace": SHOP},
        "spec": {"host": "web.shop.svc.cluster.local", "trafficPolicy": written},
    }
    result = arranged(DEPLOYMENT, SERVICE, ROUTE, rule)
    assert made(result, "Canary")["spec"]["service"]["trafficPolicy"] == policy
    notes = dict(result.notes)
    assert notes["Without effect, since Flagger's Canary has no such field"] == "web: connectionPool.tcp, tunnel"


def test_an_ingress_stays_and_is_named():
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "web", "namespace": SHOP},
        "spec": {"ingressClassName": "nginx", "rules": [{"host": "web.example.test", "http": {"paths": [path]}}]},
    }
    result = arranged(DEPLOYMENT, SERVICE, ingress)
    spec = made(result, "Canary")["spec"]
    assert spec["ingressRef"] == {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "web"}
    assert spec["provider"] == "nginx"
    assert made(result, "Ingress") == ingress


def test_a_gateways_route_becomes_the_canarys():
    spec = {
        "parentRefs": [{"name": "edge"}],
        "hostnames": ["web.example.test"],
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/api"}}],
                "backendRefs": [{"name": "web", "port": 80}],
            }
        ],
    }
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "web", "namespace": SHOP},
        "spec": spec,
    }
    result = arranged(DEPLOYMENT, SERVICE, route)
    canary = made(result, "Canary")["spec"]
    assert canary["provider"] == "gatewayapi:v1"
    assert canary["service"]["gatewayRefs"] == [{"name": "edge"}]
    assert canary["service"]["match"] == [{"uri": {"prefix": "/api"}}]
    assert [ref.kind for ref in handed_over(result.traffic)] == ["HTTPRoute"]


def test_a_service_alone_is_taken_where_the_bundle_names_it_and_counts_iterations():
    result = arranged(DEPLOYMENT, SERVICE, routes=(Wish("web", "web"),))
    spec = made(result, "Canary")["spec"]
    assert (spec["provider"], spec["analysis"]["iterations"]) == ("kubernetes", 10)
    assert "maxWeight" not in spec["analysis"]


OTHER = {"destination": {"host": "cart"}}


@pytest.mark.parametrize(
    ("manifests", "words"),
    [
        ((DEPLOYMENT, SERVICE), "there is nothing that Flagger could move"),
        (
            (DEPLOYMENT, but(SERVICE, ports=[{"name": "a", "port": 80}, {"name": "b", "port": 81}]), ROUTE),
            "has the ports 80, 81; Flagger makes Services of one port alone",
        ),
        ((DEPLOYMENT, but(SERVICE, ports=[{"port": 53, "protocol": "UDP"}]), ROUTE), "Flagger takes TCP alone"),
        (
            (DEPLOYMENT, SERVICE, but(ROUTE, http=[*ROUTE["spec"]["http"], {"route": [OTHER]}])),
            "also leads to cart; Flagger writes it anew",
        ),
        (
            (
                but(
                    DEPLOYMENT,
                    selector={"matchLabels": {"tier": "web"}},
                    template={"metadata": {"labels": {"tier": "web", "app": "web"}}, "spec": POD},
                ),
                SERVICE,
                ROUTE,
            ),
            "selects its pods by none of the labels app, name",
        ),
    ],
)
def test_what_flagger_cannot_do_is_refused_with_its_reason(manifests, words):
    with pytest.raises(PlanRefused, match=words):
        arranged(*manifests)


def test_a_cluster_without_flagger_is_refused():
    with pytest.raises(PlanRefused, match=r"does not know the kind Canary\.flagger\.app"):
        arranged(DEPLOYMENT, SERVICE, ROUTE, knows=lambda _version, kind: kind != "Canary")


def test_two_canaries_on_one_host_are_refused_with_a_reason():
    with pytest.raises(PlanRefused, match=r"web\.example\.test.* are being moved by rollout 7"):
        arranged(DEPLOYMENT, SERVICE, ROUTE, taken=lambda _host: "rollout 7")


@pytest.mark.parametrize(
    ("live", "first", "replicas"),
    [
        ((), True, 3),
        ((DEPLOYMENT | UP,), False, None),
        ((DEPLOYMENT | {"status": {"replicas": 3, "updatedReplicas": 1}},), True, None),
        ((but(DEPLOYMENT, replicas=0),), True, None),
        (
            (
                but(DEPLOYMENT, replicas=0),
                {
                    "apiVersion": CANARY.api_version,
                    "kind": "Canary",
                    "metadata": {"name": "web", "namespace": SHOP},
                    "status": {"phase": "Failed"},
                },
            ),
            False,
            None,
        ),
    ],
)
def test_only_what_runs_soundly_is_flaggers_from_the_start(live, first, replicas):
    result = arranged(DEPLOYMENT, SERVICE, ROUTE, live=live)
    assert FlaggerWorkload.from_json(result.traffic[0]).first is first
    assert made(result, "Deployment")["spec"].get("replicas") == replicas


def test_what_is_rolled_is_told_with_its_reason():
    notes = dict(arranged(DEPLOYMENT, SERVICE, ROUTE, worker(), live=(DEPLOYMENT | UP,)).notes)
    assert notes == {
        "Flagger moves the requests of": "web",
        "Rolled, since no requests are led to it from outside": "worker",
    }


def test_an_undo_brings_back_what_was_arranged_with_the_world_as_it_is():
    before = arranged(DEPLOYMENT, SERVICE, ROUTE)
    wanted = tuple(each.manifest for each in before.objects)
    again = FLAGGER.arrange(given(*wanted, live=(DEPLOYMENT | UP,), again=before.traffic))
    assert FlaggerWorkload.from_json(again.traffic[0]).first is False
    assert "replicas" not in made(again, "Deployment")["spec"]
    assert len(again.objects) == len(before.objects)


@pytest.mark.parametrize(
    ("text", "seconds"), [("1m", 60), ("1m30s", 90), ("1.5h", 5400), ("500ms", 0.5), ("", 7), ("soon", 7)]
)
def test_durations_are_read_as_flagger_does(text, seconds):
    assert seconds_of(text, 7) == seconds


def test_durations_are_written_as_flagger_reads_them():
    assert [duration(seconds) for seconds in (10, 60, 90, 300)] == ["10s", "1m", "90s", "5m"]


@pytest.mark.parametrize(
    ("analysis", "steps"),
    [
        ({"maxWeight": 50, "stepWeight": 10}, 5),
        ({"maxWeight": 50, "stepWeight": 20}, 3),
        ({"stepWeights": [1, 5, 20]}, 3),
        ({"iterations": 7}, 7),
        ({"maxWeight": 50, "stepWeight": 10, "stepWeightPromotion": 25}, 7),
    ],
)
def test_it_is_waited_for_as_long_as_the_analysis_may_take(analysis, steps):
    canary = {"spec": {"analysis": {"interval": "30s", "threshold": 4, **analysis}}}
    assert steps_of(canary) == steps
    assert patience(canary, 600) == (steps + 4 + 6) * 30 + 600


# -- Flagger's word ----------------------------------------------------------------------------------------------------

QUIET = Sight(phase="Succeeded", applied="old", promoted="old", same=True, primary="done")
NEW = replace(QUIET, applied="new", same=False)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (QUIET, "begins"),
        (replace(QUIET, same=False), "begins"),
        (replace(NEW, phase="Progressing"), "goes"),
        (replace(NEW, phase="Waiting"), "goes"),
        (replace(NEW, phase="Promoting"), "goes"),
        (replace(NEW, phase="Finalising"), "goes"),
        (replace(NEW, phase="Failed"), "failed"),
        (replace(NEW, promoted="new", same=True), "done"),
        (replace(NEW, promoted="new", same=True, primary="wait"), "goes"),
        (replace(NEW, promoted="new"), "goes"),
        (Sight(), "goes"),
    ],
)
def test_what_became_of_a_new_template(now, said):
    assert outcome(QUIET, now) == said


def test_a_failure_of_before_is_not_this_ones():
    failed = Sight(phase="Failed", applied="old", promoted="older")
    assert outcome(failed, failed) == "begins"
    assert outcome(failed, replace(failed, applied="new")) == "failed"


@pytest.mark.parametrize(
    ("stray", "now", "back"),
    [
        ("", QUIET, True),
        ("new", QUIET, True),
        ("new", replace(QUIET, applied="new", promoted="new"), False),  # promoted by the old analysis' hash: one more
        ("new", replace(NEW, phase="Progressing", same=True), False),
        ("new", replace(NEW, phase="Failed", same=True), False),  # it has not looked at the old one yet
        ("new", replace(QUIET, phase="Failed", promoted="older"), True),
        ("", NEW, False),
        ("", replace(QUIET, primary="wait"), False),
    ],
)
def test_when_the_old_template_serves_alone_again(stray, now, back):
    assert returned(stray, now) is back


def test_a_sight_is_what_status_events_and_primary_say():
    canary = {
        "spec": {"analysis": {"threshold": 5}},
        "status": {
            "phase": "Progressing",
            "canaryWeight": 20,
            "failedChecks": 1,
            "lastAppliedSpec": "b",
            "lastPromotedSpec": "a",
            "conditions": [{"message": "New revision detected, progressing canary analysis."}],
        },
    }
    halt = "Halt web.shop advancement success rate 69.17% < 99%"
    events = [
        {"message": "Advance web.shop canary weight 20", "lastTimestamp": "2026-01-01T00:00:10Z", "metadata": {}},
        {"message": halt, "lastTimestamp": "2026-01-01T00:00:20Z", "metadata": {"resourceVersion": "9"}},
    ]
    seen = sight_of(canary, DEPLOYMENT, DEPLOYMENT | UP, events)
    assert (seen.weight, seen.failed, seen.threshold, seen.same, seen.primary) == (20, 1, 5, True, "done")
    assert told(seen) == f"Progressing: 20 % to the new version, 1 of 5 failed checks; {halt}"
    assert seen.trouble == halt
    assert Sight.from_json(seen.to_json()) == seen


def test_flaggers_words_about_an_earlier_revision_are_not_this_ones():
    said = ["Halt web.shop advancement", "New revision detected! Scaling up web.shop", "Starting canary analysis"]
    events = [
        {"message": words, "lastTimestamp": f"2026-01-01T00:00:0{at}Z", "metadata": {}} for at, words in enumerate(said)
    ]
    assert sight_of({"spec": {}}, None, None, events).events == (said[2], said[1])


def test_a_primary_with_another_image_is_another_version():
    other = but(DEPLOYMENT, template={"spec": {"containers": [{"name": "web", "image": "shop/web:1"}]}})
    assert not sight_of({"spec": {}}, DEPLOYMENT, other, []).same


@pytest.mark.parametrize(
    ("words", "point"),
    [
        ("Halt web.shop advancement success rate 69.17% < 99%", ("success-rate", 69.17, 99.0, None, "fail")),
        ("Halt web.shop advancement request duration 812.5ms > 500ms", ("latency", 812.5, None, 500.0, "fail")),
        ("Halt web.shop advancement request duration 1.5s > 1s", ("latency", 1500.0, None, 1000.0, "fail")),
        ("Halt web.shop advancement queue-depth 12.00 > 5", ("queue-depth", 12.0, None, 5.0, "fail")),
        (
            "Halt advancement no values found for istio metric request-success-rate probably web.shop is not receiving",
            ("success-rate", None, None, None, "inconclusive"),
        ),
        ("Halt web.shop advancement external check smoke failed Post: refused", None),
    ],
)
def test_what_a_failed_check_had_measured_is_read_from_flaggers_words(words, point):
    found = measured(Sight(events=(words,), at=7.0), "web")
    if point is None:
        assert found is None
    else:
        assert found is not None
        assert (found.metric, found.canary, found.low, found.high, found.verdict) == point
        assert (found.workload, found.at, found.why) == ("web", 7.0, words)


# -- the steps ---------------------------------------------------------------------------------------------------------


def plan_of(arrangement: Arrangement, **more: Any) -> dict[str, Any]:
    rows = [{"ref": list(e.ref), "stage": e.stage, "wave": e.wave, "manifest": e.manifest} for e in arrangement.objects]
    rows.sort(key=lambda row: STAGES.index(row["stage"]))
    plan = {"objects": rows, "traffic": list(arrangement.traffic), "strategy": {"name": "flagger"}, **more}
    return {**plan, "steps": [step.to_json() for step in FLAGGER.steps(Work.of(plan))]}


HELD = (DEPLOYMENT | UP, SERVICE)


def kinds(steps: Any) -> list[str]:
    return [step["kind"] for step in steps]


def test_a_release_of_what_runs_gives_the_canary_first_and_then_triggers():
    plan = plan_of(arranged(DEPLOYMENT, SERVICE, ROUTE, SCALER, live=HELD))
    assert kinds(plan["steps"]) == [
        "confirm",
        "flagger-canary",
        "services",
        "flagger-trigger",
        "flagger-follow",
        "verify",
    ]


def test_a_first_release_is_rolled_before_flagger_gets_it():
    plan = plan_of(arranged(DEPLOYMENT, SERVICE, ROUTE))
    assert kinds(plan["steps"]) == ["confirm", "services", "wave", "flagger-canary", "verify"]


def test_a_route_that_flaggers_stands_for_goes_before_the_trigger():
    plan = plan_of(arranged(DEPLOYMENT, SERVICE, named(ROUTE, "routes"), live=HELD))
    found = kinds(plan["steps"])
    assert found.index("flagger-canary") < found.index("flagger-replaced") < found.index("flagger-trigger")


def test_waves_stay_in_their_order():
    late = arranged(DEPLOYMENT, SERVICE, ROUTE, worker(), live=(DEPLOYMENT | UP,))
    objects = tuple(replace(each, wave=3) if each.ref.name == "worker" else each for each in late.objects)
    plan = plan_of(replace(late, objects=objects))
    labels = [step["label"] for step in plan["steps"]]
    assert labels.index("Follow Flagger: web") < labels.index("Wave 3: worker")


def back_of(plan: dict[str, Any], previous: dict[str, Any] | None) -> dict[str, Any]:
    """The way back from a plan, as releases.plan.rollback_plan makes it."""
    before = {tuple(row["ref"]) for row in (previous or {}).get("objects", ())}
    gone = [{"ref": row["ref"], "uid": ""} for row in plan["objects"] if tuple(row["ref"]) not in before]
    back = {"objects": (previous or {}).get("objects", []), "prune": gone, "traffic": plan["traffic"]}
    return {**back, "steps": [step.to_json() for step in FLAGGER.back(Work.of(back))]}


ROLLED = {
    "objects": [
        {"ref": list(ref_of(each)), "stage": stage_of(each), "wave": 2, "manifest": each}
        for each in (SERVICE, DEPLOYMENT, ROUTE)
    ]
}


def test_the_way_back_puts_the_old_template_back():
    plan = plan_of(arranged(DEPLOYMENT, SERVICE, ROUTE, live=HELD))
    assert kinds(back_of(plan, plan)["steps"]) == ["services", "flagger-return", "verify"]


def test_the_way_back_from_a_first_release_through_flagger_takes_it_back_before_the_service():
    plan = plan_of(arranged(DEPLOYMENT, SERVICE, ROUTE, live=HELD))
    found = kinds(back_of(plan, ROLLED)["steps"])
    assert found == ["flagger-restore", "flagger-hand-back", "services", "wave", "after", "prune", "verify"]


def test_where_nothing_ran_before_the_canary_goes_without_giving_anything_back():
    plan = plan_of(arranged(DEPLOYMENT, SERVICE, ROUTE))
    (first, *_) = back_of(plan, None)["steps"]
    assert (first["kind"], first["settings"]["revert"]) == ("flagger-hand-back", False)


def test_leaving_flagger_takes_the_canary_back_before_anything_is_rolled():
    plan = {**ROLLED, "prune": [{"ref": list(CANARY), "uid": "1"}]}
    found = [step.kind for step in find("rolling").steps(Work.of(plan))]
    assert found == ["confirm", "flagger-hand-back", "services", "wave", "after", "prune", "verify"]


def test_the_way_back_to_flagger_gives_it_the_service_only_once_it_holds_the_workload():
    plan = plan_of(arranged(DEPLOYMENT, SERVICE, ROUTE, SCALER, live=HELD))
    back = {"objects": plan["objects"], "prune": [{"ref": list(ref_of(ROUTE)), "uid": ""}]}
    steps = find("rolling").back(Work.of(back))
    assert [step.kind for step in steps] == ["wave", "flagger-canary", "services", "prune", "verify"]
    refs = [[back["objects"][index]["ref"][1] for index in step.objects] for step in steps[1:3]]
    assert sorted(refs[0]) == ["Canary", "HorizontalPodAutoscaler"]
    assert refs[1] == ["Service"]
    story = Story({**back, "traffic": [], "steps": [step.to_json() for step in steps]}, "flagger-canary", "back")
    story.flagger = Sight(phase="Initializing", primary="wait", primary_why="1 of 3 pods updated")
    assert story.go().why == "web: Initializing: 1 of 3 pods updated"


@pytest.mark.parametrize(("strategy", "refused"), [("canary", True), ("rolling", False), ("flagger", False)])
def test_what_flagger_holds_is_taken_back_by_rolling_before_another_strategy_moves_it(strategy, refused):
    plan = plan_of(arranged(DEPLOYMENT, SERVICE, ROUTE))
    neighbours.refuse(find(strategy), None)
    if refused:
        with pytest.raises(PlanRefused, match=r"Flagger holds web\. Release once with the strategy rolling"):
            neighbours.refuse(find(strategy), plan)
    else:
        neighbours.refuse(find(strategy), plan)


def test_a_canary_in_a_bundle_that_is_rolled_is_noted():
    (note,) = neighbours.notes(find("rolling"), [WEB, CANARY])
    assert "web: where Flagger runs, it scales the Deployment to 0" in note[1]
    assert neighbours.notes(find("flagger"), [CANARY]) == ()
    assert neighbours.notes(find("rolling"), [WEB]) == ()


# -- on paper ----------------------------------------------------------------------------------------------------------


class Story:
    """A track from the first of Flagger's steps; the test plays Flagger."""

    def __init__(self, plan: dict[str, Any], kind: str, track: str = "forward") -> None:
        self.work = Work.of(plan)
        self.state = State(track=track, index=kinds(plan["steps"]).index(kind))  # type: ignore[arg-type]
        phase = Phase.PROGRESSING if track == "forward" else Phase.ROLLING_BACK
        self.facts = Facts(now=1000.0, phase=phase)
        self.flagger = QUIET
        self.done: list[Operation] = []
        self.records: list[StepChange] = []
        self.why = ""
        self.generation = 4

    def go(self, seconds: float = 2.0, **facts: Any) -> "Story":
        """Time passes, and passes are made until there is nothing to do."""
        self.facts = replace(self.facts, now=self.facts.now + seconds, **facts)
        for _ in range(20):
            decision = decide(self.state, self.work, self.facts)
            self.state, self.why = decision.state, decision.why or self.why
            self.records += decision.steps
            self.facts = replace(self.facts, phase=decision.phase, intent="")
            if decision.again or not decision.operations:
                return self
            self.done += [operation for operation in decision.operations if not isinstance(operation, Follow)]
            self.state = absorb(
                self.state, [self._outcome(operation) for operation in decision.operations], self.facts.now
            )
        raise AssertionError(f"It never rests: {self.why}")

    def _outcome(self, operation: Operation) -> Outcome:
        match operation:
            case Follow():
                return Outcome(operation, self.flagger.to_json())
            case Apply():
                return Outcome(operation, {"uid": "1", "generation": self.generation})
            case Tune():
                return Outcome(operation, {"override": dict(operation.override)})
            case Scale():
                return Outcome(operation, {"replicas": operation.replicas, "generation": self.generation})
            case HandBack():
                why = "it is being deleted" if operation.delete else "it is ready to go"
                return Outcome(operation, {"ready": self.flagger.settled, "gone": False, "why": why})
        return Outcome(operation, {"deleted": True})

    @property
    def step(self) -> str:
        return str(self.work.steps[self.state.index]["kind"]) if self.state.index < len(self.work.steps) else "end"

    def tuned(self) -> list[dict[str, Any]]:
        return [dict(operation.override) for operation in self.done if isinstance(operation, Tune)]


def forward(**parameters: Any) -> Story:
    plan = plan_of(arranged(DEPLOYMENT, SERVICE, ROUTE, live=HELD, parameters={"interval": 10, **parameters}))
    return Story(plan, "flagger-trigger")


def test_the_canary_is_waited_for_until_flagger_holds_the_workload():
    plan = plan_of(arranged(DEPLOYMENT, SERVICE, ROUTE, SCALER, live=HELD))
    story = Story(plan, "flagger-canary")
    story.flagger = Sight()
    assert story.go().why == "web: Flagger has not looked at the Canary yet; is its controller running?"
    kinds_applied = [operation.ref.kind for operation in story.done if isinstance(operation, Apply)]
    assert kinds_applied == ["HorizontalPodAutoscaler", "Canary"]
    story.flagger = Sight(phase="Initializing", primary="wait", primary_why="1 of 3 pods updated")
    assert story.go().why == "web: Initializing: 1 of 3 pods updated"
    story.flagger = replace(QUIET, phase="Initialized")
    assert story.go().step == "flagger-follow"


def test_a_good_release_is_followed_to_its_end():
    story = forward().go()
    assert [type(operation) for operation in story.done] == [ApplyTemplate]
    assert story.why == "web: Flagger looks at it every 10 s; it has not noticed the new version yet"
    story.flagger = replace(NEW, phase="Progressing", weight=20, failed=1, threshold=5, size=3)
    assert story.go().why == "web: Progressing: 20 % to the new version, 1 of 5 failed checks"
    story.flagger = replace(NEW, phase="Promoting", size=3)
    assert story.go().why == "web: Promoting: the primary gets the new version"
    story.flagger = replace(QUIET, applied="new", promoted="new")
    assert story.go().step in ("verify", "end")
    assert [operation for operation in story.done if isinstance(operation, Tune | Scale)] == []


def test_a_failed_analysis_really_stops():
    story = forward().go()
    story.flagger = replace(
        NEW, phase="Failed", events=("Canary failed! Scaling down web.shop", "Halt web.shop advancement success rate")
    )
    story.go()
    assert story.state.track == "back"
    assert "Halt web.shop advancement success rate" in story.state.reason


def test_flaggers_target_gets_the_bundles_number_of_pods_once_it_is_up():
    story = forward().go()
    story.flagger = replace(NEW, phase="Progressing", size=0)
    assert not any(isinstance(operation, Scale) for operation in story.go().done)
    story.flagger = replace(story.flagger, size=2)
    story.go().go()
    assert [operation.replicas for operation in story.done if isinstance(operation, Scale)] == [3]


def test_a_template_that_changes_nothing_is_not_waited_for():
    story = forward()
    story.flagger = replace(QUIET, generation=4)
    assert story.go().step in ("verify", "end")


def test_a_flagger_that_never_notices_fails_the_release_with_its_last_words():
    story = forward().go()
    story.flagger = replace(QUIET, same=False, events=("Initialization done! web.shop",))
    story.go(95)
    assert story.state.track == "back"
    assert "has not noticed the new version; is its controller running?" in story.state.reason
    assert "Initialization done! web.shop" in story.state.reason


def test_a_pause_suspends_the_canary_and_resuming_lets_it_go_on():
    story = forward().go()
    story.flagger = replace(NEW, phase="Progressing", weight=20)
    story.go().go(intent="pause", intent_by="ann").go()
    assert story.facts.phase is Phase.PAUSED
    assert story.tuned() == [{"suspend": True}]
    story.go(intent="resume", intent_by="ann").go()
    assert story.tuned() == [{"suspend": True}, {}]


def test_promoting_fully_skips_the_analysis_and_leaves_the_canary_as_it_was():
    story = forward().go()
    story.flagger = replace(NEW, phase="Progressing")
    story.go().go(intent="promote-fully", intent_by="ann").go()
    assert story.tuned() == [{"skipAnalysis": True}]
    story.flagger = replace(QUIET, applied="new", promoted="new")
    story.go()
    assert story.tuned() == [{"skipAnalysis": True}, {}]
    assert story.step in ("verify", "end")


def backward() -> Story:
    plan = plan_of(arranged(DEPLOYMENT, SERVICE, ROUTE, live=HELD, parameters={"interval": 10}))
    return Story(back_of(plan, plan), "flagger-return", "back")


def test_the_old_template_is_there_before_the_analysis_is_skipped():
    story = backward()
    story.flagger = replace(NEW, phase="Progressing", weight=40)
    story.go()
    assert [type(operation) for operation in story.done] == [ApplyTemplate, Tune]
    assert story.tuned() == [{"skipAnalysis": True}]


def test_the_way_back_waits_until_flagger_has_nothing_more_to_promote():
    story = backward()
    story.flagger = replace(NEW, phase="Progressing", weight=40)
    story.go()
    story.flagger = replace(QUIET, applied="new", promoted="new")
    assert story.go(10).step == "flagger-return"
    story.flagger = replace(QUIET, phase="Progressing", promoted="new")
    assert story.go(10).step == "flagger-return"
    story.flagger = QUIET
    assert story.go(10).step in ("verify", "end")
    assert story.tuned() == [{"skipAnalysis": True}, {}]


def test_after_a_failed_analysis_nothing_is_to_be_done_with_traffic():
    story = backward()
    story.flagger = replace(NEW, phase="Failed")
    story.go()
    story.flagger = replace(NEW, phase="Failed", same=True)
    assert story.go(4).step == "flagger-return"
    story.flagger = replace(QUIET, phase="Failed")
    assert story.go(4).step in ("verify", "end")


def test_an_abort_before_flagger_noticed_scales_and_moves_nothing():
    story = backward()
    story.go().go(4)
    assert story.step in ("verify", "end")
    assert not any(isinstance(operation, Scale | Prune) for operation in story.done)


def test_a_canary_is_taken_away_one_look_at_a_time():
    plan = plan_of(arranged(DEPLOYMENT, SERVICE, ROUTE))
    story = Story(back_of(plan, None), "flagger-hand-back", "back")
    story.go(0.1).go(0.1)
    assert [(type(operation), operation.delete) for operation in story.done] == [(HandBack, False), (HandBack, True)]
    assert story.go(2).why == "web: it is being deleted"
    assert len(story.done) == 3


def test_routes_are_put_back_after_flagger_stopped_to_write_them_and_before_what_they_led_to_goes():
    plan = plan_of(arranged(DEPLOYMENT, SERVICE, ROUTE, live=HELD))
    story = Story(back_of(plan, ROLLED), "flagger-hand-back", "back")
    story.flagger = Sight()  # its finalizer is not there yet
    story.go(0.1)
    assert [type(operation) for operation in story.done] == [HandBack]
    story.flagger = QUIET
    story.go(2)
    assert [type(operation) for operation in story.done[1:]] == [HandBack, Apply, HandBack]
    assert [operation.ref.kind for operation in story.done if isinstance(operation, Apply)] == ["VirtualService"]
    assert [operation.delete for operation in story.done if isinstance(operation, HandBack)] == [False, False, True]
    assert story.done[-1].routes == (ref_of(ROUTE),)
