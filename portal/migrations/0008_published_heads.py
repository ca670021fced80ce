"""Heads in the database beside those in the folder, and what keeps a part that works in the background from its work."""

from django.db import migrations, models

from portal.audit import guard

HEADS = "portal_publishedhead"


def install(_apps, schema_editor):
    guard.install(schema_editor.connection, schema_editor.execute, HEADS)


def remove(_apps, schema_editor):
    guard.remove(schema_editor.connection, schema_editor.execute, HEADS)


class Migration(migrations.Migration):
    dependencies = [("portal", "0007_stamps_of_before")]

    operations = [
        migrations.CreateModel(
            name="PublishedHead",
            fields=[
                ("sequence", models.BigIntegerField(primary_key=True, serialize=False)),
                ("number", models.BigIntegerField(db_index=True)),
                ("line", models.TextField()),
            ],
            options={"ordering": ["sequence"]},
        ),
        migrations.AddField(
            model_name="heartbeat",
            name="trouble",
            field=models.TextField(
                blank=True, default="", help_text="What keeps it from its work, in words."
            ),
        ),
        migrations.RunPython(install, remove),
    ]
