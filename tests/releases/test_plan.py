"""What a plan says, what refuses it, and what puts it off."""

from datetime import timedelta

import pytest
from django.utils import timezone

from environments.kube.api.errors import Denied, Forbidden, Rejected, Unreachable
from environments.kube.objects import Ref
from environments.models import ConfigurationEntry
from portal import blobs
from portal.models import AuditEntry, Blob
from releases import actions
from releases.models import Rollout
from releases.plan.rollback_plan import back_plan
from releases.plan.secret_values import load_sealed, manifests_of
from releases.plan.store import load_plan
from releases.planning.planner import confirm, make_plan, plan_now, plan_rollout
from releases.states import Phase
from tests.releases.fakes import FakeCluster, FakeRegistry
from tests.releases.telling import tell
from tests.releases.world import WEB, World

DEPLOYMENT = Ref("apps/v1", "Deployment", "shop-dev", "web")
CONFIG_MAP = Ref("v1", "ConfigMap", "shop-dev", "web-config")
CACHE = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: cache}
data: {SIZE: "3"}
"""
CLAIM = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""
HPA = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, maxReplicas: 4}
"""


@pytest.fixture(autouse=True)
def _around(registry: FakeRegistry, cluster: FakeCluster) -> None:
    """Both are there in every test."""


def planned(world: World, version: str = "1.0.0", environment: str = "dev", **more: object) -> Rollout:
    release = world.release(version, **more)  # type: ignore[arg-type]
    rollout = actions.request(world.people["developer"], release, world.environments[environment])
    return plan_now(rollout)


def succeed(rollout: Rollout, cluster: FakeCluster) -> Rollout:
    """As if it had been rolled out."""
    plan = load_plan(rollout)
    for manifest in manifests_of(plan, load_sealed(rollout.sealed_digest)):
        cluster.settle(manifest)
    for row in plan["prune"]:
        cluster.remove(Ref(*row["ref"]))
    return end(rollout, Phase.SUCCEEDED)


def end(rollout: Rollout, phase: Phase) -> Rollout:
    newest = Rollout.objects.order_by("-sequence").first()
    assert newest
    now = timezone.now()
    return tell(rollout, phase=phase, started_at=now, finished_at=now, sequence=newest.sequence + 1)


def row(plan: dict, ref: Ref) -> dict:
    return next(each for each in plan["changes"] if Ref(*each["ref"]) == ref)


def titles(plan: dict) -> set[str]:
    return {risk["title"] for risk in plan["risks"]}


class TestFirstPlan:
    def test_it_creates_everything_and_the_namespace(self, world: World) -> None:
        plan = load_plan(planned(world))
        assert {each["action"] for each in plan["changes"]} == {"create"}
        assert plan["namespaces"] == ["shop-dev"]
        assert [each["stage"] for each in plan["objects"]] == [
            "definitions",
            "configuration",
            "configuration",
            "services",
            "workloads",
        ]
        assert plan["back"] == {
            "rollout": None,
            "version": "",
            "plan": "",
            "objects": [],
            "found": [],
            "leaves": [],
            "jobs": {"run": [], "not_run": [], "done": []},
        }
        assert plan["replicas"] == {DEPLOYMENT.key: 2}

    def test_its_images_are_pinned(self, world: World) -> None:
        plan = load_plan(planned(world))
        image = plan["objects"][-1]["manifest"]["spec"]["template"]["spec"]["containers"][0]["image"]
        assert image == plan["images"]["web"]
        assert image.startswith("registry.example/shop/web@sha256:")

    def test_no_secret_value_is_in_it_or_in_any_digest_of_it(self, world: World) -> None:
        rollout = planned(world)
        text = blobs.canonical(load_plan(rollout)).decode()
        assert "hunter2" not in text
        assert "aHVudGVyMg" not in text
        assert "hmac-sha256:" in text
        sealed = load_sealed(rollout.sealed_digest)
        assert sealed["/Secret/shop-dev/web-secret"]["data"] == {"PASSWORD": "aHVudGVyMg=="}

    def test_steps_are_stored_and_the_history_tells(self, world: World) -> None:
        rollout = planned(world)
        labels = list(rollout.steps.values_list("label", flat=True))
        assert labels == [step["label"] for step in load_plan(rollout)["steps"]]
        assert labels[0] == "Check that the plan still holds"
        entry = AuditEntry.objects.get(verb="rollout.planned")
        assert entry.data["digest"] == rollout.plan_digest
        assert entry.data["back"] == "first release here: going back removes what 1.0.0 added"

    @pytest.mark.parametrize(("environment", "phase"), [("dev", Phase.WAITING), ("prod", Phase.AWAITING_APPROVAL)])
    def test_it_waits_for_votes_where_they_are_needed(self, world: World, environment: str, phase: Phase) -> None:
        rollout = planned(world, environment=environment)
        assert rollout.phase == phase
        assert rollout.planned_at
        assert rollout.expires_at == rollout.planned_at + timedelta(hours=24)

    def test_the_same_inputs_give_the_same_digest(self, world: World) -> None:
        first = planned(world)
        digest = first.plan_digest
        actions.replan(world.people["developer"], first)
        assert plan_now(first).plan_digest == digest

    def test_it_warns_of_a_release_that_was_not_proven_before(self, world: World, cluster: FakeCluster) -> None:
        assert "Not proven before" not in titles(load_plan(planned(world)))
        assert "Not proven before" in titles(load_plan(planned(world, environment="staging")))
        succeed(Rollout.objects.get(environment__name="dev"), cluster)
        staging = Rollout.objects.get(environment__name="staging")
        actions.replan(world.people["developer"], staging)
        assert "Not proven before" not in titles(load_plan(plan_now(staging)))


