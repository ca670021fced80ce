"""What environments admit. Those that are there already warn, so that nothing which went in yesterday is refused tonight."""

from django.db import migrations, models


def warn_where_it_would_refuse(apps, _schema_editor):
    apps.get_model("environments", "Environment").objects.filter(required_approvals__gt=0).update(admission="warn")


class Migration(migrations.Migration):

    dependencies = [
        ('environments', '0003_bind_values'),
    ]

    operations = [
        migrations.AddField(
            model_name='environment',
            name='admission',
            field=models.CharField(blank=True, choices=[('allow', 'Allow'), ('warn', 'Warn'), ('refuse', 'Refuse')], help_text="What becomes of a bundle that asks for much: privileged pods, the node's files, others' hosts. Empty: refused where approvals are required, else warned of.", max_length=6),
        ),
        migrations.AddField(
            model_name='environment',
            name='admission_rules',
            field=models.TextField(blank=True, help_text='Other levels for single checks, one a line: host-path allow.'),
        ),
        migrations.AddField(
            model_name='environment',
            name='allowed_registries',
            field=models.TextField(blank=True, help_text='Where images may come from, one a line: ghcr.io/example, *.azurecr.io. Empty: anywhere.'),
        ),
        migrations.AddField(
            model_name='environment',
            name='hosts',
            field=models.TextField(blank=True, help_text='Hosts that belong to this environment, one a line; * stands for any characters. Bundles of other environments may not take them.'),
        ),
        migrations.RunPython(warn_where_it_would_refuse, migrations.RunPython.noop),
    ]
