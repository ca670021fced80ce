"""The clusters that rollouts run on here: one embedded in this process for each module, and that of the lanes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Sandbox
from tests.releases.rollout.canaries import prometheus_of
from tests.releases.rollout.live import Place, real_place, sandbox_place

BOTH = ["sandbox", pytest.param("real", marks=pytest.mark.lane("kubeconfig"))]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(speed=4) as running:
        yield running


@pytest.fixture(params=BOTH)
def cluster_name(request: pytest.FixtureRequest) -> str:
    """sandbox or real; a module whose tests need more lanes gives its own."""
    return str(request.param)


@pytest.fixture
def place(request: pytest.FixtureRequest, cluster_name: str) -> Place:
    return real_place() if cluster_name == "real" else sandbox_place(request.getfixturevalue("sandbox"))


@pytest.fixture
def prometheus(request: pytest.FixtureRequest, cluster_name: str, tmp_path: Path) -> Iterator[str]:
    """The address of one that knows what the cluster's edge measures."""
    sandbox = None if cluster_name == "real" else request.getfixturevalue("sandbox")
    with prometheus_of(sandbox, tmp_path) as url:
        yield url


@pytest.fixture
def entry(request: pytest.FixtureRequest, cluster_name: str) -> str:
    """Where requests from outside come in."""
    if cluster_name == "real":
        return os.environ["SLIPWAY_TEST_ENTRY"]
    return str(request.getfixturevalue("sandbox").entry)
