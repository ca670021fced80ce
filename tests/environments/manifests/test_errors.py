"""Everything that can be wrong with a bundle in an environment: by file, line and field, in exact words."""

import pytest

from environments.kube.api.naming import LABEL_WORDS, SEGMENT_WORDS, SUBDOMAIN_WORDS
from environments.manifests.configuration import ConfiguredValue
from environments.manifests.errors import BundleError, BundleErrors
from environments.manifests.render import render

from .making import CONFIG_MAP, DEPLOYMENT, IMAGES, SECRET, bundle, dev

TWO_PLACES = CONFIG_MAP + "---\n" + CONFIG_MAP.replace("  name:", "  namespace: shop-more\n  name:")
NAMED = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: "
PVC = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: x}\nspec:\n  resources:\n"
PVC += "    requests: {storage: 5Gb}\n"
WAVED = DEPLOYMENT.replace("  name: web\n", '  name: web\n  annotations: {slipway.dev/wave: "x"}\n', 1)
LABEL = f"does not fit: {LABEL_WORDS}"
SUBDOMAIN = f"does not fit: {SUBDOMAIN_WORDS}"
SEGMENT = f"does not fit: {SEGMENT_WORDS}"
PORTS = "          ports:\n            - containerPort: 80\n            - {containerPort: 80, protocol: TCP}\n"

