"""Starts a cluster, the portal and the orchestrator, lays the two platforms, and keeps them running until Ctrl-C."""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from demo import images
from demo.options import ROOT, Options, settings
from demo.processes import Processes

PLATFORMS = [ROOT / "demo" / name for name in ("ai-workflow", "nova")]
# The node pools of the documents: their platforms, four times over, ask for more than three nodes have.
NODES = [
    *(f"name=system-{n},pool=system,cpu=4,memory=16Gi" for n in range(3)),
    *(f"name=app-{n},pool=app,cpu=32,memory=128Gi" for n in range(5)),
    *(f"name=code-exec-{n},pool=code-exec,cpu=16,memory=64Gi" for n in range(3)),
]


def main() -> None:
    """`make demo`."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    options = Options.from_environment()
    options.fresh_state()
    with Processes(options.state) as processes:
        try:
            _run(options, processes)
        except KeyboardInterrupt:
            print("\nStopping.")


def _run(options: Options, processes: Processes) -> None:
    place = _cluster(options, processes)
    variables = settings(options, place.registry)
    os.environ.update(variables)
    _manage("migrate", "--verbosity", "0")
    _manage("collectstatic", "--noinput", "--verbosity", "0")
    report = _seed(options, place)
    _start(options, processes, variables)
    _tell(options, report)
    _story(processes, place)
    _write(options.report, report)
    while True:
        processes.check()
        time.sleep(1)


class Place(NamedTuple):
    """Where the demo runs: a kubeconfig's file, a registry, and a Prometheus, "" for none."""

    kubeconfig: str
    registry: str
    prometheus: str


def _cluster(options: Options, processes: Processes) -> Place:
    """The sandbox, or what DEMO_KUBECONFIG, DEMO_REGISTRY and DEMO_PROMETHEUS name."""
    if options.kubeconfig and options.registry:
        images.push_all(options.registry, PLATFORMS)
        return Place(options.kubeconfig, options.registry, options.prometheus)
    print("Starting the sandbox …", flush=True)
    file = options.state / "kubeconfig"
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--kubeconfig", str(file)]
    command += [word for node in NODES for word in ("--node", node)]
    told = processes.start("sandbox", command, {}, tells=True)
    images.push_all(told["registry"], PLATFORMS)
    # The sandbox's own Prometheus knows nothing of requests in another cluster.
    own = options.prometheus or ("" if options.kubeconfig else told["prometheus"])
    return Place(options.kubeconfig or str(file), options.registry or told["registry"], own)


def _manage(*arguments: str) -> None:
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", *arguments])


def _seed(options: Options, place: Place) -> dict[str, Any]:
    from demo import seed
    from releases.models import Application

    users = seed.people()
    seed.environments(Path(place.kubeconfig).read_text(), place.prometheus)
    seed.applications(ROOT / "demo")
    application = Application.objects.get(name="ai-workflow")
    references = images.references(ROOT / "demo" / "ai-workflow", place.registry, "{version}")
    return {
        "url": options.url,
        "users": users,
        "webhooks": seed.webhooks(application, references, options.url),
        "kubeconfig": place.kubeconfig,
        "prometheus": place.prometheus,
        "registry": place.registry,
    }


def _start(options: Options, processes: Processes, variables: dict[str, str]) -> None:
    python = sys.executable
    manage = str(ROOT / "manage.py")
    processes.start("portal", [python, manage, "serve", "--bind", f"127.0.0.1:{options.port}"], variables)
    processes.start("orchestrator", [python, manage, "orchestrate"], variables)
    processes.wait_for(f"{options.url}/healthz")


def _write(file: Path, report: dict[str, Any]) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        json.dump(report, opened, indent=2)


def _tell(options: Options, report: dict[str, Any]) -> None:
    print(f"\nSlipway is at {report['url']}. Sign in as one of these (soon also in {options.report}):\n")
    for user in report["users"].values():
        print(f"  {user['name']:<10} {user['password']}")
    print("\nThe two platforms are being laid in their four environments. Ctrl-C stops all of it.", flush=True)


def _story(processes: Processes, place: Place) -> None:
    from demo import story

    story.roll_out(story.first_releases(ROOT / "demo", place.registry), processes.check)
    story.go_on(ROOT / "demo", place.registry)
    print(
        f"1.0.0 is everywhere. {story.NEXT} of nova rolls into dev now, and staging asks for an approval.", flush=True
    )
    if not place.prometheus:
        print("No canary runs, since nothing measures it: DEMO_PROMETHEUS names a Prometheus.", flush=True)
        return
    story.canaries(ROOT / "demo", place.registry, Path(place.kubeconfig).read_text(), processes.check)
    print(
        f"Two canaries of ai-workflow are on their way: {story.GOOD} into prod, which will promote itself, and "
        f"{story.BAD} into dr, which its metrics will take back.",
        flush=True,
    )


if __name__ == "__main__":
    main()
