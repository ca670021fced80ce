"""slipway.yaml's `source`: what a bundle is rendered from, where it is no plain YAML."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .node import Place, YamlNode

if TYPE_CHECKING:
    from .settings import Read, _SettingsReader

ALL = "all"
COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
RELEASE = re.compile(r"[a-z0-9]([-a-z0-9.]{0,51}[a-z0-9])?")
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")


@dataclass(frozen=True)
class HelmSettings:
    """`chart`: a folder or packed chart of the bundle, an oci:// reference, or a name in `repository`.

    `values`: files of the bundle by environment, those of ALL first. `environments`: where it goes; none for all that
    there are, or that have values.
    """

    chart: str = "."
    repository: str = ""
    version: str = ""
    release: str = ""
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    environments: tuple[str, ...] = ()
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()

    @property
    def is_remote(self) -> bool:
        return bool(self.repository) or self.chart.startswith("oci://")


@dataclass(frozen=True)
class KustomizeSettings:
    """`path`: a folder that every environment takes which has none of its own in `overlays`."""

    path: str = ""
    overlays: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class GitSettings:
    """A folder of a repository at a commit; what is in it is taken as a bundle is.

    `archive`: where a .tar.gz or .zip of the commit is, with {commit} for its hash; "" where the host's own has it.
    """

    repository: str = ""
    commit: str = ""
    path: str = ""
    archive: str = ""


SourceSettings = HelmSettings | KustomizeSettings | GitSettings


def read_source(reader: "_SettingsReader", node: YamlNode, place: Place) -> SourceSettings | None:
    """One of helm, kustomize and git."""
    found = reader.fields(node, place, helm=_helm, kustomize=_kustomize, git=_git)
    if len(found) > 1 or (isinstance(node.value, dict) and not node.value):
        reader.tell(node, place, "one of helm, kustomize and git is needed")
        return None
    return next(iter(found.values()), None)


def _helm(reader: "_SettingsReader", node: YamlNode, place: Place) -> HelmSettings:
    found = reader.fields(
        node,
        place,
        chart=_text,
        repository=_url,
        version=_fitting(VERSION, "a chart's version"),
        release=_fitting(RELEASE, "a release's name: lower-case letters, digits, dashes, at most 53"),
        values=_by_environment,
        environments=_texts,
        kubeVersion=_fitting(VERSION, "a version such as 1.33"),
        apiVersions=_texts,
    )
    settings = HelmSettings(**{NAMES.get(key, key): value for key, value in found.items()})
    if settings.is_remote and not settings.version:
        reader.tell(node, (*place, "version"), "is missing: what a release brings never changes")
    if settings.repository and settings.chart == ".":
        reader.tell(node, (*place, "chart"), "is missing: the chart's name in the repository")
    return settings


def _kustomize(reader: "_SettingsReader", node: YamlNode, place: Place) -> KustomizeSettings:
    return KustomizeSettings(**reader.fields(node, place, path=_path, overlays=_paths))


def _git(reader: "_SettingsReader", node: YamlNode, place: Place) -> GitSettings:
    required = ("repository", "commit")
    commit = _fitting(COMMIT, "a commit's full hash; a branch or tag may come to name another")
    found = reader.fields(node, place, required, repository=_url, commit=commit, path=_path, archive=_url)
    return GitSettings(**found)


NAMES = {"kubeVersion": "kube_version", "apiVersions": "api_versions"}


def _text(reader: "_SettingsReader", node: YamlNode, place: Place) -> str | None:
    if isinstance(node.value, str) and node.value and "\0" not in node.value:
        return str(node.value)
    reader.tell(node, place, "text is needed")
    return None


def _fitting(pattern: re.Pattern[str], what: str) -> "Read":
    def read(reader: "_SettingsReader", node: YamlNode, place: Place) -> str | None:
        text = str(node.value) if isinstance(node.value, str | int | float) else ""
        if pattern.fullmatch(text):
            return text
        reader.tell(node, place, f"{what} is needed")
        return None

    return read


def _url(reader: "_SettingsReader", node: YamlNode, place: Place) -> str | None:
    if isinstance(node.value, str) and re.match(r"https?://[^\s@]+\Z", node.value):
        return str(node.value)
    reader.tell(node, place, "an address that starts with https:// is needed, without a password")
    return None


def _path(reader: "_SettingsReader", node: YamlNode, place: Place) -> str | None:
    path = clean_path(node.value) if isinstance(node.value, str) else None
    if path is None:
        reader.tell(node, place, "a path inside the bundle is needed")
    return path


def clean_path(text: str) -> str | None:
    """The path without dots, "" for the bundle's root; None where it leads out of it."""
    parts = [part for part in text.split("/") if part not in ("", ".")]
    wrong = text.startswith("/") or ".." in parts or "\\" in text or "\0" in text
    return None if wrong else "/".join(parts)


def _texts(reader: "_SettingsReader", node: YamlNode, place: Place) -> tuple[str, ...] | None:
    return _each(reader, node, place, _text)


def _each(reader: "_SettingsReader", node: YamlNode, place: Place, read: "Read") -> tuple[str, ...] | None:
    if not isinstance(node.value, list):
        reader.tell(node, place, "a list is needed")
        return None
    found = [read(reader, child, (*place, index)) for index, child in enumerate(node.value)]
    return tuple(each for each in found if each is not None)


def _by_environment(reader: "_SettingsReader", node: YamlNode, place: Place) -> dict[str, tuple[str, ...]] | None:
    """A file or a list of files for each environment; a file or a list alone is for all."""
    if not isinstance(node.value, dict):
        return {ALL: _files(reader, node, place)}
    return {name: _files(reader, child, (*place, name)) for name, child in node.value.items()}


def _files(reader: "_SettingsReader", node: YamlNode, place: Place) -> tuple[str, ...]:
    if isinstance(node.value, list):
        return _each(reader, node, place, _path) or ()
    found = _path(reader, node, place)
    return (found,) if found is not None else ()


def _paths(reader: "_SettingsReader", node: YamlNode, place: Place) -> dict[str, Any] | None:
    if not isinstance(node.value, dict):
        reader.tell(node, place, "a map of environments to folders is needed")
        return None
    found = {name: _path(reader, child, (*place, name)) for name, child in node.value.items()}
    return {name: path for name, path in found.items() if path is not None}
