"""What environments admit, from the request to the start."""

from importlib import import_module

import pytest
from django.apps import apps

from environments.models import Environment
from releases import actions
from releases.models import Rollout
from releases.plan.store import load_plan
from releases.planning.planner import confirm, plan_now
from releases.states import Phase
from tests.releases.fakes import FakeCluster, FakeRegistry
from tests.releases.telling import tell
from tests.releases.test_plan import planned, succeed, titles
from tests.releases.world import WEB, World

pytestmark = pytest.mark.django_db
PRIVILEGED = WEB.replace(
    "image: registry.example/shop/web\n",
    "image: registry.example/shop/web\n        securityContext: {privileged: true}\n",
)
INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec: {rules: [{host: shop.example}]}
"""


@pytest.fixture(autouse=True)
def _around(registry: FakeRegistry, cluster: FakeCluster) -> None:
    """Both are there in every test."""


def privileged(world: World, environment: str) -> Rollout:
    return planned(world, "1.0.0", environment, files={"base/web.yaml": PRIVILEGED})


def rule(world: World, environment: str, **fields: object) -> None:
    tell(world.environments[environment], **fields)


def test_dev_warns_and_prod_refuses_as_they_come(world: World) -> None:
    warned = privileged(world, "dev")
    assert warned.phase == Phase.WAITING
    risk = next(each for each in load_plan(warned)["risks"] if each["title"] == "Runs privileged")
    assert risk["detail"] == "Deployment shop-dev/web: container web is privileged"
    refused = privileged(world, "prod")
    assert refused.phase == Phase.FAILED
    for words in ("prod does not admit", "Deployment shop-prod/web: container web is privileged", "“privileged warn”"):
        assert words in refused.why


def test_single_checks_have_levels_of_their_own(world: World) -> None:
    rule(world, "prod", admission_rules="privileged allow")
    rollout = privileged(world, "prod")
    assert rollout.phase == Phase.AWAITING_APPROVAL
    assert "Runs privileged" not in titles(load_plan(rollout))
    rule(world, "dev", admission_rules="privileged refuse")
    assert privileged(world, "dev").phase == Phase.FAILED


def test_images_come_from_the_registries_that_are_named(world: World) -> None:
    rule(world, "prod", allowed_registries="ghcr.io/example")
    refused = planned(world, environment="prod")
    assert "container web takes registry.example/shop/web@sha256:" in refused.why
    rule(world, "prod", allowed_registries="ghcr.io/example\nregistry.example/shop")
    assert planned(world, environment="prod").phase == Phase.AWAITING_APPROVAL


def test_a_host_that_another_environment_names_is_its_own(world: World) -> None:
    rule(world, "prod", hosts="shop.example")
    dev = planned(world, files={"base/web.yaml": WEB, "base/ingress.yaml": INGRESS})
    assert "Takes requests of another environment" in titles(load_plan(dev))
    prod = planned(world, environment="prod", files={"base/web.yaml": WEB, "base/ingress.yaml": INGRESS})
    assert "Takes requests of another environment" not in titles(load_plan(prod))


def test_what_runs_in_a_later_environment_keeps_its_hosts_and_no_earlier_one_can_take_them(
    world: World, cluster: FakeCluster
) -> None:
    files = {"base/web.yaml": WEB, "base/ingress.yaml": INGRESS}
    succeed(planned(world, environment="prod", files=files), cluster)
    assert "Takes requests of another environment" in titles(load_plan(planned(world, "1.1.0", files=files)))
    succeed(planned(world, "1.2.0", files=files), cluster)
    assert planned(world, "1.3.0", "prod", files=files).phase == Phase.AWAITING_APPROVAL


def test_a_stricter_rule_holds_at_the_start_of_what_was_planned_before(world: World) -> None:
    rollout = privileged(world, "dev")
    assert confirm(rollout) is None
    rule(world, "dev", admission="refuse")
    rollout = Rollout.objects.get(pk=rollout.pk)
    drift = confirm(rollout)
    assert drift
    assert drift.words.startswith("The plan would be refused now: dev does not admit")


def test_a_way_back_is_never_refused(world: World, cluster: FakeCluster) -> None:
    before = succeed(privileged(world, "dev"), cluster)
    succeed(planned(world, "1.1.0"), cluster)
    rule(world, "dev", admission="refuse")
    back = plan_now(
        actions.undo(world.people["lead"], world.application, world.environments["dev"], before, reason="back")
    )
    assert back.phase == Phase.WAITING, back.why
    assert "Runs privileged" in titles(load_plan(back))


def test_environments_of_before_go_on_with_warnings(world: World) -> None:
    """A release that went in yesterday is not refused tonight; new environments refuse."""
    migration = import_module("environments.migrations.0004_admission")
    migration.warn_where_it_would_refuse(apps, None)
    levels = {place.name: place.admission for place in Environment.objects.all()}
    assert (levels["dev"], levels["prod"]) == ("", "warn")
