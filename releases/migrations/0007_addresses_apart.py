"""Addresses of bundles and callbacks lose their queries, which can let in whoever has them.

What a delivery still fetches, and what is called back, is encrypted apart.
"""

from typing import Any

from django.db import migrations, models

import portal.encryption


def set_bundles_apart(apps: Any, _editor: Any) -> None:
    for delivery in apps.get_model("releases", "Delivery").objects.filter(body__has_key="bundle").iterator():
        bundle = delivery.body["bundle"]
        url = bundle.get("url") if isinstance(bundle, dict) else None
        if not url or not isinstance(url, str):
            continue
        delivery.bundle_url = url if delivery.outcome == "fetching" else None
        delivery.body["bundle"]["url"] = _shown(url)
        delivery.save(update_fields=["bundle_url", "body"])


def set_callbacks_apart(apps: Any, _editor: Any) -> None:
    for source in apps.get_model("releases", "WebhookSource").objects.filter(callback_url__contains="?").iterator():
        source.callback_url, _, query = source.callback_url.partition("?")
        source.callback_query = query or None
        source.save(update_fields=["callback_url", "callback_query"])


def _shown(url: str) -> str:
    scheme, mark, rest = url.partition("?")[0].partition("#")[0].partition("//")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


class Migration(migrations.Migration):
    dependencies = [("releases", "0006_step_said")]
    operations = [
        migrations.AddField(
            "delivery",
            "bundle_url",
            portal.encryption.EncryptedTextField(
                editable=False, null=True, help_text="Where its bundle is fetched from, whole, until that has ended."
            ),
        ),
        migrations.AddField(
            "webhooksource",
            "callback_query",
            portal.encryption.EncryptedTextField(
                editable=False, null=True, help_text="What stands after the callback address' question mark."
            ),
        ),
        migrations.AlterField(
            "delivery",
            "body",
            models.JSONField(help_text="As it came, but for what lets in whoever has it: releases.webhooks.kept."),
        ),
        migrations.AlterField(
            "webhooksource",
            "callback_url",
            models.URLField(
                blank=True,
                help_text="Told how each rollout ended, signed with the source's secret. Without its query.",
            ),
        ),
        migrations.RunPython(set_bundles_apart, migrations.RunPython.noop),
        migrations.RunPython(set_callbacks_apart, migrations.RunPython.noop),
    ]
