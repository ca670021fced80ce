"""The page that takes in what runs: who sees it, what it shows, and that values of Secrets are not among it."""

import pytest
from django.test import Client

from environments.importing.survey import Imported, LeftOut
from environments.kube.objects import Ref
from releases.models import Application, Release
from tests.releases.fakes import FakeCluster, FakeRegistry
from tests.releases.world import World

MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"A": "1"}}
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {"password": "aHVudGVyMg=="}}
FOUND = Imported(
    (MAP,),
    (LeftOut(Ref("batch/v1", "Job", "shop-dev", "old"), "it has run already"),),
    (SECRET,),
    ("ConfigMap/gone",),
    (),
)
FORM = {"application": "books", "namespace": "books-dev"}


@pytest.fixture
def page(world: World, cluster: FakeCluster, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("releases.importing.gateway_for", lambda _cluster: cluster)
    monkeypatch.setattr("releases.importing.read_namespace", lambda *_: FOUND)
    return world


def signed_in(world: World, name: str) -> Client:
    client = Client()
    client.force_login(world.people[name].user)
    return client


def test_only_who_may_configure_sees_it(page: World) -> None:
    assert signed_in(page, "operator").get("/environments/dev/import").status_code == 200
    assert signed_in(page, "developer").get("/environments/dev/import").status_code == 403
    assert "Take in what runs here" in signed_in(page, "operator").get("/environments/dev").content.decode()
    assert "Take in what runs here" not in signed_in(page, "developer").get("/environments/dev").content.decode()


def test_looking_stores_nothing(page: World) -> None:
    shown = signed_in(page, "operator").post("/environments/dev/import", FORM).content.decode()
    for words in ("1 ConfigMap", "Secret db", "ConfigMap/gone", "it has run already", "base/configmap/web.yaml"):
        assert words in shown
    assert "aHVudGVyMg" not in shown
    assert not Application.objects.filter(name="books").exists()


def test_taking_in_makes_the_release_and_shows_the_first_plan(page: World) -> None:
    shown = signed_in(page, "operator").post("/environments/dev/import", {**FORM, "take_in": "1"}).content.decode()
    release = Release.objects.get(application__name="books")
    assert (release.version, release.bundle) == ("imported", release.application.bundle)
    assert f"/rollouts/new?release={release.pk}" in shown
    assert "ConfigMap books-dev/web is created" in shown


def test_what_is_wrong_is_told(page: World) -> None:
    shown = signed_in(page, "operator").post("/environments/dev/import", {**FORM, "namespace": "kube-system"})
    assert "does not allow kube-system" in shown.content.decode()
