"""Encrypted values are bound to their rows and fields: what is copied elsewhere does not open there."""

from typing import Any

from django.db import migrations

import portal.encryption
from portal.unbound import bind


def bind_values(apps: Any, _editor: Any) -> None:
    for name in ("Blob", "OutgoingCall"):
        bind(apps.get_model("portal", name))


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("portal", "0004_issuers_of_before")]
    operations = [
        migrations.AlterField("blob", "content", portal.encryption.EncryptedField()),
        migrations.RunPython(bind_values, migrations.RunPython.noop),
    ]
