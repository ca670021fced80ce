"""The verbs that the product uses, by the gateway and raw."""

import pytest

from environments.kube.api.client import Gateway
from environments.kube.api.errors import AlreadyExists, Stale
from environments.kube.objects import Ref
from tests.contract.namespace import MERGE, STRATEGIC, ContractNamespace, container_of, encoded, managers
from tests.contract.objects import Manifest, config_map, deployment, service


def settings(ns: ContractNamespace) -> Ref:
    return ns.ref("ConfigMap", "settings", "v1")


def test_the_server_tells_its_version(ns: ContractNamespace) -> None:
    version = ns.gateway.version()
    assert version["major"] == "1"
    assert version["gitVersion"].startswith("v1.")


@pytest.mark.parametrize(
    ("api_version", "kind", "plural", "namespaced"),
    [
        ("v1", "Service", "services", True),
        ("v1", "Namespace", "namespaces", False),
        ("apps/v1", "Deployment", "deployments", True),
        ("batch/v1", "CronJob", "cronjobs", True),
        ("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", True),
        ("networking.k8s.io/v1", "Ingress", "ingresses", True),
        ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", True),
        ("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", True),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", False),
    ],
)
def test_a_kind_is_found(ns: ContractNamespace, api_version: str, kind: str, plural: str, namespaced: bool) -> None:
    assert ns.gateway.resource(api_version, kind)[:2] == (plural, namespaced)


def test_an_absent_object_is_none(ns: ContractNamespace) -> None:
    assert ns.live() is None
    assert ns.gateway.get(Ref("v1", "ConfigMap", "nosuchns", "c")) is None
    assert ns.gateway.get(Ref("nothing.example/v1", "Thing", ns.name, "c")) is None


def test_create_answers_the_stored_object_and_only_once(ns: ContractNamespace) -> None:
    applied = ns.gateway.create(ns.here(config_map(mode="fast")))
    assert applied.created
    assert applied.object == ns.found(settings(ns))
    with pytest.raises(AlreadyExists):
        ns.gateway.create(ns.here(config_map()))


def test_apply_creates_then_updates_then_does_nothing(ns: ContractNamespace) -> None:
    first = ns.apply(config_map(mode="a"))
    second = ns.apply(config_map(mode="b"))
    third = ns.apply(config_map(mode="b"))
    assert (first.created, second.created, third.created) == (True, False, False)
    assert second.object["metadata"]["resourceVersion"] != first.object["metadata"]["resourceVersion"]
    assert third.object == second.object


def test_generation_counts_changes_of_the_wish_only(ns: ContractNamespace) -> None:
    def generation(manifest: Manifest) -> int:
        return ns.apply(manifest).object["metadata"]["generation"]

    labelled = deployment(env={"A": "1", "B": "1"})
    labelled["metadata"]["labels"] = {"tier": "gold"}
    assert generation(deployment(env={"A": "1", "B": "1"})) == 1
    assert generation(labelled) == 1
    assert generation(deployment(env={"A": "1"})) == 2
    assert container_of(ns.found())["env"] == [{"name": "A", "value": "1"}]


def test_a_dry_run_of_a_creation_stores_nothing(ns: ContractNamespace) -> None:
    applied = ns.apply(deployment(), dry_run=True)
    assert applied.created
    assert applied.object["metadata"]["uid"]
    assert "resourceVersion" not in applied.object["metadata"]
    assert ns.live() is None


def test_a_dry_run_of_a_change_stores_nothing(ns: ContractNamespace) -> None:
    ns.apply(config_map(mode="a"))
    assert ns.apply(config_map(mode="b"), dry_run=True).object["data"] == {"mode": "b"}
    assert ns.found(settings(ns))["data"] == {"mode": "a"}


