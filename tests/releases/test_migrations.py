"""What a database of before holds goes on under the present code."""

from importlib import import_module

import pytest
from django.apps import apps

from portal.actors import SYSTEM
from releases import actions, ingest
from releases.models import Bundle, Release
from releases.states import Phase
from tests.releases.world import WEB, World, archive

pytestmark = pytest.mark.django_db


def test_makers_of_releases_of_before_are_who_wrote_created_and_uploaded_as_far_as_it_is_known(world: World) -> None:
    bundle = world.bundle()
    own = ingest.store_bundle(SYSTEM, world.application, archive({"base/own.yaml": WEB}), "own.tar.gz")
    for version, by, source, brought in (
        ("1.0.0", "github/shop", "github/shop", bundle),
        ("1.1.0", "lead (token laptop)", "api", own),
        ("1.2.0", "shell:lead2", "cli", own),
    ):
        Release.objects.create(
            application=world.application,
            version=version,
            bundle=brought,
            source=source,
            created_by=by,
            commit_author="ann" if version == "1.0.0" else "",
        )
    Bundle.objects.update(makers=[])
    import_module("releases.migrations.0005_makers").tell(apps, None)
    made = {release.version: {each.did + " " + each.who for each in release.made_by} for release in _releases()}
    assert made == {
        "1.0.0": {"wrote the commit ann", "created the release github/shop"},
        "1.1.0": {"created the release lead", "uploaded the bundle lead"},
        "1.2.0": {"created the release lead2", "uploaded the bundle lead"},
    }
    rollout = world.rollout(Phase.AWAITING_APPROVAL, version="1.1.0")
    assert actions.offer(world.people["lead"], rollout, "approve").why_not.startswith("You created the release")
    assert actions.offer(world.people["lead2"], rollout, "approve").allowed


def _releases() -> list[Release]:
    return list(Release.objects.select_related("bundle"))
