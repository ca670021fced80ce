"""Small charts and kustomizations of the kinds that people have, and tools whose programs do what a test says."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from environments.manifests.archive import Member
from environments.manifests.settings import SETTINGS_FILE
from environments.sources import Made, RenderPlace, SourceFetcher, Tools, made_of
from environments.sources.programs import Program, find_program

PLACES = [RenderPlace("dev", "shop-dev", "v1.36.3"), RenderPlace("prod", "shop-prod", "v1.34.8-gke.1031000")]
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "registry.example/shop/web:1.0.0"}]}
"""
CHART = {
    "Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.2.3\n",
    "values.yaml": "replicas: 1\n",
    "values-prod.yaml": "replicas: 3\n",
    "templates/_helpers.tpl": '{{- define "web.name" -}}{{ .Release.Name }}-web{{- end }}\n',
    "templates/NOTES.txt": "Thank you.\n",
    "templates/web.yaml": WEB.replace("name: web}\nspec", 'name: {{ include "web.name" . }}}\nspec').replace(
        "replicas: 1", "replicas: {{ .Values.replicas }}"
    ),
}
KUSTOMIZATION = {
    "base/kustomization.yaml": "resources: [web.yaml]\n",
    "base/web.yaml": WEB,
    "overlays/dev/kustomization.yaml": "resources: [../../base]\n",
    "overlays/prod/kustomization.yaml": "resources: [../../base]\nreplicas: [{name: web, count: 3}]\n",
}


class NoFetcher:
    """A SourceFetcher that nobody may ask."""

    def get(self, url: str, limit: int) -> bytes:
        raise AssertionError(f"{url} is asked for {limit} bytes")

    def chart(self, reference: str, version: str) -> bytes:
        raise AssertionError(f"{reference} is asked for {version}")


def members(files: Mapping[str, str], settings: str = "") -> list[Member]:
    told = {SETTINGS_FILE: settings} if settings else {}
    return [Member(path, text.encode()) for path, text in {**files, **told}.items()]


def tools(fetcher: SourceFetcher | None = None, **programs: Program | None) -> Tools:
    """The real programs where they are there, unless others are given."""
    real = {
        "helm": find_program(os.environ.get("SLIPWAY_TEST_HELM", ""), "helm"),
        "kustomize": find_program("", "kubectl kustomize"),
    }
    settings = {"helm": "SLIPWAY_HELM", "kustomize": "SLIPWAY_KUSTOMIZE"}
    return Tools(fetcher or NoFetcher(), {**real, **programs}, settings)


def made(files: Mapping[str, str], settings: str = "", **given: object) -> Made:
    """What becomes of the files."""
    return made_of(members(files, settings), PLACES, tools(**given))


def texts(result: Made) -> dict[str, str]:
    return {path: content.decode() for path, content in result.members}


def script(folder: Path, source: str) -> Program:
    """A program of these lines of Python."""
    place = folder / "program.py"
    place.write_text(source)
    return Program((sys.executable, str(place)))
