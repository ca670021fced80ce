"""A thousand live rollouts on one worker host: how late it is, what it asks of the cluster, what it uses."""

import argparse
import json
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import urllib3
import yaml

from benchmarks import machine, postgres, processes
from benchmarks.figures import Figures, seconds
from benchmarks.harness import Stage, stage
from benchmarks.lateness import lateness, passes, read
from benchmarks.report import Report, Table

PLACE = "many"
AGENT = "benchmark"
VERSION = "1.0.0"
BUNDLE = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: "${{SLIPWAY_APPLICATION}}"}}
spec:
  replicas: 1
  progressDeadlineSeconds: 86400
  selector: {{matchLabels: {{app: "${{SLIPWAY_APPLICATION}}"}}}}
  template:
    metadata: {{labels: {{app: "${{SLIPWAY_APPLICATION}}"}}}}
    spec:
      containers:
        - name: web
          image: {registry}/many/web:{version}
          ports: [{{name: http, containerPort: 8080}}]
          readinessProbe: {{httpGet: {{path: /readyz, port: http}}, initialDelaySeconds: 86400}}
          resources: {{requests: {{cpu: 10m, memory: 16Mi}}}}
"""


@dataclass
class Window:
    """What was measured between two instants."""

    name: str
    began: float
    ended: float = 0.0
    requests: Counter[str] = field(default_factory=Counter)
    cpu: float = 0.0
    memory: float = 0.0
    late: list[float] = field(default_factory=list)
    passes: list[float] = field(default_factory=list)
    sandbox_cpu: float = 0.0

    @property
    def minutes(self) -> float:
        return (self.ended - self.began) / 60


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live_rollouts", description=__doc__)
    parser.add_argument("--rollouts", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=60, help="of each of the two windows")
    parser.add_argument("--settle", type=int, default=60, help="seconds between the last start and the first window")
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    options = parser.parse_args()
    described = machine.described()
    with postgres.database() if options.database == "postgres" else nullcontext("") as url:
        if url:
            described["PostgreSQL"] = _postgres_version(url)
        with stage(database=url) as portal:
            found = Crowd(portal, options).measured()
    _report(described, options, *found).publish()


def _postgres_version(url: str) -> str:
    import psycopg

    with psycopg.connect(url) as connection:
        return str(connection.info.server_version // 10000)


class Crowd:
    """The sandbox, the rollouts and the orchestrator."""

    def __init__(self, portal: Stage, options: argparse.Namespace) -> None:
        self.portal = portal
        self.count: int = options.rollouts
        self.options = options
        self.passes = portal.folder / "passes"
        self.passes.mkdir()
        kubeconfig = portal.folder / "kubeconfig"
        command = [sys.executable, "-m", "benchmarks.counted_sandbox", str(kubeconfig), VERSION]
        told = portal.processes.start("sandbox", command, portal.variables, tells=True)
        self.kubeconfig, self.registry, self.server = kubeconfig.read_text(), told["registry"], told["server"]
        self.http = _client(kubeconfig)

    def measured(self) -> tuple[float, list[Window]]:
        """Seconds until all were live, and the windows: while nothing changes, while each changes once a minute."""
        started = self._start()
        time.sleep(self.options.settle)
        with self._window("nothing changes") as quiet:
            time.sleep(self.options.seconds)
        with self._window("each changes once a minute") as busy, self._changing():
            time.sleep(self.options.seconds)
        time.sleep(3)
        lines = read(self.passes)
        for window in (quiet, busy):
            window.late = lateness(lines, window.began, window.ended)
            window.passes = passes(lines, window.began, window.ended)
        self._still_live()
        if not (quiet.late and busy.late):
            raise RuntimeError(f"No rollout was looked at. {self.portal.processes.obituary('orchestrator')}")
        return started, [quiet, busy]

    def _start(self) -> float:
        """Requests them all, then starts the orchestrator; seconds until every one has its object applied."""
        from benchmarks import portal
        from releases import actions

        where = portal.environment(
            portal.cluster(self.kubeconfig), PLACE, namespace="{application}", progress_seconds=86400
        )
        text = BUNDLE.format(registry=self.registry, version=VERSION).encode()
        for number in range(self.count):
            application = portal.application(name := f"app-{number:04d}", text, "web.yaml")
            self._call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
            actions.request(portal.actor(), portal.release(application, VERSION, {}), where)
        began = time.monotonic()
        self.pid = self.portal.orchestrate("-m", "benchmarks.recorded_orchestrate", str(self.passes))
        while self._live() < self.count:
            self.portal.processes.check()
            if time.monotonic() - began > 600:
                raise RuntimeError(f"Only {self._live()} of {self.count} are live.")
            time.sleep(1)
        return time.monotonic() - began

    def _live(self) -> int:
        """Rollouts whose Deployment a watch has told of."""
        from environments.models import Workload

        return Workload.objects.filter(kind="Deployment").count()

    def _still_live(self) -> None:
        from releases.models import Rollout

        found = Rollout.objects.filter(phase="progressing").count()
        if found != self.count:
            other = Rollout.objects.exclude(phase="progressing").first()
            raise RuntimeError(f"Only {found} of {self.count} are still live; {other}: {other and other.why}")

    @contextmanager
    def _window(self, name: str) -> Iterator[Window]:
        before, used, other = self._counts(), processes.usage(self.pid), self._sandbox()
        window = Window(name, time.time())
        yield window
        window.ended = time.time()
        window.requests = self._counts() - before
        now = processes.usage(self.pid)
        window.cpu, window.memory = now.cpu - used.cpu, now.memory
        window.sandbox_cpu = self._sandbox() - other
        self.portal.processes.check()

    def _sandbox(self) -> float:
        return processes.usage(self.portal.processes.running["sandbox"].pid).cpu

    def _counts(self) -> Counter[str]:
        told = json.loads(self.http.request("GET", f"{self.server}/sandbox/counts").data)
        return Counter({kind: number for kind, number in told.items() if not kind.startswith(AGENT)})

    @contextmanager
    def _changing(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._change, args=(stop,), daemon=True)
        thread.start()
        yield
        stop.set()
        thread.join(10)

    def _change(self, stop: threading.Event) -> None:
        """An annotation of each Deployment in turn, evenly over a minute."""
        began = time.monotonic()
        for number in range(10 * self.count):
            if stop.wait(max(0.0, began + number * 60 / self.count - time.monotonic())):
                return
            name = f"app-{number % self.count:04d}"
            path = f"/apis/apps/v1/namespaces/{name}/deployments/{name}"
            self._call("PATCH", path, {"metadata": {"annotations": {"example.test/change": str(number)}}})

    def _call(self, method: str, path: str, content: object) -> None:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {**self.http.headers, "Content-Type": kind}
        answer = self.http.request(method, f"{self.server}{path}", body=json.dumps(content), headers=headers)
        if answer.status >= 300:
            raise RuntimeError(f"The sandbox answered {answer.status}: {answer.data[:200]!r}")


def _client(kubeconfig: Path) -> urllib3.PoolManager:
    """An administrator's connections, that say who they are."""
    import base64

    told = yaml.safe_load(kubeconfig.read_text())
    authority = base64.b64decode(told["clusters"][0]["cluster"]["certificate-authority-data"]).decode()
    headers = {"Authorization": f"Bearer {told['users'][0]['user']['token']}", "User-Agent": AGENT}
    context = ssl.create_default_context(cadata=authority)
    return urllib3.PoolManager(headers=headers, ssl_context=context, timeout=30.0, retries=False)


