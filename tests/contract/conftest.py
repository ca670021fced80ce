"""The two clusters: the sandbox, and the API server of SLIPWAY_TEST_KUBECONFIG. Each test has its own namespace."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import environments.sandbox
from environments.kube.access import Access
from environments.kube.client import Gateway
from tests.contract.space import Space

REAL = pytest.param("real", marks=pytest.mark.lane("kubeconfig"))


@pytest.fixture(scope="session")
def sandbox() -> Iterator:
    with environments.sandbox.Sandbox(speed=10) as running:
        yield running


@pytest.fixture(params=["sandbox", REAL])
def access(request: pytest.FixtureRequest) -> Access:
    """How the cluster under test is reached."""
    if request.param == "sandbox":
        return Access.from_kubeconfig(request.getfixturevalue("sandbox").kubeconfig)
    return Access.from_kubeconfig(Path(os.environ["SLIPWAY_TEST_KUBECONFIG"]).read_text())


@pytest.fixture
def space(access: Access) -> Iterator[Space]:
    """A fresh namespace of the cluster under test."""
    space = Space(Gateway(access, read=10), f"contract-{uuid.uuid4().hex[:8]}")
    space.open()
    yield space
    space.close()
