"""The release of seven services: the portal against the documents' script, and against the limit."""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3
import yaml

from benchmarks import machine
from benchmarks.cluster import RealCluster
from benchmarks.figures import Figures, ratio_spread, ratios, seconds, spread
from benchmarks.harness import Stage, stage
from benchmarks.platform_bundle import PLATFORM, SERVICES, bundle
from benchmarks.report import Goal, Report, Table
from demo import images

TO_SCRIPT, TO_LIMIT = 0.2, 1.15
SERVICES_ALONE, WHOLE = "ai-workflow-services", "ai-workflow"
VARIANTS = {SERVICES_ALONE: "the seven services", WHOLE: "with migration and the bundle's waves"}
SCRIPT = "the documents' script"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.release", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", default="prod", choices=["dev", "staging", "prod"], help="replicas and requests")
    parser.add_argument("--startup", type=float, default=4, help="seconds that a pod takes until it listens")
    parser.add_argument("--whole", action="store_true", help="also the bundle with its migration and its own waves")
    options = parser.parse_args()
    cluster = RealCluster.from_environment()
    described = machine.described(**cluster.versions())
    with stage(cluster.registry, cluster.kubeconfig) as portal:
        series = Series(cluster, portal, options)
        try:
            series.lay()
            for number in range(options.rounds):
                series.round(number)
        finally:
            series.clear()
    series.report(described).publish()


