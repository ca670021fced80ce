"""An embedded cluster: a small Kubernetes API over HTTP, controllers, nodes, a registry. Knows nothing of Django."""

from sandbox.sandbox import Sandbox

__all__ = ["Sandbox"]
