"""Reading back tells who has written to an object after the rollout did."""

from types import SimpleNamespace
from typing import Any

import pytest

from environments.kube.objects import Ref
from releases.engine.facts import Look, Target
from releases.strategies.shared.verify import _written_again

WEB = Target(0, Ref("apps/v1", "Deployment", "shop", "web"), "workloads", 0, {})


def entry(manager: str, operation: str, second: int) -> dict[str, str]:
    return {"manager": manager, "operation": operation, "time": f"2026-11-30T10:00:0{second}Z"}


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([entry("slipway", "Apply", 1)], ""),
        ([entry("argocd-controller", "Apply", 1), entry("slipway", "Apply", 2)], ""),
        ([entry("slipway", "Apply", 1), entry("kubectl-edit", "Update", 2)], ""),
        (
            [entry("slipway", "Apply", 1), entry("argocd-controller", "Apply", 2)],
            "argocd app set NAME --sync",
        ),
        ([entry("slipway", "Apply", 1), entry("kustomize-controller", "Apply", 2)], "flux suspend kustomization NAME"),
        ([entry("argocd-controller", "Apply", 2)], ""),
    ],
)
def test_a_tool_that_wrote_after_us_is_told_with_how_to_stop_it(entries: list[dict[str, str]], words: str) -> None:
    live: dict[str, Any] = {"metadata": {"managedFields": entries}}
    view: Any = SimpleNamespace(look=lambda _key: Look(live, 1.0))
    told = _written_again(view, WEB)
    assert (words in told) if words else told == ""
    assert _written_again(SimpleNamespace(look=lambda _key: None), WEB) == ""  # type: ignore[arg-type]
