"""Every read of the API and the pages: its addresses, and who may. tests/releases/test_reads.py walks the table."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from ninja.operation import PathView


@dataclass(frozen=True)
class Read:
    """One route. `right`: what it takes, and where; `addresses` are formatted with what an environment has.

    open: nothing · signed-in: a person or token · inside: a role anywhere · view: to see the environment of the
    address · configure: to configure that one · request: to ask for a rollout anywhere · audit: to audit any ·
    audit-all: to audit every environment.
    """

    right: str
    addresses: tuple[str, ...]
    status: int = 200


ROLLOUT = "/rollouts/{rollout}"
READS: Mapping[str, Read] = {
    "GET api/v1/": Read("open", ("/api/v1/",), 404),
    "GET api/v1/openapi.json": Read("open", ("/api/v1/openapi.json",)),
    "GET api/v1/releases": Read("signed-in", ("/api/v1/releases", "/api/v1/releases?limit=5")),
    "GET api/v1/releases/<release_id>": Read("inside", ("/api/v1/releases/{release}",)),
    "GET api/v1/release-requests/<request_id>": Read("inside", ("/api/v1/release-requests/{asked}",)),
    "GET api/v1/rollouts": Read(
        "signed-in", ("/api/v1/rollouts", "/api/v1/rollouts?environment={place}", "/api/v1/rollouts?application=shop")
    ),
    "GET api/v1/rollouts/<rollout_id>": Read("view", ("/api/v1/rollouts/{rollout}", "/api/v1/rollouts/{waiting}")),
    "GET api/v1/rollouts/<rollout_id>/plan": Read("view", ("/api/v1/rollouts/{rollout}/plan",)),
    "GET api/v1/revisions": Read("view", ("/api/v1/revisions?application=shop&environment={place}",)),
    "GET api/v1/revisions/compare": Read(
        "view", ("/api/v1/revisions/compare?application=shop&environment={place}&before=1&after=2",)
    ),
    "GET api/v1/environments": Read("signed-in", ("/api/v1/environments",)),
    "GET api/v1/matrix": Read("signed-in", ("/api/v1/matrix",)),
    "GET api/v1/audit": Read("audit", ("/api/v1/audit?limit=1000", "/api/v1/audit?environment={place}")),
    "GET ": Read("signed-in", ("/",)),
    "GET approvals": Read("signed-in", ("/approvals", "/approvals?rollout={waiting}")),
    "GET rollouts": Read(
        "signed-in", ("/rollouts", "/rollouts?environment={place}", "/rollouts?by={mark}", "/rollouts?version=1")
    ),
    "GET rollouts/new": Read("request", ("/rollouts/new", "/rollouts/new?release={release}&environment={place}")),
    "GET rollouts/<int:pk>": Read(
        "view",
        (
            ROLLOUT,
            *(f"{ROLLOUT}?tab={tab}" for tab in ("now", "changes", "approvals", "activity", "release")),
            "/rollouts/{waiting}",
            "/rollouts/{failed}",
        ),
    ),
    "GET rollouts/<int:pk>/workloads/<slug:kind>/<slug:namespace>/<str:name>": Read(
        "view",
        (f"{ROLLOUT}/workloads/Deployment/{{mark}}/web", f"{ROLLOUT}/workloads/Deployment/{{mark}}/web?pod=web-1"),
    ),
    "GET rollouts/<int:pk>/<slug:verb>": Read("view", ("/rollouts/{waiting}/approve", "/rollouts/{failed}/retry")),
    "GET applications/<slug:name>/bundle": Read("inside", ("/applications/shop/bundle",)),
    "GET environments": Read("signed-in", ("/environments",)),
    "GET environments/<slug:name>": Read("view", ("/environments/{place}",)),
    "GET environments/<slug:name>/import": Read("configure", ("/environments/{place}/import",)),
    "GET environments/<slug:name>/configuration": Read("view", ("/environments/{place}/configuration",), 302),
    "GET environments/<slug:name>/configuration/<slug:application>": Read(
        "view", ("/environments/{place}/configuration/shop",)
    ),
    "GET revisions/<slug:application>/<slug:environment>": Read(
        "view", ("/revisions/shop/{place}", "/revisions/shop/{place}?from=1&to=2")
    ),
    "GET history": Read(
        "signed-in", ("/history", "/history?q={mark}", "/history?environment={place}", "/history?rollout={rollout}")
    ),
    "GET history/export": Read("audit-all", ("/history/export?without-heads=a+test",)),
    "GET account": Read("signed-in", ("/account",)),
    "GET account/password": Read("signed-in", ("/account/password",)),
    "GET password/<uidb64>/<token>": Read("open", ("/password/MQ/no-such-link",)),
    "GET sign-in": Read("open", ("/sign-in",)),
    "GET healthz": Read("open", ("/healthz",)),
    "GET readyz": Read("open", ("/readyz",)),
}
ACTS = frozenset(
    {
        "GET webhooks/<slug:provider>/<slug:source>",
        "GET sign-out",
        "GET account/tokens",
        "GET account/tokens/<int:pk>/revoke",
        "POST api/v1/releases",
        "POST api/v1/bundles",
        "POST api/v1/rollouts",
        "POST api/v1/rollouts/<rollout_id>/<verb>",
        "POST api/v1/undo",
        "PUT api/v1/applications/<name>/bundle",
    }
)
"""What changes something, or takes no GET at all."""
ELSEWHERE = ("metrics", "admin/")
"""Walked by tests of their own: /metrics by tests/portal/test_pages.py, the admin by the tests of the history."""


def routes() -> set[str]:
    """METHOD and route of everything that the portal answers, but for the admin's."""
    return set(_walk(get_resolver(), ""))


def _walk(resolver: URLResolver, prefix: str) -> Iterator[str]:
    for each in resolver.url_patterns:
        route = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from _walk(each, route)
        elif not route.startswith(ELSEWHERE):
            yield from (f"{method} {route}" for method in _methods(each))


def _methods(pattern: URLPattern) -> list[str]:
    found = _path_view(pattern.callback)
    return sorted({method for operation in found.operations for method in operation.methods}) if found else ["GET"]


def _path_view(callback: Any) -> PathView | None:
    cells = getattr(callback, "__closure__", None) or ()
    return next((cell.cell_contents for cell in cells if isinstance(cell.cell_contents, PathView)), None)
