"""The JSON API: the same guards as the screens, problem documents, tokens with scopes."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from portal import blobs, tokens
from releases import actions
from releases.models import Bundle, Release, Rollout
from releases.states import Phase
from tests.releases.world import WEB, World, archive

pytestmark = pytest.mark.django_db


class Caller:
    """Somebody with a token."""

    def __init__(self, token: str) -> None:
        self.client = Client(headers={"Authorization": f"Bearer {token}"})

    def get(self, path: str) -> Any:
        return self.client.get(f"/api/v1/{path}")

    def post(self, path: str, body: Any = None) -> Any:
        return self.client.post(f"/api/v1/{path}", json.dumps(body or {}), content_type="application/json")


def caller(world: World, name: str, *, environments: tuple[str, ...] = (), verbs: tuple[str, ...] = ()) -> Caller:
    user = world.people[name].user
    assert user is not None
    return Caller(tokens.issue(user, "test", environments, verbs, timezone.now() + timedelta(hours=1))[0])


def test_a_release_comes_with_its_bundle_and_goes_into_an_environment(world: World) -> None:
    developer = caller(world, "developer")
    bundle = SimpleUploadedFile("shop.tar.gz", archive({"base/web.yaml": WEB}))
    images = json.dumps({"web": "registry.example/shop/web:1.0.0"})
    form = {"application": "shop", "version": "1.0.0", "images": images, "bundle": bundle}
    created = developer.client.post("/api/v1/releases", form)
    assert created.status_code == 201
    release = created.json()
    asked = developer.post("rollouts", {"release": release["id"], "environment": "dev"})
    assert asked.status_code == 201
    rollout = developer.get(f"rollouts/{asked.json()['id']}").json()
    assert (rollout["phase"], rollout["environment"], rollout["release"]) == ("planning", "dev", release["id"])
    assert (rollout["steps"], rollout["requested_by"]) == ([], "developer (token test)")


def test_a_bundle_is_uploaded_once_and_named_by_its_digest(world: World) -> None:
    developer = caller(world, "developer")
    form = {"application": "shop", "bundle": SimpleUploadedFile("shop.tar.gz", archive({"base/web.yaml": WEB}))}
    digest = developer.client.post("/api/v1/bundles", form).json()["digest"]
    body = {"application": "shop", "version": "2.0.0", "images": {"web": "r.example/web:2"}, "bundle": digest}
    assert developer.post("releases", body).status_code == 201
    assert developer.post("releases", body).status_code == 200
    changed = developer.post("releases", {**body, "images": {"web": "r.example/web:3"}})
    assert (changed.status_code, "never changes" in changed.json()["detail"]) == (422, True)


def test_a_bad_bundle_names_file_line_and_field_and_leaves_nothing(world: World) -> None:
    bad = archive({"base/web.yaml": "kind: Deployment\n\tname: web\n"})
    form = {"application": "shop", "version": "1.0.0", "bundle": SimpleUploadedFile("shop.tar.gz", bad)}
    answer = caller(world, "developer").client.post("/api/v1/releases", form)
    stored = Bundle.objects.exists()
    if answer.status_code == 201:
        pytest.fail("A bundle that no environment could render was taken.")
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert answer.json()["errors"][0]["file"] == "base/web.yaml"
    assert answer.json()["errors"][0]["line"] == 2
    assert not stored
    assert not Release.objects.exists()


PROBLEMS: list[tuple[str, str, Any, int, str]] = [
    ("no such release", "rollouts", {"release": 99, "environment": "dev"}, 404, "no release"),
    ("no such environment", "rollouts", {"release": "shop@1.0.0", "environment": "x"}, 404, "dev, staging, prod, dr"),
    ("no such application", "releases", {"application": "x", "version": "1"}, 404, "There are: shop"),
    ("a missing field", "rollouts", {"environment": "dev"}, 422, "release"),
    (
        "an unknown strategy",
        "rollouts",
        {"release": "shop@1.0.0", "environment": "dev", "strategy": "x"},
        422,
        "rolling",
    ),
    ("a bad version", "releases", {"application": "shop", "version": "a b"}, 422, "does not fit"),
]


@pytest.mark.parametrize(("what", "path", "body", "status", "said"), PROBLEMS, ids=[case[0] for case in PROBLEMS])
def test_errors_are_problem_documents(world: World, what: str, path: str, body: Any, status: int, said: str) -> None:
    world.release("1.0.0")
    answer = caller(world, "developer").post(path, body)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    problem = answer.json()
    assert problem["status"] == status
    assert said in problem["detail"]


UNKNOWN: list[tuple[str, Any]] = [
    ("releases", {"application": "shop", "version": "2.0.0", "dry_run": True}),
    ("rollouts", {"release": "shop@1.0.0", "environment": "dev", "dry_run": True}),
    ("undo", {"application": "shop", "environment": "prod", "dry_run": True}),
    ("rollouts/1/cancel", {"dry_run": True}),
]


@pytest.mark.parametrize(("path", "body"), UNKNOWN)
def test_a_field_that_is_not_known_is_told_and_nothing_is_done(world: World, path: str, body: Any) -> None:
    world.release("1.0.0")
    before = Release.objects.count(), Rollout.objects.count()
    answer = caller(world, "developer").post(path, body)
    assert (answer.status_code, "dry_run" in answer.json()["detail"]) == (422, True)
    assert (Release.objects.count(), Rollout.objects.count()) == before


@pytest.mark.parametrize("path", ["releases?dry_run=1", "matrix?x=1", "rollouts?limit=1&limit=2"])
def test_a_parameter_that_is_not_known_or_not_usable_is_told(world: World, path: str) -> None:
    answer = caller(world, "developer").get(path)
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")


FORMS: list[tuple[str, dict[str, Any]]] = [
    ("releases", {"application": "shop", "version": "2", "dry_run": "true"}),
    ("releases", {"application": "shop", "version": ["2", "3"]}),
    ("releases", {"application": "shop", "version": "2", "archive": SimpleUploadedFile("a.yaml", b"")}),
    ("bundles", {"application": "shop", "dry_run": "1", "bundle": SimpleUploadedFile("a.yaml", WEB.encode())}),
    ("bundles", {"application": ["shop", "x"], "bundle": SimpleUploadedFile("a.yaml", WEB.encode())}),
]


@pytest.mark.parametrize(("path", "form"), FORMS)
def test_a_form_with_what_is_not_known_is_told_and_nothing_is_stored(
    world: World, path: str, form: dict[str, Any]
) -> None:
    answer = caller(world, "developer").client.post(f"/api/v1/{path}", form)
    assert (answer.status_code, Bundle.objects.count(), Release.objects.count()) == (422, 0, 0)


BODIES = [
    (b'{"application": "shop", "version": "\\ud800"}', 400, "surrogate"),
    (b'{"application": "shop", "version": "2", "version": "3"}', 400, "twice"),
    (b"[" * 100_000, 400, "deeper"),
    (b"[" + b"9" * 5000 + b"]", 400, "64 bits"),
    (b" " * (1024 * 1024 + 1), 413, "are the most"),
]


@pytest.mark.parametrize("path", ["releases", "rollouts"])
@pytest.mark.parametrize(("body", "status", "why"), BODIES, ids=[why for _, _, why in BODIES])
def test_a_body_that_cannot_be_read_is_told(world: World, path: str, body: bytes, status: int, why: str) -> None:
    client = caller(world, "developer").client
    answer = client.post(f"/api/v1/{path}", body, content_type="application/json")
    assert (answer.status_code, why in answer.json()["detail"]) == (status, True)


def test_a_release_s_number_of_thousands_of_digits_names_nothing(world: World) -> None:
    body = {"release": "9" * 5000, "environment": "dev"}
    assert caller(world, "developer").post("rollouts", body).status_code == 404


@pytest.mark.parametrize("header", [None, "Bearer nonsense", "Basic eDp5"])
def test_without_a_token_there_is_nothing(world: World, header: str | None) -> None:
    client = Client(headers={"Authorization": header} if header else {})
    answer = client.get("/api/v1/matrix")
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert "Bearer" in answer["WWW-Authenticate"]


def test_a_lead_approves_exactly_the_plan_that_they_saw(world: World) -> None:
    digest = blobs.store_json({"risks": []})
    rollout = world.rollout(Phase.AWAITING_APPROVAL, plan_digest=digest)
    lead = caller(world, "lead")
    other = lead.post(f"rollouts/{rollout.pk}/approve", {"digest": "sha256:other", "comment": "Fine."})
    assert other.status_code == 409
    answer = lead.post(f"rollouts/{rollout.pk}/approve", {"digest": digest, "comment": "Fine."})
    assert (answer.status_code, answer.json()["phase"]) == (200, "waiting")
    late = caller(world, "lead2").post(f"rollouts/{rollout.pk}/reject", {"digest": digest, "comment": "No."})
    assert late.status_code == 409


READS = ["releases", "rollouts", "matrix", "environments", "rollouts?release=shop@1.0.0", "releases?application=shop"]


@pytest.mark.parametrize(
    "path", [*READS, "releases/{0.release_id}", "rollouts/{0.pk}", "rollouts/{0.pk}/plan", "audit"]
)
def test_an_outsider_learns_of_nothing(world: World, path: str) -> None:
    rollout = world.rollout(Phase.WAITING, plan_digest=blobs.store_json({"secret": "plan"}))
    answer = caller(world, "outsider").get(path.format(rollout))
    text = answer.content.decode()
    assert answer.status_code == 403 or answer.json() == []
    assert "1.0.0" not in text
    assert "shop" not in text


@pytest.mark.parametrize("path", ["releases", "bundles"])
@pytest.mark.parametrize("persona", ["outsider", "auditor"])
def test_who_may_ask_for_nothing_stores_nothing(world: World, path: str, persona: str) -> None:
    file = SimpleUploadedFile("shop.tar.gz", archive({"base/web.yaml": WEB}))
    form = {"application": "shop", "version": "1.0.0", "bundle": file}
    answer = caller(world, persona).client.post(f"/api/v1/{path}", form)
    assert (answer.status_code, Bundle.objects.count()) == (403, 0)


def test_a_narrow_token_of_an_auditor_reads_its_environments_only(world: World) -> None:
    for place in ("dev", "prod"):
        actions.cancel(world.people["lead"], world.rollout(Phase.WAITING, environment=place))
    narrow = caller(world, "auditor", environments=("dev",))
    entries = narrow.get("audit?verb=rollout.cancelled").json()
    assert [entry["environment"] for entry in entries] == ["dev"]


def test_what_breaks_inside_is_a_problem_document_that_tells_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("releases.api.environments.matrix", lambda _: 1 / 0)
    answer = caller(world, "lead").get("matrix")
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    assert "ZeroDivision" not in answer.content.decode()


def test_the_one_before_what_runs_is_by_when_it_ran(world: World) -> None:
    digest = blobs.store_json({"risks": []})
    world.rollout(Phase.SUCCEEDED, version="1.0.0", plan_digest=digest, sequence=3)
    world.rollout(Phase.SUCCEEDED, version="1.1.0", plan_digest=digest, sequence=2)
    world.rollout(Phase.SUCCEEDED, version="1.2.0", plan_digest=digest, sequence=1)
    body = {"application": "shop", "environment": "prod", "comment": "errors at checkout"}
    answer = caller(world, "operator").post("undo", body)
    assert answer.json()["version"] == "1.1.0"


def test_a_token_can_do_no_more_than_its_scope(world: World) -> None:
    world.release("1.0.0")
    narrow = caller(world, "developer", environments=("dev",), verbs=("view", "request"))
    assert narrow.post("rollouts", {"release": "shop@1.0.0", "environment": "dev"}).status_code == 201
    refused = narrow.post("rollouts", {"release": "shop@1.0.0", "environment": "staging"})
    assert (refused.status_code, "scope" in refused.json()["detail"]) == (403, True)
    assert [each["name"] for each in narrow.get("environments").json()] == ["dev"]


def test_the_matrix_says_what_runs_where(world: World) -> None:
    world.rollout(Phase.SUCCEEDED, version="1.0.0")
    world.rollout(Phase.PROGRESSING, version="1.1.0")
    row = caller(world, "auditor").get("matrix").json()[0]
    prod = next(cell for cell in row["environments"] if cell["environment"] == "prod")
    assert (row["application"], row["latest"]) == ("shop", "1.1.0")
    assert (prod["live"], prod["behind"], prod["in_flight"]["version"]) == ("1.0.0", 1, "1.1.0")


def test_only_auditors_page_through_the_history(world: World) -> None:
    world.release("1.0.0")
    entries = caller(world, "auditor").get("audit?limit=1").json()
    assert (len(entries), entries[0]["number"]) == (1, 1)
    assert caller(world, "auditor").get(f"audit?after={entries[0]['number']}").json()[0]["number"] == 2
    assert caller(world, "lead").get("audit").status_code == 403


def test_an_earlier_release_comes_back_as_a_new_rollout(world: World) -> None:
    digest = blobs.store_json({"risks": []})
    first = world.rollout(Phase.SUCCEEDED, version="1.0.0", plan_digest=digest)
    world.rollout(Phase.SUCCEEDED, version="1.1.0", plan_digest=digest)
    body = {"application": "shop", "environment": "prod", "version": "1.0.0", "comment": "errors at checkout"}
    without = caller(world, "operator").post("undo", {**body, "comment": " "})
    assert (without.status_code, "Say in a comment" in without.json()["detail"]) == (422, True)
    answer = caller(world, "operator").post("undo", body)
    assert (answer.status_code, answer.json()["kind"], answer.json()["version"]) == (201, "undo", "1.0.0")
    assert Rollout.objects.get(pk=answer.json()["id"]).source_plan == first.plan_digest
    assert caller(world, "operator").post("undo", {**body, "version": "7"}).status_code == 404


def test_an_earlier_rollout_comes_back_by_a_verb_of_its_own(world: World) -> None:
    digest = blobs.store_json({"risks": [], "objects": []})
    first = world.rollout(Phase.SUCCEEDED, version="1.0.0", plan_digest=digest)
    running = world.rollout(Phase.SUCCEEDED, version="1.1.0", plan_digest=digest)
    operator, said = caller(world, "operator"), {"comment": "errors at checkout"}
    offered = {each["verb"]: each["allowed"] for each in operator.get(f"rollouts/{first.pk}").json()["verbs"]}
    assert offered["undo"] is True
    assert "undo" not in {each["verb"] for each in operator.get(f"rollouts/{running.pk}").json()["verbs"]}
    assert operator.post(f"rollouts/{running.pk}/undo", said).status_code == 409
    assert operator.post(f"rollouts/{first.pk}/undo").status_code == 422
    assert caller(world, "developer").post(f"rollouts/{first.pk}/undo", said).status_code == 403
    answer = operator.post(f"rollouts/{first.pk}/undo", said)
    assert (answer.status_code, answer.json()["kind"], answer.json()["release"]) == (200, "undo", first.release_id)
    assert answer.json()["id"] not in (first.pk, running.pk)


def test_the_openapi_document_is_open_and_names_every_path(client: Client) -> None:
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    wanted = {
        "releases",
        "bundles",
        "rollouts",
        "rollouts/{rollout_id}",
        "rollouts/{rollout_id}/{verb}",
        "matrix",
        "audit",
    }
    assert {f"/api/v1/{path}" for path in wanted} <= set(paths)


def test_revisions_are_listed_compared_and_brought_back_by_number(world: World) -> None:
    def plan(mode: str) -> dict[str, Any]:
        ref = ["v1", "ConfigMap", "shop-prod", "settings"]
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"mode": mode}}
        return {"objects": [{"ref": ref, "manifest": manifest}]}

    for version, mode in (("1.0.0", "fast"), ("1.1.0", "slow")):
        world.rollout(Phase.SUCCEEDED, version=version, plan_digest=blobs.store_json(plan(mode)))
    operator, place = caller(world, "operator"), "application=shop&environment=prod"
    listed = operator.get(f"revisions?{place}").json()
    assert [(each["number"], each["version"], each["running"]) for each in listed] == [
        (2, "1.1.0", True),
        (1, "1.0.0", False),
    ]
    told = operator.get(f"revisions/compare?{place}&before=1&after=2").json()
    assert told["changes"][0]["fields"] == [{"path": "data.mode", "before": "fast", "after": "slow"}]
    refused = operator.get(f"revisions/compare?{place}&before=1&after=9")
    assert (refused.status_code, "there are 1 to 2" in refused.json()["detail"]) == (404, True)
    back = {"application": "shop", "environment": "prod", "comment": "as before"}
    undone = operator.post("undo", {**back, "revision": 1})
    assert (undone.status_code, undone.json()["version"]) == (201, "1.0.0")
    missing = operator.post("undo", {**back, "revision": 7})
    assert missing.status_code == 404


def test_a_strategy_comes_with_its_parameters_and_its_reason(world: World) -> None:
    world.release("1.0.0")
    body = {"release": "shop@1.0.0", "environment": "dev", "strategy": "canary", "parameters": {"weights": [10, 100]}}
    asked = caller(world, "developer").post("rollouts", {**body, "strategy_reason": "To try it."}).json()
    assert (asked["strategy"], asked["parameters"]) == ("canary", {"weights": [10, 100]})
    assert (asked["recommended"], asked["strategy_reason"]) == ("rolling", "To try it.")
    falling = caller(world, "developer").post("rollouts", {**body, "parameters": {"weights": [50, 10]}})
    assert (falling.status_code, "weights" in falling.json()["detail"]) == (422, True)
