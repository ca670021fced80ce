"""Which value an environment has, and which layer it came from."""

import pytest

from environments.manifests.errors import BundleError
from environments.models import ConfigurationEntry
from releases.configuration import HIDDEN, Configured, preview_configuration
from tests.releases.world import WEB, World

OVERLAY = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: web-config}
data: {LOG_LEVEL: debug, FLAGS: "${FLAGS}"}
"""
FILES = {"base/web.yaml": WEB, "overlays/dev/web.yaml": OVERLAY}


def entry(
    world: World, key: str, value: str, *, config_map: str = "", application: str = "", sensitive: bool = False
) -> None:
    ConfigurationEntry.objects.create(
        environment=world.environments["dev"],
        application=application,
        config_map=config_map,
        key=key,
        value=value,
        sensitive=sensitive,
    )


def configured(world: World) -> Configured:
    bundle = world.release(files=FILES).bundle
    return preview_configuration(world.environments["dev"], world.application, bundle)


def test_every_value_says_its_layer(world: World) -> None:
    entry(world, "FLAGS", "on")
    entry(world, "DATABASE_URL", "postgresql://dev/shop", config_map="web-config")
    found = {row.key: (row.value, row.layer.partition(":")[0]) for row in configured(world).rows}
    assert found == {
        "LOG_LEVEL": ("debug", "overlay"),
        "FLAGS": ("on", "configuration"),
        "DATABASE_URL": ("postgresql://dev/shop", "configuration"),
        "PASSWORD": (HIDDEN, "base"),
    }


def test_a_value_of_the_base_names_file_and_line(world: World) -> None:
    entry(world, "FLAGS", "on")
    layers = {row.key: row.layer for row in configured(world).rows}
    assert layers["DATABASE_URL"].startswith("base: base/web.yaml line ")


def test_the_applications_own_entry_counts_for_more_than_that_of_all(world: World) -> None:
    entry(world, "FLAGS", "of all")
    entry(world, "FLAGS", "of shop", application="shop")
    entry(world, "FLAGS", "of another", application="another")
    assert {row.key: row.value for row in configured(world).rows}["FLAGS"] == "of shop"


def test_a_secrets_value_is_never_shown(world: World) -> None:
    entry(world, "FLAGS", "on")
    entry(world, "PASSWORD", "top-secret", config_map="web-secret", sensitive=True)
    rows = configured(world).rows
    assert "top-secret" not in repr(rows)
    assert next(row.layer for row in rows if row.key == "PASSWORD") == "configuration"


def test_an_entry_that_nothing_asks_for_is_told(world: World) -> None:
    entry(world, "FLAGS", "on")
    entry(world, "X", "1", config_map="gone")
    assert "has X for gone" in configured(world).unused[-1]


def test_a_placeholder_of_another_environment_is_missing_here(world: World) -> None:
    ConfigurationEntry.objects.create(environment=world.environments["staging"], key="FLAGS", value="on")
    with pytest.raises(BundleError, match=r"overlays/dev/web\.yaml line 4, data\.FLAGS: .*no value"):
        configured(world)


def test_a_placeholder_that_no_environment_knows_stays_as_it_is(world: World) -> None:
    assert {row.key: row.value for row in configured(world).rows}["FLAGS"] == "${FLAGS}"
