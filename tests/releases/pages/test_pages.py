"""The pages: who sees what, what they offer, and that each is answered with an ETag."""

import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from environments.models import Environment, Grant
from portal import audit, blobs, metrics
from portal.models import AuditEntry
from releases import actions
from releases.models import Approval, Rollout
from releases.states import Phase
from tests.audit import unguarded
from tests.releases.world import World

pytestmark = pytest.mark.django_db
PLAN = {
    "namespace": "shop-prod",
    "images": {"web": "registry.example/shop/web@sha256:" + "0" * 64},
    "objects": [
        {
            "ref": ["apps/v1", "Deployment", "shop-prod", "web"],
            "manifest": {
                "kind": "Deployment",
                "spec": {"template": {"spec": {"containers": [{"image": "registry.example/shop/web:1"}]}}},
            },
        }
    ],
    "changes": [
        {
            "ref": ["apps/v1", "Deployment", "shop-prod", "web"],
            "action": "update",
            "fields": [{"path": "spec.replicas", "before": 2, "after": 3, "layer": "overlay"}],
            "restarts": True,
        },
        {"ref": ["v1", "ConfigMap", "shop-prod", "old"], "action": "delete"},
    ],
    "risks": [{"title": "Objects are deleted", "detail": "ConfigMap old"}],
    "steps": [],
}

As = Callable[[str], Client]


@pytest.fixture
def as_(world: World) -> As:
    def sign_in(name: str) -> Client:
        client = Client()
        client.force_login(world.people[name].user)
        return client

    return sign_in


@pytest.fixture
def waiting(world: World) -> Rollout:
    return world.rollout(Phase.AWAITING_APPROVAL, plan_digest=blobs.store_json(PLAN), why="Waits for 1 approval.")


PAGES = ["/", "/approvals", "/rollouts", "/history", "/environments", "/environments/prod"]


@pytest.mark.parametrize("page", PAGES)
def test_nobody_sees_a_page_without_signing_in(client: Client, world: World, page: str) -> None:
    answer = client.get(page)
    assert (answer.status_code, answer["Location"]) == (302, f"/sign-in?next={page}")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_has_not_changed_is_not_sent_again(as_: As, waiting: Rollout, page: str) -> None:
    client = as_("lead")
    first = client.get(page)
    assert first.status_code == 200
    again = client.get(page, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    Rollout.objects.filter(pk=waiting.pk).update(phase=Phase.REJECTED, why="No.")
    assert page not in {"/", "/approvals", "/rollouts"} or client.get(page)["ETag"] != first["ETag"]


@pytest.mark.parametrize("page", [*PAGES, "/rollouts/1?tab=changes"])
def test_no_page_has_inline_script_or_style(as_: As, waiting: Rollout, page: str) -> None:
    answer = as_("lead").get(page.replace("/1", f"/{waiting.pk}"))
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    text = answer.content.decode()
    assert " style=" not in text
    assert "<script>" not in text
    assert " onclick" not in text


def test_the_matrix_shows_what_is_live_how_far_behind_and_what_waits(as_: As, world: World) -> None:
    world.rollout(Phase.SUCCEEDED, version="1.0.0")
    world.rollout(Phase.AWAITING_APPROVAL, version="1.1.0", plan_digest=blobs.store_json(PLAN))
    text = shown(as_("lead").get("/"))
    for words in ("1.0.0", "1 behind", "1.1.0", "waits for approval 0 of 1", "Waits for you"):
        assert words in text
    assert "Waits for you" not in shown(as_("developer").get("/"))


def test_an_outsider_sees_no_environment_and_no_rollout(as_: As, waiting: Rollout) -> None:
    client = as_("outsider")
    assert "No environment that you may see" in shown(client.get("/"))
    assert client.get(f"/rollouts/{waiting.pk}").status_code == 403
    assert client.get("/environments/prod").status_code == 403


def test_an_outsider_learns_of_no_application_and_no_release(as_: As, waiting: Rollout) -> None:
    client = as_("outsider")
    for page in ("/", "/rollouts", "/history", "/approvals", "/environments", "/environments/prod/configuration"):
        answer = client.get(page)
        assert "shop" not in shown(answer) + answer.get("Location", ""), page
        assert "1.0.0" not in shown(answer), page


def test_who_asked_later_and_went_first_is_not_what_is_live(as_: As, world: World) -> None:
    world.rollout(Phase.SUCCEEDED, version="1.0.0", sequence=2)
    world.rollout(Phase.SUCCEEDED, version="1.1.0", sequence=1)
    assert ">1.0.0</a>" in shown(as_("lead").get("/"))


def test_a_rollout_that_was_overtaken_while_it_waited_is_still_in_flight(as_: As, world: World) -> None:
    slow = world.rollout(Phase.PROGRESSING, version="1.0.0")
    world.rollout(Phase.SUCCEEDED, version="1.1.0")
    assert f'href="/rollouts/{slow.pk}"' in shown(as_("lead").get("/"))


POSTS = ["/rollouts/1/approve", "/rollouts/1/undo", "/rollouts/new", "/sign-in", "/sign-out", "/admin/login/"]


@pytest.mark.parametrize("address", POSTS)
def test_a_form_from_elsewhere_is_refused(world: World, waiting: Rollout, address: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.people["lead"].user)
    assert client.post(address, {"comment": "x"}).status_code == 403


ELSEWHERE = ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]


