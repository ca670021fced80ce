"""The canary strategy on paper: its parameters, its steps up and back, and what it says while it waits."""

import re
from typing import Any

import pytest

from environments.kube.names import CANARY as CANARY_TRACK
from environments.kube.names import TRACK
from environments.kube.traffic import Route
from releases.errors import PlanRefused
from releases.states import Phase
from releases.strategies import ParameterError, find
from releases.strategies.canary.arrange import UNLABELLED
from releases.strategies.canary.strategy import metrics_of, weights_of
from releases.strategies.canary.workloads import CanaryWorkload
from tests.environments.kube.traffic import documents
from tests.releases.rollout.canary_paper import (
    AGENT,
    CANARY,
    CanaryPaper,
    arranging,
    autoscaler,
    bundle,
    deployment,
    failing,
)

STRATEGY = find("canary")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, {}),
        ({"weights": "10, 50%, 100"}, {"weights": [10, 50, 100]}),
        ({"maxWeight": 50, "stepWeight": 10}, {"maxWeight": 50, "stepWeight": 10}),
        ({"pauseAt": [25]}, {"pauseAt": [25]}),
        ({"metrics": []}, {"metrics": []}),
        ({"router": "nginx", "workloads": "web, api"}, {"router": "nginx", "workloads": ["web", "api"]}),
    ],
)
def test_parameters_that_fit(given: dict[str, Any], kept: dict[str, Any]) -> None:
    assert STRATEGY.check(given) == kept


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"weights": [50, 25]}, "weights: the weights have to rise, from 1 to 100"),
        ({"weights": [0, 50]}, "the weights have to rise"),
        ({"weights": [120]}, "weights is [120]; it has to be percentages from 0 to 100"),
        ({"weights": [5], "maxWeight": 50}, "weights and maxWeight say the same"),
        ({"maxWeight": 50}, "maxWeight and stepWeight go together"),
        ({"maxWeight": 150, "stepWeight": 50}, "maxWeight is 150"),
        ({"pauseAt": [30]}, "pauseAt has 30, which is none of the weights 5, 25, 50, 100"),
        ({"testersValue": "yes"}, "testersValue is of testersHeader"),
        ({"metrics": [{"template": "speed"}]}, "metrics: Metric speed: template has to be one of"),
        ({"router": "traefik"}, "router is 'traefik'; it has to be one of"),
        ({"count": 0}, "count: it has to be at least 1"),
        ({"weigths": [5]}, "Canary has no parameter 'weigths'"),
    ],
)
def test_parameters_that_do_not_fit(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=re.escape(words)):
        STRATEGY.check(given)


@pytest.mark.parametrize(
    ("given", "weights"),
    [
        ({}, (5, 25, 50, 100)),
        ({"weights": [1, 2]}, (1, 2)),
        ({"maxWeight": 50, "stepWeight": 10}, (10, 20, 30, 40, 50)),
        ({"maxWeight": 50, "stepWeight": 20}, (20, 40, 50)),
        ({"maxWeight": 30, "stepWeight": 50}, (30,)),
    ],
)
def test_weights(given: dict[str, Any], weights: tuple[int, ...]) -> None:
    assert weights_of(given) == weights


def test_each_metric_is_measured_so_often_that_a_weight_lasts_a_minute() -> None:
    assert [(each.name, each.interval, each.count) for each in metrics_of({})] == [
        ("success-rate", 10.0, 6), ("latency", 10.0, 6),
    ]  # fmt: skip
    own = metrics_of({"interval": 30, "count": 3, "metrics": [{"template": "latency", "count": 1}]})
    assert [(each.name, each.interval, each.count) for each in own] == [("latency", 10.0, 1)]


# What is arranged


def track_of(objects: dict[str, Any], kind: str, name: str) -> Any:
    return objects[f"{kind}/{name}"]["spec"]["selector"]


def arranged(*more: Any, routes: str = documents.ISTIO, **given: Any) -> Any:
    return STRATEGY.arrange(arranging(bundle(*more, routes=routes), **given))


def by_name(arrangement: Any) -> dict[str, Any]:
    return {f"{each.ref.kind}/{each.ref.name}": each.manifest for each in arrangement.objects}


def test_a_canary_stands_beside_its_workload_only_while_the_rollout_runs() -> None:
    arrangement = arranged()
    temporary = [(each.ref.kind, each.ref.name, each.stage) for each in arrangement.objects if each.temporary]
    assert temporary == [
        ("Service", "agent-service-canary", "services"), ("Deployment", "agent-service-canary", "workloads"),
    ]  # fmt: skip
    spec = by_name(arrangement)["Deployment/agent-service-canary"]["spec"]
    assert spec["replicas"] == 1
    assert spec["selector"]["matchLabels"] == {"app": "agent-service", TRACK: CANARY_TRACK}
    assert spec["template"]["metadata"]["labels"] == {"app": "agent-service", TRACK: CANARY_TRACK}


