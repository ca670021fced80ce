"""Who may read a plan learns nothing of a Secret: no value in any field, and no hash that a guess could be tried on."""

import json
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from environments.kube.names import CONFIG_DIGEST
from environments.kube.objects import Ref
from environments.models import ConfigurationEntry
from portal import blobs, tokens
from portal.models import AuditEntry
from releases import actions
from releases.models import Rollout
from releases.plan.objects import ref_in
from releases.plan.secret_values import MasksOfBefore, load_sealed, store_sealed
from releases.plan.store import load_plan
from releases.planning.planner import confirm, plan_now
from releases.planning.sources import source_of
from releases.revisions import between, revisions
from releases.strategies.shared.config_hash import hash_names
from tests.releases.fakes import FakeCluster, FakeRegistry
from tests.releases.orchestrator.test_prestart import one_pass
from tests.releases.telling import tell
from tests.releases.test_plan import planned, row, succeed
from tests.releases.world import WEB, World

SECRET = """\
apiVersion: v1
kind: Secret
metadata: {name: web-secret, labels: {tier: label-hush}, annotations: {note: note-hush}}
type: example.test/type-hush
stringData: {PASSWORD: "${PASSWORD}", SAME: "${PASSWORD}"}
"""
DEPLOYMENT = WEB[: WEB.index("---")].replace("configMapRef: {name: web-config}", "secretRef: {name: web-secret}")
FILES = {"base/web.yaml": f"{DEPLOYMENT}---\n{SECRET}"}
HUSHED = ("hush", "aHVzaC", "aHVudGVyMg")
HASH = re.compile(r"hmac-sha256:[0-9a-f]{64}")


@pytest.fixture(autouse=True)
def _around(registry: FakeRegistry, cluster: FakeCluster, world: World) -> None:
    """Both are there, and the same password in dev and in prod."""
    for environment in world.environments.values():
        ConfigurationEntry.objects.create(environment=environment, key="PASSWORD", value="hush-hush")


def ref(environment: str) -> Ref:
    return Ref("v1", "Secret", f"shop-{environment}", "web-secret")


def note_as_kubectl_does(cluster: FakeCluster, environment: str) -> None:
    """Somebody has applied the Secret by hand, and keeps a value in an annotation besides."""
    applied = json.dumps({"data": {"PASSWORD": "aHVzaC1odXNo"}})
    notes = {"kubectl.kubernetes.io/last-applied-configuration": applied, "by-hand": "hush by hand"}
    cluster.edit(ref(environment), {"metadata": {"annotations": notes, "labels": {"hand": "hush"}}, "type": "hush"})


@pytest.fixture
def seen(world: World, cluster: FakeCluster) -> list[Rollout]:
    """Two revisions in dev, and a third that waits, of Secrets with something to hide in every field."""
    first = succeed(planned(world, files=FILES), cluster)
    note_as_kubectl_does(cluster, "dev")
    changed = {"base/web.yaml": FILES["base/web.yaml"].replace("note-hush", "hush-note").replace("SAME:", "OTHER:")}
    second = succeed(planned(world, "1.1.0", files=changed), cluster)
    cluster.edit(ref("dev"), {"data": {"BY_HAND": "aHVzaC1hZ2Fpbg=="}})
    return [first, second, planned(world, "1.2.0", files=FILES)]


PAGES = ["/rollouts/{}?tab=changes", "/rollouts/{}", "/rollouts/{}?tab=release", "/revisions/shop/dev?from=1&to=2"]
PAGES += ["/environments/dev", "/environments/dev/configuration/shop", "/history", "/approvals"]
CALLS = ["/api/v1/rollouts/{}", "/api/v1/rollouts/{}/plan", "/api/v1/audit"]


def reader(world: World) -> Client:
    user = world.people["auditor"].user
    text, _ = tokens.issue(user, "all", (), (), timezone.now() + timedelta(hours=1))
    client = Client(headers={"Authorization": f"Bearer {text}"})
    client.force_login(user)
    return client


