"""Rollouts and deliveries are leased as all work is. A delivery that has ended is due no more."""

from django.db import migrations, models


def due_no_more(apps, _schema):
    apps.get_model("releases", "Delivery").objects.exclude(outcome="fetching").update(due_at=None)


class Migration(migrations.Migration):
    dependencies = [("releases", "0009_describe_fields")]

    operations = [
        migrations.RenameField("delivery", "fetch_at", "due_at"),
        migrations.RenameField("delivery", "fetches", "attempts"),
        migrations.AddField(
            model_name="delivery",
            name="lease_owner",
            field=models.CharField(
                blank=True, default="", editable=False, help_text="The process that has it.", max_length=100
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="lease_until",
            field=models.DateTimeField(editable=False, help_text="Until when its holder has it.", null=True),
        ),
        migrations.AddField(
            model_name="delivery",
            name="version",
            field=models.BigIntegerField(
                default=0, editable=False, help_text="Counts every change, so that no worker overwrites another."
            ),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="attempts",
            field=models.PositiveIntegerField(default=0, editable=False, help_text="How often it failed in a row."),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="due_at",
            field=models.DateTimeField(
                db_index=True, editable=False, help_text="When it is looked at next.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="rollout",
            name="attempts",
            field=models.PositiveIntegerField(default=0, editable=False, help_text="How often it failed in a row."),
        ),
        migrations.AlterField(
            model_name="rollout",
            name="due_at",
            field=models.DateTimeField(
                db_index=True, editable=False, help_text="When it is looked at next.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="rollout",
            name="lease_owner",
            field=models.CharField(
                blank=True, default="", editable=False, help_text="The process that has it.", max_length=100
            ),
        ),
        migrations.AlterField(
            model_name="rollout",
            name="lease_until",
            field=models.DateTimeField(editable=False, help_text="Until when its holder has it.", null=True),
        ),
        migrations.AlterField(
            model_name="rollout",
            name="version",
            field=models.BigIntegerField(
                default=0, editable=False, help_text="Counts every change, so that no worker overwrites another."
            ),
        ),
        migrations.RunPython(due_no_more, migrations.RunPython.noop),
    ]