@dataclass
class Series:
    """All rounds. `taken`: seconds by way; `courses`: the portal's own account of each of its rollouts."""

    cluster: RealCluster
    portal: Stage
    options: argparse.Namespace
    taken: dict[str, list[float]] = field(default_factory=dict)
    courses: dict[str, list[Any]] = field(default_factory=dict)
    mark: str = field(default_factory=lambda: time.strftime("%H%M%S"))

    def lay(self) -> None:
        """The platform at its first version in every place, by the portal; untimed."""
        from benchmarks import portal

        where = portal.cluster(self.cluster.access)
        self._push(first := self._version(-1))
        places = {name: f"{name}-{self.mark}" for name in ("script", "portal", "limit")}
        self.places = {name: portal.environment(where, place) for name, place in places.items()}
        self.applications = {
            name: portal.application(
                name, bundle(self.options.size, list(places.values()), whole=name == WHOLE), "platform.tar.gz"
            )
            for name in self._variants()
        }
        self.portal.orchestrate()
        for application, place in self._laid():
            self._roll_out(application, first, place)
        self.places["limit"].required_approvals = 1
        portal.save_rules(self.places["limit"])

    def clear(self) -> None:
        """Leaves nothing in the cluster."""
        self.cluster.forget([self._namespace(application, place) for application, place in self._laid()])

    def _version(self, number: int) -> str:
        """New in every run: nodes keep the images that they have pulled by tag."""
        return f"1.{number + 1}.0-{self.mark}"

    def _variants(self) -> list[str]:
        return [SERVICES_ALONE, WHOLE] if self.options.whole else [SERVICES_ALONE]

    def _laid(self) -> list[tuple[str, str]]:
        both = [(name, place) for name in self._variants() for place in ("portal", "limit")]
        return [(SERVICES_ALONE, "script"), *both]

    def round(self, number: int) -> None:
        """Every way once, on the same new version; who begins changes from round to round."""
        version = self._version(number)
        self._push(version)
        ways = self._ways(version)
        turn = number % len(ways)
        for name, prepare in ways[turn:] + ways[:turn]:
            run = prepare()
            began = time.time()
            ended = run()
            self.taken.setdefault(name, []).append((ended or time.time()) - began)
            print(f"round {number + 1}: {name}: {seconds(self.taken[name][-1])}", flush=True)

    def _ways(self, version: str) -> list[tuple[str, Callable[[], Callable[[], float | None]]]]:
        ways: list[tuple[str, Callable[[], Callable[[], float | None]]]] = [(SCRIPT, lambda: self._script(version))]
        for application in self._variants():
            waves = VARIANTS[application]
            ways.append((f"portal, {waves}", lambda a=application: self._by_portal(a, version)))  # type: ignore[misc]
            ways.append((f"limit, {waves}", lambda a=application: self._by_limit(a, version)))  # type: ignore[misc]
        return ways

    def _script(self, version: str) -> Callable[[], float | None]:
        """Appendix A: set image and rollout status, one service after another."""
        namespace = self._namespace(SERVICES_ALONE, "script")

        def run() -> None:
            for service in SERVICES:
                image = f"{service}={self.cluster.registry}/{service}:{version}"
                self.cluster.run("set", "image", f"deployment/{service}", image, "-n", namespace)
                self.cluster.run("rollout", "status", f"deployment/{service}", "-n", namespace, "--timeout=5m")

        return run

    def _by_portal(self, application: str, version: str) -> Callable[[], float | None]:
        def run() -> float:
            course = self._roll_out(application, version, "portal")
            self.courses.setdefault(f"portal, {VARIANTS[application]}", []).append(course)
            return float(course.seen)

        self._release(application, version)
        return run

    def _by_limit(self, application: str, version: str) -> Callable[[], float | None]:
        """One server-side apply a wave, then all waits side by side."""
        from benchmarks import portal

        release = self._release(application, version)
        waves = portal.waves(release, self.places["limit"], self.portal.processes.check)
        files = [self._write(number, objects) for number, objects in enumerate(waves)]
        waits = [[wait for each in objects if (wait := _wait_for(each))] for objects in waves]

        def run() -> None:
            for file, wanted in zip(files, waits, strict=True):
                self.cluster.run("apply", "--server-side", "--force-conflicts", "--field-manager=slipway", f"-f={file}")
                self.cluster.wait([self.cluster.start(*wait) for wait in wanted])

        return run

    def _write(self, number: int, objects: list[dict[str, Any]]) -> Path:
        file = self.portal.folder / f"wave-{number}.yaml"
        file.write_text(yaml.safe_dump_all(objects))
        return file

    def _roll_out(self, application: str, version: str, place: str) -> Any:
        from benchmarks import portal

        release = self._release(application, version)
        return portal.roll_out(release, self.places[place], self.portal.processes.check)

    def _release(self, application: str, version: str) -> Any:
        from benchmarks import portal

        references = images.references(PLATFORM, self.cluster.registry, version)
        return portal.release(self.applications[application], version, references)

    def _namespace(self, application: str, place: str) -> str:
        return str(self.places[place].namespace_for(application))

    def _push(self, version: str) -> None:
        pool = urllib3.PoolManager(timeout=images.TIMEOUT, retries=False)
        for name, tag in images.written(PLATFORM):
            images.push(pool, self.cluster.registry, name, tag or version, {"startup_seconds": self.options.startup})

    def report(self, described: dict[str, str]) -> Report:
        """Tables, goals and what was measured."""
        found = Report("release" if self.options.size == "prod" else f"release-{self.options.size}", described)
        found.tables = [self._times(), self._parts()]
        for waves in (VARIANTS[name] for name in self._variants()):
            ours = self.taken[f"portal, {waves}"]
            to_script = ratios(ours, self.taken[SCRIPT])
            to_limit = ratios(ours, self.taken[f"limit, {waves}"])
            found.goals += [
                Goal(f"portal over the script ({waves})", Figures.of(to_script).median, TO_SCRIPT),
                Goal(f"portal over the limit ({waves})", Figures.of(to_limit).median, TO_LIMIT),
            ]
        found.raw = {"seconds": self.taken, "courses": self.courses}
        return found

    def _times(self) -> Table:
        rows = []
        for name, values in self.taken.items():
            script = ratio_spread(ratios(values, self.taken[SCRIPT]))
            limit = self.taken.get(name.replace("portal", "limit"), values)
            rows.append((name, spread(values), script, ratio_spread(ratios(values, limit)) if "portal" in name else ""))
        told = self.options
        title = f"Sizes of {told.size}, pods start in {told.startup:g} s, {told.rounds} rounds: from request to success"
        return Table(title, ("way", "time: median (least to most)", "over the script", "over the limit"), sorted(rows))

    def _parts(self) -> Table:
        """Where the portal's time went."""
        rows = []
        for name, courses in self.courses.items():
            parts = {
                "planning": [each.planned - each.asked for each in courses],
                "confirming the plan, to the start": [each.started - each.planned for each in courses],
                **_steps(courses),
                "until the success is read": [each.seen - each.finished for each in courses],
                "from the plan (where an approval would be) to the success": [e.seen - e.planned for e in courses],
            }
            rows += [(name, what, spread(values)) for what, values in parts.items()]
        return Table("The portal's parts", ("way", "part", "time: median (least to most)"), rows)


def _steps(courses: list[Any]) -> dict[str, list[float]]:
    labels = [label.split(":")[0] for label, _ in courses[0].steps]
    return {f"step “{label}”": [each.steps[index][1] for each in courses] for index, label in enumerate(labels)}


def _wait_for(manifest: dict[str, Any]) -> tuple[str, ...]:
    kind, metadata = manifest["kind"], manifest["metadata"]
    place = ("-n", metadata["namespace"], "--timeout=5m")
    if kind in ("Deployment", "StatefulSet", "DaemonSet"):
        return ("rollout", "status", f"{kind.lower()}/{metadata['name']}", *place)
    if kind == "Job":
        return ("wait", "--for=condition=complete", f"job/{metadata['name']}", *place)
    return ()


if __name__ == "__main__":
    main()
