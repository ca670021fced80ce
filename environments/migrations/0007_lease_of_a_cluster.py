"""The lease of whoever watches a cluster has the names that every lease has."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("environments", "0006_describe_fields")]

    operations = [
        migrations.RenameField("cluster", "watched_by", "lease_owner"),
        migrations.RenameField("cluster", "watched_until", "lease_until"),
        migrations.AlterField(
            model_name="cluster",
            name="lease_owner",
            field=models.CharField(
                blank=True, default="", editable=False, help_text="The process that has it.", max_length=100
            ),
        ),
        migrations.AlterField(
            model_name="cluster",
            name="lease_until",
            field=models.DateTimeField(editable=False, help_text="Until when its holder has it.", null=True),
        ),
    ]
