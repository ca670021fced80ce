"""Every address of the portal; the apps' own are included."""

from django.contrib import admin
from django.urls import include, path

from portal import health, metrics

handler400 = "portal.errors.bad_request"
handler500 = "portal.errors.server_error"

urlpatterns = [
    path("", include("portal.people.urls")),
    path("", include("releases.urls")),
    path("", include("environments.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.page),
]
