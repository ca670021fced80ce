"""What the tests of releases share."""

import pytest

from tests.releases import world as worlds
from tests.releases.fakes import FakeCluster, FakeRegistry
from tests.releases.world import World


@pytest.fixture
def world(db: None) -> World:
    return worlds.build()


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> FakeRegistry:
    fake = FakeRegistry()
    monkeypatch.setattr("environments.registry.resolve_all", fake.resolve_all)
    return fake


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    fake = FakeCluster()
    monkeypatch.setattr("releases.planning.planner.gateway_for", lambda _cluster: fake)
    return fake
