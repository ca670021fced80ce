"""Secret values: a plan has keyed hashes in their place, and the sealed blob of the rollout has the values."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from environments.kube.objects import Manifest, Ref, ref_of
from portal import blobs
from portal.encryption import SecretUnreadable, keyed_hash
from portal.rotation import batches
from releases.models import Rollout
from releases.planning.objects import ref_in

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
    """The digest under which the values are stored. They are salted, so that it confirms no guess."""
    return blobs.store_json({"salt": secrets.token_hex(16), "values": sealed}) if sealed else ""


def load_sealed(digest: str) -> Sealed:
    """What store_sealed stored. SecretUnreadable where no key opens it, BlobError where it is not there."""
    if not digest:
        return {}
    try:
        opened: Sealed = blobs.load_json(digest)["values"]
    except ValueError:
        # Encrypted once more within: a version before lost the key of that when keys were rotated.
        raise SecretUnreadable(f"The values of Secrets under {digest} cannot be read: their key is gone.") from None
    return opened


def unreadable() -> Iterator[str]:
    """A sentence for each rollout whose values of Secrets do not open, or are not those of its plan."""
    for keys in batches(Rollout):
        for rollout in Rollout.objects.filter(pk__in=keys).exclude(sealed_digest=""):
            try:
                sealed = load_sealed(rollout.sealed_digest)
                for row in blobs.load_json(rollout.plan_digest)["objects"]:
                    unseal(ref_in(row), row["manifest"], sealed)
            except (SecretUnreadable, blobs.BlobError, ValueError) as error:
                yield f"Rollout {rollout.pk}: {error}"


def _values(manifest: Manifest) -> dict[str, dict[str, str]]:
    if manifest["kind"] != "Secret":
        return {}
    return {name: dict(manifest[name]) for name in SEALED_MAPS if manifest.get(name)}


def _masked(manifest: Manifest) -> Manifest:
    values = _values(manifest)
    return {**manifest, **{name: {key: mask(value) for key, value in each.items()} for name, each in values.items()}}
