"""A field that stands in the way of another is removed by the same apply, as kubectl does it; and the plan shows it."""

from typing import Any

import pytest

from environments.kube.api.errors import Rejected
from environments.kube.apply.diff import preview
from environments.kube.apply.ownership import owns
from environments.kube.apply.server_side_apply import apply_object
from tests.contract.namespace import ContractNamespace
from tests.contract.objects import Manifest, deployment

Field = tuple[str, ...]


def pods(container: Manifest | None = None, **pod: Any) -> Manifest:
    manifest = deployment(replicas=0)
    spec = manifest["spec"]["template"]["spec"]
    spec["containers"][0] |= container or {}
    spec |= pod
    return manifest


def rolled(**strategy: Any) -> Manifest:
    manifest = deployment(replicas=0)
    return {**manifest, "spec": {**manifest["spec"], "strategy": strategy}} if strategy else manifest


def stateful(**strategy: Any) -> Manifest:
    spec = {**deployment(replicas=0)["spec"], "serviceName": "web"}
    spec |= {"updateStrategy": strategy} if strategy else {}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web"}, "spec": spec}


def budget(**spec: Any) -> Manifest:
    spec["selector"] = {"matchLabels": {"app": "web"}}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"}, "spec": spec}


def probe(**handler: Any) -> Manifest:
    return pods({"livenessProbe": handler})


def volume(**source: Any) -> Manifest:
    return pods(volumes=[{"name": "v", **source}])


def variable(**value: Any) -> Manifest:
    return pods({"env": [{"name": "A", **value}]})


KEY = {"configMapKeyRef": {"name": "x", "key": "y"}}
PROBE = 'spec.template.spec.containers[name="web"].livenessProbe'
ENV = 'spec.template.spec.containers[name="web"].env[name="A"]'
VOLUME = 'spec.template.spec.volumes[name="v"]'
CHANGES = [
    (rolled(), rolled(type="Recreate"), "spec.strategy.rollingUpdate"),
    (stateful(), stateful(type="OnDelete"), "spec.updateStrategy.rollingUpdate"),
    (budget(minAvailable=1), budget(maxUnavailable=1), "spec.minAvailable"),
    (probe(httpGet={"path": "/", "port": 80}), probe(tcpSocket={"port": 80}), f"{PROBE}.httpGet"),
    (probe(exec={"command": ["a"]}), probe(httpGet={"path": "/", "port": 80}), f"{PROBE}.exec"),
    (volume(), volume(configMap={"name": "x"}), f"{VOLUME}.emptyDir"),
    (variable(value="1"), variable(valueFrom=KEY), f"{ENV}.value"),
    (variable(valueFrom=KEY), variable(value="1"), f"{ENV}.valueFrom"),
]


@pytest.mark.parametrize(("before", "after", "gone"), CHANGES, ids=[gone for _, _, gone in CHANGES])
@pytest.mark.parametrize("whose", ["ours", "a person's"])
def test_what_stands_in_the_way_goes_by_the_same_apply(
    ns: ContractNamespace, before: Manifest, after: Manifest, gone: str, whose: str
) -> None:
    if whose == "ours":
        apply_object(ns.gateway, ns.here(before), sequence=1)
    else:
        ns.gateway.create(ns.here(before))
    seen = preview(ns.gateway, ns.here(after))
    assert gone in [change.path for change in seen.changes if change.after is None]
    applied = apply_object(ns.gateway, ns.here(after), sequence=2).object
    assert applied["spec"] == seen.after["spec"]
    again = preview(ns.gateway, ns.here(after))
    assert again.changes == ()


def test_what_is_refused_for_another_reason_stays_refused(ns: ContractNamespace) -> None:
    apply_object(ns.gateway, ns.here(rolled()), sequence=1)
    wrong = rolled(type="RollingUpdate", rollingUpdate={"maxSurge": 0, "maxUnavailable": 0})
    with pytest.raises(Rejected):
        preview(ns.gateway, ns.here(wrong))
    with pytest.raises(Rejected):
        apply_object(ns.gateway, ns.here(wrong), sequence=2)
    assert not owns(ns.found(), "slipway", ("f:spec", "f:strategy"))
