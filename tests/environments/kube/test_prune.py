"""What says itself that it is not to be pruned."""

import pytest

from environments.kube.apply.prune import keep_reason, of_a_copy
from environments.kube.names import TRACKING
from environments.kube.objects import Ref

HELM, ARGO = "helm.sh/resource-policy", "argocd.argoproj.io/sync-options"
KEPT = [
    ({HELM: "keep"}, f"{HELM}: keep"),
    ({HELM: "Keep, other"}, f"{HELM}: keep"),
    ({ARGO: "Validate=false,Prune=false"}, f"{ARGO}: Prune=false"),
    ({ARGO: "Delete=false"}, f"{ARGO}: Delete=false"),
    ({ARGO: "Prune=true"}, ""),
    ({HELM: "delete"}, ""),
    ({}, ""),
]


@pytest.mark.parametrize(("annotations", "reason"), KEPT)
def test_what_stays(annotations: dict[str, str], reason: str) -> None:
    assert keep_reason({"metadata": {"annotations": annotations}}) == reason


def test_a_copy_that_we_make_is_tracked_by_its_own_name_and_may_go() -> None:
    ref = Ref("apps/v1", "Deployment", "dev", "web-canary")
    given = {HELM: "keep", "note": "x", TRACKING: "shop@dev:apps/Deployment/dev/web"}
    assert of_a_copy(given, ref) == {"note": "x", TRACKING: "shop@dev:apps/Deployment/dev/web-canary"}
