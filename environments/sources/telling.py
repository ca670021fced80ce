"""A source that is told apart from any archive, by a person or a program: as an archive of its own. Pure."""

import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any

from environments.manifests.settings import SETTINGS_FILE
from environments.sources.base import one_error

MOST_FILES = 100


def packed(source: Mapping[str, Any]) -> bytes:
    """A .tar.gz of a slipway.yaml with the source, and its values as files.

    `source` is slipway.yaml's, but that values of a chart are {environment or "all": what it has}, or a list of such:
    bytes of YAML, or an object.
    """
    files: dict[str, bytes] = {}
    helm = source.get("helm")
    told = {**source, "helm": _with_files(helm, files)} if isinstance(helm, Mapping) else source
    files[SETTINGS_FILE] = json.dumps({"source": told}).encode()
    return archive(files)


def _with_files(helm: Mapping[str, Any], files: dict[str, bytes]) -> dict[str, Any]:
    values = helm.get("values")
    if values is None:
        return dict(helm)
    if not isinstance(values, Mapping):
        raise one_error("source.helm.values has to be an object of environments (or all) to their values")
    named = {name: _files(str(name), value, files) for name, value in values.items()}
    return {**helm, "values": named}


def _files(environment: str, values: Any, files: dict[str, bytes]) -> list[str]:
    found = values if isinstance(values, list) else [values]
    names = []
    for value in found:
        names.append(f"told-values/{len(files)}.yaml")
        files[names[-1]] = value if isinstance(value, bytes) else json.dumps(value).encode()
    if len(files) > MOST_FILES:
        raise one_error(f"source.helm.values has more than {MOST_FILES} values for {environment[:60]}")
    return names


def archive(files: Mapping[str, bytes]) -> bytes:
    """A .tar.gz of these files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as packing:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packing.addfile(info, io.BytesIO(content))
    return out.getvalue()
