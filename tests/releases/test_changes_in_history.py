"""Every verb of the API and every command that changes something writes its entry in the transaction of the change.

Both are read from the product: a new route, verb or command fails here until it is tried, or said to change nothing.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command, get_commands
from django.test import Client
from django.utils import timezone

from environments.models import PolicyChange
from portal import audit, tokens
from portal.models import AuditEntry, PasswordLink
from releases import actions
from releases.actions.verbs import STEERING, VOTES
from releases.api import api
from releases.models import Rollout
from releases.states import Phase
from tests.audit import rows, unrecordable
from tests.environments.test_clusters import behave, kubeconfig
from tests.portal.http_server import serve
from tests.releases.world import WEB, World, archive

pytestmark = pytest.mark.django_db(transaction=True)


def signed_in(world: World, name: str) -> Client:
    """A caller of the API, whose token has been used just now: that it was is no change that is told."""
    user = world.people[name].user
    assert user is not None
    token, row = tokens.issue(user, "test", [], [], timezone.now() + timedelta(hours=1))
    row.last_used_at = timezone.now()
    row.save()
    return Client(headers={"Authorization": f"Bearer {token}"}, raise_request_exception=False)


def post(client: Client, path: str, body: dict[str, object]) -> Any:
    return client.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json")


def upload() -> SimpleUploadedFile:
    return SimpleUploadedFile("shop.tar.gz", archive({"base/web.yaml": WEB, "base/more.yaml": MORE}))


MORE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\ndata: {A: b}\n"
IMAGES = {"web": "registry.example/shop/web:2.0.0"}
# What a verb of a rollout is tried in: (phase, who).
VERBS = {
    "approve": (Phase.AWAITING_APPROVAL, "lead"),
    "reject": (Phase.AWAITING_APPROVAL, "lead"),
    "cancel": (Phase.AWAITING_APPROVAL, "developer"),
    "replan": (Phase.AWAITING_APPROVAL, "developer"),
    "start": (Phase.WAITING, "operator"),
    "supersede": (Phase.WAITING, "operator"),
    "pause": (Phase.PROGRESSING, "operator"),
    "resume": (Phase.PAUSED, "operator"),
    "promote": (Phase.PAUSED, "operator"),
    "retry": (Phase.FAILED, "operator"),
    "abort": (Phase.PROGRESSING, "operator"),
    "rollback": (Phase.SUCCEEDED, "operator"),
    "undo": (Phase.SUCCEEDED, "operator"),
}
LIKE_PROMOTE = {"promote-fully"}  # the same function; it fits canaries alone
FORGED = {"restore"}  # fits what was written by SQL: test_vouched
ROUTES: dict[str, Callable[[Client], Any]] = {
    "POST /api/v1/releases": lambda client: client.post(
        "/api/v1/releases",
        {"application": "shop", "version": "2.0.0", "images": json.dumps(IMAGES), "bundle": upload()},
    ),
    "POST /api/v1/bundles": lambda client: client.post("/api/v1/bundles", {"application": "shop", "bundle": upload()}),
    "POST /api/v1/rollouts": lambda client: post(client, "rollouts", {"release": "shop@1.0.0", "environment": "dev"}),
}
# Held by a test of their own, or below by their verbs.
ELSEWHERE = {
    "POST /api/v1/undo",
    "PUT /api/v1/applications/{name}/bundle",
    "POST /api/v1/rollouts/{rollout_id}/{verb}",
}


def test_every_route_that_changes_something_is_tried() -> None:
    document = api.get_openapi_schema()
    found = {f"{method.upper()} {path}" for path, ways in document["paths"].items() for method in ways}
    assert {way for way in found if not way.startswith("GET")} == ROUTES.keys() | ELSEWHERE
    assert VERBS.keys() | LIKE_PROMOTE | FORGED == VOTES.keys() | STEERING.keys()


def tried(do: Callable[[], Any]) -> None:
    """Where no entry can be written nothing is changed; where one can, both are."""
    before, number = rows(), audit.current_head().number
    with unrecordable(), suppress(OSError):
        refused = do()
        assert refused is not None
        assert refused.status_code == 500, refused.content
    assert rows() == before, "changed without an entry"
    answer = do()
    assert answer is None or answer.status_code < 300, answer.content
    assert rows() != before, "nothing was changed"
    assert AuditEntry.objects.filter(number__gt=number).exists()


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_tells_what_it_changes(world: World, route: str) -> None:
    client = signed_in(world, "developer")
    world.release("1.0.0")
    tried(lambda: ROUTES[route](client))


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_tells_what_it_changes(world: World, verb: str) -> None:
    phase, who = VERBS[verb]
    if verb == "supersede":
        world.rollout(Phase.WAITING, version="0.9.0")
    rollout = world.rollout(phase)
    if verb == "undo":
        world.rollout(Phase.SUCCEEDED, version="1.1.0")

    def perform() -> None:
        again = Rollout.objects.get(pk=rollout.pk)
        actions.perform(verb, world.people[who], again, comment="Read.", digest=rollout.plan_digest)

    tried(perform)


def connect(_: World, _folder: Path) -> None:
    with serve() as server:
        server.behave = behave(server)
        file = _folder / "kubeconfig"
        file.write_text(kubeconfig(server.url("")))
        call_command("connect", "new", str(file))


def confirm(_: World, _folder: Path) -> None:
    call_command("people", "confirm", "lead")


# A command of ours, or one of Django's that makes people: how it changes something.
COMMANDS: dict[str, Callable[[World, Path], None]] = {
    "connect": connect,
    "people": lambda _, __: call_command("people", "link", "lead"),
    "people confirm": confirm,
    "policy": lambda _, __: call_command("policy", "decline", PolicyChange.objects.get().pk),
    "createsuperuser": lambda _, __: call_command("createsuperuser", "--noinput", username="boss", email="b@x.test"),
    "rollout": lambda _, __: call_command("rollout", "pause", Rollout.objects.get().pk, "--as", "operator"),
}
# deploy, import and rollback ask a cluster, and do what they do through the actions that are tried above; rotate_keys
# changes no value and tells that it was begun; the orchestrator writes by the reconciler; the others read, sign, serve
# or refuse.
OTHERS = {
    "audit",
    "deploy",
    "import",
    "rollback",
    "rotate_keys",
    "orchestrate",
    "status",
    "history",
    "sandbox",
    "serve",
    "changepassword",
}


def test_every_command_is_tried_or_changes_nothing_by_itself() -> None:
    ours = {name for name, app in get_commands().items() if app in {"portal", "environments", "releases"}}
    assert ours == {name.split()[0] for name in COMMANDS} | OTHERS


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_tells_what_it_changes(world: World, tmp_path: Path, command: str) -> None:
    world.rollout(Phase.PROGRESSING)
    lead = User.objects.get(username="lead")
    tomorrow = timezone.now() + timedelta(days=1)
    PolicyChange.objects.create(
        kind="environment", target=1, what="prod", fields={}, words=[], asked_by="lead", expires_at=tomorrow
    )
    PasswordLink.objects.create(user=lead, issuer="lead2", issued_at=timezone.now())

    tried(lambda: COMMANDS[command](world, tmp_path))


def test_rotating_keys_is_told(world: World) -> None:
    call_command("rotate_keys")
    assert AuditEntry.objects.get(verb="secrets.rotated").target == "every stored secret"


def test_nobody_types_another_s_password(world: World) -> None:
    with pytest.raises(CommandError, match="people link lead"):
        call_command("changepassword", "lead")
