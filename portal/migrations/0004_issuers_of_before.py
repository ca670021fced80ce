"""Who issued the tokens of before: the history says it."""

from django.db import migrations


def tell_issuers(apps, _schema_editor):
    """A token counts as its person's own where the history says that they issued it themself."""
    token, entry = apps.get_model("portal", "ApiToken"), apps.get_model("portal", "AuditEntry")
    for one in token.objects.all():
        issued = entry.objects.filter(verb="token.issued", target_type="portal.apitoken", target_id=str(one.pk)).first()
        if issued and issued.actor_kind == "person" and issued.actor == issued.data.get("user"):
            token.objects.filter(pk=one.pk).update(issued_by=one.user_id, in_session=True)


class Migration(migrations.Migration):
    dependencies = [("portal", "0003_token_issuers")]

    operations = [migrations.RunPython(tell_issuers, migrations.RunPython.noop)]
