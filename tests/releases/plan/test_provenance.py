"""Where a changed field came from, by the paths of diffs."""

import pytest

from releases.plan.provenance import layer_of, place_of

MANIFEST = {
    "data": {"app.json": "{}", "app": {"json": "nested"}},
    "metadata": {"annotations": {"slipway.dev/wave": "1"}},
    "spec": {
        "template": {
            "spec": {
                "containers": [
                    {"name": "proxy", "image": "b"},
                    {"name": "web", "image": "a", "env": [{"name": "A[0]", "value": "1"}]},
                ]
            }
        },
        "ports": [{"port": 80, "protocol": "TCP"}, {"port": 80, "protocol": "UDP"}],
        "args": ["one", "two"],
    },
}
LAYERS = {
    'data["app.json"]': "base: base/web.yaml line 9",
    "spec.template.spec.containers[1].image": "image",
    "spec.template.spec.containers[1].env[0].value": "overlay",
    "spec.args[0]": "base",
}


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("data.app.json", ("data", "app.json")),
        ("metadata.annotations.slipway.dev/wave", ("metadata", "annotations", "slipway.dev/wave")),
        ('spec.template.spec.containers[name="web"].image', ("spec", "template", "spec", "containers", 1, "image")),
        (
            'spec.template.spec.containers[name="web"].env[name="A[0]"].value',
            ("spec", "template", "spec", "containers", 1, "env", 0, "value"),
        ),
        ('spec.ports[port=80,protocol="UDP"]', ("spec", "ports", 1)),
        ("spec.args", ("spec", "args")),
        ("spec.replicas", None),
        ('spec.template.spec.containers[name="gone"].image', None),
        ("", ()),
    ],
)
def test_a_path_of_a_diff_leads_to_its_place(path: str, place: tuple | None) -> None:
    assert place_of(path, MANIFEST) == place


@pytest.mark.parametrize(
    ("path", "layer"),
    [
        ("data.app.json", "base: base/web.yaml line 9"),
        ('spec.template.spec.containers[name="web"].image', "image"),
        ("spec.args", "base"),
        ('spec.template.spec.containers[name="web"]', "image"),
        ("spec.replicas", ""),
    ],
)
def test_the_layer_of_a_field_or_of_what_is_below_it(path: str, layer: str) -> None:
    assert layer_of(path, MANIFEST, LAYERS) == layer
