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
        # Who listens to the ends of rollouts and to sweeps, in workers too.
        import_module("releases.webhooks.report")
        import_module("releases.webhooks.fetching")
