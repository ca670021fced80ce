"""A Deployment selects its own pods alone, where that can still be said."""

from typing import Any

import pytest

from environments.kube.names import STABLE, TRACK
from environments.kube.objects import Ref
from releases.plan.objects import Wanted
from releases.strategies.shared.selectors import apart

WEB = Ref("apps/v1", "Deployment", "shop", "web")
PLAIN, TRACKED = {"app": "web"}, {"app": "web", TRACK: STABLE}


def deployment(labels: dict[str, str], track: str = STABLE) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "web", TRACK: track}}}
    return {"spec": {"selector": {"matchLabels": labels}, "template": template}}


def selected(wanted: dict[str, Any], live: dict[str, Any] | None, before: dict[str, Any] | None) -> Any:
    previous = {"objects": [{"ref": list(WEB), "manifest": before}]} if before else None
    found = apart([Wanted(wanted, WEB, "workloads", 2)], lambda _ref: live, previous)
    return found[0].manifest["spec"]["selector"]["matchLabels"]


@pytest.mark.parametrize("bundle", [PLAIN, TRACKED])
@pytest.mark.parametrize(
    ("live", "before", "selector"),
    [
        (None, None, TRACKED),
        (PLAIN, None, PLAIN),
        (TRACKED, None, TRACKED),
        (PLAIN, TRACKED, PLAIN),
        (TRACKED, PLAIN, TRACKED),
        (None, PLAIN, PLAIN),
        (None, TRACKED, TRACKED),
    ],
    ids=["new", "taken in", "ours", "replaced by hand", "made anew", "deleted, taken in before", "deleted"],
)
def test_what_is_there_decides_since_a_selector_never_changes(
    bundle: dict[str, str], live: dict[str, str] | None, before: dict[str, str] | None, selector: dict[str, str]
) -> None:
    known = [deployment(labels) if labels else None for labels in (live, before)]
    assert selected(deployment(bundle), *known) == selector


def test_pods_of_another_track_and_other_kinds_are_left_alone() -> None:
    assert selected(deployment(PLAIN, track="green"), None, None) == PLAIN
    service = Wanted({"spec": {"selector": {"app": "web"}}}, Ref("v1", "Service", "shop", "web"), "services", 0)
    assert apart([service], lambda _ref: None, None) == (service,)
