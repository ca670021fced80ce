"""Changes of rules and grants that wait for a second person, and the right to ask for them."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('environments', '0004_admission'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='environment',
            options={'ordering': ['order', 'name'], 'permissions': [('change_policy', 'Can change the approvals and grants of an environment')]},
        ),
        migrations.CreateModel(
            name='PolicyChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(help_text='One of environments.policy.kinds.', max_length=20)),
                ('target', models.BigIntegerField(help_text='The primary key of what is to be changed.')),
                ('what', models.CharField(help_text='Its name, as it was then.', max_length=200)),
                ('environment', models.CharField(blank=True, max_length=40)),
                ('fields', models.JSONField(help_text='{field: [before, after]}')),
                ('words', models.JSONField(help_text='[[field, before, after]] for people')),
                ('state', models.CharField(choices=[('pending', 'Waits for a second person'), ('confirmed', 'Confirmed'), ('declined', 'Declined'), ('expired', 'Expired'), ('void', 'Void')], default='pending', max_length=10)),
                ('asked_by', models.CharField(max_length=200)),
                ('asked_at', models.DateTimeField(auto_now_add=True)),
                ('expires_at', models.DateTimeField()),
                ('decided_by', models.CharField(blank=True, max_length=200)),
                ('decided_at', models.DateTimeField(null=True)),
                ('why', models.TextField(blank=True)),
                ('asker', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['state', 'expires_at'], name='environment_state_578d29_idx')],
            },
        ),
    ]
