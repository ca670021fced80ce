"""A real API server accepts every object of both platforms, in every environment, without a warning."""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from environments.kube.api.access import Access
from environments.kube.api.client import Gateway
from environments.kube.objects import Manifest, Ref

from .platforms import APPLICATIONS, ENVIRONMENTS, rendered

pytestmark = pytest.mark.lane("kubeconfig")


@pytest.fixture(scope="module")
def gateway() -> Gateway:
    return Gateway(Access.from_kubeconfig(Path(os.environ["SLIPWAY_TEST_KUBECONFIG"]).read_text()))


@pytest.fixture(scope="module")
def namespace(gateway: Gateway) -> Iterator[str]:
    """One for all environments, since nothing is really made in it."""
    name = f"demo-{uuid4().hex[:8]}"
    gateway.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    gateway.delete(Ref("v1", "Namespace", "", name))


def moved(manifest: Manifest, namespace: str) -> Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("application", APPLICATIONS)
def test_the_api_server_accepts(gateway: Gateway, namespace: str, application: str, environment: str) -> None:
    for each in rendered(application, environment).objects:
        applied = gateway.apply(moved(each.manifest, namespace), manager="slipway", dry_run=True)
        assert applied.created, each.ref.text
        assert applied.warnings == (), each.ref.text
