"""The addresses of releases: pages, and the API and webhooks beside them."""

from django.urls import path

from releases.api import api
from releases.pages import (
    approvals,
    bundles,
    configuration,
    history,
    importing,
    matrix,
    request_form,
    revisions,
    rollout,
    rollouts,
    workloads,
)
from releases.webhooks.receive import receive

urlpatterns = [
    path("webhooks/<slug:provider>/<slug:source>", receive, name="webhook"),
    path("api/v1/", api.urls),
    path("", matrix.show, name="matrix"),
    path("approvals", approvals.show, name="approvals"),
    path("rollouts", rollouts.show, name="rollouts"),
    path("rollouts/new", request_form.ask, name="ask"),
    path("rollouts/<int:pk>", rollout.show, name="rollout"),
    path("rollouts/<int:pk>/workloads/<slug:kind>/<slug:namespace>/<str:name>", workloads.show, name="workload"),
    path("rollouts/<int:pk>/<slug:verb>", rollout.act, name="rollout-verb"),
    path("environments/<slug:name>/import", importing.show, name="import"),
    path("environments/<slug:name>/configuration", configuration.first, name="configuration-first"),
    path("environments/<slug:name>/configuration/<slug:application>", configuration.show, name="configuration"),
    path("applications/<slug:name>/bundle", bundles.show, name="bundles"),
    path("revisions/<slug:application>/<slug:environment>", revisions.show, name="revisions"),
    path("history", history.show, name="history"),
    path("history/export", history.export, name="history-export"),
]