def _report(described: dict[str, str], options: argparse.Namespace, started: float, windows: list[Window]) -> Report:
    found = Report(f"many-{options.database}", described)
    title = f"{options.rollouts} live rollouts on {options.database}, windows of {options.seconds} s"
    columns = (
        *("while", "passes", "late p50", "p95", "p99", "a pass p50", "requests a rollout-minute"),
        *("processor", "memory", "the sandbox's processor"),
    )
    rows = [_row(window, options.rollouts) for window in windows]
    kinds = [
        (window.name, kind, str(number), f"{number / options.rollouts / window.minutes:.3f}")
        for window in windows
        for kind, number in window.requests.most_common(8)
    ]
    found.tables = [
        Table(title, columns, rows),
        Table("What was asked of the cluster", ("while", "request", "count", "a rollout-minute"), kinds),
    ]
    found.notes = [
        f"From the orchestrator's start until all {options.rollouts} were planned and applied: {started:.0f} s."
    ]
    found.raw = {
        "started": started,
        "windows": [{**vars(window), "requests": dict(window.requests)} for window in windows],
    }
    return found


def _row(window: Window, rollouts: int) -> tuple[str, ...]:
    late = Figures.of(window.late)
    total = sum(window.requests.values())
    return (
        window.name,
        str(len(window.passes)),
        *(seconds(value) for value in (late.median, late.p95, late.p99, Figures.of(window.passes).median)),
        f"{total / rollouts / window.minutes:.3f}",
        _share(window.cpu, window),
        f"{window.memory:.0f} MiB",
        _share(window.sandbox_cpu, window),
    )


def _share(cpu: float, window: Window) -> str:
    return f"{cpu / (window.ended - window.began) * 100:.0f} % of a core"


if __name__ == "__main__":
    main()
