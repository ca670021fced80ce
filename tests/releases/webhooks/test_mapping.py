"""A mapping turns an event's fields into a version and images."""

from typing import Any

import pytest

from releases.webhooks.mapping import images_of, version_of
from releases.webhooks.providers import find
from releases.webhooks.providers.base import Unusable

FIELDS = {"tag": "v1.2.0", "sha": "a" * 40, "short_sha": "a" * 12, "version": "1.2.0"}
IN_BUNDLE = ["registry.example/shop/web:0", "registry.example/shop/worker", "docker.io/library/postgres:16"]


@pytest.mark.parametrize(
    ("template", "default", "version"),
    [(None, "v1.2.0", "1.2.0"), (None, "vanilla", "vanilla"), ("{tag}-{short_sha}", "x", "1.2.0-" + "a" * 12)],
)
def test_a_version_loses_its_leading_v(template: str | None, default: str, version: str) -> None:
    assert version_of({"version": template}, FIELDS, default) == version


def test_a_template_applies_to_the_images_of_the_bundle_that_have_its_repository() -> None:
    images = images_of({"images": "registry.example/shop/{workload}:{version}"}, FIELDS, IN_BUNDLE)
    assert images == {
        "registry.example/shop/web": "registry.example/shop/web:1.2.0",
        "registry.example/shop/worker": "registry.example/shop/worker:1.2.0",
    }


def test_named_workloads_and_single_templates_are_taken_as_they_are() -> None:
    assert images_of({"images": "r/{workload}:{tag}", "workloads": ["web"]}, FIELDS, []) == {"web": "r/web:v1.2.0"}
    assert images_of({"images": {"web": "other/web:{short_sha}"}}, FIELDS, []) == {"web": "other/web:" + "a" * 12}


def test_a_field_that_the_event_does_not_have_is_named() -> None:
    with pytest.raises(Unusable, match="run_number"):
        version_of({"version": "{run_number}"}, FIELDS, "")


@pytest.mark.parametrize(
    ("mapping", "why"),
    [
        ({"imges": "x"}, "imges is not known"),
        ({"images": 3}, "not of the right type"),
        ({"version": "{nonsense}"}, "uses nonsense"),
        ({"images": {"web": "{"}}, "no template"),
        ({"events": ["deploy"]}, "events has deploy"),
    ],
)
def test_a_wrong_mapping_is_told(mapping: dict[str, Any], why: str) -> None:
    github = find("github")
    assert github is not None
    assert any(why in line for line in github.check(mapping))
