"""Encrypted values are bound to their rows and fields: what is copied elsewhere does not open there."""

from typing import Any

from django.db import migrations

from portal.unbound import bind


def bind_values(apps: Any, _editor: Any) -> None:
    for name in ("Cluster", "Environment", "ConfigurationEntry", "RegistryAccount"):
        bind(apps.get_model("environments", name))


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("environments", "0002_sensitive_by_default")]
    operations = [migrations.RunPython(bind_values, migrations.RunPython.noop)]
