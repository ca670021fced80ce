"""Charts and repositories by webhook and API: fetched and rendered by a long job, and led on from there."""

import io
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from environments.sources import Made, RenderPlace, Tools
from environments.sources.kinds.helm import SOURCE as HELM
from environments.sources.telling import archive
from portal.models import Job
from portal.orchestration.jobs.kinds import kind_of
from releases.models import Bundle, Delivery, Release, WebhookSource
from releases.webhooks.providers import github
from releases.webhooks.providers.base import Unusable
from tests.environments.sources.files import CHART, members
from tests.passes import pass_over_due
from tests.portal.http_server import Server, answer, serve
from tests.releases.api.test_api import caller
from tests.releases.fakes import FakeCluster, FakeRegistry
from tests.releases.webhooks.signing import GENERIC_SECRET, post_generic
from tests.releases.world import WEB, World

pytestmark = pytest.mark.django_db
COMMIT = "c" * 40


@pytest.fixture
def host(settings: Any) -> Iterator[Server]:
    """A host of a repository, with an archive of each commit."""
    settings.OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    with serve() as running:
        content = archive({"r-c/deploy/base/web.yaml": WEB.encode(), "r-c/src/main.go": b"package main"})
        running.behave = lambda handler: answer(handler, 200, content)
        yield running


@pytest.fixture
def source(world: World) -> WebhookSource:
    made = WebhookSource.objects.create(
        name="shop-ci", provider="generic", application=world.application, secret=GENERIC_SECRET
    )
    made.rollout_to.set([world.environments["dev"]])
    return made


@pytest.fixture
def a_helm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts without helm: the first environment's file, as helm would write it."""

    def make(_tree: object, _settings: object, places: list[RenderPlace], _tools: Tools) -> Made:
        (member,) = members({f"rendered/{places[0].environment}.yaml": WEB})
        return Made([member], {"program": "helm", "version": "v3", "chart": "web", "chart_version": "1.2.3"})

    monkeypatch.setattr(HELM, "make", make)


def work_off() -> None:
    """Does every job that is asked for, as a worker does."""
    for job in Job.objects.filter(state=Job.State.PENDING):
        result = kind_of(job.kind)().run(SimpleNamespace(arguments=job.arguments))  # type: ignore[arg-type]
        Job.objects.filter(pk=job.pk).update(state=Job.State.DONE, result=result)


def git(host: Server, path: str = "deploy") -> dict[str, Any]:
    address = host.url("/archive/{commit}.tar.gz")
    return {"git": {"repository": "https://git.example/r", "commit": COMMIT, "path": path, "archive": address}}


class TestWebhooks:
    def told(self, client: Client, bundle: dict[str, Any]) -> Delivery:
        post_generic(client, {"version": "1.0.0", "bundle": bundle, "images": {"web": "r.example/web:1"}})
        pass_over_due("bundles")
        assert Delivery.objects.get().outcome == Delivery.Outcome.FETCHING
        work_off()
        return Delivery.objects.get()

    def test_a_folder_of_a_repository_leads_to_a_release(
        self, client: Client, source: WebhookSource, host: Server
    ) -> None:
        delivery = self.told(client, {"source": git(host)})
        assert (delivery.outcome, delivery.detail) == ("accepted", "")
        assert Release.objects.get().bundle.origin["git"]["commit"] == COMMIT
        assert [each.path for each in host.seen] == [f"/archive/{COMMIT}.tar.gz"]
        assert delivery.rollouts.count() == 1

    def test_a_chart_at_an_address_is_rendered(
        self, client: Client, source: WebhookSource, host: Server, a_helm: None
    ) -> None:
        content = archive({path: text.encode() for path, text in CHART.items()})
        host.behave = lambda handler: answer(handler, 200, content)
        delivery = self.told(client, {"url": host.url("/web-1.2.3.tgz")})
        assert Release.objects.get().bundle.origin["chart_version"] == "1.2.3"
        assert delivery.bundle_url is None

    def test_what_is_wrong_refuses_the_delivery_in_words(
        self, client: Client, source: WebhookSource, host: Server
    ) -> None:
        delivery = self.told(client, {"source": git(host, "absent")})
        assert (delivery.outcome, delivery.detail) == (
            "refused", "the repository has no files in absent at cccccccccccc",
        )  # fmt: skip

    def test_a_host_that_is_busy_is_asked_again_later(
        self, client: Client, source: WebhookSource, host: Server
    ) -> None:
        host.behave = lambda handler: answer(handler, 503)
        delivery = self.told(client, {"source": git(host)})
        assert (delivery.outcome, delivery.attempts) == ("fetching", 1)
        assert delivery.due_at is not None


