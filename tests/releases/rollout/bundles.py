"""Small manifests for rollouts that really run."""

import json
from typing import Any


def config(name: str = "settings", **data: str) -> str:
    lines = "".join(f'  {key}: "{value}"\n' for key, value in data.items())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata:\n{lines or '  none: none'}"


def deployment(
    name: str, image: str, *, replicas: int = 2, kind: str = "Deployment", more: str = "", **behaviour: Any
) -> str:
    quoted = json.dumps(json.dumps(behaviour))
    served = f"  serviceName: {name}\n" if kind == "StatefulSet" else ""
    return f"""\
apiVersion: apps/v1
kind: {kind}
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
{served}{more}  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata:
      labels: {{app: {name}}}
      annotations: {{test.slipway/behaviour: {quoted}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: {name}
        image: {image}
        envFrom: [{{configMapRef: {{name: settings}}}}]
        readinessProbe: {{httpGet: {{path: /healthz, port: 8080}}, periodSeconds: 1}}
        ports: [{{containerPort: 8080}}]
"""


def secret(name: str, **data: str) -> str:
    lines = "".join(f'  {key}: "{value}"\n' for key, value in data.items())
    return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\nstringData:\n{lines}"
