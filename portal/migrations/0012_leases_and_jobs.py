"""Long jobs, and calls that are leased as all work is; those that have ended are due no more."""

import django.db.models.deletion
from django.db import migrations, models


def due_no_more(apps, _schema):
    apps.get_model("portal", "OutgoingCall").objects.exclude(state="pending").update(due_at=None)


def due_as_before(apps, _schema):
    calls = apps.get_model("portal", "OutgoingCall").objects
    calls.filter(due_at=None).update(due_at=models.F("created_at"))


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0011_describe_fields"),
    ]

    operations = [
        migrations.CreateModel(
            name="Job",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "lease_until",
                    models.DateTimeField(editable=False, help_text="Until when its holder has it.", null=True),
                ),
                (
                    "lease_owner",
                    models.CharField(
                        blank=True, default="", editable=False, help_text="The process that has it.", max_length=100
                    ),
                ),
                (
                    "due_at",
                    models.DateTimeField(
                        db_index=True, editable=False, help_text="When it is looked at next.", null=True
                    ),
                ),
                (
                    "version",
                    models.BigIntegerField(
                        default=0,
                        editable=False,
                        help_text="Counts every change, so that no worker overwrites another.",
                    ),
                ),
                ("kind", models.CharField(help_text="What kind of work it is.", max_length=100)),
                ("arguments", models.JSONField(default=dict, help_text="What it was asked to do, in detail.")),
                ("label", models.CharField(help_text="What it does, in words.", max_length=200)),
                (
                    "target",
                    models.CharField(
                        blank=True, db_index=True, help_text="What it is about, for programs.", max_length=200
                    ),
                ),
                (
                    "requested_by",
                    models.CharField(blank=True, help_text="The name of who asked for it.", max_length=200),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="pending",
                        help_text="Whether it waits, runs, or how it ended.",
                        max_length=9,
                    ),
                ),
                (
                    "ending",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("pending", "Pending"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        help_text="How it will have ended, once it is cleaned up after.",
                        max_length=9,
                    ),
                ),
                ("why", models.TextField(blank=True, help_text="Why it failed, was cancelled or is tried again.")),
                ("result", models.JSONField(help_text="What came of it.", null=True)),
                ("checkpoint", models.JSONField(default=dict, help_text="How far it is, for whoever resumes it.")),
                (
                    "attempts",
                    models.PositiveIntegerField(default=0, editable=False, help_text="How often it was taken up."),
                ),
                ("done", models.BigIntegerField(default=0, help_text="How much is done, in units.")),
                (
                    "total",
                    models.BigIntegerField(
                        help_text="How much there is to do, in units; empty: nobody knows.", null=True
                    ),
                ),
                ("unit", models.CharField(blank=True, help_text="What is counted, such as bytes.", max_length=20)),
                ("rate", models.FloatField(help_text="Units a second, over the last half minute.", null=True)),
                ("progress_at", models.DateTimeField(help_text="When its progress was noted last.", null=True)),
                ("cancel_asked_at", models.DateTimeField(help_text="When somebody asked for it to stop.", null=True)),
                (
                    "cancel_asked_by",
                    models.CharField(blank=True, help_text="Who asked for it to stop.", max_length=200),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, help_text="When it was asked for.")),
                ("started_at", models.DateTimeField(help_text="When it was taken up first.", null=True)),
                ("finished_at", models.DateTimeField(help_text="When it ended.", null=True)),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.AddField(
            model_name="outgoingcall",
            name="lease_owner",
            field=models.CharField(
                blank=True, default="", editable=False, help_text="The process that has it.", max_length=100
            ),
        ),
        migrations.AddField(
            model_name="outgoingcall",
            name="lease_until",
            field=models.DateTimeField(editable=False, help_text="Until when its holder has it.", null=True),
        ),
        migrations.AddField(
            model_name="outgoingcall",
            name="version",
            field=models.BigIntegerField(
                default=0, editable=False, help_text="Counts every change, so that no worker overwrites another."
            ),
        ),
        migrations.AlterField(
            model_name="outgoingcall",
            name="attempts",
            field=models.PositiveIntegerField(default=0, editable=False, help_text="How often it failed in a row."),
        ),
        migrations.AlterField(
            model_name="outgoingcall",
            name="due_at",
            field=models.DateTimeField(
                db_index=True, editable=False, help_text="When it is looked at next.", null=True
            ),
        ),
        migrations.CreateModel(
            name="JobAttempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("worker", models.CharField(help_text="The process that took it up.", max_length=100)),
                ("started_at", models.DateTimeField(auto_now_add=True, help_text="When it was taken up.")),
                (
                    "job",
                    models.ForeignKey(
                        help_text="What was taken up.",
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attempts_made",
                        to="portal.job",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.RunPython(due_no_more, due_as_before),
    ]
