"""The environments app."""

from importlib import import_module

from django.apps import AppConfig


class EnvironmentsConfig(AppConfig):
    name = "environments"

    def ready(self) -> None:
        import_module("environments.metrics")
