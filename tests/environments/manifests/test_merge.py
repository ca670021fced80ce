"""Overlays merge as Kubernetes merges them: by tables, by laws, and held against kubectl itself."""

import json
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from environments.manifests.errors import BundleErrors
from environments.manifests.merge import strategic_merge
from kube_schema import recorded

Data = dict[str, Any]


def deployment(**pod: Any) -> Data:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod}
    spec = {"selector": {"matchLabels": {"app": "web"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def overlay(**pod: Any) -> Data:
    return {"spec": {"template": {"spec": pod}}}


def merged(base: Data, patch: Data) -> Data:
    return strategic_merge(base, patch, recorded().root(base["apiVersion"], base["kind"]))


WEB = {"name": "web", "image": "web:1", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
LOG = {"name": "log", "image": "log:1"}
BASE = deployment(
    containers=[WEB, LOG],
    volumes=[{"name": "tmp", "emptyDir": {}}],
    tolerations=[{"key": "a", "operator": "Exists"}],
    nodeSelector={"pool": "app", "arch": "arm"},
    securityContext={"runAsUser": 1, "supplementalGroups": [1, 2]},
)


def containers(*each: Data) -> Data:
    return deployment(**{**BASE["spec"]["template"]["spec"], "containers": list(each)})


def pod(**change: Any) -> Data:
    return deployment(**{**BASE["spec"]["template"]["spec"], **change})


CASES: dict[str, tuple[Data, Data]] = {
    "a container is found by its name": (
        overlay(containers=[{"name": "log", "image": "log:2"}]),
        containers(WEB, {"name": "log", "image": "log:2"}),
    ),
    "a new container comes last": (
        overlay(containers=[{"name": "new", "image": "new:1"}]),
        containers(WEB, LOG, {"name": "new", "image": "new:1"}),
    ),
    "a variable is found by its name": (
        overlay(containers=[{"name": "web", "env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]}]),
        containers({**WEB, "env": [*WEB["env"][:1], {"name": "B", "value": "3"}, {"name": "C", "value": "4"}]}, LOG),
    ),
    "a container is deleted": (overlay(containers=[{"name": "log", "$patch": "delete"}]), containers(WEB)),
    "what is not there is deleted without a word": (
        overlay(containers=[{"name": "none", "$patch": "delete"}]),
        containers(WEB, LOG),
    ),
    "a list is replaced": (
        overlay(containers=[{"$patch": "replace"}, {"name": "only", "image": "only:1"}]),
        containers({"name": "only", "image": "only:1"}),
    ),
    "an atomic list is replaced": (
        overlay(tolerations=[{"key": "b", "operator": "Exists"}]),
        pod(tolerations=[{"key": "b", "operator": "Exists"}]),
    ),
    "plain numbers are replaced where the API does not merge them": (
        overlay(securityContext={"supplementalGroups": [3]}),
        pod(securityContext={"runAsUser": 1, "supplementalGroups": [3]}),
    ),
    "maps merge, and null removes": (
        overlay(nodeSelector={"arch": None, "disk": "ssd"}),
        pod(nodeSelector={"pool": "app", "disk": "ssd"}),
    ),
    "a map is replaced": (
        overlay(nodeSelector={"$patch": "replace", "disk": "ssd"}),
        pod(nodeSelector={"disk": "ssd"}),
    ),
    "only the named keys are kept": (
        overlay(volumes=[{"name": "tmp", "$retainKeys": ["name", "configMap"], "configMap": {"name": "x"}}]),
        pod(volumes=[{"name": "tmp", "configMap": {"name": "x"}}]),
    ),
    "nothing changes by nothing": ({}, BASE),
}


@pytest.mark.parametrize(("patch", "expected"), CASES.values(), ids=CASES.keys())
def test_cases(patch: Data, expected: Data) -> None:
    assert merged(BASE, patch) == expected


@pytest.mark.lane("kubectl")
@pytest.mark.parametrize("name", CASES)
def test_cases_are_what_kubectl_does(name: str, tmp_path: Path) -> None:
    patch, expected = CASES[name]
    file = tmp_path / "base.json"
    file.write_text(json.dumps(BASE))
    command = [
        "kubectl",
        "patch",
        "--local",
        "-f",
        str(file),
        "--type=strategic",
        "-p",
        json.dumps(patch),
        "-o",
        "json",
    ]
    answer = subprocess.run(command, check=True, capture_output=True, timeout=30)
    spec = json.loads(answer.stdout)["spec"]["template"]["spec"]
    wanted = expected["spec"]["template"]["spec"]
    assert _by_name(spec) == _by_name(wanted)


def _by_name(spec: Data) -> Data:
    """kubectl puts new items first, or last: the order of containers and volumes is compared by name."""
    spec = deepcopy(spec)
    for container in spec["containers"]:
        container.pop("resources", None)
        container["env"] = sorted(container.get("env", []), key=lambda item: item["name"])
    for field in ("containers", "volumes"):
        spec[field] = sorted(spec[field], key=lambda item: item["name"])
    return spec


def test_ports_are_told_apart_by_protocol() -> None:
    base = deployment(
        containers=[{"name": "dns", "ports": [{"containerPort": 53}, {"containerPort": 53, "protocol": "UDP"}]}]
    )
    patch = overlay(containers=[{"name": "dns", "ports": [{"containerPort": 53, "protocol": "UDP", "name": "udp"}]}])
    ports = merged(base, patch)["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert ports == [{"containerPort": 53}, {"containerPort": 53, "protocol": "UDP", "name": "udp"}]


def test_plain_items_unite_and_are_deleted() -> None:
    base = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "finalizers": ["a", "b"]}}
    assert merged(base, {"metadata": {"finalizers": ["b", "c"]}})["metadata"]["finalizers"] == ["a", "b", "c"]
    patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "$setElementOrder/finalizers": ["b"]}}
    assert merged(base, patch)["metadata"]["finalizers"] == ["b"]


def test_custom_resources_merge_as_json_does() -> None:
    base = {"apiVersion": "x.io/v1", "kind": "Thing", "spec": {"list": [{"name": "a"}], "map": {"x": 1, "y": 2}}}
    patch = {"spec": {"list": [{"name": "b"}], "map": {"x": None}}}
    assert merged(base, patch)["spec"] == {"list": [{"name": "b"}], "map": {"y": 2}}


def test_a_whole_object_is_deleted() -> None:
    assert merged(BASE, {"$patch": "delete"}) == {}


ERRORS = [
    (overlay(containers=[{"image": "x"}]), "spec.template.spec.containers[0]: needs name, by which it is merged"),
    (overlay(containers=[{"name": "web", "$patch": "drop"}]), "containers[0].$patch: is one of delete, merge, replace"),
    (overlay(**{"$set": 1}), "spec.template.spec.$set: a list is needed"),
    (overlay(**{"$set": []}), "spec.template.spec.$set: is no directive of a strategic merge"),
    (overlay(containers=[{"name": "web"}, {"name": "web"}]), "containers[1]: name web is already there"),
]


@pytest.mark.parametrize(("patch", "words"), ERRORS)
def test_errors(patch: Data, words: str) -> None:
    with pytest.raises(BundleErrors) as caught:
        merged(BASE, patch)
    assert words in caught.value.words


law = settings(max_examples=50, deadline=None)
names = st.sampled_from(["a", "b", "c"])
texts = st.sampled_from(["1", "2"])
variables = st.lists(st.fixed_dictionaries({"name": names, "value": texts}), unique_by=lambda each: each["name"])
ports = st.lists(
    st.fixed_dictionaries(
        {"containerPort": st.integers(1, 3)}, optional={"protocol": st.sampled_from(["TCP", "UDP"]), "name": names}
    ),
    unique_by=lambda each: (each["containerPort"], each.get("protocol", "TCP")),
)
container = st.fixed_dictionaries(
    {"name": names}, optional={"image": texts, "env": variables, "ports": ports, "args": st.lists(texts)}
)
pods = st.fixed_dictionaries(
    {"containers": st.lists(container, unique_by=lambda each: each["name"])},
    optional={"nodeSelector": st.dictionaries(names, texts), "hostNetwork": st.booleans()},
)
bases = pods.map(lambda spec: deployment(**spec))
directives = st.sampled_from(["delete", "merge"])
deletions = st.lists(
    st.fixed_dictionaries({"name": names}, optional={"$patch": directives}), unique_by=lambda each: each["name"]
)
patches = st.one_of(
    pods.map(lambda spec: overlay(**spec)),
    deletions.map(lambda items: overlay(containers=items)),
    st.dictionaries(names, st.none() | texts).map(lambda found: overlay(nodeSelector=found)),
)


@law
@given(bases)
def test_an_empty_overlay_changes_nothing(base: Data) -> None:
    assert merged(base, {}) == base


@law
@given(bases)
def test_an_object_merged_into_itself_stays_the_same(base: Data) -> None:
    assert merged(base, base) == base


@law
@given(bases, patches)
def test_merging_twice_is_merging_once(base: Data, patch: Data) -> None:
    once = merged(base, patch)
    assert merged(once, patch) == once


@law
@given(bases, patches)
def test_neither_side_is_changed(base: Data, patch: Data) -> None:
    before = deepcopy((base, patch))
    merged(base, patch)
    assert (base, patch) == before


@law
@given(bases, patches)
def test_nothing_of_a_directive_is_left(base: Data, patch: Data) -> None:
    assert "$patch" not in json.dumps(merged(base, patch))
