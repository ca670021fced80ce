"""What is known of a release before it is planned: its texts, and what runs where it is to go."""

import re
from functools import lru_cache

from environments.manifests.bundle import contents_of
from environments.manifests.node import YamlNode, text_at
from environments.models import Environment
from releases.ingest import open_bundle
from releases.lifecycle import running_release
from releases.models import Bundle, Release
from releases.recommending.table import TITLES, Traits

# What differs between two releases in the name of one Job: a version, or the placeholder of one.
VERSION = re.compile(r"\$\{SLIPWAY_VERSION\w*\}")


def traits_of(release: Release, environment: Environment) -> Traits:
    """Asks no cluster and no registry."""
    change, migrations = _of_bundle(release.bundle_id)
    running = running_release(release.application_id, environment.pk)
    known = _of_bundle(running.release.bundle_id)[1] if running else migrations
    return Traits(
        version=release.version,
        running=running.release.version if running else "",
        change=change,
        migrations=tuple(name for name in migrations if name not in known),
        changelog=release.changelog,
    )


@lru_cache(64)
def _of_bundle(digest: str) -> tuple[str, tuple[str, ...]]:
    """The kind of change that slipway.yaml names, and the names of the Jobs that migrate."""
    contents = contents_of(open_bundle(Bundle.objects.get(pk=digest)))
    change = text_at(contents.settings[0].node, "change") if contents.settings else ""
    rendered = [document for documents in contents.rendered.values() for document in documents]
    names = {_migration(document.node) for document in (*contents.base, *rendered)}
    return (change if change in TITLES else ""), tuple(sorted(names - {""}))


def _migration(node: YamlNode) -> str:
    name = text_at(node, "metadata", "name") if node.is_map and text_at(node, "kind") == "Job" else ""
    return VERSION.sub("", name).rstrip("-") if "migrat" in name else ""
