"""What the tests of releases share."""

import pytest

from tests.releases import world as worlds
from tests.releases.world import World


@pytest.fixture
def world(db: None) -> World:
    return worlds.build()
