"""An index by which the last entry of a row is found, however long the history is."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("portal", "0009_queries_of_calls")]

    operations = [
        migrations.RemoveIndex(model_name="auditentry", name="portal_audi_target__204585_idx"),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["target_type", "target_id", "number"], name="audit_last_of_a_target"),
        ),
    ]