ERRORS: dict[str, tuple[str, str, str]] = {
    "no kind": ("apiVersion: v1\nmetadata: {name: x}\n", "", "base/app.yaml line 1, kind: is missing"),
    "no name": ("apiVersion: v1\nkind: Secret\nmetadata: {}\n", "", "base/app.yaml line 1, metadata.name: is missing"),
    "a name that is a number": (
        f"{NAMED}3\n",
        "",
        "base/app.yaml line 4, metadata.name: text is needed; put it in quotes",
    ),
    "a name that leads to another namespace": (
        f"{NAMED}../../other/secrets/token\n",
        "",
        f"base/app.yaml line 4, metadata.name: '../../other/secrets/token' {SUBDOMAIN}",
    ),
    "a name with a line's end": (
        f'{NAMED}"web\\n"\n',
        "",
        f"base/app.yaml line 4, metadata.name: 'web\\n' {SUBDOMAIN}",
    ),
    "a Service's name with a dot": (
        "apiVersion: v1\nkind: Service\nmetadata: {name: web.v1}\nspec: {ports: [{port: 80}]}\n",
        "",
        f"base/app.yaml line 3, metadata.name: 'web.v1' {LABEL}",
    ),
    "a Role's name that is more than one segment": (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: 'a/b'}\nrules: []\n",
        "",
        f"base/app.yaml line 3, metadata.name: 'a/b' {SEGMENT}",
    ),
    "a long name of a CronJob": (
        f"apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: {'a' * 53}}}\nspec: {{}}\n",
        "",
        f"base/app.yaml line 3, metadata.name: '{'a' * 53}' is longer than 52 characters",
    ),
    "a namespace that is none": (
        CONFIG_MAP.replace("  name:", "  namespace: shop-dev/secrets\n  name:"),
        "",
        f"base/app.yaml line 4, metadata.namespace: 'shop-dev/secrets' {LABEL}",
    ),
    "a namespace that is a number": (
        CONFIG_MAP.replace("  name:", "  namespace: 7\n  name:"),
        "",
        "base/app.yaml line 4, metadata.namespace: text is needed",
    ),
    "an apiVersion that leads elsewhere": (
        CONFIG_MAP.replace("v1", "v1/namespaces/other", 1),
        "",
        "base/app.yaml line 1, apiVersion: 'v1/namespaces/other' does not fit: such as v1 or apps/v1",
    ),
    "a kind that is no name": (
        CONFIG_MAP.replace("kind: ConfigMap", "kind: Config/Map"),
        "",
        "base/app.yaml line 2, kind: 'Config/Map' does not fit: letters and digits, at most 63",
    ),
    "no object": (
        "- a\n",
        "",
        "base/app.yaml line 1: is no object: a map with apiVersion, kind and metadata is needed",
    ),
    "an object twice": (
        f"{CONFIG_MAP}---\n{CONFIG_MAP}",
        "",
        "base/app.yaml line 8, metadata.name: ConfigMap web-config is already there in base/app.yaml line 1",
    ),
    "an object twice, once by its namespace": (
        f"{CONFIG_MAP}---\n" + CONFIG_MAP.replace("  name:", "  namespace: ${SLIPWAY_NAMESPACE}\n  name:"),
        "",
        "base/app.yaml line 8, metadata.name: ConfigMap web-config is already there in base/app.yaml line 1",
    ),
    "a kind that is not allowed": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n",
        "",
        (
            "base/app.yaml line 2, kind: dev does not allow objects of kind Pod; "
            'who administers dev adds it to its "More kinds"'
        ),
    ),
    "a kind that is misspelt": (
        DEPLOYMENT.replace("kind: Deployment", "kind: Deploymnt"),
        "",
        "base/app.yaml line 2, kind: dev does not allow objects of kind Deploymnt.apps, did you mean Deployment?",
    ),
    "a kind of the whole cluster": (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: x}\nrules: []\n",
        "",
        (
            "base/app.yaml line 2, kind: dev does not allow objects of kind ClusterRole.rbac.authorization.k8s.io; "
            'who administers dev adds it to its "More kinds"'
        ),
    ),
    "a version that is gone": (
        DEPLOYMENT.replace("apps/v1", "apps/v1beta1"),
        "",
        (
            "base/app.yaml line 1, apiVersion: apps/v1beta1 has no Deployment; it is in apps/v1 "
            "(Kubernetes 1.16 removed the old one); a selector is needed there"
        ),
    ),
    "a group that is gone": (
        "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: web}\nspec: {}\n",
        "",
        (
            "base/app.yaml line 1, apiVersion: extensions/v1beta1 has no Ingress; it is in networking.k8s.io/v1 "
            "(Kubernetes 1.22 removed the old one); serviceName and servicePort are service.name and service.port "
            "there, and each path needs a pathType"
        ),
    ),
    "a workload of a group that is gone": (
        DEPLOYMENT.replace("apps/v1", "extensions/v1beta1"),
        "",
        (
            "base/app.yaml line 1, apiVersion: extensions/v1beta1 has no Deployment; it is in apps/v1 "
            "(Kubernetes 1.16 removed the old one); a selector is needed there"
        ),
    ),
    "a namespace that is not allowed": (
        CONFIG_MAP.replace("  name:", "  namespace: kube-system\n  name:"),
        "",
        "base/app.yaml line 4, metadata.namespace: dev does not allow the namespace kube-system",
    ),
    "an unknown field": (
        DEPLOYMENT.replace("replicas:", "replica:"),
        "",
        "base/app.yaml line 7, spec.replica: unknown field, did you mean replicas?",
    ),
    "a number where text belongs": (
        CONFIG_MAP.replace("info", "8080"),
        "",
        'base/app.yaml line 6, data.LEVEL: text is needed, not a number; put it in quotes: "8080"',
    ),
    "yes where text belongs": (
        CONFIG_MAP.replace("info", "yes"),
        "",
        'base/app.yaml line 6, data.LEVEL: text is needed, not true or false; put it in quotes: "true"',
    ),
    "text where a number belongs": (
        DEPLOYMENT.replace("replicas: 2", "replicas: two"),
        "",
        "base/app.yaml line 7, spec.replicas: a whole number is needed, not text",
    ),
    "a map where a list belongs": (
        DEPLOYMENT.replace("envFrom:\n            - configMapRef", "envFrom:\n              configMapRef"),
        "",
        "base/app.yaml line 19, spec.template.spec.containers[0].envFrom: a list is needed, not a map",
    ),
    "no quantity": (
        PVC,
        "",
        "base/app.yaml line 6, spec.resources.requests.storage: 5Gb is not a quantity such as 500m, 2 or 1Gi",
    ),
    "no base64": (
        SECRET.replace("stringData", "data").replace("hush", "plain text"),
        "",
        "base/app.yaml line 6, data.PASSWORD: is not base64; plain text goes into stringData",
    ),
    "a missing field": (
        DEPLOYMENT.replace("  selector:\n    matchLabels: {app: web}\n", ""),
        "",
        "base/app.yaml line 6, spec.selector: is missing",
    ),
    "an item twice": (
        DEPLOYMENT + PORTS,
        "",
        "base/app.yaml line 23, spec.template.spec.containers[0].ports[1]: 80 TCP is already there in line 22",
    ),
    "a placeholder without a value": (
        DEPLOYMENT.replace("replicas: 2", "replicas: ${CUONT}"),
        "",
        "base/app.yaml line 7, spec.replicas: ${CUONT} has no value in this environment, did you mean ${COUNT}?",
    ),
    "a number that nothing declares": (
        DEPLOYMENT.replace("replicas: 2", "replicas: ${NONE}"),
        "",
        (
            "base/app.yaml line 7, spec.replicas: a whole number is needed, not text; neither slipway.yaml nor an "
            "environment declares such a placeholder"
        ),
    ),
    "a placeholder in a key": (
        CONFIG_MAP + "  ${COUNT}: x\n",
        "",
        'base/app.yaml line 5, data: the key "${COUNT}" has a placeholder; they stand in values only',
    ),
    "a sensitive value in the open": (
        CONFIG_MAP.replace("info", "is ${PASSWORD}"),
        "",
        (
            "base/app.yaml line 6, data.LEVEL: ${PASSWORD} is sensitive, so it may stand in the data or stringData "
            "of a Secret only; this is ConfigMap web-config"
        ),
    ),
    "an image of no release": (
        DEPLOYMENT.replace("registry.example/web", "registry.example/wbe:1.0"),
        "",
        (
            "base/app.yaml line 16, spec.template.spec.containers[0].image: the release has no image for "
            "registry.example/wbe:1.0"
        ),
    ),
    "a wave that is no number": (
        WAVED,
        "",
        (
            'base/app.yaml line 5, metadata.annotations["slipway.dev/wave"]: a number from 0 to 99 in quotes '
            'is needed, such as "1"'
        ),
    ),
    "an overlay of nothing": (
        CONFIG_MAP,
        f"{NAMED}web-confg\n",
        "overlays/dev/app.yaml line 1, metadata.name: base/ has no ConfigMap web-confg, did you mean web-config?",
    ),
    "an overlay of another kind": (
        CONFIG_MAP,
        SECRET,
        (
            "overlays/dev/app.yaml line 1, metadata.name: base/ has no Secret web-secrets; "
            "an overlay changes objects of base/"
        ),
    ),
    "an overlay of either": (
        TWO_PLACES,
        CONFIG_MAP,
        "overlays/dev/app.yaml line 1, metadata.namespace: is needed: ConfigMap web-config is in shop-dev, shop-more",
    ),
    "two overlays of one object": (
        CONFIG_MAP,
        f"{CONFIG_MAP}---\n{CONFIG_MAP}",
        (
            "overlays/dev/app.yaml line 8, metadata.name: ConfigMap web-config is already there in "
            "overlays/dev/app.yaml line 1"
        ),
    ),
    "an overlay of another version": (
        DEPLOYMENT,
        "apiVersion: apps/v1beta1\nkind: Deployment\nmetadata: {name: web}\n",
        "overlays/dev/app.yaml line 1, apiVersion: apps/v1beta1 is not the base's apps/v1",
    ),
    "a wrong value in an overlay": (
        DEPLOYMENT,
        'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: "3"\n',
        "overlays/dev/app.yaml line 5, spec.replicas: a whole number is needed, not text",
    ),
}
TARGET = dev(
    ConfiguredValue("", "COUNT", "3"),
    ConfiguredValue("", "PASSWORD", "hush", sensitive=True),
    allowed_namespaces=("shop-more",),
    declared=frozenset({"CUONT", "MISSING"}),
)


