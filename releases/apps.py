"""The releases app."""

from importlib import import_module

from django.apps import AppConfig


class ReleasesConfig(AppConfig):
    name = "releases"

    def ready(self) -> None:
        import_module("releases.metrics")
        import_module("releases.vouched").register()
        import_module("portal.rotation").also_prove(import_module("releases.plan.secret_values").unreadable)
        import_module("releases.actions.voiding")
        # What the orchestrator looks after.
        import_module("releases.orchestrator.work")
        import_module("releases.webhooks.fetching")
        import_module("releases.webhooks.rendering")
        import_module("releases.api.release_requests")
        # Who listens to the ends of rollouts, in workers too.
        import_module("releases.webhooks.report")
