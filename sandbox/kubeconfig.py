"""The kubeconfig of a sandbox. Pure."""

import base64

import yaml


def kubeconfig(server: str, authority: str, token: str, namespace: str = "default") -> str:
    """YAML with one context; `authority` is a PEM text."""
    data = base64.b64encode(authority.encode()).decode()
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "sandbox", "cluster": {"server": server, "certificate-authority-data": data}}],
            "users": [{"name": "sandbox", "user": {"token": token}}],
            "contexts": [
                {"name": "sandbox", "context": {"cluster": "sandbox", "user": "sandbox", "namespace": namespace}}
            ],
            "current-context": "sandbox",
        },
        sort_keys=False,
    )
