"""A portal at work in this process: watches, the loop, and passes in a thread, against a cluster that answers."""

import io
import json
import os
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import uuid4

from django.contrib.auth.models import User
from django.db import connection
from django.test import override_settings

from environments import setting_up
from environments.clusters import gateway_for
from environments.kube.api.access import Access
from environments.kube.api.client import Gateway
from environments.kube.objects import Ref
from environments.models import Cluster
from environments.workload_sync import Watching
from portal.actors import SYSTEM, Actor
from portal.orchestration.loop import Loop
from portal.orchestration.wake import on_poke
from portal.roles import Role
from releases import actions, ingest
from releases.models import Application, Rollout
from releases.orchestrator.reconciler import advance
from releases.orchestrator.work import ROLLOUTS, objects_changed
from releases.states import ENDED, Phase
from sandbox import Sandbox

STUCK = 60.0


class Place(NamedTuple):
    """A cluster and the registry beside it; `push(image, tag, behaviour)`."""

    kubeconfig: str
    registry: str
    push: Callable[[str, str, Mapping[str, Any]], None]


def real_place() -> Place:
    """The control plane of SLIPWAY_TEST_KUBECONFIG, with the registry that SLIPWAY_TEST_REGISTRY names."""
    registry = os.environ["SLIPWAY_TEST_REGISTRY"]

    def push(image: str, tag: str, behaviour: Mapping[str, Any]) -> None:
        label = f"test.slipway/behaviour={json.dumps(behaviour)}"
        command = [os.environ.get("PUSH", "push"), f"{registry}/{image}:{tag}", "--label", label]
        subprocess.run(command, check=True, capture_output=True, timeout=20)

    with open(os.environ["SLIPWAY_TEST_KUBECONFIG"]) as file:
        return Place(file.read(), registry, push)


def sandbox_place(sandbox: Sandbox) -> Place:
    """An embedded cluster that runs in this process."""

    def push(image: str, tag: str, behaviour: Mapping[str, Any]) -> None:
        sandbox.images.push(image, tag, behaviour=dict(behaviour))

    return Place(sandbox.kubeconfig, sandbox.registry, push)


class Portal:
    """An application in one environment, and everything that moves its rollouts."""

    def __init__(self, place: Place, **environment: Any) -> None:
        access = Access.from_kubeconfig(place.kubeconfig)
        self.place = place
        self.cluster = Cluster.objects.create(name="live", server=access.server, access=access.to_json())
        name = f"t{uuid4().hex[:8]}"
        self.environment = setting_up.add_environment(
            SYSTEM, name=name, cluster=self.cluster, namespace=name, **{"progress_seconds": 30, **environment}
        )
        self.namespace = name
        self.application = Application.objects.create(name="shop")
        user = User.objects.create(username="operator")
        setting_up.grant(SYSTEM, self.environment, Role.OPERATOR, user=user)
        self.operator = Actor.of(user)
        self._ended = threading.Event()
        self._loop = Loop(self._send)
        self._pool = ThreadPoolExecutor(2)
        self._watching = Watching("here/1", objects_changed)
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def gateway(self) -> Gateway:
        return gateway_for(self.cluster)

    def start(self) -> None:
        on_poke(self._loop.poke)
        self._watching.start()
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(10)
        self._watching.stop()
        self._watching.join(10)
        self._pool.shutdown()
        self.gateway.delete(Ref("v1", "Namespace", "", self.namespace))

    def halt(self) -> None:
        """Nobody works on rollouts until `carry_on`."""
        self._ended.set()
        self._thread.join(10)

    def carry_on(self) -> None:
        self._ended.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def push(self, image: str, tag: str, **behaviour: Any) -> None:
        """To a repository of this portal's own: what a tag means elsewhere is nobody's business here."""
        self.place.push(f"{self.namespace}/{image}", tag, {"startup_seconds": 0.1, **behaviour})

    def ask(self, version: str, files: Mapping[str, str], images: Mapping[str, str], **more: Any) -> Rollout:
        """A release and the request to roll it out; `images` as {name: "repository:tag"} at the place's registry."""
        own = {path: self.at_own_hosts(text) for path, text in files.items()}
        bundle = ingest.store_bundle(SYSTEM, self.application, packed(own), "bundle.tar.gz")
        named = {name: f"{self.place.registry}/{self.namespace}/{image}" for name, image in images.items()}
        release, _ = ingest.create_release(SYSTEM, self.application, version, named, bundle=bundle)
        actor = SYSTEM.granted([self.environment.name], ["request"])
        return actions.request(actor, release, self.environment, **more)

    @property
    def public_host(self) -> str:
        """What stands for the documents' api.aiworkflow.com."""
        return f"api.{self.namespace}.example.test"

    @property
    def mesh_host(self) -> str:
        """What stands for the documents' host agent-service."""
        return f"agent-service.{self.namespace}.svc.cluster.local"

    def at_own_hosts(self, text: str) -> str:
        """The documents' objects at hosts that no other test on the same cluster has: its edge routes by host alone."""
        in_mesh = text.replace("  hosts:\n  - agent-service\n", f"  hosts:\n  - {self.mesh_host}\n")
        return in_mesh.replace("api.aiworkflow.com", self.public_host)

    def wait(self, rollout: Rollout, *phases: Phase, seconds: float = STUCK) -> Rollout:
        """The rollout when it is in one of the phases, by default in any that ends it."""
        wanted = set(phases) or set(ENDED)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            rollout.refresh_from_db()
            if Phase(rollout.phase) in wanted:
                return rollout
            time.sleep(0.02)
        raise AssertionError(f"It is {rollout.phase} after {seconds} s: {rollout.why}")

    def wait_for(self, what: Callable[[], object], seconds: float = STUCK) -> None:
        until = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < until, "It did not come to pass."
            time.sleep(0.02)

    def get(self, kind: str, name: str, api_version: str = "apps/v1") -> dict[str, Any] | None:
        return self.gateway.get(Ref(api_version, kind, self.namespace, name))

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                self._loop.tick()
                self._loop.wait()
        finally:
            connection.close()

    def _send(self, path: str, *args: Any) -> None:
        if path == ROLLOUTS.path:
            # After the commit, as a queue's message is seen.
            threading.Timer(0.01, lambda: self._pool.submit(_advance, *args)).start()


def _advance(*args: str) -> None:
    try:
        advance(*args)
    finally:
        connection.close()


def packed(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


@contextmanager
def portal(place: Place, **environment: Any) -> Iterator[Portal]:
    running = Portal(place, **environment)
    with override_settings(PLAIN_HTTP_REGISTRIES=frozenset({place.registry})):
        running.start()
        try:
            yield running
        finally:
            running.stop()
