"""Lanes: tests that need a service. They run where its variable is set, and the run ends by naming those that did not.

`SLIPWAY_TEST_REQUIRE=all` (or names, comma-separated) makes a missing lane fail the run.
"""

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable

import pytest

VARIABLES = {
    "kubeconfig": "SLIPWAY_TEST_KUBECONFIG",
    "flagger": "SLIPWAY_TEST_FLAGGER",
    "entry": "SLIPWAY_TEST_ENTRY",
    "metrics": "SLIPWAY_TEST_METRICS",
    "postgres": "SLIPWAY_TEST_POSTGRES",
    "prometheus": "SLIPWAY_TEST_PROMETHEUS",
    "registry": "SLIPWAY_TEST_REGISTRY",
    "chromium": "SLIPWAY_TEST_CHROMIUM",
    "helm": "SLIPWAY_TEST_HELM",
    "long": "SLIPWAY_TEST_LONG",
    "kubectl": "kubectl on the PATH",
}
REASON = re.compile(r"lane (\w+) is not there")


def available(lane: str) -> bool:
    """Whether this machine has what the lane needs; kubectl is looked for on the PATH."""
    return shutil.which("kubectl") is not None if lane == "kubectl" else bool(os.environ.get(VARIABLES[lane]))


def required() -> set[str]:
    """The lanes that have to be there."""
    words = os.environ.get("SLIPWAY_TEST_REQUIRE", "")
    return set(VARIABLES) if words == "all" else {word for word in words.split(",") if word}


def skip_missing(items: Iterable[pytest.Item]) -> None:
    """Skips the tests of lanes that are not there."""
    for item in items:
        for marker in item.iter_markers("lane"):
            if not available(marker.args[0]):
                item.add_marker(pytest.mark.skip(reason=f"lane {marker.args[0]} is not there"))


def missing(skipped: Iterable[pytest.TestReport]) -> Counter[str]:
    """How many tests of which lane were skipped, from the run's reports (so it works under xdist too)."""
    reasons = (REASON.search(str(report.longrepr)) for report in skipped)
    return Counter(match[1] for match in reasons if match)


def unmet() -> set[str]:
    """Lanes that have to be there and are not, whether or not a test asked for them."""
    return {lane for lane in required() if not available(lane)}
