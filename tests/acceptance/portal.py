"""A portal as its users have it: a cluster, the portal's processes, an address, and tokens."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

import urllib3

from demo import images
from demo.__main__ import NODES, PLATFORMS
from demo.options import ROOT, Options, settings
from demo.processes import Processes
from environments.kube.api.access import Access
from environments.kube.api.client import Gateway
from environments.kube.objects import Ref
from tests.acceptance import shop

PATIENCE = 90.0
ENDED = ("succeeded", "rejected", "expired", "cancelled", "failed", "aborted", "rolled back")
LITTLE = {
    r"requests: \{ cpu: \w+, memory: \w+ \}": "requests: { cpu: 100m, memory: 128Mi }",
    r"limits: \{ cpu: \w+, memory: \w+ \}": "limits: { cpu: 500m, memory: 512Mi }",
}
KINDS = {
    **dict.fromkeys(
        ("ConfigMap", "Secret", "Service", "ServiceAccount", "ResourceQuota", "PersistentVolumeClaim"), "v1"
    ),
    **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet"), "apps/v1"),
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "PodDisruptionBudget": "policy/v1",
    **dict.fromkeys(("Ingress", "NetworkPolicy"), "networking.k8s.io/v1"),
}
Rollout = dict[str, Any]
T = TypeVar("T")
HTTP = urllib3.PoolManager(timeout=urllib3.Timeout(connect=5, read=30), retries=False)


class Place(NamedTuple):
    """A cluster's kubeconfig file, the registry beside it, and a Prometheus that knows its requests ("" for none)."""

    kubeconfig: str
    registry: str
    prometheus: str = ""


class Refused(Exception):
    """What the API answered instead: status and problem document."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{status}: {problem.get('detail')}")
        self.status = status


class Portal:
    """One portal; everything is done as somebody: a name of demo.seed.PEOPLE."""

    def __init__(self, options: Options, place: Place, processes: Processes, variables: Mapping[str, str]) -> None:
        self.url, self.place, self.processes, self.variables = options.url, place, processes, variables
        self.folder = options.state
        self.demo = ROOT / "demo"
        self.users: dict[str, dict[str, str]] = {}
        self.webhooks: dict[str, dict[str, dict[str, str]]] = {}
        self.shops: list[str] = []

    # ---- as a person, by the API ---------------------------------------------------------------------------------
    def api(self, method: str, path: str, who: str = "developer", **more: Any) -> Any:
        """The answer's JSON; Refused where it is a problem."""
        headers = {"Authorization": f"Bearer {self.users[who]['token']}"}
        answer = HTTP.request(method, f"{self.url}/api/v1/{path}", headers=headers, **more)
        body = json.loads(answer.data)
        if answer.status >= 400:
            raise Refused(answer.status, body)
        return body

    def rollout(self, number: int) -> Rollout:
        found: Rollout = self.api("GET", f"rollouts/{number}")
        return found

    def say(self, verb: str, rollout: Rollout, who: str = "operator", comment: str = "Seen and checked.") -> Rollout:
        """One of a rollout's verbs; an approval names the digest that the rollout was given with."""
        said = {"digest": rollout["digest"] if verb in ("approve", "reject") else "", "comment": comment}
        answer: Rollout = self.api("POST", f"rollouts/{rollout['id']}/{verb}", who, json=said)
        return answer

    def release(self, application: str, version: str, files: Mapping[str, str], image: str) -> int:
        """A release of a small application; its own bundle is uploaded with it."""
        fields = {
            "application": application,
            "version": version,
            "images": json.dumps({name: f"{self.place.registry}/{name}:{image}" for name in shop.IMAGES}),
            "bundle": ("shop.tar.gz", shop.packed(files)),
        }
        made: dict[str, Any] = self.api("POST", "releases", fields=fields)
        return int(made["id"])

    def ask(self, application: str, version: str, environment: str, **more: Any) -> Rollout:
        wanted = {"release": f"{application}@{version}", "environment": environment, **more}
        asked: Rollout = self.api("POST", "rollouts", json=wanted)
        return asked

    def wait(self, rollout: Rollout, *phases: str, seconds: float = PATIENCE) -> Rollout:
        """The rollout when it is in one of the phases, by default in any that ends it."""
        wanted = phases or ENDED

        def there() -> Rollout | None:
            now = self.rollout(rollout["id"])
            assert now["phase"] in wanted or now["phase"] not in ENDED, f"It is {now['phase']}: {now['why']}"
            return now if now["phase"] in wanted else None

        return until(there, seconds, lambda: f"It is still {self.rollout(rollout['id'])}")

    def succeed(self, rollout: Rollout) -> Rollout:
        return self.wait(rollout, "succeeded")

    # ---- as the cluster's administrator, and at the shell of the portal's host --------------------------------------
    def kubectl(self, *arguments: str) -> str:
        command = [os.environ.get("KUBECTL", "kubectl"), f"--kubeconfig={self.place.kubeconfig}", *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @cached_property
    def gateway(self) -> Gateway:
        return Gateway(Access.from_kubeconfig(Path(self.place.kubeconfig).read_text()))

    def objects(self, kind: str, namespace: str) -> list[dict[str, Any]]:
        """What the API server has of one of KINDS, in a namespace."""
        return self.gateway.list(KINDS[kind], kind, namespace)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """A Python program of the portal's."""
        environment = {**os.environ, **self.variables, **variables}
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
        )

    def manage(self, *arguments: str, user: str = "") -> subprocess.CompletedProcess[str]:
        return self.run("manage.py", *arguments, SLIPWAY_USER=user)

    # ---- its processes ------------------------------------------------------------------------------------------
    def start_web(self) -> None:
        port = self.url.rpartition(":")[2]
        command = [sys.executable, str(ROOT / "manage.py"), "serve", "--bind", f"127.0.0.1:{port}", "--processes", "1"]
        self.processes.start("portal", command, self.variables)
        self.processes.wait_for(f"{self.url}/healthz")

    def start_orchestrator(self, name: str = "orchestrator") -> None:
        command = [sys.executable, str(ROOT / "manage.py"), "orchestrate"]
        self.processes.start(name, command, self.variables)

    def stop(self, name: str) -> None:
        """SIGTERM, as a supervisor would."""
        process = self.processes.running.pop(name)
        process.terminate()
        process.wait(20)

    def kill(self, name: str) -> None:
        """SIGKILL to a process and all below it, as when a machine is lost."""
        process = self.processes.running.pop(name)
        os.killpg(process.pid, 9)
        process.wait(10)


