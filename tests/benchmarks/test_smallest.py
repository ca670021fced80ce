"""Every benchmark runs to its end at its smallest size, and leaves its report. What it measures then says nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What is no benchmark of its own but a part of others, or puts their results into the page.
PARTS = {
    "cluster", "counted_sandbox", "document", "figures", "harness", "kubectl_comparison", "lateness", "machine",
    "platform_bundle", "portal", "postgres", "processes", "prometheus", "ready", "recorded_orchestrate", "report",
    "routed_apps", "side_by_side", "traffic", "__init__",
}  # fmt: skip
EDGE = [pytest.mark.lane("kubeconfig"), pytest.mark.lane("entry"), pytest.mark.lane("prometheus")]
SMALLEST = {
    "webhook": ([], "--rounds 1 --calls 4"),
    "live_rollouts": ([], "--rollouts 3 --seconds 4 --settle 2"),
    "release": ([pytest.mark.lane("kubeconfig")], "--rounds 1 --size dev --startup 0.1"),
    "latency": ([pytest.mark.lane("kubeconfig")], "--rounds 1"),
    "canary": (EDGE, "--canaries 1 --bad 1 --routers nginx --rate 20"),
    "blue_green": (EDGE, "--switches 1 --backs 1 --routers nginx --rate 20"),
    "flagger": ([*EDGE, pytest.mark.lane("flagger")], "--rounds 1 --intervals 10 --rate 20"),
}


def test_every_benchmark_has_its_smallest_size() -> None:
    there = {path.stem for path in (ROOT / "benchmarks").glob("*.py")}
    assert there - PARTS == set(SMALLEST)


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("name", "arguments"),
    [pytest.param(name, words, marks=lanes, id=name) for name, (lanes, words) in SMALLEST.items()],
)
def test_it_runs_to_its_end_and_leaves_its_report(name: str, arguments: str, tmp_path: Path) -> None:
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("DJANGO", "SLIPWAY_"))}
    variables |= {key: value for key, value in os.environ.items() if key.startswith("SLIPWAY_TEST_")}
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *arguments.split()],
        cwd=ROOT,
        env={**variables, "BENCHMARK_RESULTS": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    (report,) = tmp_path.glob("*.json")
    assert json.loads(report.read_text())["tables"]
