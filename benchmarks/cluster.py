"""The real API server that a benchmark runs on, and kubectl as a person or a script calls it."""

import os
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 300


@dataclass(frozen=True)
class RealCluster:
    """A cluster by its kubeconfig file, a registry without TLS that its nodes pull from, and kubectl."""

    kubeconfig: str
    registry: str
    kubectl: str

    @classmethod
    def from_environment(cls) -> "RealCluster":
        """SLIPWAY_TEST_KUBECONFIG, SLIPWAY_TEST_REGISTRY and KUBECTL; SystemExit names what is missing."""
        kubeconfig = os.environ.get("SLIPWAY_TEST_KUBECONFIG", "")
        registry = os.environ.get("SLIPWAY_TEST_REGISTRY", "")
        if not Path(kubeconfig).is_file() or not registry:
            raise SystemExit(
                "This measures against a real API server: set SLIPWAY_TEST_KUBECONFIG to a kubeconfig file and "
                "SLIPWAY_TEST_REGISTRY to the host:port of a registry that it pulls from, or run benchmarks/all."
            )
        return cls(kubeconfig, registry, os.environ.get("KUBECTL") or "kubectl")

    @property
    def access(self) -> str:
        """The kubeconfig's text."""
        return Path(self.kubeconfig).read_text()

    def versions(self) -> dict[str, str]:
        """What kubectl tells of itself and of its server."""
        said, _ = self.start("version").communicate(timeout=10)
        found = dict(re.findall(r"(Client|Server) Version: (\S+)", said.decode()))
        return {"kubectl": found["Client"], "Kubernetes": found["Server"]}

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """kubectl, running beside."""
        command = [self.kubectl, "--kubeconfig", self.kubeconfig, *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, *arguments: str) -> None:
        """kubectl to its end; RuntimeError has its words."""
        self.wait([self.start(*arguments)])

    def forget(self, namespaces: Sequence[str]) -> None:
        """Deletes the namespaces, without waiting for their end."""
        self.run("delete", "namespace", "--wait=false", "--ignore-not-found", *namespaces)

    def wait(self, running: Sequence[subprocess.Popen[bytes]]) -> None:
        """All of them to their end; RuntimeError has the words of one that failed."""
        deadline = time.monotonic() + PATIENCE
        for each in running:
            said, _ = each.communicate(timeout=max(1.0, deadline - time.monotonic()))
            if each.returncode:
                raise RuntimeError(f"{' '.join(map(str, each.args[3:]))}: {said.decode(errors='replace')}")  # type: ignore[index]
