"""Manifests as the YAML files of a bundle. Pure."""

import re
from collections.abc import Iterable
from typing import Any

import yaml

from environments.kube.objects import Manifest
from environments.manifests.bundle import BundleFile
from environments.manifests.scalars import scalar

UNSAFE = re.compile(r"[^a-z0-9.-]+")
WIDEST = 4096


class _BundleDumper(yaml.SafeDumper):
    """Quotes what a bundle's reader would take for another type, and writes lines of text as lines."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if "\n" in text:
        style = "|"
    elif not isinstance(scalar(text), str):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_BundleDumper.add_representer(str, _text)


def as_yaml(manifest: Manifest) -> str:
    """One object as a document."""
    return yaml.dump(manifest, Dumper=_BundleDumper, sort_keys=False, allow_unicode=True, width=WIDEST)


def as_files(manifests: Iterable[Manifest]) -> list[BundleFile]:
    """A file for each object: base/deployment/web.yaml."""
    found: dict[str, str] = {}
    for manifest in manifests:
        path = _path(manifest)
        while path in found:
            path = f"{path.removesuffix('.yaml')}-more.yaml"
        found[path] = as_yaml(manifest)
    return [BundleFile(path, text) for path, text in sorted(found.items())]


def _path(manifest: Manifest) -> str:
    kind, name = (_as_path(str(each)) for each in (manifest["kind"], manifest["metadata"]["name"]))
    return f"base/{kind}/{name[:200]}.yaml"


def _as_path(name: str) -> str:
    return UNSAFE.sub("-", name.lower()).strip("-.") or "object"