class TestNextPlan:
    def test_it_shows_what_changes_and_where_it_comes_from(self, world: World, cluster: FakeCluster) -> None:
        succeed(planned(world), cluster)
        ConfigurationEntry.objects.create(
            environment=world.environments["dev"],
            config_map="web-config",
            key="LOG_LEVEL",
            value="debug",
            sensitive=False,
        )
        plan = load_plan(planned(world, "2.0.0"))
        field = next(each for each in row(plan, CONFIG_MAP)["fields"] if each["path"] == "data.LOG_LEVEL")
        assert (field["before"], field["after"], field["layer"]) == ("info", "debug", "configuration")
        image = next(each for each in row(plan, DEPLOYMENT)["fields"] if each["path"].endswith(".image"))
        assert image["layer"].startswith("image")
        assert row(plan, DEPLOYMENT)["restarts"]
        assert not row(plan, CONFIG_MAP)["restarts"]
        assert "Another major version" in titles(plan)
        assert plan["back"]["version"] == "1.0.0"

    def test_a_changed_address_is_a_risk(self, world: World, cluster: FakeCluster) -> None:
        succeed(planned(world), cluster)
        plan = load_plan(planned(world, "1.1.0", files={"base/web.yaml": WEB.replace("db-1", "db-2")}))
        risk = next(risk for risk in plan["risks"] if risk["title"] == "An address changes")
        assert risk["detail"] == "ConfigMap shop-dev/web-config data.DATABASE_URL"

    def test_a_changed_secret_is_seen_by_its_hashes(self, world: World, cluster: FakeCluster) -> None:
        succeed(planned(world), cluster)
        plan = load_plan(planned(world, "1.1.0", files={"base/web.yaml": WEB.replace("hunter2", "hunter3")}))
        (field,) = row(plan, Ref("v1", "Secret", "shop-dev", "web-secret"))["fields"]
        assert field["before"] != field["after"]
        assert field["before"].startswith("hmac-sha256:")
        assert field["after"].startswith("hmac-sha256:")
        assert "A secret changes" in titles(plan)

    def test_what_it_no_longer_has_is_pruned_by_uid(self, world: World, cluster: FakeCluster) -> None:
        succeed(planned(world, files={"base/web.yaml": WEB, "base/cache.yaml": CACHE}), cluster)
        cache = Ref("v1", "ConfigMap", "shop-dev", "cache")
        plan = load_plan(planned(world, "1.1.0", files={"base/web.yaml": WEB}))
        assert plan["prune"] == [{"ref": list(cache), "uid": cluster.uids[cache.key]}]
        assert "Objects are deleted" in titles(plan)

    def test_what_somebody_else_made_under_that_name_is_left_alone(self, world: World, cluster: FakeCluster) -> None:
        succeed(planned(world, files={"base/web.yaml": WEB, "base/cache.yaml": CACHE}), cluster)
        cache = Ref("v1", "ConfigMap", "shop-dev", "cache")
        cluster.remove(cache)
        cluster.edit(cache, {"data": {"SIZE": "9"}})
        assert load_plan(planned(world, "1.1.0", files={"base/web.yaml": WEB}))["prune"] == []

    def test_what_a_failed_release_left_is_pruned_too(self, world: World, cluster: FakeCluster) -> None:
        succeed(planned(world), cluster)
        failed = planned(world, "1.1.0", files={"base/web.yaml": WEB, "base/cache.yaml": CACHE})
        succeed(failed, cluster)
        end(failed, Phase.FAILED)
        plan = load_plan(planned(world, "1.2.0", files={"base/web.yaml": WEB}))
        assert [each["ref"][3] for each in plan["prune"]] == ["cache"]
        assert plan["back"]["version"] == "1.0.0"

    def test_data_is_never_pruned(self, world: World, cluster: FakeCluster) -> None:
        succeed(planned(world, files={"base/web.yaml": WEB, "base/data.yaml": CLAIM}), cluster)
        plan = load_plan(planned(world, "1.1.0", files={"base/web.yaml": WEB}))
        assert plan["prune"] == []
        assert "Stays, since data would go with it" in titles(plan)

    def test_conflicts_name_field_and_manager(self, world: World, cluster: FakeCluster) -> None:
        succeed(planned(world), cluster)
        cluster.edit(CONFIG_MAP, {"data": {"LOG_LEVEL": "trace"}})
        plan = load_plan(planned(world, "1.1.0"))
        assert row(plan, CONFIG_MAP)["conflicts"] == [{"field": "data.LOG_LEVEL", "manager": "kubectl-edit"}]
        assert "Overrules what others have set" in titles(plan)

    def test_an_image_that_moved_under_its_tag_is_a_risk(
        self, world: World, cluster: FakeCluster, registry: FakeRegistry
    ) -> None:
        succeed(planned(world), cluster)
        registry.digests["registry.example/shop/web:1.0.0"] = "sha256:" + "f" * 64
        assert "An image has changed under its tag" in titles(load_plan(planned(world, environment="staging")))


