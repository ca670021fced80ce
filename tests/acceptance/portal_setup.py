"""Run as a process of its own, with the portal's variables: lays what an administrator would, and tells it as JSON.

Standard input: {"kubeconfig": text, "registry": host:port, "prometheus": URL or "", "url", "demo": the platforms'
folder, "shops": [names]}.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command


def main(wanted: dict[str, Any]) -> dict[str, Any]:
    """The demo's people, environments and platforms, a source of webhooks for each, and small applications."""
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    from demo import images, seed
    from environments.models import Environment
    from releases.models import Application, WebhookSource

    users = seed.people()
    seed.environments(wanted["kubeconfig"], wanted["prometheus"])
    webhooks = {}
    for application in seed.applications(Path(wanted["demo"])):
        references = images.references(Path(wanted["demo"]) / application.name, wanted["registry"], "{version}")
        webhooks[application.name] = seed.webhooks(application, references, wanted["url"])
    for source in WebhookSource.objects.all():
        source.rollout_to.set(Environment.objects.all())
    for name in wanted["shops"]:
        Application.objects.create(name=name, title="Shop")
    return {"users": users, "webhooks": webhooks}


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    django.setup()
    json.dump(main(json.load(sys.stdin)), sys.stdout)