@pytest.mark.parametrize("next_page", ELSEWHERE)
def test_signing_in_leads_to_no_other_site(world: World, next_page: str) -> None:
    user = world.people["lead"].user
    user.set_password("correct horse")
    user.save()
    form = {"username": "lead", "password": "correct horse", "next": next_page}
    assert Client().post("/sign-in", form)["Location"] == "/"
    signed_in = Client()
    signed_in.force_login(user)
    assert signed_in.get("/sign-in", {"next": next_page})["Location"] == "/"


def test_who_audits_one_environment_reads_no_other_and_exports_nothing(as_: As, world: World) -> None:
    rollout = world.rollout(Phase.WAITING, environment="prod")
    actions.cancel(world.people["lead"], rollout)
    Grant.objects.filter(user=world.people["auditor"].user).exclude(environment__name="dev").delete()
    auditor = as_("auditor")
    text = shown(auditor.get("/history"))
    assert ("release.created" in text, "rollout.cancelled" in text) == (True, False)
    assert auditor.get("/history/export").status_code == 403


def test_a_rollout_says_why_a_button_is_not_there(as_: As, waiting: Rollout) -> None:
    own = shown(as_("lead").get(f"/rollouts/{waiting.pk}"))
    assert f"/rollouts/{waiting.pk}/approve" in own
    theirs = shown(as_("developer").get(f"/rollouts/{waiting.pk}"))
    assert f'href="/rollouts/{waiting.pk}/approve"' not in theirs
    assert "that takes the role approver" in theirs


def test_the_diff_shows_what_is_removed_first_and_where_values_come_from(as_: As, waiting: Rollout) -> None:
    text = shown(as_("auditor").get(f"/rollouts/{waiting.pk}?tab=changes"))
    assert text.index("ConfigMap old") < text.index("Deployment web")
    for words in ("restarts its pods", "spec.replicas", "overlay", "Objects are deleted", "1 changed, 1 removed"):
        assert words in text


@pytest.mark.parametrize("tab", ["now", "changes", "approvals", "activity", "release"])
def test_every_tab_has_an_address(as_: As, waiting: Rollout, tab: str) -> None:
    assert as_("lead").get(f"/rollouts/{waiting.pk}?tab={tab}").status_code == 200


def test_addresses_that_name_nothing_are_told(as_: As, waiting: Rollout) -> None:
    client = as_("lead")
    for address in (
        "/rollouts/999",
        f"/rollouts/{waiting.pk}?tab=x",
        f"/rollouts/{waiting.pk}/explode",
        "/environments/x",
    ):
        assert client.get(address).status_code == 404


def test_a_lead_approves_without_javascript(as_: As, waiting: Rollout) -> None:
    client, address = as_("lead"), f"/rollouts/{waiting.pk}/approve"
    assert "Approve 1.0.0 for prod" in shown(client.get(address))
    client.post(address, {"digest": waiting.plan_digest, "comment": "Checked the diff."})
    vote = Approval.objects.get()
    assert (vote.name, vote.decision, vote.digest, vote.comment) == (
        "lead",
        "approved",
        waiting.plan_digest,
        "Checked the diff.",
    )
    waiting.refresh_from_db()
    assert waiting.phase == Phase.WAITING


