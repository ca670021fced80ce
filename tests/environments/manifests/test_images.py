"""Which key of a release stands for which image of a bundle."""

import pytest

from environments.manifests.errors import BundleErrors
from environments.manifests.images import keys_of, repository_of
from environments.manifests.render import render

from .making import DEPLOYMENT, DEV, bundle

PINNED = "r.example/x@sha256:" + "b" * 64

REPOSITORIES = [
    ("web", "web"),
    ("web:1.0", "web"),
    ("shop/web:1.0@sha256:00", "shop/web"),
    ("host:5000/shop/web", "host:5000/shop/web"),
    ("host:5000/shop/web:1.0", "host:5000/shop/web"),
]


@pytest.mark.parametrize(("reference", "repository"), REPOSITORIES)
def test_repository(reference: str, repository: str) -> None:
    assert repository_of(reference) == repository


KEYS = [
    ("web", ("web",)),
    ("web:1", ("web:1", "web")),
    ("shop/web", ("shop/web", "web")),
    ("r.example/shop/web:1", ("r.example/shop/web:1", "r.example/shop/web", "shop/web", "web")),
    ("localhost/web", ("localhost/web", "web")),
    ("host:5000/web", ("host:5000/web", "web")),
]


@pytest.mark.parametrize(("reference", "keys"), KEYS)
def test_keys(reference: str, keys: tuple[str, ...]) -> None:
    assert keys_of(reference) == keys


def image_of(reference: str, images: dict[str, str]) -> str:
    files = bundle(base=DEPLOYMENT.replace("registry.example/web", reference))
    found = render(files, DEV, images).objects[0]
    return str(found.manifest["spec"]["template"]["spec"]["containers"][0]["image"])


@pytest.mark.parametrize("key", ["r.example/shop/web:1", "r.example/shop/web", "shop/web", "web"])
def test_each_key_works(key: str) -> None:
    assert image_of("r.example/shop/web:1", {key: PINNED}) == PINNED


def test_the_more_exact_key_counts() -> None:
    assert image_of("r.example/shop/web:1", {"web": "no", "shop/web": PINNED, "shop/web:1": "no"}) == PINNED


def test_what_the_bundle_pins_needs_no_key_but_takes_one() -> None:
    assert image_of(PINNED, {}) == PINNED
    assert image_of("r.example/web@sha256:00", {"web": PINNED}) == PINNED


def test_a_short_key_for_two_repositories_is_refused() -> None:
    other = DEPLOYMENT.replace("name: web", "name: other").replace("registry.example/web", "b/web")
    files = bundle(base=f"{DEPLOYMENT}---\n{other}")
    words = "web could be b/web or registry.example/web: name the release's image by its repository"
    with pytest.raises(BundleErrors) as caught:
        render(files, DEV, {"web": PINNED})
    assert [error.message for error in caught.value.errors] == [words, words]
    assert len(render(files, DEV, {"web": PINNED, "b/web": PINNED}).objects) == 2


INITIAL = "      initContainers: [{name: first, image: first}]\n"
VOLUME = "      volumes: [{name: v, image: {reference: data}}]\n"


def test_images_are_found_wherever_a_pod_names_them() -> None:
    text = DEPLOYMENT.replace("      containers:\n", f"{INITIAL}{VOLUME}      containers:\n")
    spec = render(bundle(base=text), DEV, {"web": "a", "first": "b", "data": "c"}).objects[0].manifest["spec"]
    pod = spec["template"]["spec"]
    assert (pod["initContainers"][0]["image"], pod["volumes"][0]["image"]["reference"]) == ("b", "c")


def test_a_cron_jobs_image_is_replaced() -> None:
    text = """\
    apiVersion: batch/v1
    kind: CronJob
    metadata: {name: backup}
    spec:
      schedule: "0 2 * * *"
      jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: b, image: backup}]}}}}
    """
    found = render(bundle(base=text), DEV, {"backup": PINNED}).objects[0].manifest["spec"]["jobTemplate"]["spec"]
    assert found["template"]["spec"]["containers"][0]["image"] == PINNED
