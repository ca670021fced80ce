"""The portal app."""

from importlib import import_module

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        import_module("portal.checks")
        import_module("portal.people.sweeping")
        # What the orchestrator looks after, and what is told of it.
        import_module("portal.outbound.calls")
        import_module("portal.orchestration.jobs.leasing")
        import_module("portal.orchestration.jobs.metrics")
