"""Our verdicts beside those of `kubectl rollout status`, on the same changes at the same time."""

import json
import os
import queue
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from environments.kube.objects import Ref
from environments.kube.status.workload import Verdict, stuck_pods, workload_status
from environments.kube.watch.watcher import Watcher
from tests.contract.namespace import ContractNamespace
from tests.contract.objects import Manifest, deployment, quota

pytestmark = pytest.mark.lane("kubectl")

PATIENCE = 5  # seconds after which a change that Kubernetes would wait on for ever is called waiting
SANDBOX_SPEED = 10
PROBE = {"httpGet": {"path": "/readyz", "port": 80}, "periodSeconds": 1}
BAD = {"pull_error": "not found"}
UNREADY = {"ready": False}


def workload(kind: str = "Deployment", behaviour: Manifest | None = None, **spec) -> Manifest:
    """One whose pods behave as told; another behaviour is another revision."""
    made = deployment(replicas=spec.pop("replicas", 2))
    template = made["spec"]["template"]
    template["metadata"]["annotations"] = {"test.slipway/behaviour": json.dumps(behaviour or {})}
    template["spec"]["containers"][0]["readinessProbe"] = PROBE
    template["spec"]["nodeSelector"] = spec.pop("nodes", {})
    if kind == "DaemonSet":
        del made["spec"]["replicas"]
    if kind == "StatefulSet":
        made["spec"]["serviceName"] = "web"
    return {**made, "kind": kind, "spec": {**made["spec"], **spec}}


def rolling(surge: int | str, unavailable: int | str) -> Manifest:
    limits = {"maxSurge": surge, "maxUnavailable": unavailable}
    return {"strategy": {"type": "RollingUpdate", "rollingUpdate": limits}}


NEXT = {"startup_seconds": 0.4}
FIRM = {"progressDeadlineSeconds": 3}
PATIENT = {"progressDeadlineSeconds": 600}
RECREATE = {"strategy": {"type": "Recreate"}}
ON_DELETE = {"updateStrategy": {"type": "OnDelete"}}
PARTITION = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}}
NOWHERE = {"nodes": {"pool": "nowhere"}}
ONE_POD = quota(pods="1")
NO_PODS = "no pod is wanted (replicas is 0), so nothing runs and nothing was tried"


class Race(NamedTuple):
    """`before` is applied first and awaited; then `change` is raced. `kubectl`: done, fail, waiting or error.

    `sooner`: seconds by which we have to know it before kubectl does.
    """

    name: str
    change: Manifest
    ours: str
    kubectl: str
    why: str
    before: Manifest | None = None
    settled: str = "done"
    beside: Manifest | None = None
    sooner: float = -0.5


RACES = [
    Race("create", workload(), "done", "done", "2 of 2 pods updated and available"),
    Race("surge", workload(behaviour=NEXT), "done", "done", "2 of 2", workload()),
    Race("no surge", workload(behaviour=NEXT, **rolling(0, 1)), "done", "done", "2 of 2", workload()),
    Race("recreate", workload(behaviour=NEXT, **RECREATE), "done", "done", "2 of 2", workload(**RECREATE)),
    Race("bad image", workload(behaviour=BAD, **FIRM), "fail", "fail", "no progress for ", workload(**FIRM)),
    Race("the fix", workload(**FIRM), "done", "done", "2 of 2", workload(behaviour=BAD, **FIRM), "fail"),
    Race("never ready", workload(behaviour=UNREADY, **FIRM), "fail", "fail", "0 of 2 ready"),
    Race("settling", workload(minReadySeconds=2), "done", "done", "2 of 2 pods updated and available"),
    Race("paused", workload(behaviour=NEXT, paused=True), "suspended", "waiting", "is paused", workload()),
    Race("no replicas", workload(replicas=0), "done", "done", NO_PODS),
    Race("to zero", workload(replicas=0), "done", "done", NO_PODS, workload()),
    Race(
        "from zero, badly",
        workload(behaviour=BAD),
        "wait",
        "waiting",
        "Kubernetes sets no deadline for this",
        workload(behaviour=BAD, replicas=0),
    ),
    Race("quota", workload(**PATIENT), "fail", "waiting", "exceeded quota: q", beside=ONE_POD, sooner=2),
    Race("stateful", workload("StatefulSet"), "done", "done", "2 of 2 pods updated and available"),
    Race(
        "stateful update",
        workload("StatefulSet", NEXT),
        "done",
        "done",
        "2 of 2 pods updated",
        workload("StatefulSet"),
    ),
    Race(
        "partition",
        workload("StatefulSet", NEXT, **PARTITION),
        "done",
        "done",
        "1 of 2 pods updated; the partition keeps 1",
        workload("StatefulSet", **PARTITION),
    ),
    Race(
        "stateful bad image",
        workload("StatefulSet", BAD),
        "wait",
        "waiting",
        "1 of 2 pods ready",
        workload("StatefulSet"),
    ),
    Race(
        "on delete",
        workload("StatefulSet", NEXT, **ON_DELETE),
        "suspended",
        "error",
        "until somebody deletes them",
        workload("StatefulSet", **ON_DELETE),
    ),
    Race("daemons", workload("DaemonSet"), "done", "done", "one on each fitting node"),
    Race("daemons' update", workload("DaemonSet", NEXT), "done", "done", "updated", workload("DaemonSet")),
    Race("no node fits", workload("DaemonSet", **NOWHERE), "done", "done", "no node fits its pods"),
]


