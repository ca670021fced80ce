"""What the control plane itself reports at the end of every kind of rollout, on both clusters: the whole status."""

import json
import time
from typing import NamedTuple

import pytest

from environments.kube.objects import Ref
from tests.contract.namespace import ContractNamespace
from tests.contract.objects import Manifest, quota

PATIENCE = 45.0
PROBE = {"httpGet": {"path": "/readyz", "port": 80}, "periodSeconds": 1}
BAD = {"pull_error": "not found"}
UNREADY = {"ready": False}
NEXT = {"startup_seconds": 0.4}
FIRM = {"progressDeadlineSeconds": 3}
PAUSED = {"paused": True}
RECREATE = {"strategy": {"type": "Recreate"}}
SURGE = {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}}
NO_SURGE = {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}}
PARTITION = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}
ON_DELETE = {"updateStrategy": {"type": "OnDelete"}}
NOWHERE = {"nodes": {"pool": "nowhere"}}

AVAILABLE = {"Available": ("True", "MinimumReplicasAvailable")}
UNAVAILABLE = {"Available": ("False", "MinimumReplicasUnavailable")}
COMPLETE = {"Progressing": ("True", "NewReplicaSetAvailable")}
EXCEEDED = {"Progressing": ("False", "ProgressDeadlineExceeded")}
MOVING = {"Progressing": ("True", "ReplicaSetUpdated")}
HELD = {"Progressing": ("Unknown", "DeploymentPaused")}
FAILURE = {"ReplicaFailure": ("True", "FailedCreate")}


def workload(kind: str, behaviour: Manifest, spec: Manifest) -> Manifest:
    """One whose pods behave as told; another behaviour is another revision."""
    spec = dict(spec)
    annotations = {"test.slipway/behaviour": json.dumps(behaviour)}
    container = {
        "name": "web",
        "image": "example.test/web:1",
        "ports": [{"containerPort": 80}],
        "readinessProbe": PROBE,
    }
    pod = {"containers": [container], "nodeSelector": spec.pop("nodes", {})}
    template = {"metadata": {"labels": {"app": "web"}, "annotations": annotations}, "spec": pod}
    own: Manifest = {"selector": {"matchLabels": {"app": "web"}}, "template": template, **spec}
    if kind == "StatefulSet":
        own["serviceName"] = "web"
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"}, "spec": own}


def done(replicas: int, **more: int) -> Manifest:
    """The counters of a Deployment that is through."""
    names = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    counters = dict.fromkeys(names, replicas) if replicas else {}
    return {**counters, "terminatingReplicas": 0, **more}


def ordered(ready: int, current: int, updated: int, *, same: bool) -> Manifest:
    """The counters of a StatefulSet of three."""
    counters = {"readyReplicas": ready, "currentReplicas": current, "updatedReplicas": updated}
    present = {name: count for name, count in counters.items() if count}
    return {"replicas": 3, "availableReplicas": ready, "collisionCount": 0, **present, "revisions are the same": same}


def daemons(nodes: int) -> Manifest:
    """The counters of a DaemonSet whose pods all serve."""
    counters = {"updatedNumberScheduled": nodes, "numberAvailable": nodes} if nodes else {}
    scheduled = dict.fromkeys(("currentNumberScheduled", "desiredNumberScheduled", "numberReady"), nodes)
    return {**scheduled, "numberMisscheduled": 0, **counters}


class Race(NamedTuple):
    """`steps` are (behaviour, fields of the spec), applied one after the other, each when the one before has its
    `between` status; `after` is the status at the end, conditions and counters, which then stays."""

    name: str
    steps: tuple[tuple[Manifest, Manifest], ...]
    after: Manifest
    conditions: Manifest
    between: tuple[Manifest, ...] = ()
    kind: str = "Deployment"
    pods: str = ""
    delete: str = ""


