"""Which objects are hooks, and when they run."""

import pytest

from environments.manifests.hooks import AFTER, BEFORE, BETWEEN, Hook, HookReading, read_hook
from environments.manifests.order import BundleOrder
from environments.manifests.render import render
from environments.manifests.settings import SlipwayFile

from .making import DEV, IMAGES, bundle

HELM, ARGO = "helm.sh/hook", "argocd.argoproj.io/hook"
READINGS = [
    ({HELM: "pre-install"}, True, (BEFORE,)),
    ({HELM: "pre-install"}, False, None),
    ({HELM: "pre-install,pre-upgrade"}, False, (BEFORE,)),
    ({HELM: "pre-upgrade, post-upgrade"}, False, (BEFORE, AFTER)),
    ({HELM: "pre-install,pre-delete"}, True, (BEFORE,)),
    ({HELM: "test"}, True, None),
    ({HELM: "test-success"}, True, None),
    ({HELM: "pre-rollback,post-rollback"}, False, None),
    ({HELM: "post-delete"}, False, None),
    ({HELM: "pre-uppgrade"}, False, None),
    ({ARGO: "PreSync"}, False, (BEFORE,)),
    ({ARGO: "Sync,PostSync"}, False, (BETWEEN, AFTER)),
    ({ARGO: "SyncFail"}, False, None),
    ({ARGO: "PostDelete"}, False, None),
    ({ARGO: "Skip"}, False, None),
    ({HELM: "post-install", ARGO: "PreSync"}, True, (AFTER,)),
]


@pytest.mark.parametrize(("annotations", "first", "phases"), READINGS)
def test_when_a_hook_runs(annotations: dict[str, str], first: bool, phases: tuple[str, ...] | None) -> None:
    found = read_hook(annotations, first=first)
    assert (found.hook.phases if found.hook else None) == phases
    assert bool(found.left_out) is (phases is None)


@pytest.mark.parametrize("annotations", [{}, {HELM: "crd-install"}, {ARGO: "Unknown"}])
def test_what_is_an_everyday_object(annotations: dict[str, str]) -> None:
    assert read_hook(annotations, first=True) == HookReading()


POLICIES = [
    ({HELM: "pre-install"}, (0, ("replace",))),
    (
        {HELM: "pre-install", "helm.sh/hook-weight": "-5", "helm.sh/hook-delete-policy": "hook-succeeded"},
        (-5, ("succeeded",)),
    ),
    ({HELM: "pre-install", "helm.sh/hook-weight": "heavy"}, (0, ("replace",))),
    (
        {HELM: "pre-install", "helm.sh/hook-delete-policy": "before-hook-creation, hook-failed"},
        (0, ("replace", "failed")),
    ),
    (
        {ARGO: "Sync", "argocd.argoproj.io/sync-wave": "-2", "argocd.argoproj.io/hook-delete-policy": "HookSucceeded"},
        (-2, ("succeeded",)),
    ),
]


@pytest.mark.parametrize(("annotations", "wanted"), POLICIES)
def test_weights_and_delete_policies(annotations: dict[str, str], wanted: tuple[int, tuple[str, ...]]) -> None:
    hook = read_hook(annotations, first=True).hook
    assert hook
    assert (hook.order, hook.delete) == wanted
    assert Hook.from_json(hook.to_json()) == hook


JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: %s, annotations: {%s}}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: shop/web}]}}}
"""


def test_hooks_come_in_helms_order_and_those_of_other_occasions_ask_for_no_image() -> None:
    account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: z, annotations: {helm.sh/hook: pre-upgrade}}\n"
    other = JOB.replace("shop/web", "nowhere/at-all:1") % ("other", "helm.sh/hook: pre-delete")
    weights = {"b": "0", "a": "0", "late": "10", "early": "-10"}
    jobs = [
        JOB % (name, f'helm.sh/hook: pre-upgrade, helm.sh/hook-weight: "{weight}"') for name, weight in weights.items()
    ]
    found = render(bundle(base="---\n".join([*jobs, account, other])), DEV, IMAGES)
    assert [each.ref.name for each in found.objects] == ["early", "z", "a", "b", "late"]
    assert {each.stage for each in found.objects} == {"hooks"}
    assert found.left_out == ("Job other (helm.sh/hook: pre-delete)",)


def of(kind: str, name: str, wave: str = "") -> dict[str, object]:
    noted = {"argocd.argoproj.io/sync-wave": wave} if wave else {}
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "annotations": noted}}


def test_sync_waves_order_workloads_and_the_custom_objects_that_they_wait_for() -> None:
    manifests = [
        of("StatefulSet", "db", "-1"), of("Job", "migrate"), of("Deployment", "web", "5"), of("Postgres", "pg", "-2"),
        of("Ingress", "web", "-2"), of("Backup", "late", "9"),
    ]  # fmt: skip
    order = BundleOrder.of(manifests, SlipwayFile())
    assert [order.place_of(each) for each in manifests] == [
        ("workloads", 1), ("workloads", 2), ("workloads", 7), ("workloads", 0), ("after", 0), ("after", 0),
    ]  # fmt: skip


def test_a_migration_goes_before_the_others_where_a_release_follows_another() -> None:
    manifests = [of("Job", "migrate"), of("Deployment", "web"), of("StatefulSet", "db")]
    for first, waves in ((True, [2, 2, 2]), (False, [1, 2, 2])):
        order = BundleOrder.of(manifests, SlipwayFile(), first=first)
        assert [order.place_of(each)[1] for each in manifests] == waves
