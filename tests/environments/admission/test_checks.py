"""What each check finds, and what it leaves alone; as facts."""

from typing import Any

import pytest

from environments.admission import AdmissionScope, Level, Rules, checks, judge
from environments.admission.hosts import hosts_of

PLACE = AdmissionScope(
    registries=("registry.example:5000", "ghcr.io/example", "*.azurecr.io"),
    hosts=("*.dev.example",),
    foreign={"*.prod.example": "prod", "shop.example": "prod"},
)
GOOD_IMAGE = "ghcr.io/example/web:1"


def pod(**more: Any) -> dict[str, Any]:
    return {"containers": [{"name": "app", "image": GOOD_IMAGE}], **more}


def container(image: str = GOOD_IMAGE, **more: Any) -> dict[str, Any]:
    return pod(containers=[{"name": "app", "image": image, **more}])


def secured(**context: Any) -> dict[str, Any]:
    return container(securityContext=context)


def deployment(spec: dict[str, Any]) -> dict[str, Any]:
    return _object("apps/v1", "Deployment", {"template": {"spec": spec}})


def _object(api_version: str, kind: str, spec: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x", "namespace": "n"}, "spec": spec, **more}


def binding(kind: str, role: str) -> dict[str, Any]:
    found = _object("rbac.authorization.k8s.io/v1", kind, {})
    return found | {"roleRef": {"kind": "ClusterRole", "name": role}}


def ingress(*hosts: str | None, tls: tuple[str, ...] = ()) -> dict[str, Any]:
    rules = [{"host": host} if host else {} for host in hosts]
    return _object("networking.k8s.io/v1", "Ingress", {"rules": rules, "tls": [{"hosts": list(tls)}]})


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("privileged", deployment(secured(privileged=True)), "container app is privileged"),
    ("host-namespaces", deployment(pod(hostNetwork=True)), "hostNetwork"),
    ("host-namespaces", deployment(pod(hostPID=True)), "hostPID"),
    ("host-namespaces", deployment(pod(hostIPC=True)), "hostIPC"),
    ("host-namespaces", deployment(secured(windowsOptions={"hostProcess": True})), "hostProcess for container app"),
    (
        "host-namespaces",
        deployment(pod(securityContext={"windowsOptions": {"hostProcess": True}})),
        "hostProcess for its pods",
    ),
    (
        "host-path",
        deployment(pod(volumes=[{"name": "v", "hostPath": {"path": "/etc"}}])),
        "volume v is /etc of the node",
    ),
    ("host-path", _object("v1", "PersistentVolume", {"hostPath": {"path": "/"}}), "it is hostPath of a node"),
    ("host-path", _object("v1", "PersistentVolume", {"local": {"path": "/"}}), "it is local of a node"),
    ("host-ports", deployment(container(ports=[{"hostPort": 80}])), "container app takes port 80 of the node"),
    ("capabilities", deployment(secured(capabilities={"add": ["SYS_ADMIN"]})), "container app adds SYS_ADMIN"),
    ("capabilities", deployment(secured(capabilities={"add": ["cap_net_raw"]})), "container app adds NET_RAW"),
    ("capabilities", deployment(secured(capabilities={"add": ["ALL"]})), "container app adds ALL"),
    ("run-as-root", deployment(secured(runAsUser=0)), "container app runs as user 0"),
    ("run-as-root", deployment(pod(securityContext={"runAsUser": 0})), "container app runs as user 0"),
    ("registries", deployment(container("nginx")), "container app takes nginx from"),
    ("registries", deployment(container("ghcr.io/examples/web:1")), "container app takes ghcr.io/examples/web:1 from"),
    ("registries", deployment(container("registry.example/web:1")), "container app takes registry.example/web:1 from"),
    (
        "registries",
        deployment(container("ghcr.io/example@evil.example/web:1")),
        "container app takes ghcr.io/example@evil.example/web:1 from",
    ),
    (
        "registries",
        deployment(pod(volumes=[{"name": "v", "image": {"reference": "evil.example/x:1"}}])),
        "volume v takes evil.example/x:1 from",
    ),
    ("external-ips", _object("v1", "Service", {"externalIPs": ["10.0.0.1"]}), "externalIPs 10.0.0.1"),
    ("cluster-roles", binding("ClusterRoleBinding", "view"), "it gives view in the whole cluster"),
    ("cluster-roles", binding("RoleBinding", "cluster-admin"), "it gives cluster-admin in its namespace"),
    ("foreign-hosts", ingress("shop.example"), "it takes requests for shop.example, which belongs to prod"),
    ("foreign-hosts", ingress("SHOP.example."), "it takes requests for shop.example, which belongs to prod"),
    ("foreign-hosts", ingress("a.prod.example"), "it takes requests for a.prod.example, which belongs to prod"),
    ("foreign-hosts", ingress("*.example"), "it takes requests for *.example, which belongs to prod"),
    ("foreign-hosts", ingress(tls=("shop.example",)), "it takes requests for shop.example, which belongs to prod"),
]
KINDS = {
    "Pod": _object("v1", "Pod", secured(privileged=True)),
    "Deployment": deployment(secured(privileged=True)),
    "StatefulSet": _object("apps/v1", "StatefulSet", {"template": {"spec": secured(privileged=True)}}),
    "DaemonSet": _object("apps/v1", "DaemonSet", {"template": {"spec": secured(privileged=True)}}),
    "ReplicaSet": _object("apps/v1", "ReplicaSet", {"template": {"spec": secured(privileged=True)}}),
    "Job": _object("batch/v1", "Job", {"template": {"spec": secured(privileged=True)}}),
    "CronJob": _object(
        "batch/v1", "CronJob", {"jobTemplate": {"spec": {"template": {"spec": secured(privileged=True)}}}}
    ),
}
GOOD: dict[str, dict[str, Any]] = {
    "a plain workload": deployment(container()),
    "no privilege in words": deployment(secured(privileged=False, capabilities={"drop": ["ALL"]})),
    "no host in words": deployment(pod(hostNetwork=False, hostPID=False)),
    "capabilities that a container has anyway": deployment(secured(capabilities={"add": ["NET_BIND_SERVICE"]})),
    "a container that leaves the pod's root": deployment(
        pod(
            securityContext={"runAsUser": 0},
            containers=[{"name": "app", "image": GOOD_IMAGE, "securityContext": {"runAsUser": 1000}}],
        )
    ),
    "a user that the image decides": deployment(pod(securityContext={"runAsNonRoot": False})),
    "ports of its own": deployment(container(ports=[{"containerPort": 80}])),
    "volumes of its own": deployment(pod(volumes=[{"name": "v", "emptyDir": {}}])),
    "an allowed registry by its port": deployment(container("registry.example:5000/a/b@sha256:" + "0" * 64)),
    "an allowed registry by a pattern": deployment(container("shop.azurecr.io/web:1")),
    "a Service": _object("v1", "Service", {"ports": [{"port": 80}]}),
    "a role in its own namespace": binding("RoleBinding", "edit"),
    "its own host": ingress("web.dev.example"),
    "nobody's host": ingress("web.staging.example"),
    "every host": ingress(None, "*"),
    "an empty object": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}},
    "null everywhere": deployment({"containers": None, "volumes": None, "securityContext": None}),
}
HOSTS = [
    ("HTTPRoute", {"hostnames": ["a.example"]}, ("a.example",)),
    ("GRPCRoute", {"hostnames": ["a.example"]}, ("a.example",)),
    ("TLSRoute", {"hostnames": ["a.example"]}, ("a.example",)),
    ("VirtualService", {"hosts": ["a.example", "n/b.example"]}, ("a.example", "b.example")),
    ("Gateway", {"listeners": [{"hostname": "a.example"}, {}]}, ("a.example",)),
    ("Gateway", {"servers": [{"hosts": ["*/a.example"]}]}, ("a.example",)),
    ("Service", {"hosts": ["a.example"]}, ()),
]