def deploy(name: str, *steps: tuple[Manifest, Manifest], after: Manifest, shows: list[Manifest], **more) -> Race:
    conditions = {kind: value for shown in shows for kind, value in shown.items()}
    sized = tuple((behaviour, {"replicas": 2, **spec}) for behaviour, spec in steps)
    return Race(name, sized, after, conditions, **more)


def stateful(name: str, *steps: tuple[Manifest, Manifest], after: Manifest, **more) -> Race:
    sized = tuple((behaviour, {"replicas": 3, **spec}) for behaviour, spec in steps)
    return Race(name, sized, after, {}, kind="StatefulSet", **more)


def daemon(name: str, *steps: tuple[Manifest, Manifest], after: Manifest, **more) -> Race:
    return Race(name, steps, after, {}, kind="DaemonSet", **more)


UP = {"availableReplicas": 2}
STUCK = {"replicas": 2, "updatedReplicas": 2, "unavailableReplicas": 2, "terminatingReplicas": 0}
NONE = {"terminatingReplicas": 0}
WELL = [AVAILABLE, COMPLETE]
THREE = {"readyReplicas": 3, "updatedReplicas": 3}
BROKEN = {"readyReplicas": 2, "updatedReplicas": 1}

RACES = [
    deploy("create", ({}, {}), after=done(2), shows=WELL),
    deploy("surge", ({}, SURGE), (NEXT, SURGE), after=done(2), shows=WELL, between=(UP,)),
    deploy("no surge", ({}, NO_SURGE), (NEXT, NO_SURGE), after=done(2), shows=WELL, between=(UP,)),
    deploy("recreate", ({}, RECREATE), (NEXT, RECREATE), after=done(2), shows=WELL, between=(UP,)),
    deploy("bad image", (BAD, FIRM), after=STUCK, shows=[UNAVAILABLE, EXCEEDED]),
    deploy(
        "bad image in an update",
        ({}, {**FIRM, **SURGE}),
        (BAD, {**FIRM, **SURGE}),
        after={**done(2, updatedReplicas=1), "replicas": 3, "unavailableReplicas": 1},
        shows=[AVAILABLE, EXCEEDED],
        between=(UP,),
    ),
    deploy("the fix", (BAD, FIRM), ({}, FIRM), after=done(2), shows=WELL, between=(STUCK,)),
    deploy("never ready", (UNREADY, FIRM), after=STUCK, shows=[UNAVAILABLE, EXCEEDED]),
    deploy("settling", ({}, {"minReadySeconds": 2}), after=done(2), shows=WELL),
    deploy("paused at creation", ({}, PAUSED), after=NONE, shows=[HELD, UNAVAILABLE]),
    deploy(
        "paused later",
        ({}, {}),
        (NEXT, PAUSED),
        after={name: count for name, count in done(2).items() if name != "updatedReplicas"},
        shows=[HELD, AVAILABLE],
        between=(UP,),
    ),
    deploy("resumed", ({}, PAUSED), ({}, {}), after=done(2), shows=WELL, between=(NONE,)),
    deploy("no replicas", ({}, {"replicas": 0}), after=NONE, shows=WELL),
    deploy("from zero", ({}, {"replicas": 0}), ({}, {}), after=done(2), shows=WELL, between=(NONE,)),
    deploy("from zero with a change", ({}, {"replicas": 0}), (NEXT, {}), after=done(2), shows=WELL, between=(NONE,)),
    deploy(
        "from zero, badly",
        (BAD, {"replicas": 0, **FIRM}),
        (BAD, FIRM),
        after=STUCK,
        shows=[UNAVAILABLE, COMPLETE],
        between=(NONE,),
    ),
    deploy("to zero", ({}, {}), ({}, {"replicas": 0}), after=NONE, shows=WELL, between=(UP,)),
    deploy(
        "quota",
        ({}, FIRM),
        after={**done(1), "unavailableReplicas": 1},
        shows=[UNAVAILABLE, FAILURE, EXCEEDED],
        pods="1",
    ),
    deploy(
        "quota lifted",
        ({}, FIRM),
        ({}, FIRM),
        after=done(2),
        shows=WELL,
        between=({"unavailableReplicas": 1},),
        pods="1",
        delete="ResourceQuota",
    ),
    stateful("stateful", ({}, {}), after=ordered(3, 3, 3, same=True)),
    stateful("stateful update", ({}, {}), (NEXT, {}), after=ordered(3, 3, 3, same=True), between=(THREE,)),
    stateful("partition", ({}, PARTITION), (NEXT, PARTITION), after=ordered(3, 2, 1, same=False), between=(THREE,)),
    stateful("stateful bad image", ({}, {}), (BAD, {}), after=ordered(2, 2, 1, same=False), between=(THREE,)),
    stateful(
        "stateful fix stays stuck",
        ({}, {}),
        (BAD, {}),
        ({}, {}),
        after=ordered(2, 2, 2, same=True),
        between=(THREE, BROKEN),
    ),
    stateful(
        "stateful fix and the pod deleted",
        ({}, {}),
        (BAD, {}),
        ({}, {}),
        after=ordered(3, 3, 3, same=True),
        between=(THREE, BROKEN),
        delete="Pod",
    ),
    stateful("on delete", ({}, ON_DELETE), (NEXT, ON_DELETE), after=ordered(3, 3, 0, same=False), between=(THREE,)),
    daemon("daemons", ({}, {}), after=daemons(3)),
    daemon("daemons' update", ({}, {}), (NEXT, {}), after=daemons(3), between=({"numberAvailable": 3},)),
    daemon("no node fits", ({}, NOWHERE), after=daemons(0)),
]


