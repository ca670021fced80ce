"""Two versions of one object, field by field, without a cluster."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from environments.kube.api.client import Applied
from environments.kube.apply.diff import changes_between, pod_template, preview
from environments.kube.apply.masking import masked
from environments.kube.objects import Ref

Edit = Callable[[Any], None]
CONTAINER = 'spec.template.spec.containers[name="web"]'


def deployment() -> dict[str, Any]:
    containers = [
        {
            "name": "web",
            "image": "web:1",
            "command": ["run", "fast"],
            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
            "ports": [{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 80, "protocol": "UDP"}],
        }
    ]
    spec = {"containers": containers, "tolerations": [{"key": "a", "operator": "Exists"}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "annotations": {"example.test/note": "x"}, "resourceVersion": "1"},
        "spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}},
        "status": {"replicas": 2},
    }


def web(obj: Any) -> Any:
    return obj["spec"]["template"]["spec"]["containers"][0]


def counters(obj: Any) -> None:
    obj["metadata"] |= {"resourceVersion": "2", "generation": 3, "uid": "u", "managedFields": []}
    obj["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "4"
    obj["status"] = {"replicas": 9}


def last_of_its_annotations(obj: Any) -> None:
    obj["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "4"}


TABLE: list[tuple[str, Edit, dict[str, tuple[Any, Any]]]] = [
    ("nothing", lambda obj: None, {}),
    ("counters", counters, {}),
    ("a value", lambda obj: obj["spec"].update(replicas=3), {"spec.replicas": (2, 3)}),
    ("an item's value", lambda obj: web(obj).update(image="web:2"), {f"{CONTAINER}.image": ("web:1", "web:2")}),
    (
        "an item of an item",
        lambda obj: web(obj)["env"][1].update(value="9"),
        {f'{CONTAINER}.env[name="B"].value': ("2", "9")},
    ),
    (
        "an item gone",
        lambda obj: web(obj)["env"].pop(0),
        {f'{CONTAINER}.env[name="A"]': ({"name": "A", "value": "1"}, None)},
    ),
    (
        "an item of two keys",
        lambda obj: web(obj)["ports"][1].update(name="dns"),
        {f'{CONTAINER}.ports[containerPort=80,protocol="UDP"].name': (None, "dns")},
    ),
    (
        "a list that is one value",
        lambda obj: web(obj).update(command=["run"]),
        {f"{CONTAINER}.command": (["run", "fast"], ["run"])},
    ),
    (
        "a list of objects that is one value",
        lambda obj: obj["spec"]["template"]["spec"].update(tolerations=[]),
        {"spec.template.spec.tolerations": ([{"key": "a", "operator": "Exists"}], [])},
    ),
    (
        "order",
        lambda obj: web(obj)["env"].reverse(),
        {f"{CONTAINER}.env (order)": (['name="A"', 'name="B"'], ['name="B"', 'name="A"'])},
    ),
    (
        "the last annotation",
        last_of_its_annotations,
        {"metadata.annotations.example.test/note": ("x", None)},
    ),
]


@pytest.mark.parametrize(("edit", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_a_change(edit: Edit, expected: dict[str, tuple[Any, Any]]) -> None:
    before, after = deployment(), deployment()
    edit(after)
    found = changes_between(before, after)
    assert {change.path: (change.before, change.after) for change in found} == expected
    back = changes_between(after, before)
    assert {change.path: (change.after, change.before) for change in back} == expected


def test_a_kind_that_nobody_described_is_compared_by_the_usual_keys() -> None:
    before = {"apiVersion": "x/v1", "kind": "Widget", "metadata": {}, "spec": {"parts": [{"name": "a", "size": 1}]}}
    after = copy.deepcopy(before)
    after["spec"]["parts"][0]["size"] = 2
    assert changes_between(before, after)[0].path == 'spec.parts[name="a"].size'


def test_two_items_of_one_name_are_compared_as_a_whole() -> None:
    before = {"apiVersion": "x/v1", "kind": "Widget", "metadata": {}, "spec": {"parts": [{"name": "a"}, {"name": "a"}]}}
    after = {**before, "spec": {"parts": [{"name": "a"}]}}
    assert changes_between(before, after)[0].path == "spec.parts"


LAST = "kubectl.kubernetes.io/last-applied-configuration"


def secret(value: str) -> dict[str, Any]:
    metadata = {"name": "s", "annotations": {LAST: json.dumps({"data": {"p": value}}), "note": value[:1]}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"p": value}, "type": "Opaque"}


def test_a_secrets_values_are_masked_wherever_they_stand() -> None:
    changes = changes_between(secret("hunter2"), secret("lupin3"), lambda _field, value: f"#{len(value)}")
    assert {change.path: (change.before, change.after) for change in changes} == {
        "metadata.annotations.note": ("#1", "#1"),
        f"metadata.annotations.{LAST}": ("#26", "#25"),
        "data.p": ("#7", "#6"),
    }
    shown = masked(secret("hunter2"), lambda _field, _value: "#")
    assert "hunter2" not in json.dumps(shown)
    assert shown["type"] == "Opaque"


def test_a_secret_that_gets_its_first_values_shows_none_of_them() -> None:
    empty = {key: value for key, value in secret("hunter2").items() if key != "data"}
    changes = changes_between(empty, secret("hunter2"), lambda _field, _value: "#")
    assert [(change.path, change.after) for change in changes] == [("data.p", "#")]


POD = {"spec": {"containers": []}}


@pytest.mark.parametrize(
    ("kind", "spec", "template"),
    [
        ("Deployment", {"template": POD}, POD),
        ("StatefulSet", {"template": POD}, POD),
        ("DaemonSet", {"template": POD}, POD),
        ("Job", {"template": POD}, POD),
        ("CronJob", {"jobTemplate": {"spec": {"template": POD}}}, POD),
        ("ConfigMap", {}, None),
        ("Certificate", {"template": POD}, None),
    ],
)
def test_the_pod_template_of_a_kind(kind: str, spec: dict[str, Any], template: dict[str, Any] | None) -> None:
    assert pod_template({"kind": kind, "spec": spec}) == template


class Annotating:
    """A cluster in which a controller annotates a claim between our read and our dry run."""

    def __init__(self) -> None:
        claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}}
        note = {"annotations": {"storage-provisioner": "standard"}, "resourceVersion": "2"}
        self.before = {**claim, "metadata": {**claim["metadata"], "resourceVersion": "1"}}
        self.after = {**claim, "metadata": {**claim["metadata"], **note}}
        self.reads = iter([self.before, self.after])

    def get(self, _ref: Ref) -> dict[str, Any]:
        return next(self.reads)

    def apply(self, _manifest: dict[str, Any], **_options: Any) -> Applied:
        return Applied(self.after, created=False, warnings=())


def test_what_a_controller_writes_between_read_and_dry_run_is_no_change_of_ours() -> None:
    cluster = Annotating()
    shown = preview(cluster, cluster.before)  # type: ignore[arg-type]
    assert shown.changes == ()
    assert shown.live == cluster.after
