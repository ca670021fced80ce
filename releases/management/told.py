"""What the command line tells of a new version's manifests: a file, a folder, a chart elsewhere, or a repository."""

import io
import tarfile
from argparse import ArgumentParser
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import CommandError

from environments.manifests.render import images_needed
from environments.models import Environment
from environments.sources.telling import packed
from releases.ingest import open_bundle
from releases.models import Application
from releases.planning.sources import target_of

LEFT_OUT = frozenset({".git", ".hg", ".svn", ".venv", "node_modules", "__pycache__"})


class Sent(NamedTuple):
    """An archive or a file, and the token that its host may see."""

    content: bytes
    filename: str
    token: str = ""
    token_host: str = ""


def add_arguments(parser: ArgumentParser) -> None:
    """Sources elsewhere."""
    parser.add_argument(
        "--chart", default="", help="With a new version: a Helm chart, oci://HOST/PATH or a name in --repository."
    )
    parser.add_argument("--repository", default="", help="With --chart: the address of its Helm repository.")
    parser.add_argument("--chart-version", default="", help="With --chart: its version.")
    parser.add_argument("--release-name", default="", help="With --chart: what helm calls it; else the chart's name.")
    parser.add_argument(
        "--values",
        action="append",
        default=[],
        metavar="[ENVIRONMENT=]FILE",
        help="With --chart: values for all environments or for one; may be given again.",
    )
    parser.add_argument("--git", default="", metavar="ADDRESS", help="With a new version: a repository, by https://.")
    parser.add_argument("--commit", default="", help="With --git: the full hash of the commit.")
    parser.add_argument(
        "--path", default="", help="With --git: the folder that has the bundle, chart or kustomization."
    )
    parser.epilog = "SLIPWAY_SOURCE_TOKEN is shown to the host of --git and to no other."


def is_given(options: Mapping[str, Any]) -> bool:
    """Whether manifests come along. CommandError where they come twice."""
    given = [name for name in ("bundle", "chart", "git") if options[name]]
    if len(given) > 1:
        raise CommandError(f"--{given[0]} and --{given[1]} are both given; one says where the manifests are.")
    return bool(given)


def read(options: Mapping[str, Any]) -> Sent:
    """What is sent. CommandError for a file that cannot be read."""
    if options["git"]:
        git = {"repository": options["git"], "commit": options["commit"], "path": options["path"] or "."}
        host = urlsplit(options["git"]).netloc
        hosts = {"github.com": "api.github.com"}
        return Sent(packed({"git": git}), "source.tar.gz", settings.SOURCE_TOKEN, hosts.get(host, host))
    if options["chart"]:
        return Sent(packed({"helm": _helm(options)}), "source.tar.gz")
    path: Path = options["bundle"]
    return Sent(_folder(path) if path.is_dir() else _read(path), path.name)


def _helm(options: Mapping[str, Any]) -> dict[str, Any]:
    told = {
        "chart": options["chart"],
        "repository": options["repository"],
        "version": options["chart_version"],
        "release": options["release_name"],
    }
    values: dict[str, list[bytes]] = {}
    for text in options["values"]:
        environment, equals, file = text.partition("=")
        values.setdefault(environment if equals else "all", []).append(_read(Path(file if equals else text)))
    return {**{name: value for name, value in told.items() if value}, **({"values": values} if values else {})}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from None


def _folder(path: Path) -> bytes:
    """The folder as an archive, without what versions and tools keep in it."""
    out = io.BytesIO()
    try:
        with tarfile.open(fileobj=out, mode="w:gz") as archive:
            archive.add(path, arcname=".", filter=lambda info: None if _is_left_out(info.name) else info)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
    return out.getvalue()


def _is_left_out(name: str) -> bool:
    return Path(name).name in LEFT_OUT


def missing(application: Application, version: str) -> str:
    """What a first release still needs, in one line, where a bundle was uploaded before."""
    bundle = application.bundle
    images = _images(application, version)
    return (
        f"{application} has a bundle ({bundle}) and no release yet: add --current-bundle for the images that it writes"
        f"{f' ({images})' if images else ''}, or --image NAME=REFERENCE for each other."
    )


def _images(application: Application, version: str) -> str:
    places: Iterable[Environment] = Environment.objects.all()[:1]
    files = open_bundle(application.bundle) if application.bundle else None
    found = [images_needed(files, target_of(place, application.name, version), {}) for place in places if files]
    return ", ".join(sorted({image for images in found for image in images})[:5])
