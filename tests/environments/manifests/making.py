"""Bundles for tests, made of text."""

import io
import tarfile
import textwrap
import zipfile
from collections.abc import Mapping
from dataclasses import replace

from environments.manifests.bundle import ManifestBundle, read_bundle
from environments.manifests.configuration import ConfiguredValue
from environments.manifests.target import RenderTarget

DEV = RenderTarget("dev", "shop-dev", "shop", "1.2.0")
WEB_IMAGE = "127.0.0.1:5000/web@sha256:" + "a" * 64
IMAGES = {"web": WEB_IMAGE}

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: web-config
data:
  LEVEL: info
"""
SECRET = """\
apiVersion: v1
kind: Secret
metadata:
  name: web-secrets
stringData:
  PASSWORD: hush
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: 2
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: web
          image: registry.example/web
          env:
            - {name: LEVEL, value: info}
          envFrom:
            - configMapRef: {name: web-config}
"""


def tar_gz(files: Mapping[str, str | bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for path, text in files.items():
            add(archive, path, text)
    return content.getvalue()


def add(archive: tarfile.TarFile, path: str, text: str | bytes) -> None:
    data = text.encode() if isinstance(text, str) else text
    info = tarfile.TarInfo(path)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return content.getvalue()


def bundle(**files: str) -> ManifestBundle:
    """A bundle of `base` (base/app.yaml), `dev` (overlays/dev/app.yaml) and `slipway` (slipway.yaml)."""
    paths = {"base": "base/app.yaml", "dev": "overlays/dev/app.yaml", "slipway": "slipway.yaml"}
    return read_bundle(tar_gz({paths[name]: textwrap.dedent(text) for name, text in files.items()}), "shop.tar.gz")


def dev(*configuration: ConfiguredValue, **changes: object) -> RenderTarget:
    return replace(DEV, configuration=configuration, **changes)
