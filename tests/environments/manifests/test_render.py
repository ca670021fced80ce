"""What is rendered, in which order, and where every value came from."""

import base64
import gc
import json
import time
from collections.abc import Callable

import pytest
import yaml

from environments.kube.objects import Owner, owner_of, tracking_of
from environments.manifests.bundle import ManifestBundle, read_bundle
from environments.manifests.configuration import ConfiguredValue
from environments.manifests.errors import BundleErrors
from environments.manifests.render import Rendered, Rendering, images_needed, render
from environments.manifests.target import RenderTarget

from .making import CONFIG_MAP, DEPLOYMENT, DEV, IMAGES, SECRET, WEB_IMAGE, bundle, dev, tar_gz

APP = f"{CONFIG_MAP}---\n{SECRET}---\n{DEPLOYMENT}"
DIGEST = "slipway.dev/configuration"


def one(rendering: Rendering, kind: str) -> Rendered:
    return next(each for each in rendering.objects if each.ref.kind == kind)


def rendered(files: ManifestBundle, target: RenderTarget = DEV) -> Rendering:
    return render(files, target, IMAGES)


def digest_in(rendering: Rendering) -> str:
    return one(rendering, "Deployment").manifest["spec"]["template"]["metadata"]["annotations"][DIGEST]


def test_an_object_is_complete_for_the_cluster() -> None:
    found = one(rendered(bundle(base=APP)), "ConfigMap")
    assert found.manifest["metadata"] == {
        "name": "web-config",
        "namespace": "shop-dev",
        "labels": {"slipway.dev/application": "shop", "slipway.dev/managed": "true"},
        "annotations": {"slipway.dev/tracking": "shop@dev:/ConfigMap/shop-dev/web-config"},
    }
    assert tracking_of("shop@dev", found.ref) == "shop@dev:/ConfigMap/shop-dev/web-config"


def test_an_objects_own_labels_stay_and_the_environments_come() -> None:
    own = {f"app.kubernetes.io/{name}": name for name in ("name", "part-of", "managed-by")}
    text = CONFIG_MAP.replace("  name: web-config", f"  name: web-config\n  labels: {json.dumps(own)}")
    labels = rendered(bundle(base=text), dev(labels={"team": "a"})).objects[0].manifest["metadata"]["labels"]
    assert labels == {**own, "team": "a", "slipway.dev/application": "shop", "slipway.dev/managed": "true"}


@pytest.mark.parametrize(
    ("tracking", "owner"),
    [
        ("shop@dev:apps/Deployment/shop-dev/web", Owner("shop", "dev")),
        ("shop:apps/Deployment/shop-dev/web", Owner("shop")),
        ("shop@dev:apps/Deployment/shop-dev/another", None),
        ("", None),
    ],
)
def test_whose_mark_an_object_carries(tracking: str, owner: Owner | None) -> None:
    metadata = {"name": "web", "namespace": "shop-dev", "annotations": {"slipway.dev/tracking": tracking}}
    assert owner_of({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata}) == owner


def test_what_only_a_server_writes_is_left_out() -> None:
    text = CONFIG_MAP + "status: {}\n"
    text = text.replace("  name: web-config", "  name: web-config\n  uid: x\n  creationTimestamp: null")
    manifest = rendered(bundle(base=text)).objects[0].manifest
    assert "status" not in manifest
    assert not {"uid", "creationTimestamp"} & set(manifest["metadata"])


