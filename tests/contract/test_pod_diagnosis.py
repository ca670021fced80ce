"""A workload that does not come up tells why, in words, within seconds."""

import json

import pytest

from environments.kube.status.diagnose import diagnose
from environments.kube.status.pod_diagnosis import Problem
from tests.contract.namespace import ContractNamespace
from tests.contract.objects import Manifest, deployment, quota

CONFIG = {"name": "URL", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "url"}}}
PROBE = {"httpGet": {"path": "/readyz", "port": 80}, "periodSeconds": 1}
CRASH = {"crash": True, "exit_code": 3, "logs": ["connecting", "no database at db:5432"]}
OOM = {"crash": True, "exit_code": 137, "reason": "OOMKilled"}


def broken(behaviour: Manifest | None = None, *, kind: str = "Deployment", pod: Manifest | None = None, **container):
    made = {**deployment(replicas=1), "kind": kind}
    template = made["spec"]["template"]
    template["metadata"]["annotations"] = {"test.slipway/behaviour": json.dumps(behaviour or {})}
    template["spec"]["containers"][0] |= container
    template["spec"] |= pod or {}
    if kind == "StatefulSet":
        made["spec"]["serviceName"] = "web"
    if kind == "DaemonSet":
        del made["spec"]["replicas"]
    return made


def first_look(ns: ContractNamespace, kind: str, wanted: str) -> tuple[Problem, ...]:
    """The problems of the first look at the workload that finds the wanted words: a crash loop is well in between."""

    def look():
        problems = diagnose(ns.gateway, ns.found(ns.ref(kind)))
        return problems if any(wanted in problem.words for problem in problems) else ()

    return ns.until(look)


def first_problem(ns: ContractNamespace, kind: str, wanted: str) -> Problem:
    return next(problem for problem in first_look(ns, kind, wanted) if wanted in problem.words)


INIT = {
    "initContainers": [{"name": "migrate", "image": "example.test/shop/web:1"}],
}
FAILING_INIT = {"containers": {"migrate": {"crash": True, "exit_code": 4, "logs": ["relation exists"]}}}


@pytest.mark.parametrize(
    ("manifest", "kind", "words", "fatal"),
    [
        pytest.param(
            broken({"pull_error": "manifest unknown"}),
            "image",
            "image example.test/shop/web:1 cannot be pulled: the registry does not have it",
            True,
            id="image",
        ),
        pytest.param(
            broken(CRASH),
            "crash",
            "container web crashes with exit code 3",
            None,
            id="crash",
        ),
        pytest.param(broken(CRASH), "crash", "restarted 3 times", True, id="crash loop"),
        pytest.param(
            broken(OOM, resources={"limits": {"memory": "64Mi"}}),
            "memory",
            "container web was killed for using more memory than its limit of 64Mi",
            None,
            id="memory",
        ),
        pytest.param(
            broken(env=[CONFIG]),
            "configuration",
            "container web needs the ConfigMap settings, which is not there",
            True,
            id="configuration",
        ),
        pytest.param(
            broken(pod={"nodeSelector": {"pool": "nowhere"}}),
            "unschedulable",
            "not what the pod's node selector or affinity asks for",
            False,
            id="no node",
        ),
        pytest.param(
            broken(resources={"requests": {"cpu": "500"}}),
            "unschedulable",
            "not enough free cpu",
            False,
            id="no room",
        ),
        pytest.param(
            broken({"ready": False}, readinessProbe=PROBE),
            "probe",
            "container web runs, but is not ready: Readiness probe failed",
            False,
            id="probe",
        ),
        pytest.param(
            broken(FAILING_INIT, pod=INIT),
            "crash",
            "init container migrate crashes with exit code 4",
            None,
            id="init container",
        ),
        pytest.param(
            broken({"pull_error": "not found"}, kind="StatefulSet"), "image", "cannot be pulled", True, id="stateful"
        ),
        pytest.param(
            broken({"pull_error": "not found"}, kind="DaemonSet"), "image", "cannot be pulled", True, id="daemons"
        ),
    ],
)
def test_a_workload_that_does_not_come_up_says_why(ns: ContractNamespace, manifest, kind, words, fatal):
    ns.apply(manifest)
    problem = first_problem(ns, manifest["kind"], words)
    assert problem.kind == kind
    if fatal is not None:
        assert problem.fatal is fatal


def test_a_quota_that_stops_a_stateful_set_is_told(ns: ContractNamespace):
    ns.apply(quota(pods="0"))
    ns.until(lambda: "hard" in ns.found(ns.ref("ResourceQuota", "q", "v1")).get("status", {}))
    ns.apply(broken(kind="StatefulSet"))
    problem = first_problem(ns, "StatefulSet", "quota leaves no room for another pod: exceeded quota: q")
    assert (problem.kind, problem.fatal) == ("quota", True)


def test_only_the_newest_pods_are_looked_at(ns: ContractNamespace):
    ns.apply(broken({"pull_error": "not found"}))
    first_problem(ns, "Deployment", "cannot be pulled")
    ns.apply(broken(CRASH))
    problems = first_look(ns, "Deployment", "crashes with exit code 3")
    assert {problem.kind for problem in problems} == {"crash"}


def test_a_workload_that_is_well_has_no_problem(ns: ContractNamespace):
    ns.apply(broken())
    ns.until(lambda: ns.found().get("status", {}).get("readyReplicas") == 1)
    assert diagnose(ns.gateway, ns.found()) == ()


def test_a_look_costs_a_handful_of_requests(ns: ContractNamespace, monkeypatch):
    ns.apply(broken(CRASH))
    first_problem(ns, "Deployment", "restarted ")
    asked = []
    for name in ("list", "logs", "get", "raw"):
        real = getattr(ns.gateway, name)
        monkeypatch.setattr(ns.gateway, name, lambda *a, _real=real, **k: asked.append(a) or _real(*a, **k))
    live = ns.found()
    asked.clear()
    diagnose(ns.gateway, live)
    assert 3 <= len(asked) <= 6


def test_the_last_words_of_a_crash_are_kept_apart_from_why(ns: ContractNamespace):
    ns.apply(broken(CRASH))
    first_problem(ns, "Deployment", "crashes with exit code 3")
    problem = ns.until(lambda: next((each for each in diagnose(ns.gateway, ns.found()) if each.said), None))
    assert problem.said.startswith("connecting / no database at db:5432")
    assert "database" not in problem.words
