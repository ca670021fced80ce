"""How benchmarks reckon: percentiles, lateness, when a Deployment is up, and where results go on the page."""

from typing import Any

import pytest

from benchmarks.document import replaced
from benchmarks.figures import Figures, percentile, ratios
from benchmarks.lateness import lateness, passes
from benchmarks.platform_bundle import SERVICES, bundle
from benchmarks.ready import is_up
from environments.manifests.bundle import read_bundle

UP = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}
LINES = [
    ("due", 1, 10.0),
    ("begun", 1, 10.2),
    ("done", 1, 10.5),
    ("due", 2, 11.0),
    ("due", 1, 12.0),
    ("begun", 1, 12.5),
    ("done", 1, 13.0),
    ("due", 1, 30.0),
]


@pytest.mark.parametrize(("share", "value"), [(50, 2.0), (75, 3.0), (95, 4.0), (100, 4.0), (1, 1.0)])
def test_a_percentile_is_a_value_that_was_measured(share: float, value: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], share) == value


def test_nothing_measured_is_no_figure() -> None:
    with pytest.raises(ValueError, match="Nothing was measured"):
        Figures.of([])


def test_rounds_that_do_not_pair_have_no_ratio() -> None:
    assert ratios([1.0, 3.0], [2.0, 2.0]) == [0.5, 1.5]
    with pytest.raises(ValueError, match="zip"):
        ratios([1.0], [1.0, 2.0])


def test_lateness_is_from_due_to_the_end_of_the_next_pass() -> None:
    assert lateness(LINES, 0, 20) == pytest.approx([0.5, 1.0])
    assert lateness(LINES, 10.6, 20) == pytest.approx([1.0])
    assert lateness(LINES, 0, 13) == pytest.approx([0.5])
    assert passes(LINES, 0, 20) == pytest.approx([0.3, 0.5])


@pytest.mark.parametrize(
    ("change", "up"),
    [
        ({}, True),
        ({"observedGeneration": 1}, False),
        ({"updatedReplicas": 2}, False),
        ({"replicas": 4}, False),
        ({"availableReplicas": 2}, False),
    ],
)
def test_a_deployment_is_up_when_kubectl_would_say_so(change: dict[str, Any], up: bool) -> None:
    deployment = {"metadata": {"generation": 2}, "spec": {"replicas": 3}, "status": {**UP, **change}}
    assert is_up(deployment) is up


def test_results_go_where_the_page_wants_them() -> None:
    page = "a\n<!-- x -->\nold\n<!-- /x -->\nb"
    assert replaced(page, "x", "new") == "a\n<!-- x -->\nnew\n<!-- /x -->\nb"
    with pytest.raises(SystemExit, match="no place <!-- y -->"):
        replaced(page, "y", "new")


@pytest.mark.parametrize("whole", [True, False])
def test_the_bundle_has_the_seven_services_and_only_the_whole_its_migration(whole: bool) -> None:
    files = {file.path: file.text for file in read_bundle(bundle("prod", ["here"], whole=whole), "b.tar.gz").files}
    assert {f"base/{service}.yaml" for service in SERVICES} < set(files)
    assert ("base/migrations.yaml" in files) is whole
    assert ("waves:" in files["slipway.yaml"]) is whole
