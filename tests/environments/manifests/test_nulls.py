"""Empty values, read as a server-side apply of kubectl 1.36 reads them: right is what a real API server answered."""

from typing import Any

import pytest

from environments.manifests.errors import BundleErrors
from environments.manifests.notes import EMPTIED
from environments.manifests.render import render

from .making import CONFIG_MAP, DEPLOYMENT, IMAGES, bundle, dev

KINDS = ("ConfigMap", "Secret", "Pod", "Role", "NetworkPolicy", "Widget", "VirtualService.networking.istio.io")
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: w}\nspec: "
WIDGET = "apiVersion: example.test/v1\nkind: Widget\nmetadata: {name: w}\nspec: "


def read(text: str, field: str) -> Any:
    return render(bundle(base=text), dev(allowed_kinds=KINDS), IMAGES).objects[0].manifest.get(field)


TYPED = [
    (CONFIG_MAP + "  FEATURES:\n", "data", {"LEVEL": "info", "FEATURES": ""}),
    ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: w}\nbinaryData: {a: }\n", "binaryData", {"a": ""}),
    ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: w}\ndata:\n", "data", None),
    ("apiVersion: v1\nkind: Secret\nmetadata: {name: w}\nstringData: {a: , b: ~}\n", "data", {"a": "", "b": ""}),
    ("apiVersion: v1\nkind: Secret\nmetadata: {name: w}\ndata: {a: , b: YQ==}\n", "data", {"a": "", "b": "YQ=="}),
    (POD + "{containers: [], nodeSelector: {a: }}", "spec", {"containers": [], "nodeSelector": {"a": ""}}),
    (POD + "{containers: [], nodeSelector: , volumes: null, hostNetwork: }", "spec", {"containers": []}),
    (
        POD + "{containers: [{name: c, resources: {requests: {cpu: }, limits: }}]}",
        "spec",
        {"containers": [{"name": "c", "resources": {"requests": {"cpu": "0"}}}]},
    ),
    (
        POD + "{containers: [{name: c, args: [a, null], lifecycle: {postStart: }, env: [{name: A, value: }]}]}",
        "spec",
        {"containers": [{"name": "c", "args": ["a", ""], "lifecycle": {}, "env": [{"name": "A"}]}]},
    ),
    (
        POD + "{containers: [], securityContext: {supplementalGroups: [null, 5], runAsUser: }}",
        "spec",
        {"containers": [], "securityContext": {"supplementalGroups": [0, 5]}},
    ),
    (
        (
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: w}\n"
            "spec: {podSelector: {}, ingress: [null], egress: [{to: }]}\n"
        ),
        "spec",
        {"podSelector": {}, "ingress": [{}], "egress": [{}]},
    ),
    (WIDGET + "{a: , b: [null], c: {d: }}", "spec", {"a": None, "b": [None], "c": {"d": None}}),
    (
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: w}\nspec: {hosts: [a], http: }\n",
        "spec",
        {"hosts": ["a"]},
    ),
]


@pytest.mark.parametrize(("text", "field", "value"), TYPED)
def test_empty_values(text: str, field: str, value: object) -> None:
    assert read(text, field) == value


def test_labels_and_annotations_of_any_kind_are_text() -> None:
    text = WIDGET.replace("{name: w}", "{name: w, labels: {a: }, annotations: {b: }}") + "{}"
    metadata = read(text, "metadata")
    assert (metadata["labels"]["a"], metadata["annotations"]["b"]) == ("", "")


def test_an_item_that_names_itself_may_not_be_empty() -> None:
    with pytest.raises(
        BundleErrors, match=r"containers\[1\]: is empty: the item has to name itself, or to be left out"
    ):
        read(POD + "{containers: [{name: c}, null]}", "spec")


def test_an_overlay_still_removes_by_null() -> None:
    patch = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web-config}\ndata: {LEVEL: , MORE: x}\n"
    found = render(bundle(base=CONFIG_MAP, dev=patch), dev(), IMAGES).objects[0]
    assert found.manifest["data"] == {"MORE": "x"}


def test_what_was_made_of_them_is_told() -> None:
    text = DEPLOYMENT.replace("replicas: 2", "replicas:\n  paused: ~").replace(
        "    spec:\n", "    spec:\n      nodeSelector: {node-role.kubernetes.io/batch: }\n"
    )
    found = render(bundle(base=text), dev(), IMAGES)
    assert [tuple(note) for note in found.notes] == [
        (
            EMPTIED,
            "Deployment web",
            (
                "spec.replicas is left out",
                "spec.paused is left out",
                'spec.template.spec.nodeSelector["node-role.kubernetes.io/batch"] is ""',
            ),
        )
    ]
