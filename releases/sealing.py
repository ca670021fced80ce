"""Secret values: a plan has keyed hashes in their place, and the sealed blob of the rollout has the values."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from environments.kube.objects import Manifest, Ref, ref_of
from portal import blobs
from portal.encryption import decrypt, encrypt, keyed_hash

SEALED_MAPS = ("data", "stringData")
Sealed = dict[str, dict[str, dict[str, str]]]


def mask(value: str) -> str:
    """What stands for a secret value in plans and diffs: equal values, and only they, look alike."""
    return keyed_hash(value.encode(), "secret value")


def seal(manifests: Sequence[Manifest]) -> tuple[list[Manifest], Sealed]:
    """The manifests with hashes for the values of Secrets, and the values: {Ref.key: {map: {name: value}}}."""
    sealed = {ref_of(each).key: values for each in manifests if (values := _values(each))}
    return [_masked(each) for each in manifests], sealed


def unseal(ref: Ref, manifest: Manifest, sealed: Mapping[str, Any]) -> Manifest:
    """The manifest with its values; ValueError where one is missing or is not the one that the plan names."""
    values = sealed.get(ref.key, {})
    opened = {**manifest, **values}
    if _masked(opened) != manifest:
        raise ValueError(f"The stored values of {ref.text} are not those of its plan.")
    return opened


def store_sealed(sealed: Sealed) -> str:
    """The digest under which the values are stored. It is of their encrypted form, so that it tells nothing."""
    return blobs.store(encrypt(blobs.canonical(sealed))) if sealed else ""


def load_sealed(digest: str) -> Sealed:
    """What store_sealed stored."""
    if not digest:
        return {}
    opened: Sealed = json.loads(decrypt(blobs.load(digest)))
    return opened


def _values(manifest: Manifest) -> dict[str, dict[str, str]]:
    if manifest["kind"] != "Secret":
        return {}
    return {name: dict(manifest[name]) for name in SEALED_MAPS if manifest.get(name)}


def _masked(manifest: Manifest) -> Manifest:
    values = _values(manifest)
    return {**manifest, **{name: {key: mask(value) for key, value in each.items()} for name, each in values.items()}}