@pytest.mark.parametrize(("base", "overlay", "words"), ERRORS.values(), ids=ERRORS.keys())
def test_one_error(base: str, overlay: str, words: str) -> None:
    files = {"base": base, "dev": overlay} if overlay else {"base": base}
    with pytest.raises(BundleErrors) as caught:
        render(bundle(**files), TARGET, IMAGES)
    assert caught.value.words == words


def test_all_errors_come_together() -> None:
    base = "---\n".join(
        [
            CONFIG_MAP.replace("info", "${MISSING}"),
            SECRET.replace("hush", "1"),
            DEPLOYMENT.replace("registry.example/web", "other"),
        ]
    )
    with pytest.raises(BundleErrors) as caught:
        render(bundle(base=base, dev=f"{NAMED}none\n", slipway="waves: [{name: a, workloads: [wbe]}]"), TARGET, IMAGES)
    assert [(error.path, error.line, error.field) for error in caught.value.errors] == [
        ("base/app.yaml", 6, "data.LEVEL"),
        ("base/app.yaml", 13, "stringData.PASSWORD"),
        ("base/app.yaml", 30, "spec.template.spec.containers[0].image"),
        ("overlays/dev/app.yaml", 1, "metadata.name"),
        ("slipway.yaml", 1, "waves[0].workloads[0]"),
    ]
    assert (caught.value.path, caught.value.line) == ("base/app.yaml", 6)