def shown(live: Manifest) -> tuple[Manifest, Manifest]:
    """Counters and conditions of a status that has seen the newest specification; empty before."""
    status = dict(live.get("status") or {})
    if status.pop("observedGeneration", None) != live["metadata"]["generation"]:
        return {}, {}
    conditions = {item["type"]: (item["status"], item["reason"]) for item in status.pop("conditions", ())}
    revisions = [status.pop(name, None) for name in ("currentRevision", "updateRevision")]
    if live["kind"] == "StatefulSet":
        status["revisions are the same"] = revisions[0] == revisions[1]
    return status, conditions


def awaited(ns: ContractNamespace, ref: Ref, counters: Manifest) -> None:
    ns.until(lambda: counters.items() <= shown(ns.found(ref))[0].items(), PATIENCE)


def ended(ns: ContractNamespace, race: Race, ref: Ref) -> tuple[Manifest, Manifest]:
    """The status when it is as expected, or as it is when patience is over."""
    end = time.monotonic() + PATIENCE
    while (found := shown(ns.found(ref))) != (race.after, race.conditions) and time.monotonic() < end:
        time.sleep(0.05)
    return found


@pytest.mark.parametrize("race", RACES, ids=lambda race: race.name)
def test_a_rollout_ends_in_the_same_status_everywhere(ns: ContractNamespace, race: Race):
    ref = ns.ref(race.kind)
    if race.pods:
        ns.apply(quota(pods=race.pods))
        ns.until(lambda: "hard" in ns.found(ns.ref("ResourceQuota", "q", "v1")).get("status", {}))
    for number, (behaviour, spec) in enumerate(race.steps):
        ns.apply(workload(race.kind, behaviour, spec), force=True)
        if number < len(race.between):
            awaited(ns, ref, race.between[number])
    if race.delete:
        name = "q" if race.delete == "ResourceQuota" else "web-2"
        ns.gateway.delete(ns.ref(race.delete, name, "v1"))
    assert ended(ns, race, ref) == (race.after, race.conditions)
    time.sleep(0.5)
    assert shown(ns.found(ref)) == (race.after, race.conditions), "it went on changing"
