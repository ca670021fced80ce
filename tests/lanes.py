"""Lanes: tests that need a service. They run where its variable is set, and the run ends by naming those that did not.

`SLIPWAY_TEST_REQUIRE=all` (or names, comma-separated) makes a missing lane fail the run.
"""

import os
import shutil

import pytest

VARIABLES = {
    "kubeconfig": "SLIPWAY_TEST_KUBECONFIG",
    "postgres": "SLIPWAY_TEST_POSTGRES",
    "prometheus": "SLIPWAY_TEST_PROMETHEUS",
    "registry": "SLIPWAY_TEST_REGISTRY",
    "chromium": "SLIPWAY_TEST_CHROMIUM",
}
MISSING: dict[str, int] = {}


def available(lane: str) -> bool:
    """Whether this machine has what the lane needs; kubectl is looked for on the PATH."""
    if lane == "kubectl":
        return shutil.which("kubectl") is not None
    return bool(os.environ.get(VARIABLES[lane]))


def required() -> set[str]:
    words = os.environ.get("SLIPWAY_TEST_REQUIRE", "")
    return {*VARIABLES, "kubectl"} if words == "all" else {word for word in words.split(",") if word}


def skip_missing(items: list[pytest.Item]) -> None:
    """Marks the tests of lanes that are not there, and counts them for the summary."""
    for item in items:
        for marker in item.iter_markers("lane"):
            lane = marker.args[0]
            if not available(lane):
                MISSING[lane] = MISSING.get(lane, 0) + 1
                item.add_marker(
                    pytest.mark.skip(reason=f"lane {lane}: {VARIABLES.get(lane, lane)} is not there")
                )


def summary() -> list[str]:
    return [
        f"lane {lane} did not run: {count} tests need {VARIABLES.get(lane, lane + ' on the PATH')}"
        for lane, count in sorted(MISSING.items())
    ]