def test_force_overrules_others_values_and_leaves_their_additions(ns: ContractNamespace) -> None:
    ns.apply(config_map(mode="a"))
    ns.done(ns.patch(settings(ns), {"data": {"mode": "b", "more": "1"}}, "kubectl-edit", form=MERGE))
    assert ns.apply(config_map(mode="a"), force=True).object["data"] == {"mode": "a", "more": "1"}


def test_keys_of_string_data_stay_for_ever_and_those_of_data_do_not(ns: ContractNamespace) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    ns.apply({**secret, "stringData": {"p": "1"}})
    assert set(ns.apply({**secret, "stringData": {"q": "1"}}).object["data"]) == {"p", "q"}
    other = {**secret, "metadata": {"name": "other"}}
    ns.apply({**other, "data": {"p": encoded("1")}})
    assert set(ns.apply({**other, "data": {"q": encoded("1")}}).object["data"]) == {"q"}


def test_a_merge_patch_merges_and_removes(ns: ContractNamespace) -> None:
    ns.apply(config_map(a="1", b="2"))
    patched = ns.gateway.merge_patch(settings(ns), {"data": {"a": None, "c": "3"}})
    assert patched["data"] == {"b": "2", "c": "3"}


def test_a_strategic_patch_merges_containers_by_name(ns: ContractNamespace) -> None:
    ns.apply(deployment(env={"A": "1"}))
    ns.set_in_container(env=[{"name": "B", "value": "2"}], image="example.test/other:1")
    container = container_of(ns.found())
    assert container["image"] == "example.test/other:1"
    assert {each["name"] for each in container["env"]} == {"A", "B"}


def test_a_json_patch_changes_the_object(ns: ContractNamespace) -> None:
    ns.apply(config_map(a="1"))
    operations = [{"op": "test", "path": "/data/a", "value": "1"}, {"op": "replace", "path": "/data/a", "value": "2"}]
    assert ns.gateway.json_patch(settings(ns), operations)["data"] == {"a": "2"}


