"""python -m tests.crash.run FOLDER: rollouts on two orchestrators whose processes are killed; prints a report as JSON.

SLIPWAY_DATABASE_URL names a migrated database that nobody else uses.
"""

import json
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402

from environments import setting_up  # noqa: E402
from environments.clusters import gateway_for  # noqa: E402
from environments.kube.api.access import Access  # noqa: E402
from environments.kube.names import SEQUENCE  # noqa: E402
from environments.kube.objects import Ref  # noqa: E402
from environments.models import Cluster  # noqa: E402
from portal import audit  # noqa: E402
from portal.actors import SYSTEM, Actor  # noqa: E402
from portal.models import AuditEntry  # noqa: E402
from portal.roles import Role  # noqa: E402
from releases.models import Application, Step  # noqa: E402
from sandbox import Sandbox  # noqa: E402
from sandbox.store import StoreEvent  # noqa: E402
from tests.crash.processes import Orchestrator  # noqa: E402
from tests.crash.story import Tale, wrong  # noqa: E402

APPLICATIONS = 16
SPACING = 0.45  # seconds between kills
SETTLE = 90.0


def main(folder: Path, kills: int, rollouts: int) -> dict[str, Any]:
    random.seed(int(os.environ.get("SLIPWAY_TEST_SEED", "7")))
    with Sandbox(speed=10) as sandbox:
        sequences = Sequences(sandbox)
        for tag, behaviour in (("1", {}), ("2", {}), ("bad", {"crash": True})):
            sandbox.images.push("shop/web", tag, behaviour={"startup_seconds": 0.5, **behaviour})
        tales = _tales(sandbox)
        variables = {**os.environ, "SLIPWAY_PLAIN_HTTP_REGISTRIES": sandbox.registry}
        hosts = [Orchestrator(f"host{n}", variables, folder / f"host{n}.log") for n in (1, 2)]
        began = time.monotonic()
        killed = _play(tales, hosts, kills, rollouts)
        stops = [round(host.end(), 2) for host in hosts]
        told = [told for tale in tales for told in tale.told]
        audit.keep_publishing()
        return {
            "seconds": round(time.monotonic() - began, 1),
            "kills": killed,
            "starts": [host.starts for host in hosts],
            "stops": stops,
            "rollouts": len(told),
            "phases": dict(Counter(f"{each.kind}: {each.rollout.phase}" for each in told)),
            "wrong": [words for tale in tales for words in wrong(tale)],
            "misplaced": [words for tale in tales for words in _misplaced(tale)],
            "twice": _twice(),
            "unfinished": _unfinished(told),
            "stale": sequences.fell,
            "writes": sequences.seen,
            "audit": str(audit.verify()),
            "whole": audit.verify().whole,
        }


class Sequences:
    """Listens to every write on the cluster: the number of a rollout in an object may never go down."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._highest: dict[str, int] = {}
        self.fell: list[str] = []
        self.seen = 0
        sandbox.store.subscribe(self._note)

    def _note(self, event: StoreEvent) -> None:
        obj = event.object
        metadata = obj.get("metadata", {})
        number = int((metadata.get("annotations") or {}).get(SEQUENCE, 0))
        if not number:
            return
        self.seen += 1
        key = f"{obj.get('kind')}/{metadata.get('namespace')}/{metadata.get('name')}"
        if number < self._highest.get(key, 0):
            self.fell.append(f"{key}: {number} after {self._highest[key]}")
        self._highest[key] = max(number, self._highest.get(key, 0))


def _tales(sandbox: Sandbox) -> list[Tale]:
    access = Access.from_kubeconfig(sandbox.kubeconfig)
    cluster = Cluster.objects.create(name="crash", server=access.server, access=access.to_json())
    environment = setting_up.add_environment(
        SYSTEM, name="dev", cluster=cluster, progress_seconds=120, roll_back_on_failure=True
    )
    user = User.objects.create(username="operator")
    setting_up.grant(SYSTEM, environment, Role.OPERATOR, user=user)
    return [
        Tale(Application.objects.create(name=f"app{n}"), environment, sandbox.registry, Actor.of(user))
        for n in range(APPLICATIONS)
    ]


def _play(tales: list[Tale], hosts: list[Orchestrator], kills: int, rollouts: int) -> int:
    """Until enough was killed and asked for and everything has ended."""
    killed, kill_at, settle = 0, time.monotonic() + 3, None
    while True:
        enough = killed >= kills and sum(len(tale.told) for tale in tales) >= rollouts
        busy = [tale.tend(more=not enough) for tale in tales]
        if enough and not any(busy):
            return killed
        settle = settle or (time.monotonic() + SETTLE if enough else None)
        if settle and time.monotonic() > settle:
            return killed
        for host in hosts:
            host.tend()
        if killed < kills and time.monotonic() >= kill_at:
            killed += random.choice(hosts).kill_one()
            kill_at = time.monotonic() + random.uniform(0.5, 1.5) * SPACING
        time.sleep(0.1)


def _misplaced(tale: Tale) -> list[str]:
    """Where the cluster does not have what the last rollout that stands has."""
    gateway = gateway_for(tale.environment.cluster)
    namespace = tale.environment.namespace_for(tale.application.name)
    found = gateway.get(Ref("v1", "ConfigMap", namespace, "settings"))
    version = found["data"]["VERSION"] if found else "nothing"
    return [] if version == tale.running else [f"{tale.application} runs {version}, not {tale.running}"]


def _twice() -> list[str]:
    """Ends of steps that are on record more than once."""
    entries = AuditEntry.objects.filter(verb__in=("rollout.step-done", "rollout.step-failed"))
    counted = Counter(
        (entry.target_id, entry.data["track"], entry.data["index"], entry.data["try"]) for entry in entries
    )
    return [str(key) for key, count in counted.items() if count > 1]


def _unfinished(told: list[Any]) -> list[str]:
    steps = Step.objects.filter(rollout__in=[each.rollout for each in told], state__in=("pending", "running"))
    return [f"{step.rollout_id} {step.track} {step}: {step.state}" for step in steps]


if __name__ == "__main__":
    report = main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
