"""What an application is configured with in an environment, and which layer each value came from."""

from dataclasses import dataclass

from environments.manifests.node import field_of
from environments.manifests.render import Rendered, images_needed, render
from environments.models import Environment
from releases.ingest import open_bundle
from releases.models import Application, Bundle
from releases.planning.sources import target_of

HIDDEN = "(hidden)"
KINDS = ("ConfigMap", "Secret")
MAPS = ("data", "binaryData")


@dataclass(frozen=True)
class ConfigurationRow:
    """One value. `layer` reads "overlay: overlays/prod/web.yaml line 7"; values of Secrets are hidden."""

    kind: str
    namespace: str
    config_map: str
    key: str
    value: str
    layer: str
    sensitive: bool


@dataclass(frozen=True)
class Configured:
    """`unused` says in sentences which entries of the environment the bundle has no place for."""

    rows: tuple[ConfigurationRow, ...]
    unused: tuple[str, ...] = ()


def preview_configuration(
    environment: Environment, application: Application, bundle: Bundle, version: str = "VERSION"
) -> Configured:
    """The entries of every ConfigMap and Secret as a rollout would apply them. Raises BundleError."""
    target = target_of(environment, application.name, version)
    files = open_bundle(bundle)
    images = {reference: reference for reference in images_needed(files, target, {})}
    rendering = render(files, target, images)
    rows = [row for each in rendering.objects if each.ref.kind in KINDS for row in _rows(each)]
    return Configured(tuple(rows), rendering.unused)


def _rows(rendered: Rendered) -> list[ConfigurationRow]:
    ref, sensitive = rendered.ref, rendered.ref.kind == "Secret"
    return [
        ConfigurationRow(
            ref.kind,
            ref.namespace,
            ref.name,
            key,
            HIDDEN if sensitive else str(value),
            rendered.provenance[field_of((name, key))].text,
            sensitive,
        )
        for name in MAPS
        for key, value in sorted((rendered.manifest.get(name) or {}).items())
    ]
