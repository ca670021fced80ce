"""The audit log's triggers, and the index that the queue's claims run on."""

from django.db import migrations

from portal.audit import guard


def install(_apps, schema_editor):
    guard.install(schema_editor.connection, schema_editor.execute)


def remove(_apps, schema_editor):
    guard.remove(schema_editor.connection, schema_editor.execute)


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0001_initial"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [
        migrations.RunPython(install, remove),
        migrations.RunSQL(
            'CREATE INDEX slipway_queue_due ON django_q_ormq ("key", "lock", "id")',
            "DROP INDEX slipway_queue_due",
        ),
    ]
