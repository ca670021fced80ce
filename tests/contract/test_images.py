"""The sandbox's registry answers the resolver as registries do."""

import pytest

from environments.registry import ImageAbsent
from tests.environments.registries import resolve


def test_an_image_of_the_sandbox_is_resolved_and_found_again_by_its_digest(sandbox):
    sandbox.images.push("shop/web", "1.0.0")
    plain = frozenset({sandbox.registry})
    resolved = resolve(f"{sandbox.registry}/shop/web:1.0.0", plain_http=plain)
    assert resolved.pinned == f"{sandbox.registry}/shop/web@{resolved.digest}"
    assert resolve(resolved.pinned, plain_http=plain).digest == resolved.digest


@pytest.mark.parametrize("absent", ["shop/web:9", "shop/never:1", f"shop/web@sha256:{'0' * 64}"])
def test_an_image_that_was_never_pushed_is_absent(sandbox, absent):
    sandbox.images.push("shop/web", "1.0.0")
    with pytest.raises(ImageAbsent):
        resolve(f"{sandbox.registry}/{absent}", plain_http=frozenset({sandbox.registry}))
