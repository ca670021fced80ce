"""Links that set passwords, failures to sign in, and the password that a token is tied to."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('portal', '0005_bind_values'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='SignInTally',
            fields=[
                ('key', models.CharField(help_text='Keyed hash of what is counted.', max_length=64, primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=8)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('last_at', models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.AddField(
            model_name='apitoken',
            name='password_stamp',
            field=models.CharField(default='', editable=False, help_text="Hash of the person's password hash: another one ends the token.", max_length=64),
        ),
        migrations.CreateModel(
            name='PasswordLink',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='password_link', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('reset', models.BooleanField(default=True, help_text='The account was in use before; otherwise an invitation.')),
                ('issuer', models.CharField(max_length=200)),
                ('issued_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(null=True)),
                ('confirmed_at', models.DateTimeField(null=True)),
                ('confirmer', models.CharField(blank=True, max_length=200)),
                ('issued_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-issued_at'],
            },
        ),
    ]