class Follower:
    """What a watch of the kind leads us to say, from the moment of a change."""

    def __init__(self, ns: ContractNamespace, kind: str) -> None:
        self._seen: queue.Queue = queue.Queue()
        self._watcher = Watcher(
            ns.gateway,
            "apps/v1",
            kind,
            labels="",
            namespace=ns.name,
            on_event=lambda event, obj: self._seen.put((event, obj)),
            on_state=lambda state: None,
        )

    def __enter__(self) -> "Follower":
        self._watcher.start()
        while self._seen.get(timeout=10)[0] != "SYNCED":
            pass
        return self

    def __exit__(self, *_: object) -> None:
        self._watcher.stop()
        self._watcher.join(10)

    def verdict(self, generation: int, until: float) -> tuple[Verdict, float]:
        """The first verdict that ends waiting, or the last one before the time is over; and when it was."""
        last = Verdict("wait", "nothing was seen")
        while (left := until - time.monotonic()) > 0:
            try:
                _, obj = self._seen.get(timeout=left)
            except queue.Empty:
                break
            if obj:
                last = workload_status(obj, generation=generation)
            if last.state != "wait":
                break
        return last, time.monotonic()


@pytest.fixture
def kubectl(request: pytest.FixtureRequest, tmp_path) -> Callable[..., subprocess.Popen]:
    """kubectl at the cluster under test."""
    path = tmp_path / "kubeconfig"
    if request.node.callspec.params["access"] == "sandbox":
        path.write_text(request.getfixturevalue("sandbox").kubeconfig)
    else:
        path.write_text(Path(os.environ["SLIPWAY_TEST_KUBECONFIG"]).read_text())

    def start(ns: ContractNamespace, *arguments: str) -> subprocess.Popen:
        command = ["kubectl", "--kubeconfig", str(path), "-n", ns.name, *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    return start


@pytest.fixture
def speed(request: pytest.FixtureRequest) -> float:
    """How much faster than the wall's the cluster's deadlines pass; its timestamps are the wall's."""
    return SANDBOX_SPEED if request.node.callspec.params["access"] == "sandbox" else 1


def at_speed(manifest: Manifest, speed: float) -> Manifest:
    """With a deadline that takes as long on the wall's clock."""
    spec = manifest["spec"]
    if "progressDeadlineSeconds" not in spec:
        return manifest
    return {**manifest, "spec": {**spec, "progressDeadlineSeconds": round(spec["progressDeadlineSeconds"] * speed)}}


def said_by(process: subprocess.Popen) -> str:
    output, _ = process.communicate(timeout=30)
    if process.returncode == 0:
        return "done"
    if "timed out waiting" in output:
        return "waiting"
    return "fail" if "progress deadline" in output else "error"


def settle(ns: ContractNamespace, ref: Ref, state: str) -> None:
    ns.until(lambda: workload_status(ns.found(ref)).state == state)


@pytest.mark.parametrize("race", RACES, ids=lambda race: race.name)
def test_our_verdict_beside_kubectls(ns: ContractNamespace, kubectl, speed: float, race: Race):
    kind, ref = race.change["kind"], ns.ref(race.change["kind"])
    if race.beside:
        ns.apply(race.beside)
        ns.until(lambda: "hard" in ns.found(ns.ref("ResourceQuota", "q", "v1")).get("status", {}))
    if race.before:
        ns.apply(at_speed(race.before, speed))
        settle(ns, ref, race.settled)
    with Follower(ns, kind) as follower:
        generation = ns.apply(at_speed(race.change, speed)).object["metadata"]["generation"]
        began = time.monotonic()
        theirs = kubectl(ns, "rollout", "status", f"{kind}/web", f"--timeout={PATIENCE}s")
        verdict, ours_at = follower.verdict(generation, began + PATIENCE)
        said = said_by(theirs)
        theirs_at = time.monotonic()
    assert (verdict.state, said) == (race.ours, race.kubectl), verdict.why
    assert race.why in verdict.why
    assert ours_at < theirs_at - race.sooner


def test_a_stuck_stateful_set_is_told_and_goes_on_when_its_stuck_pods_are_deleted(ns: ContractNamespace):
    ref = ns.ref("StatefulSet")
    ns.apply(workload("StatefulSet"))
    settle(ns, ref, "done")
    ns.apply(workload("StatefulSet", BAD))
    ns.until(lambda: len(stuck(ns)) == 0 and "1 of 2 pods ready" in workload_status(ns.found(ref)).why)
    ns.apply(workload("StatefulSet", NEXT))
    ns.until(lambda: stuck(ns))
    assert "the update stands still while 1 pod" in workload_status(ns.found(ref)).why
    for name, uid in stuck(ns):
        assert name == "web-1"
        ns.gateway.delete(Ref("v1", "Pod", ns.name, name), uid=uid)
    settle(ns, ref, "done")


def stuck(ns: ContractNamespace) -> list[tuple[str, str]]:
    pods = ns.gateway.list("v1", "Pod", ns.name)
    return stuck_pods(ns.found(ns.ref("StatefulSet")), pods)


def test_a_return_is_not_blamed_for_the_deadline_that_its_predecessor_missed(ns: ContractNamespace, speed: float):
    good, bad = (
        at_speed(workload(behaviour=told, replicas=4, **FIRM, **rolling(0, "50%")), speed) for told in (None, BAD)
    )
    for manifest, state in ((good, "done"), (bad, "fail")):
        ns.apply(manifest)
        settle(ns, ns.ref(), state)
    with Follower(ns, "Deployment") as follower:
        generation = ns.apply(good).object["metadata"]["generation"]
        verdict, _ = follower.verdict(generation, time.monotonic() + PATIENCE)
    assert verdict.state == "done", verdict.why
