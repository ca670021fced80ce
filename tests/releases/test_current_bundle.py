"""A bundle becomes an application's current one by an act of its own, which takes the right in every environment."""

import io
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from environments.models import Environment, Grant
from portal import tokens
from portal.actors import SYSTEM, Actor, Scope
from portal.models import AuditEntry
from portal.roles import Role, Verb
from releases import actions, ingest
from releases.models import Application, Bundle
from tests.releases.world import ROLES, WEB, World, archive

MORE = {"base/web.yaml": WEB, "base/more.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\n"}


def upload(world: World, by: Actor = SYSTEM) -> Bundle:
    return ingest.store_bundle(by, world.application, archive(MORE), "shop.tar.gz")


def current(world: World) -> str | None:
    return Application.objects.get(pk=world.application.pk).bundle_id


@pytest.mark.parametrize("persona", ROLES)
def test_who_may(world: World, persona: str) -> None:
    first, bundle = world.bundle(), upload(world)
    if persona == "operator":
        actions.make_current(world.people[persona], bundle, "the new services")
        assert current(world) == bundle.digest
        entry = AuditEntry.objects.filter(verb="application.bundle-made-current").latest("number")
        told = {"bundle": bundle.digest, "before": first.digest, "comment": "the new services"}
        assert (entry.actor, entry.application, entry.data) == ("operator", "shop", told)
    else:
        with pytest.raises(PermissionDenied, match="make a bundle an application's current one"):
            actions.make_current(world.people[persona], bundle)
        assert current(world) == first.digest


def test_the_right_in_all_environments_but_one_is_not_enough(world: World) -> None:
    bundle, operator = upload(world), world.people["operator"]
    Grant.objects.filter(environment__name="prod", user=operator.user).delete()
    with pytest.raises(PermissionDenied, match="in prod"):
        actions.make_current(operator, bundle)
    assert current(world) is None


def test_a_token_may_as_far_as_its_scope_reaches(world: World) -> None:
    bundle, operator = upload(world), world.people["operator"]
    for scope in (Scope(environments=frozenset({"dev"})), Scope(verbs=frozenset({Verb.REQUEST}))):
        with pytest.raises(PermissionDenied, match="its scope leaves that out"):
            actions.make_current(Actor("token", "operator (token ci)", operator.user, scope), bundle)


def test_where_there_is_no_environment_yet_only_an_administrator_may(db: None) -> None:
    bundle = ingest.store_bundle(SYSTEM, Application.objects.create(name="new"), archive(MORE), "new.tar.gz")
    with pytest.raises(PermissionDenied, match="no environment yet"):
        actions.make_current(Actor.ci("github/new"), bundle)


def test_the_current_one_again_changes_nothing(world: World) -> None:
    bundle = world.bundle()
    entries = AuditEntry.objects.count()
    actions.make_current(world.people["operator"], bundle)
    assert AuditEntry.objects.count() == entries


def test_the_table_of_roles_gives_it_to_operators(world: World) -> None:
    assert [role for role in Role if actions.why_not_current(_holding(role, world)) is None] == [Role.OPERATOR]


def _holding(role: Role, world: World) -> Actor:
    user = world.people["outsider"].user
    assert user
    Grant.objects.filter(user=user).delete()
    Grant.objects.bulk_create(Grant(environment=each, role=role, user=user) for each in Environment.objects.all())
    return Actor.of(user)


@pytest.mark.usefixtures("registry", "cluster")
class TestCommand:
    WORDS = ("deploy", "shop", "3.0.0", "dev", "--image", "web=registry.example/shop/web:3.0.0")

    @pytest.fixture
    def path(self, tmp_path: Path) -> str:
        file = tmp_path / "web.yaml"
        file.write_text(WEB)
        return str(file)

    @pytest.fixture(autouse=True)
    def _nobody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("SLIPWAY_USER", raising=False)

    def run(self, *words: str) -> str:
        out = io.StringIO()
        call_command(*self.WORDS, *words, stdout=out)
        return out.getvalue()

    def test_a_bundle_for_dev_stays_with_its_release(self, world: World, path: str) -> None:
        first = world.bundle()
        self.run("--as", "operator", "--bundle", path)
        assert current(world) == first.digest

    def test_it_becomes_the_current_one_where_that_is_said(self, world: World, path: str) -> None:
        said = self.run("--as", "operator", "--bundle", path, "--make-current")
        assert f"is the current bundle of {world.application}" in said
        assert current(world) == world.application.releases.get().bundle_id

    def test_who_may_not_is_told(self, world: World, path: str) -> None:
        with pytest.raises(CommandError, match="takes the role operator"):
            self.run("--as", "developer", "--bundle", path, "--make-current")
        assert current(world) is None


class TestApi:
    def put(self, world: World, persona: str, **body: str) -> HttpResponse:
        user = world.people[persona].user
        assert user
        token = tokens.issue(user, "test", [], [], timezone.now() + timedelta(hours=1))[0]
        headers = {"Authorization": f"Bearer {token}"}
        return Client(headers=headers).put("/api/v1/applications/shop/bundle", body, content_type="application/json")

    def test_it_takes_the_digest_of_an_upload(self, world: World) -> None:
        bundle = upload(world)
        answer = self.put(world, "operator", digest=bundle.digest, comment="the new services")
        assert (answer.status_code, answer.json()["digest"], current(world)) == (200, bundle.digest, bundle.digest)
        entry = AuditEntry.objects.get(verb="application.bundle-made-current")
        assert (entry.actor, entry.data["comment"]) == ("operator (token test)", "the new services")

    @pytest.mark.parametrize(
        ("persona", "digest", "status"),
        [("developer", "", 403), ("operator", "sha256:none", 422), ("operator", "", 422), ("outsider", "", 403)],
    )
    def test_what_is_refused_changes_nothing(self, world: World, persona: str, digest: str, status: int) -> None:
        bundle = upload(world)
        wanted = digest or (bundle.digest if status == 403 else "")
        assert self.put(world, persona, digest=wanted).status_code == status
        assert current(world) is None


class TestPage:
    def test_an_operator_chooses_one_and_others_are_told_why_not(self, world: World) -> None:
        first, second = world.bundle(), upload(world, world.people["developer"])
        pages = {}
        for persona in ("operator", "developer"):
            client = Client()
            client.force_login(world.people[persona].user)
            pages[persona] = client.get("/applications/shop/bundle").content.decode()
            client.post("/applications/shop/bundle", {"digest": second.digest, "comment": persona})
            assert current(world) == second.digest, "the operator went first"
            assert AuditEntry.objects.filter(data__comment="developer").count() == 0
        assert f'value="{second.digest}"' in pages["operator"]
        assert "by developer, developer@example.test" in pages["operator"]
        assert f'value="{first.digest}"' not in pages["developer"]
        assert "takes the role operator" in pages["developer"]

    def test_an_outsider_does_not_see_it(self, world: World) -> None:
        client = Client()
        client.force_login(world.people["outsider"].user)
        assert client.get("/applications/shop/bundle").status_code == 403