class TestReplicas:
    def test_an_autoscaler_in_the_bundle_has_them(self, world: World) -> None:
        plan = load_plan(planned(world, files={"base/web.yaml": WEB, "base/hpa.yaml": HPA}))
        assert plan["replicas"] == {}
        assert {each["ref"][1] for each in plan["objects"] if each["scaler"]} == {"Deployment"}

    def test_an_autoscaler_in_the_cluster_has_them(self, world: World, cluster: FakeCluster) -> None:
        succeed(planned(world), cluster)
        hpa = Ref("autoscaling/v2", "HorizontalPodAutoscaler", "shop-dev", "web")
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
        cluster.edit(hpa, {"spec": {"scaleTargetRef": target}})
        assert load_plan(planned(world, "1.1.0"))["replicas"] == {}

    def test_an_autoscaler_that_this_release_drops_does_not(self, world: World, cluster: FakeCluster) -> None:
        succeed(planned(world, files={"base/web.yaml": WEB, "base/hpa.yaml": HPA}), cluster)
        plan = load_plan(planned(world, "1.1.0", files={"base/web.yaml": WEB}))
        assert plan["replicas"] == {DEPLOYMENT.key: 2}
        assert [each["ref"][1] for each in plan["prune"]] == ["HorizontalPodAutoscaler"]

    def test_fewer_are_a_risk(self, world: World, cluster: FakeCluster) -> None:
        succeed(planned(world), cluster)
        plan = load_plan(planned(world, "1.1.0", files={"base/web.yaml": WEB.replace("replicas: 2", "replicas: 1")}))
        assert "Fewer replicas" in titles(plan)


