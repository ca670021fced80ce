"""One spelling of a verb everywhere: intents as rules, rights and the API spell them."""

from django.db import migrations, models

SPELLED = {"promote fully": "promote-fully", "roll back": "rollback"}


def respell(apps, schema_editor):
    rollouts = apps.get_model("releases", "Rollout").objects.using(schema_editor.connection.alias)
    for before, now in SPELLED.items():
        rollouts.filter(intent=before).update(intent=now)


class Migration(migrations.Migration):
    dependencies = [("releases", "0011_shares")]

    operations = [
        migrations.RunPython(respell, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="rollout",
            name="intent",
            field=models.CharField(
                blank=True,
                choices=[
                    ("start", "start"),
                    ("pause", "pause"),
                    ("resume", "resume"),
                    ("promote", "promote"),
                    ("promote-fully", "promote fully"),
                    ("retry", "retry"),
                    ("abort", "abort"),
                    ("rollback", "roll back"),
                ],
                help_text="What a person asked for and is not done yet.",
                max_length=20,
            ),
        ),
    ]
