"""A sensitive value stands in the data of a Secret and nowhere else; whoever puts it elsewhere is told where."""

import pytest

from environments.manifests.configuration import ConfiguredValue
from environments.manifests.errors import BundleErrors
from environments.manifests.render import render
from tests.environments.manifests.making import CONFIG_MAP, bundle, dev

TARGET = dev(ConfiguredValue("", "PASSWORD", "aHVzaC1odXNo", sensitive=True), allowed_kinds=None)
POD = "spec: {{containers: [{{name: web, image: registry.example/web:1, {}}}]}}"
ELSEWHERE = {
    "a Secret's annotation": ("v1", "Secret", "metadata: {name: x, annotations: {a: '${PASSWORD}'}}",
                              "metadata.annotations.a"),
    "a Secret's label": ("v1", "Secret", "metadata: {name: x, labels: {a: '${PASSWORD}'}}", "metadata.labels.a"),
    "a Secret's type": ("v1", "Secret", "metadata: {name: x}\ntype: ${PASSWORD}", "type"),
    "a Secret's name": ("v1", "Secret", "metadata: {name: 'x-${PASSWORD}'}", "metadata.name"),
    "a Secret's namespace": ("v1", "Secret", "metadata: {name: x, namespace: '${PASSWORD}'}", "metadata.namespace"),
    "deeper in a Secret's data": ("v1", "Secret", "metadata: {name: x}\ndata: {a: {b: '${PASSWORD}'}}", "data.a.b"),
    "a Secret's metadata called data": ("v1", "Secret", "metadata: {name: x, data: '${PASSWORD}'}", "metadata.data"),
    "a Secret of another group": (
        "example.test/v1", "Secret", "metadata: {name: x}\ndata: {a: '${PASSWORD}'}", "data.a"
    ),
    "a ConfigMap": ("v1", "ConfigMap", "metadata: {name: x}\ndata: {a: 'is ${PASSWORD}'}", "data.a"),
    "a ConfigMap's bytes": ("v1", "ConfigMap", "metadata: {name: x}\nbinaryData: {a: '${PASSWORD}'}", "binaryData.a"),
    "a container's environment": (
        "v1", "Pod", "metadata: {name: x}\n" + POD.format("env: [{name: A, value: '${PASSWORD}'}]"),
        "spec.containers[0].env[0].value",
    ),
    "a container's arguments": (
        "v1", "Pod", "metadata: {name: x}\n" + POD.format("args: ['--password=${PASSWORD}']"),
        "spec.containers[0].args[0]",
    ),
    "a custom resource": ("example.test/v1", "Widget", "metadata: {name: x}\nspec: {data: '${PASSWORD}'}", "spec.data"),
    "the kind": ("v1", "${PASSWORD}", "metadata: {name: x}", "kind"),
}  # fmt: skip


@pytest.mark.parametrize(("api_version", "kind", "rest", "field"), ELSEWHERE.values(), ids=ELSEWHERE.keys())
@pytest.mark.parametrize("layer", ["base", "dev"])
def test_elsewhere_it_is_refused_with_file_object_and_field(
    layer: str, api_version: str, kind: str, rest: str, field: str
) -> None:
    text = f"apiVersion: {api_version}\nkind: {kind}\n{rest}\n"
    files = {"base": text} if layer == "base" else {"base": CONFIG_MAP, "dev": text}
    with pytest.raises(BundleErrors) as refused:
        render(bundle(**files), TARGET, {})
    path = "base/app.yaml" if layer == "base" else "overlays/dev/app.yaml"
    told = next(line for line in refused.value.words.splitlines() if "is sensitive" in line)
    assert told.startswith(path)
    assert f", {field}: ${{PASSWORD}} is sensitive" in told
    assert f"this is {kind} x" in told
    assert "aHVzaC1odXNo" not in refused.value.words


@pytest.mark.parametrize("entry", ["data: {a: '${PASSWORD}'}", "stringData: {a: 'is ${PASSWORD}', b: '${PASSWORD}'}"])
def test_in_the_data_of_a_secret_it_stands(entry: str) -> None:
    text = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: x}}\n{entry}\n"
    (found,) = render(bundle(base=text), TARGET, {}).objects
    assert "PASSWORD" not in str(found.manifest["data"])


@pytest.mark.parametrize("place", ["data: {'${PASSWORD}': x}", "stringData: {'a${PASSWORD}': x}"])
def test_a_key_takes_none(place: str) -> None:
    text = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: x}}\n{place}\n"
    with pytest.raises(BundleErrors, match="they stand in values only"):
        render(bundle(base=text), TARGET, {})


def test_slipway_yaml_takes_none() -> None:
    settings = "smokeTests: [{name: s, service: web, port: 80, path: '/${PASSWORD}', status: 200}]\n"
    with pytest.raises(BundleErrors, match=r"this is slipway\.yaml"):
        render(bundle(base="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n", slipway=settings), TARGET, {})
