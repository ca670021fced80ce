"""What an application was in an environment: counted, compared, and brought back by number."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from portal import blobs
from releases.models import Rollout
from releases.revisions import compare, revisions
from releases.states import Phase
from tests.releases.world import World

pytestmark = pytest.mark.django_db
WEB = ["apps/v1", "Deployment", "shop-prod", "web"]
CANARY = ["apps/v1", "Deployment", "shop-prod", "web-canary"]
SETTINGS = ["v1", "ConfigMap", "shop-prod", "settings"]
PRICES = ["v1", "ConfigMap", "shop-prod", "prices"]


def plan(image: str, *config: list[str], mode: str = "fast") -> dict[str, Any]:
    containers = [{"name": "web", "image": image}]
    manifests = {tuple(WEB): {"spec": {"template": {"spec": {"containers": containers}}}}}
    manifests |= {tuple(ref): {"data": {"mode": mode}} for ref in config}
    objects = [
        {"ref": list(ref), "manifest": {"apiVersion": ref[0], "kind": ref[1], "metadata": {"name": ref[3]}, **body}}
        for ref, body in manifests.items()
    ]
    passing = {"ref": CANARY, "manifest": {"apiVersion": "apps/v1", "kind": "Deployment"}, "temporary": True}
    return {"objects": [*objects, passing], "changes": [], "prune": [], "smoke_tests": [], "risks": [], "images": {}}


def succeeded(world: World, version: str, document: dict[str, Any], **fields: Any) -> Rollout:
    return world.rollout(Phase.SUCCEEDED, version=version, plan_digest=blobs.store_json(document), **fields)


@pytest.fixture
def three(world: World) -> list[Rollout]:
    first = succeeded(world, "1.0.0", plan("web:1.0.0", SETTINGS))
    world.rollout(Phase.ROLLED_BACK, version="1.0.1", plan_digest=blobs.store_json(plan("web:1.0.1")))
    second = succeeded(world, "1.1.0", plan("web:1.1.0", SETTINGS, mode="slow"))
    third = succeeded(world, "1.2.0", plan("web:1.2.0", PRICES))
    succeeded(world, "1.9.0", plan("web:1.9.0"), environment="dev")
    return [first, second, third]


def test_only_what_succeeded_there_counts_and_the_highest_runs(world: World, three: list[Rollout]) -> None:
    found = revisions(world.application, world.environments["prod"])
    assert [(each.number, each.rollout.pk, each.running) for each in found] == [
        (3, three[2].pk, True),
        (2, three[1].pk, False),
        (1, three[0].pk, False),
    ]


def test_the_namespace_that_the_first_release_made_is_no_change() -> None:
    namespace = ["v1", "Namespace", "", "shop-prod"]
    first, later = plan("web:1", namespace), plan("web:1")
    assert all(
        row["action"] == "unchanged"
        for told in (compare(first, later), compare(later, first))
        for row in told["changes"]
    )
    assert compare(first, later)["prune"] == []


def test_two_plans_are_held_against_each_other_field_by_field() -> None:
    told = compare(plan("web:1", SETTINGS), plan("web:2", PRICES))
    rows = {tuple(row["ref"]): row for row in told["changes"]}
    assert rows[tuple(WEB)]["action"] == "update"
    assert rows[tuple(WEB)]["restarts"]
    assert rows[tuple(WEB)]["fields"] == [
        {"path": 'spec.template.spec.containers[name="web"].image', "before": "web:1", "after": "web:2"}
    ]
    assert rows[tuple(PRICES)]["action"] == "create"
    assert [row["ref"] for row in told["prune"]] == [SETTINGS]
    assert tuple(CANARY) not in rows


@pytest.mark.usefixtures("three")
def test_the_page_compares_the_newest_two_or_those_of_the_address(world: World) -> None:
    client = Client()
    client.force_login(world.people["operator"].user)
    page = client.get("/revisions/shop/prod").content.decode()
    assert "What changed from revision 2 to 3" in page
    assert "Bring 1.0.0 back…" in page
    assert "Bring 1.2.0 back…" not in page
    first = client.get("/revisions/shop/prod?from=1&to=2").content.decode()
    assert "What changed from revision 1 to 2" in first
    assert "slow" in first
    assert client.get("/revisions/shop/prod?from=9").status_code == 404


@pytest.mark.usefixtures("three")
def test_who_may_not_look_sees_no_revisions_and_who_may_not_roll_back_no_buttons(world: World) -> None:
    client = Client()
    client.force_login(world.people["outsider"].user)
    assert client.get("/revisions/shop/prod").status_code == 403
    client.force_login(world.people["auditor"].user)
    assert "back…" not in client.get("/revisions/shop/prod").content.decode()


def run(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, "--as", "operator", stdout=out)
    return out.getvalue()


@pytest.mark.usefixtures("three")
def test_the_command_line_lists_and_compares() -> None:
    lines = run("history", "shop", "prod").splitlines()
    assert [line.split()[:2] for line in lines] == [["3", "1.2.0"], ["2", "1.1.0"], ["1", "1.0.0"]]
    assert lines[0].endswith("runs")
    said = run("history", "shop", "prod", "--compare", "1", "2")
    assert "- fast" in said
    assert "+ slow" in said
    with pytest.raises(CommandError, match="no revision 7; there are 1 to 3"):
        run("history", "shop", "prod", "--compare", "1", "7")


@pytest.mark.usefixtures("three")
def test_a_revision_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(CommandError, match="no revision 4 in prod; there are 1 to 3"):
        run("rollback", "shop", "prod", "--to-revision", "4")