class TestTakingIn:
    def test_what_is_there_already_is_taken_over(self, world: World, cluster: FakeCluster) -> None:
        cluster.settle({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop-dev"}})
        cluster.edit(CONFIG_MAP, {"data": {"LOG_LEVEL": "info", "OLD": "1"}})
        plan = load_plan(planned(world))
        assert plan["adopt"] == [list(CONFIG_MAP)]
        assert CONFIG_MAP.key not in plan["added"], "going back must not delete what others had made"
        assert "Taken over from others" in titles(plan)
        assert row(plan, CONFIG_MAP)["taken"] == ["kubectl-edit"]
        assert row(plan, CONFIG_MAP)["foreign"] == []
        gone = [each["path"] for each in row(plan, CONFIG_MAP)["fields"] if each["after"] is None]
        assert gone == ["data.OLD"], "what the bundle has not is shown to go"
        assert "Goes, since the bundle does not have it" in titles(plan)

    def test_later_releases_leave_what_people_added(self, world: World, cluster: FakeCluster) -> None:
        succeed(planned(world), cluster)
        cluster.edit(CONFIG_MAP, {"data": {"EXTRA": "1"}})
        plan = load_plan(planned(world, "1.1.0"))
        assert plan["adopt"] == []
        assert row(plan, CONFIG_MAP)["foreign"][0]["fields"] == ["data.EXTRA"]


class TestRefusals:
    def test_an_absent_image(self, world: World, registry: FakeRegistry) -> None:
        registry.absent.add("registry.example/shop/web:1.0.0")
        rollout = planned(world)
        assert (rollout.phase, rollout.why) == (
            Phase.FAILED,
            "registry.example/shop/web:1.0.0 is not in the registry.",
        )
        assert AuditEntry.objects.get(verb="rollout.refused").data["why"] == rollout.why

    def test_a_registry_that_does_not_answer_is_asked_again(self, world: World, registry: FakeRegistry) -> None:
        registry.down = True
        rollout = planned(world)
        assert rollout.phase == Phase.PLANNING
        assert rollout.why == "Cannot be planned yet: registry.example does not answer."
        assert rollout.due_at
        assert rollout.due_at > timezone.now()
        registry.down = False
        assert plan_now(rollout).phase == Phase.WAITING

    def test_what_the_cluster_refuses_is_told_in_its_words(self, world: World, cluster: FakeCluster) -> None:
        cluster.refusals[DEPLOYMENT.key] = Rejected("Deployment web is not valid: spec.replica: unknown.", status=422)
        cluster.refusals[CONFIG_MAP.key] = Forbidden("ConfigMap web-config is not admitted: quota.", status=403)
        rollout = planned(world)
        assert rollout.phase == Phase.FAILED
        assert set(rollout.why.splitlines()) == {
            "Deployment web is not valid: spec.replica: unknown.",
            "ConfigMap web-config is not admitted: quota.",
        }
        assert not rollout.plan_digest

    def test_a_cluster_that_does_not_answer_is_asked_again(self, world: World, cluster: FakeCluster) -> None:
        cluster.refusals[DEPLOYMENT.key] = Unreachable("The cluster does not answer.")
        rollout = planned(world)
        assert (rollout.phase, rollout.attempts) == (Phase.PLANNING, 1)

    def test_pods_that_are_not_admitted_refuse_it(self, world: World, cluster: FakeCluster) -> None:
        cluster.settle({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop-dev"}})
        cluster.pod_refusal = Forbidden("pods is not admitted: violates PodSecurity.", status=403)
        assert planned(world).phase == Phase.FAILED

    @pytest.mark.parametrize(
        "refusal",
        [
            Denied("no right", status=403),
            Forbidden("not admitted: exceeded quota: q", status=403),
            Rejected("Pod web-slipway-preview is not valid: volumeMounts[0].name: Not found: data", status=422),
        ],
    )
    def test_a_full_quota_a_missing_right_or_a_pod_that_does_not_fit_only_warns(
        self, world: World, cluster: FakeCluster, refusal: Exception
    ) -> None:
        cluster.settle({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop-dev"}})
        cluster.pod_refusal = refusal  # type: ignore[assignment]
        assert row(load_plan(planned(world)), DEPLOYMENT)["warnings"]

    def test_an_object_that_the_environment_does_not_allow(self, world: World) -> None:
        tell(world.environments["dev"], allowed_kinds="Deployment\nService")
        rollout = planned(world)
        assert rollout.phase == Phase.FAILED
        assert "base/web.yaml line" in rollout.why
        assert "dev does not allow objects of kind ConfigMap" in rollout.why

    def test_a_namespace_that_may_not_be_created(self, world: World) -> None:
        world.environments["dev"].create_namespaces = False
        world.environments["dev"].save()
        assert "The namespace shop-dev is not there" in planned(world).why

    def test_a_plan_of_a_rollout_that_was_cancelled_meanwhile_is_dropped(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rollout = actions.request(world.people["developer"], world.release(), world.environments["dev"])
        work = make_plan

        def cancelled_meanwhile(*arguments: object) -> object:
            actions.cancel(world.people["developer"], rollout)
            return work(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr("releases.planning.planner.make_plan", cancelled_meanwhile)
        plan_rollout(rollout.pk)
        rollout.refresh_from_db()
        assert (rollout.phase, rollout.plan_digest) == (Phase.CANCELLED, "")


class TestConfirming:
    def test_a_cluster_that_stayed_as_it_was_has_no_drift(self, world: World, cluster: FakeCluster) -> None:
        succeed(planned(world), cluster)
        assert confirm(planned(world, "1.1.0")) is None

    def test_a_first_plan_holds_too(self, world: World) -> None:
        assert confirm(planned(world)) is None

    def test_what_drifted_is_named(self, world: World, cluster: FakeCluster) -> None:
        succeed(planned(world), cluster)
        rollout = planned(world, "1.1.0")
        cluster.edit(CONFIG_MAP, {"data": {"LOG_LEVEL": "trace"}})
        drift = confirm(rollout)
        assert drift
        assert drift.words == "The cluster has changed since the plan was made: ConfigMap shop-dev/web-config."

    def test_an_object_that_has_come_is_drift(self, world: World, cluster: FakeCluster) -> None:
        cluster.settle({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop-dev"}})
        rollout = planned(world)
        cluster.edit(CONFIG_MAP, {"data": {"LOG_LEVEL": "info"}})
        drift = confirm(rollout)
        assert drift
        assert drift.objects == ("ConfigMap shop-dev/web-config",)

    def test_what_is_to_go_and_was_replaced_is_drift(self, world: World, cluster: FakeCluster) -> None:
        succeed(planned(world, files={"base/web.yaml": WEB, "base/cache.yaml": CACHE}), cluster)
        rollout = planned(world, "1.1.0", files={"base/web.yaml": WEB})
        cluster.uids["/ConfigMap/shop-dev/cache"] = "another"
        drift = confirm(rollout)
        assert drift
        assert drift.objects == ("ConfigMap shop-dev/cache",)

    def test_a_refusal_by_now_is_drift(self, world: World, cluster: FakeCluster) -> None:
        rollout = planned(world)
        cluster.refusals[DEPLOYMENT.key] = Forbidden("not admitted: a new policy.", status=403)
        drift = confirm(rollout)
        assert drift
        assert "a new policy" in drift.words

    def test_neither_registry_nor_configuration_is_asked_again(self, world: World, registry: FakeRegistry) -> None:
        rollout = planned(world)
        registry.down = True
        ConfigurationEntry.objects.create(
            environment=rollout.environment,
            config_map="web-config",
            key="LOG_LEVEL",
            value="debug",
            sensitive=False,
        )
        assert confirm(rollout) is None


class TestWayBack:
    def test_it_restores_the_previous_plans_objects_bit_for_bit(self, world: World, cluster: FakeCluster) -> None:
        first = succeed(planned(world), cluster)
        second = planned(
            world, "1.1.0", files={"base/web.yaml": WEB.replace("info", "debug"), "base/cache.yaml": CACHE}
        )
        before, plan = load_plan(first), load_plan(second)
        back = back_plan(plan, before)
        assert blobs.canonical(back["objects"]) == blobs.canonical(before["objects"])
        assert back["prune"] == [{"ref": ["v1", "ConfigMap", "shop-dev", "cache"], "uid": ""}]
        assert back["replicas"] == before["replicas"]
        assert [ref[1:] for ref in back["adopt"]] == [
            ["ConfigMap", "shop-dev", "web-config"],
            ["Deployment", "shop-dev", "web"],
        ]
        assert second.previous == first

    def test_of_a_first_release_it_removes_what_that_added_but_no_namespace(self, world: World) -> None:
        plan = load_plan(planned(world))
        back = back_plan(plan, None)
        assert back["objects"] == []
        assert [each["ref"][1] for each in back["prune"]] == ["Deployment", "Service", "Secret", "ConfigMap"]

    def test_an_undo_brings_back_stored_objects_secrets_included(self, world: World, cluster: FakeCluster) -> None:
        first = succeed(planned(world), cluster)
        second = world.release("1.1.0", files={"base/web.yaml": WEB.replace("hunter2", "changed")})
        succeed(plan_now(actions.request(world.people["developer"], second, first.environment)), cluster)
        Blob.objects.filter(pk=first.release.bundle_id).delete()
        undo = actions.undo(world.people["operator"], world.application, first.environment, first, reason="as before")
        plan_now(undo)
        assert undo.phase == Phase.WAITING
        plan, before = load_plan(undo), load_plan(first)
        workloads = [each for each in plan["objects"] if each["ref"][1] != "Namespace"]
        assert workloads == [each for each in before["objects"] if each["ref"][1] != "Namespace"]
        assert load_sealed(undo.sealed_digest) == load_sealed(first.sealed_digest)
        assert plan["kind"] == "undo"

    def test_an_undo_takes_what_people_added_to_what_it_changes(self, world: World, cluster: FakeCluster) -> None:
        first = succeed(planned(world), cluster)
        succeed(planned(world, "1.1.0", files={"base/web.yaml": WEB.replace("info", "debug")}), cluster)
        cluster.edit(Ref("v1", "Service", "shop-dev", "web"), {"metadata": {"labels": {"theirs": "1"}}})
        cluster.edit(CONFIG_MAP, {"data": {"EXTRA": "1"}})
        undo = actions.undo(world.people["operator"], world.application, first.environment, first, reason="as before")
        assert load_plan(plan_now(undo))["adopt"] == [list(CONFIG_MAP)]