class TestGitHub:
    PUSH: Mapping[str, Any] = {
        "ref": "refs/tags/v1.4.2", "after": COMMIT, "repository": {"id": 1, "full_name": "example/shop"},
    }  # fmt: skip

    def read(self, mapping: Mapping[str, Any], event: str, payload: Mapping[str, Any]) -> Any:
        return github.PROVIDER.read(mapping, {"x-github-event": event}, payload)

    def test_a_folder_of_its_repository_is_taken_at_the_events_commit(self) -> None:
        assert github.PROVIDER.check({"path": "deploy"}) == []
        news = self.read({"path": "deploy", "api": "https://github.example/api/v3"}, "push", self.PUSH)
        assert news.bundle["source"]["git"] == {
            "repository": "https://github.com/example/shop",
            "commit": COMMIT,
            "path": "deploy",
            "archive": "https://github.example/api/v3/repos/example/shop/tarball/{commit}",
        }
        assert self.read({}, "push", self.PUSH).bundle == {}

    def test_an_event_that_names_no_commit_is_refused_with_what_to_choose(self) -> None:
        release = {"tag_name": "v1", "target_commitish": "main", "id": 1}
        payload = {"action": "published", "release": release, "repository": {"full_name": "example/shop"}}
        with pytest.raises(Unusable, match="workflow runs, or pushes of tags"):
            self.read({"path": "."}, "release", payload)


def form(world: World, path: str, fields: dict[str, Any]) -> Any:
    """Posts a form as the developer."""
    return caller(world, "developer").client.post(f"/api/v1/{path}", fields)


class TestTheApi:
    def test_a_chart_is_rendered_apart_from_the_request(self, world: World, a_helm: None) -> None:
        file = io.BytesIO(archive({path: text.encode() for path, text in CHART.items()}))
        file.name = "web-1.2.3.tgz"
        told = form(world, "releases", {"application": "shop", "version": "1.0.0", "bundle": file})
        assert told.status_code == 202
        assert told.json()["state"] == "waiting"
        work_off()
        came = caller(world, "developer").get(f"release-requests/{told.json()['id']}").json()
        release = Release.objects.get()
        assert (came["state"], came["release"], release.version) == ("done", release.pk, "1.0.0")
        assert "developer" in [each.who for each in release.made_by if each.how == "created"]

    def test_a_repository_is_named_in_json(self, world: World, host: Server) -> None:
        body = {"application": "shop", "version": "1.0.0", "source": git(host, "absent")}
        told = caller(world, "developer").post("releases", body).json()
        work_off()
        came = caller(world, "developer").get(f"release-requests/{told['id']}").json()
        assert (came["state"], came["release"]) == ("refused", None)
        assert "no files in absent" in came["why"]

    def test_a_bundle_alone_is_not_rendered(self, world: World) -> None:
        file = io.BytesIO(archive({path: text.encode() for path, text in CHART.items()}))
        file.name = "web-1.2.3.tgz"
        told = form(world, "bundles", {"application": "shop", "bundle": file})
        assert "send it with its release" in told.json()["detail"]


def test_the_shell_takes_a_repository_with_its_token(
    world: World, registry: FakeRegistry, cluster: FakeCluster, host: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("environments.sources.kinds.git.archive_of", lambda _repository, _commit: host.url("/a.tgz"))
    out = io.StringIO()
    words = ["--git", "https://git.example/r", "--commit", COMMIT, "--path", "deploy"]
    call_command("deploy", "shop", "1.0.0", "dev", *words, stdout=out)
    assert "https://git.example/r at cccccccccccc" in out.getvalue()
    assert Bundle.objects.get().files == [{"path": "base/web.yaml", "size": len(WEB)}]