@pytest.mark.parametrize(
    ("routes", "kept"),
    [(documents.ISTIO, [False]), (documents.INGRESS, [True]), (documents.HTTP_ROUTE, [True]), ("", [])],
)
def test_a_workloads_service_stays_as_the_bundle_has_it_and_is_kept_to_stable_meanwhile(
    routes: str, kept: list[bool]
) -> None:
    arrangement = arranged(routes=routes)
    objects = by_name(arrangement)
    both = {"app": "agent-service"}
    assert track_of(objects, "Service", "agent-service") == both
    assert track_of(objects, "Service", "agent-service-canary") == {**both, TRACK: CANARY_TRACK}
    entry = CanaryWorkload.from_json(arrangement.traffic[0])
    assert [each.by_host for each in entry.others if each.router == "beside"] == kept


def test_both_versions_read_configuration_of_their_own() -> None:
    objects = by_name(arranged())
    names = [name for name in objects if name.startswith("ConfigMap/")]
    assert len(names) == 1
    assert re.fullmatch(r"ConfigMap/settings-[0-9a-f]{8}", names[0])
    for workload in ("agent-service", "agent-service-canary"):
        source = objects[f"Deployment/{workload}"]["spec"]["template"]["spec"]["containers"][0]["envFrom"][0]
        assert f"ConfigMap/{source['configMapRef']['name']}" == names[0]


def test_routes_in_the_plan_are_at_rest() -> None:
    virtual = by_name(arranged())["VirtualService/agent-service"]
    assert [each["destination"]["subset"] for each in virtual["spec"]["http"][-1]["route"]] == ["stable"]


REDIS = deployment("redis", kind="StatefulSet")
AUTH = deployment("auth-service")


def test_the_plan_says_what_is_canaried_and_why_the_rest_is_rolled() -> None:
    notes = dict(arranged(REDIS, AUTH).notes)
    assert notes["Canaried"] == "agent-service by Istio VirtualService agent-service: 5, 25, 50, 100 %"
    assert notes["Rolled"] == "redis: a StatefulSet has one version at a time; auth-service: no route"
    assert notes["No Prometheus"] == notes["Nothing is measured"] == ""


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"live": []}, "first release here"),
        ({"previous": None}, "first release here"),
        ({"parameters": {"workloads": ["auth-service"]}}, "not chosen"),
        ({"parameters": {"router": "nginx"}}, "no route by NGINX Ingress"),
    ],
)
def test_why_a_workload_is_rolled(given: dict[str, Any], why: str) -> None:
    arrangement = arranged(AUTH, **given)
    assert f"agent-service: {why}" in dict(arrangement.notes)["Rolled"]
    assert arrangement.traffic == ()
    assert not any(each.temporary for each in arrangement.objects)


def test_pods_without_the_label_are_rolled_once() -> None:
    before = bundle()
    for each in before:
        if each["kind"] == "Deployment":
            del each["spec"]["template"]["metadata"]["labels"][TRACK]
    arranged = STRATEGY.arrange(arranging(bundle(), live=before))
    assert dict(arranged.notes)["Rolled"] == f"agent-service: {UNLABELLED}"
    assert [each.ref.name for each in arranged.objects if each.labelled] == ["agent-service"]


def test_a_route_that_comes_with_the_release_moves_nothing_yet() -> None:
    before = [each for each in bundle() if each["kind"] != "VirtualService"]
    notes = dict(STRATEGY.arrange(arranging(bundle(), live=before)).notes)
    assert notes["Rolled"] == "agent-service: Istio VirtualService agent-service comes with this release"


def test_a_plan_without_measurements_says_so() -> None:
    notes = dict(arranged(parameters={"metrics": []}, measured=False).notes)
    assert notes["Nothing is measured"] == "The weights only hold their time."
    assert notes["No Prometheus"] == ""
    assert "stops at its first weight and asks" in dict(arranged(measured=False).notes)["No Prometheus"]


def test_a_plain_service_says_how_coarse_it_is() -> None:
    notes = dict(arranged(routes="").notes)
    assert notes["Shares are coarse"].startswith("agent-service: with 4 pods the smallest step is 20 %")


