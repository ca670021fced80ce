"""The same scenarios on both clusters."""

import os
from collections.abc import Iterator

import pytest

from tests.acceptance.portal import Place, Portal, portal

BOTH = [pytest.param(False, id="sandbox"), pytest.param(True, id="real", marks=pytest.mark.lane("kubeconfig"))]


def real_place() -> Place:
    """What the variables of the lanes kubeconfig and registry name."""
    return Place(os.environ["SLIPWAY_TEST_KUBECONFIG"], os.environ["SLIPWAY_TEST_REGISTRY"])


@pytest.fixture(scope="module", params=BOTH)
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal with applications shop-…, one for each test that asks for `shop`."""
    place = real_place() if request.param else None
    with portal(tmp_path_factory.mktemp("portal"), place, shops=8) as running:
        yield running


@pytest.fixture
def shop_name(live: Portal) -> str:
    """An application that no other test has touched."""
    return live.shops.pop()