def test_nothing_of_a_secret_is_shown_anywhere(world: World, seen: list[Rollout]) -> None:
    client = reader(world)
    told = {
        f"plan of {each.pk}": json.dumps(load_plan(each)) for each in seen
    } | {
        address.format(each.pk): client.get(address.format(each.pk)).content.decode()
        for address in (*PAGES, *CALLS)
        for each in seen
    }  # fmt: skip
    told["comparison"] = json.dumps(between(*reversed(revisions(world.application, world.environments["dev"]))))
    told["history"] = json.dumps(list(AuditEntry.objects.values_list("data", flat=True)))
    assert {where for where, text in told.items() for hushed in HUSHED if hushed in text} == set()
    assert any("hmac-sha256" in text for text in told.values())


def test_what_changes_is_still_seen(seen: list[Rollout]) -> None:
    fields = {field["path"]: field for field in row(load_plan(seen[1]), ref("dev"))["fields"]}
    assert {"metadata.annotations.note", "data.OTHER", "data.SAME"} <= fields.keys()
    assert "data.PASSWORD" not in fields
    assert all(field["before"] != field["after"] for field in fields.values())


def masks_in(plan: object) -> set[str]:
    return set(HASH.findall(json.dumps(plan)))


class TestAcrossEnvironments:
    def test_the_same_values_have_no_hash_in_common(self, world: World, cluster: FakeCluster) -> None:
        plans = {}
        for name in ("dev", "prod"):
            succeed(planned(world, "1.0.0", name, files=FILES), cluster)
            note_as_kubectl_does(cluster, name)
            plans[name] = load_plan(planned(world, "1.1.0", name, files=FILES))
        assert masks_in(plans["dev"])
        assert not masks_in(plans["dev"]) & masks_in(plans["prod"])

    def test_in_one_plan_a_second_secret_confirms_no_guess(self, world: World) -> None:
        guess = SECRET.replace("web-secret", "guess").replace("${PASSWORD}", "hush-hush")
        plan = load_plan(planned(world, files={"base/web.yaml": f"{FILES['base/web.yaml']}---\n{guess}"}))
        manifests = {ref_in(each).name: each["manifest"] for each in plan["objects"] if each["ref"][1] == "Secret"}
        assert not masks_in(manifests["web-secret"]) & masks_in(manifests["guess"])
        data = manifests["web-secret"]["data"]
        assert data["PASSWORD"] != data["SAME"]

    def test_digests_of_configuration_and_names_by_content_have_nothing_in_common(self, world: World) -> None:
        found: dict[str, set[str]] = {}
        for name in ("dev", "prod"):
            # The same namespace, as on two clusters, so that the environment alone is what differs.
            tell(world.environments[name], namespace="shop")
            rollout = actions.request(
                world.people["developer"], world.release("1.0.0", files=FILES), world.environments[name]
            )
            rollout.refresh_from_db()
            objects = source_of(rollout, FakeCluster()).objects
            workload = next(each for each in objects if each.ref.kind == "Deployment")
            digest = workload.manifest["spec"]["template"]["metadata"]["annotations"][CONFIG_DIGEST]
            names = {each.ref.name for each in hash_names(objects, [workload.ref], rollout.environment_id)}
            found[name] = {digest, *names} - {"web", "web-config"}
        assert len(found["dev"]) == 2
        assert not found["dev"] & found["prod"]


