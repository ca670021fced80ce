"""The shares of requests that screens show, out of the memory of steps into a field of their own."""

from django.db import migrations, models


def take_over(apps, schema_editor):
    rollouts = apps.get_model("releases", "Rollout").objects.using(schema_editor.connection.alias)
    for rollout in rollouts.exclude(cursor={}).only("cursor").iterator(chunk_size=200):
        memory = rollout.cursor.get("memory") or {}
        if weights := (memory.get("keep") or {}).get("weights"):
            rollouts.filter(pk=rollout.pk).update(shares=weights)


class Migration(migrations.Migration):
    dependencies = [("releases", "0010_leases")]

    operations = [
        migrations.AddField(
            model_name="rollout",
            name="shares",
            field=models.JSONField(
                default=dict, help_text="The percentage of each workload's requests that the new version gets."
            ),
        ),
        migrations.RunPython(take_over, migrations.RunPython.noop),
    ]
