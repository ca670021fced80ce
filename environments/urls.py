"""The addresses of environments."""

from django.urls import path

from environments import pages

urlpatterns = [
    path("environments", pages.index, name="environments"),
    path("environments/<slug:name>", pages.show, name="environment"),
]
