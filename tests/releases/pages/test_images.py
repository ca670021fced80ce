"""What runs, by the name that a release called it, and what is still to come."""

import pytest

from releases.pages.images import images, short

OLD, NEW = "registry.example/shop/web@sha256:" + "a" * 64, "registry.example/shop/web@sha256:" + "b" * 64
NAMES = {OLD: "registry.example/shop/web:1.0.0", NEW: "registry.example/shop/web:1.1.0"}


@pytest.mark.parametrize(
    ("planned", "live", "told"),
    [
        ([NEW], [OLD], [("web:1.0.0", "1.1.0")]),
        (["registry.example/shop/api:2"], [OLD], [("web:1.0.0", "api:2")]),
        ([NEW], [NEW], [("web:1.1.0", "")]),
        ([NEW], [], [("web:1.1.0", "")]),
        ([NEW, NEW], [OLD], [("web:1.0.0", "")]),
    ],
)
def test_what_runs_is_told_beside_what_is_planned(
    planned: list[str], live: list[str], told: list[tuple[str, str]]
) -> None:
    assert [(image.short, image.to_come) for image in images(planned, live, NAMES)] == told


def test_an_image_that_no_release_called_anything_is_told_by_a_part_of_its_digest() -> None:
    assert short("other.example/a/b@sha256:" + "c" * 64, NAMES) == "b@sha256:cccccccccccc"
    assert short("other.example/a/b:3", NAMES) == "b:3"
