"""The rolling strategy: its parameters, what they change in manifests, and its steps."""

from typing import Any

import pytest

from environments.kube.objects import Ref
from releases.engine.facts import Work
from releases.engine.steps import read_step
from releases.strategies import ParameterError, entries, find, names
from tests.releases.rollout.paper import API, DB, SCALER, SETTINGS, WEB, plan_of

ROLLING = find("rolling")


def test_a_strategy_is_found_by_being_there() -> None:
    assert "rolling" in names()
    with pytest.raises(ParameterError, match=r"no strategy .roling.; there are: .*rolling"):
        find("roling")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, {}),
        ({"maxSurge": 1, "maxUnavailable": 0}, {"maxSurge": 1, "maxUnavailable": 0}),
        ({"maxSurge": "25%"}, {"maxSurge": "25%"}),
        ({"maxSurge": "2", "maxUnavailable": ""}, {"maxSurge": 2}),
        ({"stableSeconds": 1.5}, {"stableSeconds": 1.5}),
    ],
)
def test_parameters_that_fit(given: dict[str, Any], kept: dict[str, Any]) -> None:
    assert ROLLING.check(given) == kept


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"maxSurge": -1}, "maxSurge is -1; it has to be a number of pods or 0% to 100%"),
        ({"maxSurge": "120%"}, "maxSurge is '120%'"),
        ({"maxSurge": True}, "maxSurge is True"),
        ({"maxSurge": 0.5}, "maxSurge is 0.5"),
        ({"stableSeconds": "soon"}, "a number of seconds from 0"),
        ({"maxsurge": 1}, "no parameter 'maxsurge'; it has maxSurge"),
        ({"maxSurge": 0, "maxUnavailable": "0%"}, "nothing could roll"),
    ],
)
def test_parameters_that_do_not_fit(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        ROLLING.check(given)


@pytest.mark.parametrize(
    ("kind", "spec", "parameters", "tuned"),
    [
        ("Deployment", {}, {}, {}),
        (
            "Deployment",
            {},
            {"maxSurge": 1, "maxUnavailable": 0},
            {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}},
        ),
        (
            "Deployment",
            {"strategy": {"rollingUpdate": {"maxSurge": 3, "maxUnavailable": 1}}},
            {"maxSurge": "50%"},
            {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 1}}},
        ),
        ("Deployment", {"strategy": {"type": "Recreate"}}, {"maxSurge": 1}, {"strategy": {"type": "Recreate"}}),
        (
            "DaemonSet",
            {},
            {"maxSurge": 1, "maxUnavailable": 1},
            {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}},
        ),
        ("StatefulSet", {}, {"maxSurge": 1}, {}),
        ("Service", {}, {"maxSurge": 1}, {}),
    ],
)
def test_surge_and_unavailable_reach_the_manifest(
    kind: str, spec: dict[str, Any], parameters: dict[str, Any], tuned: dict[str, Any]
) -> None:
    manifest = {"kind": kind, "spec": spec}
    before = repr(manifest)
    assert ROLLING.tune(manifest, parameters) == {"kind": kind, "spec": tuned}
    assert repr(manifest) == before


def test_steps_follow_the_stages_and_waves() -> None:
    namespace, service = Ref("v1", "Namespace", "", "shop"), Ref("v1", "Service", "shop", "web")
    gone = Ref("v1", "ConfigMap", "shop", "old")
    plan = plan_of(SCALER, WEB, DB, SETTINGS, service, namespace, API, prune=(gone,), adopt=(WEB,))
    assert [(step["kind"], step["objects"]) for step in plan["steps"]] == [
        ("confirm", []), ("adopt", []), ("namespaces", [5]), ("configuration", [3]), ("services", [4]), ("wave", [2]),
        ("wave", [1, 6]), ("after", [0]), ("prune", []), ("verify", [0, 1, 2, 3, 4, 5, 6]),
    ]  # fmt: skip
    assert plan["steps"][6]["label"] == "Wave 2: web, api"


def test_a_plans_steps_come_back_as_they_were_approved() -> None:
    plan = plan_of(WEB, DB, SETTINGS)
    assert [read_step(step).to_json() for step in plan["steps"]] == plan["steps"]
    with pytest.raises(KeyError, match="no step of kind 'dance'"):
        read_step({"kind": "dance", "label": "", "objects": []})


def test_a_way_back_has_no_dry_run_to_confirm() -> None:
    assert [step.kind for step in ROLLING.back(Work.of(plan_of(WEB)))] == ["wave", "verify"]


def test_an_entry_of_a_strategy_that_this_version_does_not_know_is_told() -> None:
    with pytest.raises(KeyError, match="teleport"):
        entries([{"kind": "teleport", "workload": "web"}])