def test_a_plan_says_what_a_quota_has_no_room_for() -> None:
    quota = {
        "metadata": {"name": "few"}, "spec": {"hard": {"pods": "6"}},
        "status": {"hard": {"pods": "6"}, "used": {"pods": "4"}},
    }  # fmt: skip
    lists = {"ResourceQuota": [quota]}
    notes = dict(arranged(listed=lambda _version, kind, _namespace: lists.get(kind, [])).notes)
    words = notes["There may be no room for the canary"]
    assert words.startswith("agent-service-canary needs 4 of pods, 2 of 6 are left in quota few")


def test_unknown_names_are_refused() -> None:
    with pytest.raises(PlanRefused, match="no workload agnet-service, which `workloads` names; it has agent-service"):
        arranged(parameters={"workloads": ["agnet-service"]})


def test_names_that_get_too_long_are_refused() -> None:
    name = "a" * 60
    service = {**documents.read(documents.SERVICE)[0]}
    service = {
        **service,
        "metadata": {**service["metadata"], "name": name},
        "spec": {**service["spec"], "selector": {"app": name}},
    }
    with pytest.raises(PlanRefused, match="would have 67 characters in its name, 63 are allowed"):
        STRATEGY.arrange(arranging([deployment(name), service]))


def test_an_object_of_the_bundle_where_the_canary_would_stand_is_refused() -> None:
    with pytest.raises(PlanRefused, match="The bundle has Deployment ai-workflow-prod/agent-service-canary itself"):
        arranged(deployment("agent-service-canary"))


def test_the_autoscaler_of_a_workload_is_found() -> None:
    assert arranged(autoscaler()).traffic[0]["scaler"][1::2] == ["HorizontalPodAutoscaler", "agent-service"]
    assert arranged(autoscaler("other")).traffic[0]["scaler"] is None


@pytest.mark.parametrize(
    ("router", "weight", "stable", "pods"),
    [
        ("istio", 5, 4, 1), ("istio", 25, 4, 1), ("istio", 26, 4, 2), ("istio", 100, 4, 4), ("istio", 5, 0, 1),
        ("service", 5, 5, 1), ("service", 25, 5, 2), ("service", 50, 5, 5), ("service", 75, 2, 6),
        ("service", 90, 2, 6), ("service", 100, 5, 5),
    ],
)  # fmt: skip
def test_how_many_pods_a_share_needs(router: str, weight: int, stable: int, pods: int) -> None:
    moved = CanaryWorkload("web", "key", "canary", Route(router, "shop", "web", "web"), stable)
    assert moved.needs(weight, stable) == pods


# Up


def test_a_good_release_goes_up_step_by_step_and_is_promoted() -> None:
    paper = CanaryPaper()
    assert paper.run(60).phase is Phase.SUCCEEDED
    assert paper.log == [
        "agent-service 0 %", "apply agent-service-canary 1",
        "scale agent-service-canary 1", "agent-service 5 %",
        "scale agent-service-canary 1", "agent-service 25 %",
        "scale agent-service-canary 2", "agent-service 50 %",
        "scale agent-service-canary 4", "agent-service 100 %",
        "apply agent-service 4", "agent-service 0 %",
        "remove Deployment agent-service-canary", "remove Service agent-service-canary", "agent-service at rest",
    ]  # fmt: skip


def test_what_is_rolled_comes_first_in_its_wave_and_canaries_go_side_by_side() -> None:
    user = deployment("user-service")
    service = documents.SERVICE.replace("agent-service", "user-service")
    paper = CanaryPaper([REDIS, AUTH, user, *documents.read(service), *bundle()], weights=[50])
    labels = [step["label"] for step in paper.plan["steps"]]
    assert labels == [
        "Check that the plan still holds", "Configuration", "Services", "Wave 0: redis", "Wave 2: auth-service",
        "Canary of user-service, agent-service", "50 %: user-service, agent-service",
        "Promote: user-service, agent-service", "Requests back to user-service, agent-service",
        "Autoscaling, budgets and routes", "Remove 4 objects no longer in it", "Routes at rest",
        "Verify 2 traffic policies", "Read everything back",
    ]  # fmt: skip


def test_it_says_in_numbers_what_it_waits_for() -> None:
    paper = CanaryPaper(interval=60, count=6)
    decision = paper.run(25)
    assert decision.why == (
        "5 % to 1.1.0: success rate 100 % (limit ≥ 99), p99 120 ms (limit ≤ 500), passed 2 of 6; next in 5 s"
    )


def test_pods_that_do_not_come_up_get_no_requests() -> None:
    paper = CanaryPaper()
    paper.stuck.add(CANARY.key)
    decision = paper.run(10)
    assert "agent-service-canary: 1 of 1 pod updated, 0 of 1 ready" in decision.why
    assert paper.log == ["agent-service 0 %", "apply agent-service-canary 1"]