REFUSED = [
    ("without a comment", "lead", {"comment": ""}, "comment"),
    ("another plan than the one on the screen", "lead", {"digest": "sha256:other"}, "plan"),
    ("the requester", "developer", {}, "role approver"),
]


@pytest.mark.parametrize(("what", "who", "change", "said"), REFUSED, ids=[what for what, *_ in REFUSED])
def test_what_is_refused_is_said_and_changes_nothing(
    as_: As, waiting: Rollout, what: str, who: str, change: dict[str, str], said: str
) -> None:
    form = {"digest": waiting.plan_digest, "comment": "Looks right.", **change}
    answer = as_(who).post(f"/rollouts/{waiting.pk}/approve", form, follow=True)
    assert said in shown(answer)
    assert not Approval.objects.exists()


def test_of_two_who_press_at_once_the_second_is_told(as_: As, waiting: Rollout) -> None:
    form = {"digest": waiting.plan_digest, "comment": "Sure."}
    as_("lead").post(f"/rollouts/{waiting.pk}/approve", form)
    answer = as_("lead2").post(f"/rollouts/{waiting.pk}/reject", form, follow=True)
    assert "is waiting" in shown(answer)
    waiting.refresh_from_db()
    assert waiting.phase == Phase.WAITING


FILTERS = [
    ("?environment=prod", True),
    ("?environment=dev", False),
    ("?phase=awaiting+approval", True),
    ("?version=9", False),
    ("?by=developer&application=shop", True),
    ("?phase=nonsense", False),
]


@pytest.mark.parametrize(("query", "there"), FILTERS)
def test_rollouts_are_filtered_by_their_address(as_: As, waiting: Rollout, query: str, there: bool) -> None:
    assert (f'href="/rollouts/{waiting.pk}"' in shown(as_("lead").get(f"/rollouts{query}"))) is there


def test_the_history_is_filtered_verified_and_exported_by_auditors(as_: As, waiting: Rollout) -> None:
    form = {"digest": waiting.plan_digest, "comment": "Looks right."}
    as_("lead").post(f"/rollouts/{waiting.pk}/approve", form)
    auditor = as_("auditor")
    assert "rollout.approved" in shown(auditor.get("/history?verb=approved"))
    assert "rollout.approved" not in shown(auditor.get("/history?environment=dev"))
    assert "not verified. No head" in shown(auditor.get("/history?verify=1"))
    refused = auditor.get("/history/export")
    assert (refused.status_code, "No head of this history" in shown(refused)) == (409, True)
    audit.publish_head()
    assert "entries verified" in shown(auditor.get("/history?verify=1"))
    answer = auditor.get("/history/export")
    assert answer["Cache-Control"] == "no-store"
    export = b"".join(answer.streaming_content).decode()
    assert '"verb": "rollout.approved"' in export
    assert '"signature"' in export.splitlines()[-1]
    assert as_("lead").get("/history/export").status_code == 403


def test_an_export_that_breaks_while_it_is_sent_ends_with_what_is_wrong(as_: As, waiting: Rollout) -> None:
    audit.publish_head()
    audit.publish_head()
    with unguarded():
        AuditEntry.objects.filter(number=1).update(actor="nobody")
    lines = b"".join(as_("auditor").get("/history/export").streaming_content).decode().splitlines()
    assert "Entry 1 was changed" in json.loads(lines[-1])["broken"]


def test_that_no_head_is_signed_shows_to_auditors_in_metrics_and_in_readiness(as_: As, waiting: Rollout) -> None:
    audit.publish_head()
    shutil.rmtree(settings.AUDIT_HEADS)
    audit.keep_publishing()
    assert "No head of the history is signed. The published heads in" in shown(as_("auditor").get("/history"))
    assert "No head of the history is signed" not in shown(as_("lead").get("/history"))
    assert as_("lead").get("/readyz").json()["history"] == {"heads": False}
    assert "slipway_audit_heads 0.0" in metrics.exposition().decode()


