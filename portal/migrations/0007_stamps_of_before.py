"""Ties the tokens of before to the passwords that their people have now."""

import hashlib

from django.db import migrations


def stamp(apps, _schema_editor):
    """As portal.tokens does at issue."""
    token = apps.get_model("portal", "ApiToken")
    for one in token.objects.filter(password_stamp="").select_related("user"):
        stamped = hashlib.sha256(one.user.password.encode()).hexdigest()
        token.objects.filter(pk=one.pk).update(password_stamp=stamped)


class Migration(migrations.Migration):
    dependencies = [("portal", "0006_password_links")]

    operations = [migrations.RunPython(stamp, migrations.RunPython.noop)]