def until(found: Callable[[], T | None], seconds: float = PATIENCE, why: Callable[[], str] = lambda: "") -> T:
    """What `found` gives as soon as it is something."""
    deadline = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < deadline, f"It did not come to pass in {seconds:.0f} s. {why()}"
        time.sleep(0.1)
    return result


@contextmanager
def portal(
    folder: Path, place: Place | None, *, shops: int = 0, pushed: Sequence[Path] = (), names: Sequence[str] = ()
) -> Iterator[Portal]:
    """A portal in `folder` on a place of its own, or on one that is there; with so many small applications."""
    options = Options(free_port(), folder, "", "", "")
    options.fresh_state()
    with Processes(options.state) as processes:
        there = place or _sandbox(processes, options.state)
        variables = settings(options, there.registry)
        running = Portal(options, there, processes, variables)
        running.shops = [*names, *(f"shop-{uuid4().hex[:6]}" for _ in range(shops))]
        images.push_all(there.registry, list(pushed))
        shop.push_all(there.registry)
        applications = [*running.shops, *(platform.name for platform in pushed)]
        if place:
            running.demo = modest(folder)
        _lay(running)
        running.start_web()
        running.start_orchestrator()
        try:
            yield running
        finally:
            if place:
                _clear(running, applications)


def _sandbox(processes: Processes, state: Path) -> Place:
    command = [sys.executable, "-m", "sandbox", "--kubeconfig", str(state / "kubeconfig")]
    command += [word for node in NODES for word in ("--node", node)]
    told = processes.start("sandbox", command, {}, tells=True)
    return Place(told["kubeconfig"], told["registry"], told["prometheus"])


def _lay(running: Portal) -> None:
    wanted = {
        "kubeconfig": Path(running.place.kubeconfig).read_text(),
        "registry": running.place.registry,
        "prometheus": running.place.prometheus,
        "url": running.url,
        "demo": str(running.demo),
        "shops": running.shops,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.acceptance.portal_setup"],
        cwd=ROOT,
        env={**os.environ, **running.variables},
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    running.users, running.webhooks = told["users"], told["webhooks"]


def modest(folder: Path) -> Path:
    """The platforms with what their pods ask for cut down, so that all environments fit on three small nodes."""
    copy = folder / "modest"
    for platform in PLATFORMS:
        shutil.copytree(platform, copy / platform.name, dirs_exist_ok=True)
    for file in copy.rglob("*.yaml"):
        text = file.read_text()
        for asked, little in LITTLE.items():
            text = re.sub(asked, little, text)
        file.write_text(text)
    return copy


def _clear(running: Portal, applications: Sequence[str]) -> None:
    """Ends the orchestrators, and asks for the removal of every namespace of these applications."""
    for name in [name for name in running.processes.running if "orchestrator" in name]:
        running.stop(name)
    ours = re.compile(f"({'|'.join(applications)})-")
    for namespace in running.gateway.list("v1", "Namespace"):
        if ours.match(namespace["metadata"]["name"]):
            running.gateway.delete(Ref("v1", "Namespace", "", namespace["metadata"]["name"]))


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port