def test_testers_see_it_before_any_weight_and_a_person_says_when() -> None:
    paper = CanaryPaper(testersHeader="x-canary", testersCookie="early")
    decision = paper.run(20)
    assert decision.phase is Phase.PAUSED
    assert decision.why.startswith(
        "Requests with the header x-canary: always or the cookie early=always get 1.1.0, and nobody else does, "
        "but who calls agent-service past its routes, by pods."
    )
    assert paper.weights["agent-service"] == 0
    paper.say("promote")
    assert paper.run(60).phase is Phase.SUCCEEDED


def test_a_person_is_asked_at_a_weight() -> None:
    paper = CanaryPaper(pauseAt=[25])
    decision = paper.run(40)
    assert decision.phase is Phase.PAUSED
    assert decision.why.startswith(
        "25 % to 1.1.0 has passed. A person says how it goes on from here. 25 % to 1.1.0: succ"
    )
    assert paper.say("resume").phase is Phase.PROGRESSING
    assert paper.label().startswith("50 %")


def test_a_paused_canary_says_what_it_still_measures() -> None:
    paper = CanaryPaper(interval=60)
    paper.run(10)
    paper.say("pause")
    assert "5 % to 1.1.0: success rate 100 %" in paper.later(31.0).why


def test_promoting_skips_the_rest_of_the_time_and_no_check() -> None:
    paper = CanaryPaper(interval=600, count=100)
    paper.run(3)
    paper.say("promote")
    assert paper.label().startswith("5 %")
    paper.run(8)
    assert paper.label().startswith("25 %")
    assert "promoted by a person" in paper.records[-2].why


def test_promoting_fully_needs_no_passing_metric_but_pods_that_can_take_it_all() -> None:
    paper = CanaryPaper(interval=600)
    paper.sampled = lambda _action: {"canary": None}
    paper.run(8)
    paper.say("promote-fully")
    assert paper.phases[-1] is Phase.SUCCEEDED
    assert paper.log.index("scale agent-service-canary 4") < paper.log.index("agent-service 100 %")


def test_without_metrics_the_weights_hold_their_time() -> None:
    paper = CanaryPaper(metrics=[], interval=5)
    decision = paper.run(3)
    assert decision.why == "5 % to 1.1.0: held for 3 of 5 s, nothing is measured; next in 2 s"
    assert paper.run(60).phase is Phase.SUCCEEDED


# Back


def test_a_failing_metric_takes_all_requests_off_in_the_same_pass() -> None:
    paper = CanaryPaper()
    paper.run(60, until=lambda: paper.label().startswith("25 %"))
    paper.sampled = failing
    before = paper.facts.now
    paper.run(60, until=lambda: paper.state.track == "back")
    measured = next(record for record in paper.records if record.state == "failed")
    assert "success-rate failed: 62 %, below 99 %" in measured.why
    assert paper.facts.now - before <= 4
    at = paper.log.index("agent-service 25 %")
    assert paper.log[at + 1] == "agent-service 0 %"
    assert paper.phases[-1] is Phase.ROLLED_BACK
    assert "apply agent-service 4" not in paper.log
    assert f"remove Deployment {CANARY.name}" in paper.log


def test_the_way_back_has_requests_first_and_the_services_of_routes_last() -> None:
    paper = CanaryPaper(bundle(AUTH, autoscaler(), routes=documents.INGRESS))
    labels = [step["label"] for step in paper.tracks["back"].steps]
    assert labels == [
        "Requests off the canary", "Take over 2 objects", "Configuration", "Wave 2: agent-service, auth-service",
        "Requests back to stable", "Routes at rest, as far as they can be", "Remove 3 objects no longer in it",
        "Routes at rest", "Services of the routes", "Autoscaling, budgets and routes", "Autoscalers free again",
        "Verify 1 traffic policy", "Read everything back",
    ]  # fmt: skip


def test_what_is_promoted_already_is_restored_before_its_requests_come_back() -> None:
    paper = CanaryPaper()
    paper.run(60, until=lambda: paper.label().startswith("100 %"))
    paper.stuck.add(AGENT.key)
    paper.run(60, until=lambda: "apply agent-service 4" in paper.log)
    paper.log.clear()
    assert paper.say("abort").phase is Phase.ABORTING
    assert (paper.log, paper.weights["agent-service"]) == (["apply agent-service 4"], 100)
    paper.size(AGENT, 4, ready=4)
    assert paper.later(1.0).phase is Phase.ABORTED
    assert paper.log[1] == "agent-service 0 %"
    assert f"remove Deployment {CANARY.name}" in paper.log[2:]
