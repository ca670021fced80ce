"""Manifests that the suite writes. All are as a bundle has them: no namespace, which ContractNamespace adds."""

from typing import Any

Manifest = dict[str, Any]
IMAGE = "example.test/shop/web:1"


def deployment(
    name: str = "web", *, replicas: int | None = None, env: dict[str, str] | None = None, image: str = IMAGE
) -> Manifest:
    container = {"name": "web", "image": image, "ports": [{"containerPort": 80}]}
    if env:
        container["env"] = [{"name": key, "value": value} for key, value in env.items()]
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    spec: Manifest = {"selector": {"matchLabels": {"app": name}}, "template": template}
    if replicas is not None:
        spec["replicas"] = replicas
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def replicas_only(replicas: int, name: str = "web") -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": replicas},
    }


def autoscaler(minimum: int, name: str = "web") -> Manifest:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name},
        "spec": {"scaleTargetRef": target, "minReplicas": minimum, "maxReplicas": 9},
    }


def config_map(name: str = "settings", **data: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def service(name: str = "web", *, selector: dict[str, str] | None = None) -> Manifest:
    spec: Manifest = {"ports": [{"port": 80, "protocol": "TCP"}]}
    if selector is not None:
        spec["selector"] = selector
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def statefulset(name: str = "data") -> Manifest:
    workload = deployment(name, replicas=1)
    return {**workload, "kind": "StatefulSet", "spec": {**workload["spec"], "serviceName": name}}


def job(name: str = "migrate", *, image: str = IMAGE) -> Manifest:
    spec = {"containers": [{"name": "run", "image": image}], "restartPolicy": "Never"}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": {"spec": spec}}}


def quota(**hard: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": hard}}


def annotated(manifest: Manifest, **annotations: str) -> Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": annotations}}
