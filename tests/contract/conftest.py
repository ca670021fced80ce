"""The two clusters: the sandbox, and the API server of SLIPWAY_TEST_KUBECONFIG. Each test has its own namespace."""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3

from environments.kube.api.access import Access
from environments.kube.api.client import Gateway
from sandbox import Sandbox
from tests import lanes
from tests.contract.namespace import ContractNamespace
from tests.contract.traffic import ROUTERS, Caller, Router

REAL = pytest.param("real", marks=pytest.mark.lane("kubeconfig"))


@pytest.fixture(scope="session")
def sandbox() -> Iterator:
    with Sandbox(speed=10) as running:
        yield running


@pytest.fixture(params=["sandbox", REAL])
def access(request: pytest.FixtureRequest) -> Access:
    """How the cluster under test is reached."""
    if request.param == "sandbox":
        return Access.from_kubeconfig(request.getfixturevalue("sandbox").kubeconfig)
    return Access.from_kubeconfig(Path(os.environ["SLIPWAY_TEST_KUBECONFIG"]).read_text())


def _variable(lane: str) -> str:
    """What the real cluster's lane names."""
    if not lanes.available(lane):
        pytest.skip(f"lane {lane} is not there")
    return os.environ[lanes.VARIABLES[lane]]


@pytest.fixture
def entry(request: pytest.FixtureRequest, access: Access) -> str:
    """URL of the edge of the cluster under test."""
    real = request.node.callspec.params["access"] == "real"
    return _variable("entry") if real else request.getfixturevalue("sandbox").entry


@pytest.fixture
def caller(entry: str) -> Caller:
    return Caller(entry)


@pytest.fixture(params=ROUTERS)
def router(request: pytest.FixtureRequest) -> Router:
    """A router's objects for a host and the canary's weight."""
    return ROUTERS[request.param]


@pytest.fixture
def exposition(request: pytest.FixtureRequest, access: Access) -> Callable[[], str]:
    """What the edge of the cluster under test has counted, in Prometheus' text format."""
    if request.node.callspec.params["access"] == "sandbox":
        return request.getfixturevalue("sandbox").metrics.render
    url = _variable("metrics")

    def scraped() -> str:
        return urllib3.request("GET", url, timeout=10).data.decode()

    return scraped


@pytest.fixture
def ns(access: Access) -> Iterator[ContractNamespace]:
    """A fresh namespace of the cluster under test."""
    ns = ContractNamespace(Gateway(access, read=10), f"contract-{uuid.uuid4().hex[:8]}")
    ns.open()
    yield ns
    ns.close()
