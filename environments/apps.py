"""The environments app."""

from importlib import import_module

from django.apps import AppConfig


class EnvironmentsConfig(AppConfig):
    name = "environments"

    def ready(self) -> None:
        import_module("environments.metrics")
        # What people hold there, and the sweep of changes that nobody decides, in workers too.
        import_module("environments.policy.changes")
        import_module("environments.vouched").register()
