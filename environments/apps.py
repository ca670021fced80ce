"""The environments app."""

from importlib import import_module

from django.apps import AppConfig


class EnvironmentsConfig(AppConfig):
    name = "environments"

    def ready(self) -> None:
        import_module("environments.metrics")
        # What the orchestrator does: it ends changes that nobody decides, and watches clusters.
        import_module("environments.policy.changes")
        import_module("environments.workload_sync")
        import_module("environments.vouched").register()
