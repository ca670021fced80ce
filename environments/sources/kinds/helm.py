"""Helm charts: a folder or a packed chart of the bundle, an OCI reference, or a chart of a repository."""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from environments.manifests.archive import Member
from environments.manifests.bundle import members_of
from environments.manifests.errors import BundleErrors
from environments.manifests.source_settings import ALL, HelmSettings, clean_path
from environments.sources.base import Made, RenderPlace, SourceKind, SourceTree, Tools, lay, one_error
from environments.sources.helm_repository import chart_in
from environments.sources.programs import Program, ProgramFailed, run

CHART = "Chart.yaml"
OF_ENVIRONMENT = re.compile(r"(?:values[-.]|values/)([a-z0-9][-a-z0-9]*)\.ya?ml")
PLACE = re.compile(r"([\w./-]+\.(?:yaml|yml|tpl|txt))(?::(\d+)|: .*?yaml: line (\d+))")
LONGEST = 1000


class _Chart(NamedTuple):
    """Where it is laid out, what it is called in errors, and what is kept of it."""

    folder: Path
    prefix: str
    origin: Mapping[str, Any]


class Helm(SourceKind):
    name = "helm"
    settings = HelmSettings

    def detect(self, paths: Collection[str]) -> HelmSettings | None:
        if CHART not in paths:
            return None
        found = {match[1]: (path,) for path in sorted(paths) if (match := OF_ENVIRONMENT.fullmatch(path))}
        return HelmSettings(values={ALL: (), **found})

    def make(self, tree: SourceTree, settings: HelmSettings, places: Sequence[RenderPlace], tools: Tools) -> Made:
        program = tools.program(self.name)
        chart = _chart(tree, settings, tools)
        wanted = _places(settings, places)
        _check_values(tree, settings)
        files = [
            Member(f"rendered/{place.environment}.yaml", _rendered(program, tree, chart, settings, place).encode())
            for place in wanted
        ]
        return Made(files, {"program": self.name, "version": _version(program, tree), **chart.origin})


def _chart(tree: SourceTree, settings: HelmSettings, tools: Tools) -> _Chart:
    if settings.repository:
        packed, url = chart_in(settings.repository, settings.chart, settings.version, tools.fetcher)
        return _packed(tree, packed, url)
    if settings.chart.startswith("oci://"):
        packed = tools.fetcher.chart(settings.chart, settings.version)
        return _packed(tree, packed, f"{settings.chart}:{settings.version}")
    path = clean_path(settings.chart)
    if path is None:
        raise one_error(f"source.helm.chart is {settings.chart!r}; it has to be inside the bundle", "slipway.yaml")
    if path in tree.paths:
        return _packed(tree, tree.at(path).read_bytes(), path)
    return _of_folder(tree.at(path), f"{path}/" if path else "", {})


def _packed(tree: SourceTree, content: bytes, name: str) -> _Chart:
    """A packed chart, unpacked as a bundle is: within limits, and without links."""
    folder = tree.scratch / "chart"
    for path, data in members_of(content, name.rpartition("/")[2]):
        lay(folder / path, data)
    return _of_folder(folder, "", {"from": name, "sha256": hashlib.sha256(content).hexdigest()})


def _of_folder(folder: Path, prefix: str, origin: Mapping[str, Any]) -> _Chart:
    if not (folder / CHART).is_file():
        raise one_error(f"there is no {CHART}: it is no Helm chart", prefix.rstrip("/"))
    try:
        said = yaml.safe_load((folder / CHART).read_bytes())
        told = {name: _plain(said[key]) for name, key in (("chart", "name"), ("chart_version", "version"))}
    except (yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError, RecursionError) as error:
        raise one_error(f"cannot be read: {str(error)[:300]}", f"{prefix}{CHART}") from None
    return _Chart(folder, prefix, {**told, **origin})


def _plain(value: Any) -> str:
    """Text or a number. TypeError for what may be made of ever more of itself."""
    if not isinstance(value, str | int | float):
        raise TypeError("name and version have to be text")
    return str(value)[:200]


def _places(settings: HelmSettings, places: Sequence[RenderPlace]) -> list[RenderPlace]:
    """The environments that the source names, or has values for; all of them where it has values for all or none."""
    named = set(settings.environments) or (set() if ALL in settings.values else set(settings.values))
    known = {place.environment for place in places}
    if unknown := sorted({*named, *settings.values} - known - {ALL}):
        # Values of environments that this portal does not have are another's business; a named one is meant.
        named -= set() if set(unknown) & set(settings.environments) else set(unknown)
    if missing := sorted(named - known):
        raise one_error(f"there is no environment {', '.join(missing)}; there are: {', '.join(sorted(known))}")
    found = [place for place in places if not named or place.environment in named]
    if not found:
        raise one_error("there is no environment that it could be rendered for")
    return found


def _check_values(tree: SourceTree, settings: HelmSettings) -> None:
    wanted = [path for paths in settings.values.values() for path in paths]
    if missing := sorted({path for path in wanted if path not in tree.paths}):
        raise one_error(f"source.helm.values names {', '.join(missing)}, which is not in the bundle", "slipway.yaml")


def _rendered(program: Program, tree: SourceTree, chart: _Chart, settings: HelmSettings, place: RenderPlace) -> str:
    values = [*settings.values.get(ALL, ()), *settings.values.get(place.environment, ())]
    version = settings.kube_version or place.kubernetes
    arguments = [
        "template", settings.release or chart.origin["chart"], str(chart.folder), "--namespace", place.namespace,
        "--include-crds", *(f"--values={tree.at(path)}" for path in values),
        *(f"--api-versions={version}" for version in settings.api_versions),
        *([f"--kube-version={version}"] if version else []),
    ]  # fmt: skip
    try:
        return run(program, arguments, tree.scratch, folder=tree.folder, environment=_home(tree))
    except ProgramFailed as failed:
        raise _told(failed.said, chart, place) from None


def _home(tree: SourceTree) -> dict[str, str]:
    names = ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HELM_PLUGINS", "HELM_REPOSITORY_CACHE")
    return {name: str(tree.scratch / "helm") for name in names} | {"HELM_NO_PLUGINS": "1"}


def _told(said: str, chart: _Chart, place: RenderPlace) -> BundleErrors:
    """helm's words, at the file and line that it names: a template's path begins with the chart's name."""
    words = re.sub(
        r"\s*Use --debug flag to render out invalid YAML\s*", "", said.removeprefix("Error: ").replace("files/", "")
    ).strip()
    found = PLACE.search(words)
    if found is None:
        return one_error(f"helm for {place.environment}: {words[:LONGEST]}")
    path = found[1]
    name = f"{chart.origin['chart']}/"
    path = f"{chart.prefix}{path.removeprefix(name)}" if path.startswith(name) else path
    return one_error(f"helm for {place.environment}: {words[:LONGEST]}", path, int(found[2] or found[3]))


def _version(program: Program, tree: SourceTree) -> str:
    try:
        return run(program, ["version", "--short"], tree.scratch, folder=tree.folder, environment=_home(tree)).strip()
    except ProgramFailed:
        return "unknown"


SOURCE = Helm()