LEAKS = [
    SECRET.replace("hush", "4711"),
    SECRET.replace("hush", "!!int s4711"),
    SECRET.replace("hush", "!!bool s4711"),
    SECRET.replace("hush", "[s4711]"),
    SECRET.replace("stringData", "data").replace("hush", "s!4711"),
]


@pytest.mark.parametrize("text", LEAKS)
def test_no_error_tells_a_secrets_value(text: str) -> None:
    with pytest.raises(BundleErrors) as caught:
        render(bundle(base=text), TARGET, IMAGES)
    assert caught.value.line == 6
    assert "4711" not in caught.value.words


def test_a_value_that_could_not_be_put_in_is_told_once() -> None:
    base = DEPLOYMENT.replace("replicas: 2", "replicas: ${MISSING}").replace("name: web\n", "name: ${MISSING}\n", 1)
    with pytest.raises(BundleErrors) as caught:
        render(bundle(base=base), TARGET, IMAGES)
    assert [error.field for error in caught.value.errors] == ["metadata.name", "spec.replicas"]


def test_many_errors_are_counted() -> None:
    many = BundleErrors(BundleError("a.yaml", line, "x", "is wrong") for line in range(1, 61))
    assert len(many.errors) == 60
    assert many.words.splitlines()[-2:] == ["a.yaml line 50, x: is wrong", "and 10 more"]


def test_the_environment_allows_more_by_name() -> None:
    role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: x}\nrules: []\n"
    space = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop-more}\n"
    target = dev(allowed_kinds=("ClusterRole.rbac.authorization.k8s.io", "Namespace"), allowed_namespaces=("shop-*",))
    found = render(bundle(base=f"{role}---\n{space}"), target, {}).objects
    assert [(each.ref.kind, each.ref.namespace, "namespace" in each.manifest["metadata"]) for each in found] == [
        ("Namespace", "", False),
        ("ClusterRole", "", False),
    ]
    with pytest.raises(BundleErrors, match="dev does not allow the namespace kube-system"):
        render(bundle(base=space.replace("shop-more", "kube-system")), target, {})
    with pytest.raises(BundleErrors, match="dev does not allow objects of kind ConfigMap"):
        render(bundle(base=CONFIG_MAP), target, {})