class TestPlansOfBefore:
    """Stored plans keep their bytes, since votes are bound to them; their masks were the same everywhere."""

    def of_before(self, rollout: Rollout) -> Rollout:
        """The rollout with its plan as an earlier version made it."""
        sealed, plan = load_sealed(rollout.sealed_digest), load_plan(rollout)
        plan.pop("masks")
        plan["format"] = 1
        for each in plan["objects"]:
            if each["ref"][1] == "Secret":
                each["manifest"] = MasksOfBefore(0).masked(sealed[ref_in(each).key])
        for change in plan["changes"]:
            for field in change["fields"] if change["ref"][1] == "Secret" else ():
                for side in ("before", "after"):
                    field[side] = field[side] and f"hmac-sha256:{side.encode().hex():0>64}"
        values = {key: {"data": secret["data"]} for key, secret in sealed.items()}
        return tell(rollout, plan_digest=blobs.store_json(plan), sealed_digest=store_sealed(values))

    def test_they_show_nothing_either(self, world: World, seen: list[Rollout]) -> None:
        old = [self.of_before(each) for each in seen]
        assert any("hush" in json.dumps(load_plan(each)) for each in old)
        client = reader(world)
        for each in old:
            for address in (*PAGES, *CALLS):
                told = client.get(address.format(each.pk)).content.decode()
                assert [hushed for hushed in HUSHED if hushed in told] == [], address
            shown = masks_in(client.get(f"/api/v1/rollouts/{each.pk}/plan").json())
            assert not shown & masks_in(load_plan(each))

    def test_what_an_earlier_version_stored_is_compared_with_what_this_one_stores(
        self, world: World, seen: list[Rollout]
    ) -> None:
        self.of_before(seen[0])
        told = between(*reversed(revisions(world.application, world.environments["dev"])))
        fields = {field["path"] for field in row(told, ref("dev"))["fields"]}
        assert "data.PASSWORD" not in fields
        assert "data.SAME" in fields

    def test_an_undo_brings_their_values_back(self, world: World, seen: list[Rollout]) -> None:
        first = self.of_before(seen[0])
        actions.cancel(world.people["developer"], seen[2], "")
        undo = plan_now(
            actions.undo(world.people["operator"], world.application, first.environment, first, reason="as it was")
        )
        assert undo.phase == "waiting", undo.why
        assert load_sealed(undo.sealed_digest)[ref("dev").key]["data"]["PASSWORD"] == "aHVzaC1odXNo"
        assert "masks" in load_plan(undo)

    def test_one_that_changes_no_secret_goes_on(self, world: World) -> None:
        waiting = self.of_before(planned(world, files=FILES))
        assert confirm(waiting) is None

    def test_where_nobody_has_to_approve_it_is_planned_anew_by_itself(
        self, seen: list[Rollout], cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waiting = self.of_before(seen[2])
        before = waiting.plan_digest
        one_pass(waiting)
        assert waiting.phase == "planning"
        one_pass(waiting)
        assert waiting.plan_digest != before
        assert "masks" in load_plan(waiting)

    def test_where_people_have_approved_it_waits_for_them_and_says_why(
        self, world: World, cluster: FakeCluster
    ) -> None:
        succeed(planned(world, "1.0.0", "prod", files=FILES), cluster)
        note_as_kubectl_does(cluster, "prod")
        changed = {"base/web.yaml": FILES["base/web.yaml"].replace("note-hush", "hush-note")}
        waiting = self.of_before(planned(world, "1.1.0", "prod", files=changed))
        actions.approve(world.people["lead"], waiting, waiting.plan_digest, "fine")
        waiting.refresh_from_db()
        actions.start(world.people["operator"], waiting)
        waiting.refresh_from_db()
        one_pass(waiting)
        assert waiting.phase == "waiting"
        assert waiting.why.startswith("An earlier version of Slipway made the plan")
        assert waiting.why.endswith("Plan it anew to see what would happen now.")

    def test_one_that_changes_a_secret_says_why_it_is_planned_anew(self, seen: list[Rollout]) -> None:
        drift = confirm(self.of_before(seen[2]))
        assert drift
        assert drift.outdated
        assert drift.words.startswith("An earlier version of Slipway made the plan")
        assert "Secret shop-dev/web-secret" in drift.words


def test_the_administrator_who_asked_has_no_other_view(world: World, seen: list[Rollout]) -> None:
    root = User.objects.create_superuser("root", password="x")
    client = Client()
    client.force_login(root)
    told = client.get(f"/rollouts/{seen[2].pk}?tab=changes").content.decode()
    assert [hushed for hushed in HUSHED if hushed in told] == []