def test_the_status_is_written_apart_from_the_wish(ns: ContractNamespace) -> None:
    template = {"spec": {"containers": [{"name": "run", "image": "example.test/run:1"}], "restartPolicy": "Never"}}
    spec = {"schedule": "0 3 * * *", "suspend": True, "jobTemplate": {"spec": {"template": template}}}
    ns.apply({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly"}, "spec": spec})
    ref = ns.ref("CronJob", "nightly", "batch/v1")
    status = {"lastScheduleTime": "2026-11-21T03:00:00Z"}
    body = {"status": status, "spec": {"schedule": "0 4 * * *"}}
    ns.done(ns.patch(ref, body, "controller", form=STRATEGIC, subresource="status"))
    live = ns.found(ref)
    assert (live["status"], live["spec"]["schedule"]) == (status, "0 3 * * *")
    ns.gateway.merge_patch(ref, {"status": {"lastScheduleTime": None}})
    assert ns.found(ref)["status"] == status


class TestList:
    def fill(self, ns: ContractNamespace) -> None:
        for number in range(5):
            manifest = config_map(f"c{number}", n=str(number))
            manifest["metadata"]["labels"] = {"set": "ours", "parity": "even" if number % 2 == 0 else "odd"}
            ns.apply(manifest)

    def names(self, ns: ContractNamespace, **given) -> list[str]:
        found = ns.gateway.list("v1", "ConfigMap", ns.name, **given)
        return [each["metadata"]["name"] for each in found]

    @pytest.mark.parametrize(
        ("labels", "expected"),
        [
            ("set=ours", ["c0", "c1", "c2", "c3", "c4"]),
            ("parity=odd", ["c1", "c3"]),
            ("set,parity!=odd", ["c0", "c2", "c4"]),
            ("parity in (odd,even),set=ours", ["c0", "c1", "c2", "c3", "c4"]),
            ("parity notin (odd),set", ["c0", "c2", "c4"]),
            ("set=theirs", []),
        ],
    )
    def test_labels_select(self, ns: ContractNamespace, labels: str, expected: list[str]) -> None:
        self.fill(ns)
        assert self.names(ns, labels=labels) == expected

    def test_fields_select(self, ns: ContractNamespace) -> None:
        self.fill(ns)
        assert self.names(ns, fields="metadata.name=c3") == ["c3"]

    def test_pages_are_put_together(self, ns: ContractNamespace) -> None:
        self.fill(ns)
        assert self.names(ns, labels="set=ours", limit=2) == ["c0", "c1", "c2", "c3", "c4"]

    def test_a_page_names_what_is_left(self, ns: ContractNamespace) -> None:
        self.fill(ns)
        path = f"/api/v1/namespaces/{ns.name}/configmaps"
        page = ns.gateway.raw("GET", path, query=[("limit", "2")]).json()
        assert page["kind"] == "ConfigMapList"
        assert len(page["items"]) == 2
        assert page["metadata"]["continue"]

    def test_items_say_their_kind_across_the_cluster(self, ns: ContractNamespace) -> None:
        self.fill(ns)
        found = [each for each in ns.gateway.list("v1", "ConfigMap", labels="set=ours") if _here(each, ns)]
        assert {(each["apiVersion"], each["kind"]) for each in found} == {("v1", "ConfigMap")}
        assert len(found) == 5

    def test_a_table_has_the_columns_that_people_read(self, ns: ContractNamespace) -> None:
        self.fill(ns)
        path = f"/api/v1/namespaces/{ns.name}/configmaps"
        accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
        answer = ns.gateway.raw("GET", path, query=[("labelSelector", "set=ours")], accept=accept).json()
        assert answer["kind"] == "Table"
        assert answer["columnDefinitions"][0]["name"] == "Name"
        assert [row["cells"][0] for row in answer["rows"]] == ["c0", "c1", "c2", "c3", "c4"]


def _here(obj: Manifest, ns: ContractNamespace) -> bool:
    return obj["metadata"]["namespace"] == ns.name


class TestDelete:
    def pods(self, ns: ContractNamespace) -> list[Manifest]:
        return ns.gateway.list("v1", "Pod", ns.name)

    def run(self, ns: ContractNamespace) -> None:
        ns.apply(deployment(replicas=2))
        ns.until(lambda: len(self.pods(ns)) == 2)

    def test_background_ends_the_object_at_once_and_its_pods_later(self, ns: ContractNamespace) -> None:
        self.run(ns)
        assert ns.gateway.delete(ns.ref())
        assert ns.live() is None
        ns.until(lambda: not self.pods(ns))

    def test_foreground_keeps_the_object_until_its_pods_are_gone(self, ns: ContractNamespace) -> None:
        self.run(ns)
        assert ns.gateway.delete(ns.ref(), propagation="Foreground")
        live = ns.live()
        assert live is None or live["metadata"]["finalizers"] == ["foregroundDeletion"]
        ns.until(lambda: ns.live() is None)
        assert not [each for each in self.pods(ns) if not each["metadata"].get("deletionTimestamp")]

    def test_orphan_leaves_the_pods_and_a_new_apply_takes_them_over(self, ns: ContractNamespace) -> None:
        self.run(ns)
        before = {each["metadata"]["uid"] for each in self.pods(ns)}
        assert ns.gateway.delete(ns.ref(), propagation="Orphan")
        ns.until(lambda: ns.live() is None)
        assert {each["metadata"]["uid"] for each in self.pods(ns)} == before
        ns.apply(deployment(replicas=2))
        ns.until(lambda: ns.found().get("status", {}).get("updatedReplicas") == 2)
        assert {each["metadata"]["uid"] for each in self.pods(ns)} == before

    def test_a_second_time_it_has_gone_already(self, ns: ContractNamespace) -> None:
        ns.apply(config_map())
        assert ns.gateway.delete(settings(ns))
        assert not ns.gateway.delete(settings(ns))

    @pytest.mark.parametrize("given", [{"uid": "another"}, {"resource_version": "1"}], ids=str)
    def test_another_uid_or_version_is_stale(self, ns: ContractNamespace, given: dict[str, str]) -> None:
        ns.apply(config_map())
        with pytest.raises(Stale):
            ns.gateway.delete(settings(ns), **given)
        assert ns.live(settings(ns))

    def test_it_answers_what_was_deleted(self, ns: ContractNamespace) -> None:
        uid = ns.apply(config_map()).object["metadata"]["uid"]
        answer = ns.gateway.raw("DELETE", ns.gateway.path(settings(ns))).json()
        assert (answer["kind"], answer["status"]) == ("Status", "Success")
        assert answer["details"] == {"name": "settings", "kind": "configmaps", "uid": uid}

    def test_a_finalizer_keeps_it_and_an_apply_still_answers(self, ns: ContractNamespace) -> None:
        held = config_map(mode="a")
        held["metadata"]["finalizers"] = ["example.test/hold"]
        ns.apply(held)
        ns.gateway.delete(settings(ns))
        assert ns.apply(held).object["metadata"]["deletionTimestamp"]
        ns.apply(config_map(mode="a"))
        ns.until(lambda: ns.live(settings(ns)) is None)

    def test_a_namespace_that_goes_says_so(self, ns: ContractNamespace) -> None:
        ref = Ref("v1", "Namespace", "", ns.name)
        held = config_map()
        held["metadata"]["finalizers"] = ["example.test/hold"]
        ns.apply(held)
        ns.gateway.delete(ref)
        assert ns.found(ref)["status"]["phase"] == "Terminating"
        ns.gateway.merge_patch(settings(ns), {"metadata": {"finalizers": None}})
        ns.until(lambda: ns.live(ref) is None)


class TestPods:
    def pod(self, ns: ContractNamespace) -> str:
        ns.apply(deployment(replicas=1))
        ns.apply(service(selector={"app": "web"}))

        def ready() -> str | None:
            for each in ns.gateway.list("v1", "Pod", ns.name):
                conditions = each.get("status", {}).get("conditions", [])
                if {"type": "Ready", "status": "True"}.items() <= _named(conditions, "Ready").items():
                    return each["metadata"]["name"]
            return None

        return ns.until(ready)

    def test_logs_are_text(self, ns: ContractNamespace) -> None:
        name = self.pod(ns)
        assert isinstance(ns.gateway.logs(ns.name, name, "web", lines=5), str)

    def test_a_service_is_asked_through_the_api_server(self, ns: ContractNamespace) -> None:
        self.pod(ns)
        status, body = ns.until(lambda: _ok(ns.gateway, ns.name, "/"))
        assert status == 200
        assert b"{" in body

    def test_a_service_that_is_not_there_is_an_answer_too(self, ns: ContractNamespace) -> None:
        status, body = ns.gateway.proxy(ns.name, "nothing", 80, "/healthz?full=1")
        assert status in (404, 503)
        assert b"nothing" in body


def _named(conditions: list[Manifest], name: str) -> Manifest:
    return next((each for each in conditions if each["type"] == name), {})


def _ok(gateway: Gateway, namespace: str, path: str) -> tuple[int, bytes] | None:
    status, body = gateway.proxy(namespace, "web", 80, path)
    return (status, body) if status == 200 else None


def test_an_object_of_a_kind_defined_a_moment_ago_is_taken(ns: ContractNamespace) -> None:
    group = f"{ns.name}.example.test"
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "Widget", "plural": "widgets", "singular": "widget"}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }
    ns.gateway.apply(definition, manager="slipway")
    ns.afterwards_delete(Ref("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", f"widgets.{group}"))
    widget = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 1}}
    applied = ns.apply(widget)
    assert applied.created
    assert applied.object["spec"] == {"size": 1}
    assert managers(applied.object) == {"slipway": "Apply"}
