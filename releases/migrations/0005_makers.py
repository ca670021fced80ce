"""Who made the content of releases and bundles; of what is there already as far as it is known."""

from django.conf import settings
from django.db import migrations, models

BY_PEOPLE = ("api", "cli")


def tell(apps, _schema_editor):
    """Whoever wrote the commit and created the release; of a bundle, who created the first release with it."""
    Release = apps.get_model("releases", "Release")
    ids = dict(apps.get_model(settings.AUTH_USER_MODEL).objects.values_list("username", "pk"))
    uploaded = set()
    for release in Release.objects.order_by("pk").select_related("bundle").iterator(chunk_size=500):
        name = release.created_by.partition(" (token ")[0].removeprefix("shell:")
        user = {"user": ids[name]} if name in ids else {}
        author = {"who": release.commit_author, "how": "wrote", "part": "commit"}
        release.makers = [author] if release.commit_author else []
        release.makers += [{"who": name, "how": "created", "part": "release", **user}]
        release.save(update_fields=["makers"])
        if release.bundle_id not in uploaded and release.source in BY_PEOPLE:
            release.bundle.makers = [{"who": name, "how": "uploaded", "part": "bundle", **user}]
            release.bundle.save(update_fields=["makers"])
        uploaded.add(release.bundle_id)


class Migration(migrations.Migration):
    dependencies = [
        ("releases", "0004_votes_of_before"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="bundle",
            name="makers",
            field=models.JSONField(default=list, help_text="Who uploaded it: releases.makers.Maker of each."),
        ),
        migrations.AddField(
            model_name="release",
            name="makers",
            field=models.JSONField(default=list, help_text="Who made its content: releases.makers.Maker of each."),
        ),
        migrations.RunPython(tell, migrations.RunPython.noop),
    ]
