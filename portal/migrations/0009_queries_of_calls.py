"""The queries of addresses that are called back are encrypted, and gone once the call is done."""

from typing import Any

from django.db import migrations, models

import portal.encryption


def set_apart(apps: Any, _editor: Any) -> None:
    for call in apps.get_model("portal", "OutgoingCall").objects.filter(url__contains="?").iterator():
        call.url, _, query = call.url.partition("?")
        call.query = query if query and call.state != "done" else None
        call.save(update_fields=["url", "query"])


class Migration(migrations.Migration):
    dependencies = [("portal", "0008_published_heads")]
    operations = [
        migrations.AddField(
            "outgoingcall",
            "query",
            portal.encryption.EncryptedTextField(
                null=True, help_text="Encrypted, since it can let in whoever has it; gone once done."
            ),
        ),
        migrations.AlterField("outgoingcall", "url", models.URLField(max_length=500, help_text="Without its query.")),
        migrations.RunPython(set_apart, migrations.RunPython.noop),
    ]
