"""The demo's images: pushed to an OCI registry, each with the behaviour that its version stands for."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import urllib3

HOST = "registry.example"
IMAGE = re.compile(rf"image:\s*[\"']?{re.escape(HOST)}/([a-z0-9./_-]+)(?::([\w.-]+))?")
LABEL = "test.slipway/behaviour"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CRASH = {
    "crash": True,
    "exit_code": 1,
    "logs": ["starting", "panic: the schema is at version 41, this program needs 42"],
}
BEHAVIOURS: dict[str, dict[str, Any]] = {
    "1.0.0": {"startup_seconds": 1},
    # The canaries of the demo's story: a good one, and one that fails a part of its requests.
    "1.0.1": {"startup_seconds": 1},
    "1.0.2": {"startup_seconds": 1, "error_rate": 0.2},
    "1.1.0": {"startup_seconds": 3},
    "1.2.0": {"startup_seconds": 1},
    "1.3.0": {"startup_seconds": 1, "error_rate": 0.2},
    "1.4.0": CRASH,
}
TIMEOUT = urllib3.Timeout(connect=2, read=10)


def written(platform: Path) -> list[tuple[str, str]]:
    """(repository without the host, tag or "") of every image that a platform's manifests name."""
    return sorted({found for file in platform.rglob("*.yaml") for found in IMAGE.findall(file.read_text())})


def references(platform: Path, registry: str, version: str) -> dict[str, str]:
    """What a release maps its images to. Those that the bundle writes with a tag, such as redis, stay at that tag."""
    return {
        f"{HOST}/{name}:{tag}" if tag else f"{HOST}/{name}": f"{registry}/{name}:{tag or version}"
        for name, tag in written(platform)
    }


def push_all(registry: str, platforms: list[Path]) -> None:
    """Every image in every version. RuntimeError names what the registry refused."""
    pool = urllib3.PoolManager(timeout=TIMEOUT, retries=False)
    for platform in platforms:
        for name in sorted({name for name, _tag in written(platform)}):
            for version, behaviour in BEHAVIOURS.items():
                push(pool, registry, name, version, behaviour)


def push(pool: urllib3.PoolManager, registry: str, name: str, version: str, behaviour: dict[str, Any]) -> None:
    """One image: a configuration without layers, and its manifest."""
    base = f"http://{registry}/v2/{name}"
    config = _config(name, version, behaviour)
    for method, url, body, kind in _calls(pool, base, version, config):
        answer = pool.request(method, url, body=body, headers={"Content-Type": kind})
        if answer.status >= 300:
            raise RuntimeError(f"{registry} answered {answer.status} to {method} {url}: {answer.data[:200]!r}")


def _config(name: str, version: str, behaviour: dict[str, Any]) -> bytes:
    labels = {LABEL: json.dumps(behaviour), "org.opencontainers.image.title": name}
    return json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": [f"VERSION={version}"], "Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": []},
        }
    ).encode()


def _calls(pool: urllib3.PoolManager, base: str, version: str, config: bytes) -> Iterator[tuple[str, str, bytes, str]]:
    digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    started = pool.request("POST", f"{base}/blobs/uploads/")
    place = started.headers.get("Location", "")
    host = base.split("/v2/", maxsplit=1)[0]
    upload = place if place.startswith("http") else host + place
    yield "PUT", f"{upload}{'&' if '?' in upload else '?'}digest={digest}", config, "application/octet-stream"
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": digest, "size": len(config)},
        "layers": [],
    }
    yield "PUT", f"{base}/manifests/{version}", json.dumps(manifest).encode(), MANIFEST