def test_a_developer_asks_for_a_rollout_from_the_matrix(as_: As, world: World) -> None:
    world.rollout(Phase.SUCCEEDED, version="1.0.0", environment="dev")
    release = world.release("1.1.0")
    developer = as_("developer")
    address = f"/rollouts/new?release={release.pk}&amp;environment=dev"
    assert address in shown(developer.get("/"))
    form = {"release": release.pk, "environment": "dev", "strategy": "", "comment": "Because."}
    answer = developer.post("/rollouts/new", form)
    asked = Rollout.objects.get(release=release)
    assert (answer["Location"], asked.phase, asked.requested_by) == (
        f"/rollouts/{asked.pk}",
        Phase.PLANNING,
        "developer",
    )
    assert "on its way" in shown(developer.post("/rollouts/new", form)) or Rollout.objects.count() == 2


def test_who_may_not_ask_is_not_offered_it(as_: As, world: World) -> None:
    world.rollout(Phase.SUCCEEDED, version="1.0.0", environment="dev")
    world.release("1.1.0")
    auditor = as_("auditor")
    assert "/rollouts/new" not in shown(auditor.get("/"))
    assert auditor.get("/rollouts/new").status_code == 403


def test_an_earlier_release_is_brought_back_by_its_page(as_: As, world: World) -> None:
    digest = blobs.store_json(PLAN)
    first = world.rollout(Phase.SUCCEEDED, version="1.0.0", plan_digest=digest)
    second = world.rollout(Phase.SUCCEEDED, version="1.1.0", plan_digest=digest)
    operator = as_("operator")
    assert "Bring 1.0.0 back" in shown(operator.get(f"/rollouts/{first.pk}"))
    assert "Bring 1.1.0 back" not in shown(operator.get(f"/rollouts/{second.pk}"))
    operator.post(f"/rollouts/{first.pk}/undo")
    assert Rollout.objects.count() == 2, "without a comment nothing is asked for"
    answer = operator.post(f"/rollouts/{first.pk}/undo", {"comment": "errors at checkout"})
    made = Rollout.objects.order_by("-pk")[0]
    assert (made.kind, made.release.version, made.source_plan) == ("undo", "1.0.0", digest)
    assert answer["Location"] == f"/rollouts/{made.pk}"
    assert as_("developer").post(f"/rollouts/{first.pk}/undo", {"comment": "me"}, follow=True).status_code == 200
    assert Rollout.objects.count() == 3


POLICIES = [
    ({}, "nobody has to approve a way back: it starts as soon as it is planned"),
    ({"rollback_needs_approval": True}, "approval by 1 other person: they look at its plan, then a person starts it"),
    (
        {"rollback_needs_approval": True, "required_approvals": 2, "start_when_approved": True},
        "approval by 2 other people: they look at its plan, then it starts",
    ),
]


@pytest.mark.parametrize(("rules", "words"), POLICIES)
def test_before_something_comes_back_the_page_shows_what_changes_and_what_it_takes(
    as_: As, world: World, rules: dict[str, Any], words: str
) -> None:
    def plan(mode: str) -> str:
        ref = ["v1", "ConfigMap", "shop-prod", "settings"]
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"mode": mode}}
        return blobs.store_json({**PLAN, "objects": [{"ref": ref, "manifest": manifest}]})

    first = world.rollout(Phase.SUCCEEDED, version="1.0.0", plan_digest=plan("fast"))
    second = world.rollout(Phase.SUCCEEDED, version="1.1.0", plan_digest=plan("slow"))
    Environment.objects.filter(name="prod").update(**rules)
    operator = as_("operator")
    page = shown(operator.get(f"/rollouts/{first.pk}/undo"))
    for expected in ("Bring 1.0.0 back?", "Runs now", "1.1.0", words, "- slow", "+ fast", "Comment, required"):
        assert expected in page
    assert Rollout.objects.count() == 2
    assert "is what runs in prod" in shown(operator.get(f"/rollouts/{second.pk}/undo"))
    refused = shown(as_("developer").get(f"/rollouts/{first.pk}/undo"))
    assert "may not roll back a rollout in prod" in refused
    assert "<textarea" not in refused
    link = f'href="/rollouts/{first.pk}/undo"'
    for address in (f"/rollouts/{first.pk}", "/revisions/shop/prod"):
        asking = shown(operator.get(address))
        assert (link in asking, f'action="/rollouts/{first.pk}/undo"' in asking) == (True, False)


def shown(answer: HttpResponse) -> str:
    return answer.content.decode().replace("&#x27;", "'")