def test_images_are_replaced_by_the_releases() -> None:
    container = one(rendered(bundle(base=APP)), "Deployment").manifest["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == WEB_IMAGE


def test_string_data_becomes_data() -> None:
    text = SECRET + "data: {PASSWORD: b2xk, OTHER: eA==}\n"
    manifest = rendered(bundle(base=text)).objects[0].manifest
    assert "stringData" not in manifest
    assert manifest["data"] == {"PASSWORD": base64.b64encode(b"hush").decode(), "OTHER": "eA=="}


LAYERS = [
    ("data.FROM_BASE", "base", "base/app.yaml", 7),
    ("data.FROM_OVERLAY", "overlay", "overlays/dev/app.yaml", 6),
    ("data.FROM_PORTAL", "configuration", "", 0),
    ("data.NAMED", "configuration", "base/app.yaml", 10),
    ("data.PLACE", "portal", "base/app.yaml", 11),
    ("metadata.namespace", "portal", "", 0),
]


@pytest.mark.parametrize(("field", "layer", "path", "line"), LAYERS)
def test_every_value_says_which_layer_it_came_from(field: str, layer: str, path: str, line: int) -> None:
    values = "  FROM_BASE: base\n  FROM_OVERLAY: base\n  FROM_PORTAL: base\n  NAMED: ${NAME}\n"
    values += "  PLACE: ${SLIPWAY_ENVIRONMENT}\n"
    head = CONFIG_MAP.replace("  LEVEL: info\n", "")
    files = bundle(base=head + "  LEVEL: info\n" + values, dev=head + "  FROM_OVERLAY: overlay\n")
    target = dev(ConfiguredValue("", "NAME", "n"), ConfiguredValue("web-config", "FROM_PORTAL", "portal"))
    found = rendered(files, target).objects[0]
    assert found.manifest["data"] == {
        "LEVEL": "info",
        "FROM_BASE": "base",
        "FROM_OVERLAY": "overlay",
        "FROM_PORTAL": "portal",
        "NAMED": "n",
        "PLACE": "dev",
    }
    assert found.provenance[field] == (layer, path, line)


def test_an_image_says_that_it_came_from_the_release() -> None:
    origin = one(rendered(bundle(base=APP)), "Deployment").provenance["spec.template.spec.containers[0].image"]
    assert (origin.layer, origin.text) == ("image", "image: base/app.yaml line 30")


def test_a_change_of_configuration_changes_the_pod_template() -> None:
    plain = digest_in(rendered(bundle(base=APP)))
    assert digest_in(rendered(bundle(base=APP), dev(ConfiguredValue("web-config", "LEVEL", "debug")))) != plain
    assert (
        digest_in(rendered(bundle(base=APP), dev(ConfiguredValue("web-secrets", "PASSWORD", "x", sensitive=True))))
        == plain
    )
    assert digest_in(rendered(bundle(base=APP), dev(digest_key=b"key"))) != plain


READERS = [
    "          env: [{name: X, valueFrom: {configMapKeyRef: {name: web-config, key: LEVEL}}}]\n",
    "          env: [{name: X, valueFrom: {secretKeyRef: {name: web-secrets, key: PASSWORD}}}]\n",
    "          envFrom: [{configMapRef: {name: web-config}}]\n",
    "          envFrom: [{secretRef: {name: web-secrets}}]\n",
    "      volumes: [{name: v, configMap: {name: web-config}}]\n",
    "      volumes: [{name: v, secret: {secretName: web-secrets}}]\n",
    "      volumes: [{name: v, projected: {sources: [{configMap: {name: web-config}}]}}]\n",
    "      volumes: [{name: v, projected: {sources: [{secret: {name: web-secrets}}]}}]\n",
]
BARE = DEPLOYMENT[: DEPLOYMENT.index("          env:")]


@pytest.mark.parametrize("reader", READERS)
def test_every_way_of_reading_configuration_is_seen(reader: str) -> None:
    files = bundle(base=f"{CONFIG_MAP}---\n{SECRET}---\n{BARE}{reader}")
    changes = dev(
        ConfiguredValue("web-config", "LEVEL", "x"), ConfiguredValue("web-secrets", "PASSWORD", "x", sensitive=True)
    )
    assert digest_in(rendered(files)) != digest_in(rendered(files, changes))


def test_who_reads_nothing_of_the_bundle_gets_no_digest() -> None:
    template = one(rendered(bundle(base=BARE)), "Deployment").manifest["spec"]["template"]
    assert "annotations" not in template["metadata"]


def test_a_jobs_template_stays_as_it_is() -> None:
    job = """\
    apiVersion: batch/v1
    kind: Job
    metadata: {name: "migrate-${SLIPWAY_VERSION_SLUG}"}
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: web, image: web, envFrom: [{configMapRef: {name: web-config}}]}]
    """
    target = RenderTarget("dev", "shop-dev", "shop", "v1.2.0-RC.1")
    found = render(bundle(base=job), target, IMAGES).objects[0]
    assert found.ref.name == "migrate-v1-2-0-rc-1"
    assert "metadata" not in found.manifest["spec"]["template"]


def test_an_overlay_is_for_its_own_environment_only() -> None:
    files = bundle(base=APP, dev="{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 1}}")
    prod = RenderTarget("prod", "shop-prod", "shop", "1.2.0")
    assert one(rendered(files), "Deployment").manifest["spec"]["replicas"] == 1
    assert one(render(files, prod, IMAGES), "Deployment").manifest["spec"]["replicas"] == 2


def test_an_overlay_deletes_an_object() -> None:
    gone = "{apiVersion: v1, kind: Secret, metadata: {name: web-secrets}, $patch: delete}"
    assert "Secret" not in {each.ref.kind for each in rendered(bundle(base=APP, dev=gone)).objects}


def test_unquoted_placeholders_become_what_the_field_asks_for() -> None:
    text = DEPLOYMENT.replace("replicas: 2", "replicas: ${COUNT}")
    text = text.replace("{name: LEVEL, value: info}", "name: LEVEL\n              value: ${COUNT}")
    found = one(rendered(bundle(base=text), dev(ConfiguredValue("", "COUNT", "3"))), "Deployment").manifest["spec"]
    assert found["replicas"] == 3
    assert found["template"]["spec"]["containers"][0]["env"] == [{"name": "LEVEL", "value": "3"}]


def test_a_doubled_dollar_stands_for_itself() -> None:
    text = CONFIG_MAP.replace("info", "$${NAME} and ${NAME}, $(NAME) and $NAME")
    found = rendered(bundle(base=text), dev(ConfiguredValue("", "NAME", "${x}"))).objects[0]
    assert found.manifest["data"]["LEVEL"] == "${NAME} and ${x}, $(NAME) and $NAME"


def test_rendering_twice_gives_the_same_and_shares_nothing() -> None:
    files = bundle(base=APP)
    first, second = rendered(files), rendered(files)
    assert first == second
    first.objects[0].manifest["metadata"]["name"] = "changed"
    assert rendered(files) == second


def test_what_nothing_asked_for_is_told() -> None:
    target = dev(
        ConfiguredValue("web-confg", "LEVEL", "x"), ConfiguredValue("web-config", "PASSWORD", "x", sensitive=True)
    )
    assert render(bundle(base=APP), target, {**IMAGES, "wbe": WEB_IMAGE}).unused == (
        "No workload runs the release's image wbe.",
        "The environment's configuration has LEVEL for web-confg, but the bundle has no such ConfigMap or Secret.",
        "The environment's configuration has PASSWORD for web-config, but the bundle has no such Secret.",
    )


def test_an_entry_may_name_the_namespace() -> None:
    text = CONFIG_MAP + "---\n" + CONFIG_MAP.replace("  name:", "  namespace: other\n  name:")
    found = rendered(
        bundle(base=text), dev(ConfiguredValue("other/web-config", "LEVEL", "x"), allowed_namespaces=("oth*",))
    )
    assert {each.ref.namespace: each.manifest["data"]["LEVEL"] for each in found.objects} == {
        "shop-dev": "info",
        "other": "x",
    }


def test_a_rendered_bundle_takes_the_environments_file() -> None:
    files = read_bundle(tar_gz({"rendered/dev.yaml": APP, "rendered/prod.yaml": CONFIG_MAP}), "a.tgz")
    assert len(rendered(files).objects) == 3
    assert rendered(files).objects[0].provenance["data.LEVEL"] == ("rendered", "rendered/dev.yaml", 6)
    with pytest.raises(BundleErrors, match="rendered for dev, prod only"):
        rendered(files, RenderTarget("test", "shop-test", "shop", "1"))


def test_images_that_are_not_settled_are_named() -> None:
    other = DEPLOYMENT.replace("name: web", "name: db").replace("registry.example/web", "postgres:16")
    pinned = DEPLOYMENT.replace("name: web", "name: old").replace("registry.example/web", WEB_IMAGE)
    files = bundle(base=f"{DEPLOYMENT}---\n{other}---\n{pinned}")
    assert images_needed(files, DEV, {}) == ("postgres:16", "registry.example/web")
    assert images_needed(files, DEV, IMAGES) == ("postgres:16",)


def test_two_hundred_objects_are_rendered_in_less_time_than_pyyaml_takes_to_read_them() -> None:
    text = "---\n".join(DEPLOYMENT.replace("name: web\n", f"name: web-{n}\n", 1) for n in range(200))
    files = bundle(base=text)
    rendered(files)
    gc.disable()  # it goes over all that the other tests of the process have left
    try:
        ours, theirs = spent(lambda: rendered(files)), spent(lambda: list(yaml.safe_load_all(text)))
    finally:
        gc.enable()
    assert ours < theirs


def spent(work: Callable[[], object]) -> float:
    """Seconds of processor: what other processes take meanwhile does not count."""
    began = time.process_time()
    work()
    return time.process_time() - began


@pytest.mark.parametrize("namespace", ['""', "null", "shop-dev"])
@pytest.mark.parametrize("kind", ["ConfigMap", "Unknown"])
def test_every_object_says_its_namespace(kind: str, namespace: str) -> None:
    text = f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: x, namespace: {namespace}}}\n"
    [found] = render(bundle(base=text), dev(allowed_kinds=(kind,)), {}).objects
    assert (found.manifest["metadata"]["namespace"], found.ref.namespace) == ("shop-dev", "shop-dev")