def found(manifest: dict[str, Any], place: AdmissionScope = PLACE) -> list[tuple[str, str]]:
    return [(each.check, each.where) for each in judge([manifest], place, Rules(Level.WARN))]


@pytest.mark.parametrize(("check", "manifest", "words"), BAD, ids=[f"{row[0]}: {row[2]}" for row in BAD])
def test_what_is_found(check: str, manifest: dict[str, Any], words: str) -> None:
    ((which, where),) = found(manifest)
    assert which == check
    assert where.startswith(words)


def test_every_check_is_shown_to_find_something() -> None:
    assert {row[0] for row in BAD} == set(checks())


@pytest.mark.parametrize("kind", KINDS)
def test_pods_of_every_kind_are_looked_at(kind: str) -> None:
    assert found(KINDS[kind]) == [("privileged", "container app is privileged")]


@pytest.mark.parametrize("group", ["initContainers", "containers", "ephemeralContainers"])
def test_containers_of_every_kind_are_looked_at(group: str) -> None:
    bad = {"name": "c", "image": GOOD_IMAGE, "securityContext": {"privileged": True}}
    assert found(deployment(pod(**{group: [bad]}))) == [("privileged", "container c is privileged")]


@pytest.mark.parametrize("manifest", GOOD.values(), ids=list(GOOD))
def test_what_is_left_alone(manifest: dict[str, Any]) -> None:
    assert found(manifest) == []


def test_without_a_list_of_registries_any_will_do() -> None:
    assert found(deployment(container("nginx")), AdmissionScope()) == []


@pytest.mark.parametrize(("kind", "spec", "hosts"), HOSTS)
def test_the_hosts_of_routes(kind: str, spec: dict[str, Any], hosts: tuple[str, ...]) -> None:
    assert hosts_of(_object("x/v1", kind, spec)) == hosts
