"""A running application comes in without a word to its pods: Helm's and Argo CD's, on both clusters."""

from typing import Any

import pytest
import yaml

from environments.importing.survey import Selection
from portal.actors import SYSTEM
from portal.roles import Verb
from releases import actions, importing
from releases.states import Phase
from tests.releases.rollout.live import Place, Portal, portal

pytestmark = pytest.mark.django_db(transaction=True)
RUNNING = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: IMAGE
        ports: [{containerPort: 8080}]
        resources: {limits: {cpu: 2000m}}
        envFrom: [{configMapRef: {name: web}}, {secretRef: {name: db}}]
        readinessProbe: {httpGet: {path: /ready, port: 8080}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {LEVEL: info}
---
apiVersion: v1
kind: Secret
metadata: {name: db}
data: {PASSWORD: aHVudGVyMg==}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"""


def bring(running: Portal, manager: str) -> None:
    """The application as that tool brings it."""
    image = f"{running.place.registry}/{running.namespace}/web:1.4"
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": running.namespace}}
    for manifest in [space, *yaml.safe_load_all(RUNNING.replace("IMAGE", image))]:
        if manifest is not space:
            manifest["metadata"]["namespace"] = running.namespace
        if manager == "helm":
            manifest["metadata"]["annotations"] = {"meta.helm.sh/release-name": "shop"}
        running.gateway.apply(manifest, manager=manager)
    running.wait_for(lambda: is_ready(running.get("Deployment", "web")))


def is_ready(deployment: dict[str, Any] | None) -> bool:
    return ((deployment or {}).get("status") or {}).get("readyReplicas") == 2


def pods(running: Portal) -> set[str]:
    return {pod["metadata"]["uid"] for pod in running.gateway.list("v1", "Pod", running.namespace)}


@pytest.mark.parametrize("manager", ["helm", "argocd-controller"])
def test_its_first_rollout_touches_no_pod(place: Place, manager: str) -> None:
    with portal(place) as running:
        running.push("web", "1.4")
        bring(running, manager)
        before = pods(running)
        actor = SYSTEM.granted([running.environment.name], list(Verb))
        found = importing.read(actor, running.environment, "books", running.namespace, Selection())
        taken = importing.take_in(actor, found)
        assert taken.plan.changes == ()
        assert taken.plan.is_empty, taken.plan.refused
        rollout = running.wait(actions.request(actor, taken.release, running.environment))
        assert (rollout.phase, rollout.why) == (Phase.SUCCEEDED, "")
        assert pods(running) == before
        kept = running.get("Secret", "db", "v1")
        assert kept
        assert "annotations" not in kept["metadata"] or manager == "helm", "it is no part of the release"
