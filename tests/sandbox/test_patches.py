"""JSON Patch, merge patch, strategic merge patch; selectors; protobuf. Facts as tables."""

import pytest

from kube_schema import recorded
from sandbox import jsonpatch, protobuf
from sandbox.errors import ApiError
from sandbox.selectors import matcher, selector_text
from sandbox.strategic import strategic_merge

JSON_PATCHES = [
    ([{"op": "add", "path": "/a/-", "value": 3}], {"a": [1, 2, 3]}),
    ([{"op": "add", "path": "/a/0", "value": 0}], {"a": [0, 1, 2]}),
    ([{"op": "remove", "path": "/a/0"}], {"a": [2]}),
    ([{"op": "add", "path": "/x~1y", "value": 1}], {"a": [1, 2], "x/y": 1}),
    ([{"op": "move", "from": "/a", "path": "/b"}], {"b": [1, 2]}),
    ([{"op": "copy", "from": "/a/0", "path": "/c"}], {"a": [1, 2], "c": 1}),
    ([{"op": "replace", "path": "", "value": 1}], 1),
    ([{"op": "test", "path": "/a/1", "value": 2}], {"a": [1, 2]}),
]


@pytest.mark.parametrize(("operations", "after"), JSON_PATCHES, ids=[str(row[0][0]) for row in JSON_PATCHES])
def test_json_patch(operations: list, after: object) -> None:
    before = {"a": [1, 2]}
    assert jsonpatch.json_patch(before, operations) == after
    assert before == {"a": [1, 2]}


def test_merge_patch_removes_nulls_and_replaces_lists() -> None:
    before = {"a": {"b": 1, "c": 2}, "l": [1, 2]}
    assert jsonpatch.merge_patch(before, {"a": {"b": None, "d": {"e": None}}, "l": [3]}) == {
        "a": {"c": 2, "d": {}},
        "l": [3],
    }


def containers(*named: dict) -> dict:
    return {"spec": {"template": {"spec": {"containers": list(named)}}}}


A, B = {"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}
STRATEGIC = [
    ("by its key", containers({"name": "b", "image": "b:2"}), [A, {"name": "b", "image": "b:2"}]),
    ("new ones first", containers({"name": "c"}), [{"name": "c"}, A, B]),
    ("deleted", containers({"name": "a", "$patch": "delete"}), [B]),
    ("replaced", containers({"$patch": "replace"}, {"name": "c"}), [{"name": "c"}]),
    (
        "in a given order",
        {
            "spec": {
                "template": {
                    "spec": {
                        "$setElementOrder/containers": [{"name": "b"}, {"name": "c"}, {"name": "a"}],
                        "containers": [{"name": "c"}],
                    }
                }
            }
        },
        [B, {"name": "c"}, A],
    ),
]


@pytest.mark.parametrize(("how", "patch", "after"), STRATEGIC, ids=[row[0] for row in STRATEGIC])
def test_containers_are_merged(how: str, patch: dict, after: list) -> None:
    kind = recorded().root("apps/v1", "Deployment")
    merged = strategic_merge(containers(A, B), patch, kind)
    assert merged["spec"]["template"]["spec"]["containers"] == after


def test_retain_keys_drops_the_other_strategy() -> None:
    kind = recorded().root("apps/v1", "Deployment")
    before = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert strategic_merge(before, patch, kind) == {"spec": {"strategy": {"type": "Recreate"}}}


def test_plain_lists_lose_what_is_listed() -> None:
    kind = recorded().root("v1", "ConfigMap")
    before = {"metadata": {"finalizers": ["a", "b"]}}
    patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"]}}
    assert set(strategic_merge(before, patch, kind)["metadata"]["finalizers"]) == {"b", "c"}


LABELS = {"app": "web", "tier": "front", "rank": "5"}
SELECTORS = [
    ("app=web", True),
    ("app==web,tier!=back", True),
    ("app=api", False),
    ("app in (web, api)", True),
    ("tier notin (back)", True),
    ("none notin (back)", True),
    ("app", True),
    ("!app", False),
    ("!none", True),
    ("rank>4", True),
    ("rank<4", False),
    ("", True),
]


@pytest.mark.parametrize(("text", "chosen"), SELECTORS)
def test_label_selectors(text: str, chosen: bool) -> None:
    match = matcher(text, "")
    assert (match is None or match({"metadata": {"labels": LABELS}})) is chosen


def test_field_selectors() -> None:
    pod = {"metadata": {"name": "a"}, "spec": {"nodeName": "n"}, "status": {"phase": "Running"}}
    both = matcher("", "spec.nodeName=n,status.phase!=Failed")
    assert both is not None
    assert both(pod)
    other = matcher("", "metadata.name=b")
    assert other is not None
    assert not other(pod)


def test_a_selector_that_cannot_be_read() -> None:
    with pytest.raises(ApiError, match="unable to parse requirement: found 'b'"):
        matcher("a b", "")


def test_a_selector_as_text() -> None:
    selector = {"matchLabels": {"b": "2", "a": "1"}, "matchExpressions": [{"key": "c", "operator": "Exists"}]}
    assert selector_text(selector) == "a=1,b=2,c"


def part(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


def test_a_protobuf_body_reads_as_json_would() -> None:
    meta = part(1, b"v1") + part(2, b"ConfigMap")
    entry = part(1, b"key") + part(2, b"value")
    body = b"k8s\x00" + part(1, meta) + part(2, part(1, part(1, b"settings")) + part(2, entry))
    assert protobuf.decoded(body) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings"},
        "data": {"key": "value"},
    }


@pytest.mark.parametrize(
    "body", [b"k8s", b"k8s\x00", b"k8s\x00\x0a\xff\xff", b"k8s\x00" + part(1, part(2, b"Nothing"))]
)
def test_a_malformed_protobuf_body_is_told(body: bytes) -> None:
    with pytest.raises(protobuf.Malformed):
        protobuf.decoded(body)
