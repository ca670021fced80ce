"""Secrets: a plan has them masked by keyed hashes, and the sealed blob of the rollout has them as they are."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from environments.kube.apply.masking import Mask, masked
from environments.kube.objects import Manifest, Ref, ref_of
from portal import blobs
from portal.encryption import SecretUnreadable, keyed_hash
from portal.rotation import batches
from releases.models import Rollout
from releases.plan.objects import ref_in

Sealed = dict[str, Manifest]


@dataclass(frozen=True)
class Masks:
    """What stands for values of Secrets in the plans of one environment, by its primary key.

    In one field of one object equal values, and only they, look alike. Nothing can be held against another field,
    object or environment, where somebody may try values.
    """

    environment: int

    def of(self, ref: Ref) -> Mask:
        """The masks of one object."""
        return lambda field, value: keyed_hash(value.encode(), "secret value", self.environment, ref.key, field)

    def masked(self, manifest: Manifest) -> Manifest:
        """The manifest as a plan shows it; no copy where it is no Secret."""
        return masked(manifest, self.of(ref_of(manifest))) if manifest["kind"] == "Secret" else manifest


class MasksOfBefore(Masks):
    """Those of plans of format 1: of `data` alone, and the same in all environments. Stored plans are bound to them."""

    def masked(self, manifest: Manifest) -> Manifest:
        if manifest["kind"] != "Secret":
            return manifest
        maps = {name: manifest[name] for name in ("data", "stringData") if manifest.get(name)}
        hashes = {name: {key: _hash_of_before(value) for key, value in each.items()} for name, each in maps.items()}
        return {**manifest, **hashes}


def masks_of(plan: Mapping[str, Any]) -> Masks:
    """The masks that a stored plan was made with."""
    return Masks(plan["masks"]) if "masks" in plan else MasksOfBefore(0)


def seal(manifests: Sequence[Manifest], masks: Masks) -> tuple[list[Manifest], Sealed]:
    """The manifests with masked Secrets, and these Secrets themselves by Ref.key."""
    sealed = {ref_of(each).key: each for each in manifests if each["kind"] == "Secret"}
    return [masks.masked(each) for each in manifests], sealed


def unseal(ref: Ref, manifest: Manifest, sealed: Mapping[str, Any], masks: Masks) -> Manifest:
    """The manifest with its values; ValueError where one is missing or is not the one that the plan names."""
    opened = {**manifest, **sealed.get(ref.key, {})}
    if masks.masked(opened) != manifest:
        raise ValueError(f"The stored values of {ref.text} are not those of its plan.")
    return opened


def unseal_found(ref: Ref, manifest: Manifest, sealed: Mapping[str, Any], masks: Masks) -> Manifest:
    """The same of an object as it was before the plan took it over."""
    return unseal(ref, manifest, {ref.key: sealed.get(found_key(ref), {})}, masks)


def found_key(ref: Ref) -> str:
    """Under which the values of a Secret are sealed as it was before the plan took it over."""
    return f"found:{ref.key}"


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


def sealed_digest_of(plan_digest: str) -> str | None:
    """Where the values of a plan's Secrets are; every rollout with that plan has the same. None where none has it."""
    digests = Rollout.objects.filter(plan_digest=plan_digest).values_list("sealed_digest", flat=True)
    return digests.order_by("sealed_digest").last()


def manifests_of(plan: Mapping[str, Any], sealed: Mapping[str, Any]) -> list[Manifest]:
    """The manifests of plan["objects"], in their order, with the values of Secrets; ValueError as `unseal`."""
    masks = masks_of(plan)
    return [unseal(ref_in(row), row["manifest"], sealed, masks) for row in plan["objects"]]


def unreadable() -> Iterator[str]:
    """A sentence for each rollout whose values of Secrets do not open, or are not those of its plan."""
    for keys in batches(Rollout):
        for rollout in Rollout.objects.filter(pk__in=keys).exclude(sealed_digest=""):
            try:
                sealed = load_sealed(rollout.sealed_digest)
                manifests_of(blobs.load_json(rollout.plan_digest), sealed)
            except (SecretUnreadable, blobs.BlobError, ValueError) as error:
                yield f"Rollout {rollout.pk}: {error}"


def _hash_of_before(value: str) -> str:
    return keyed_hash(value.encode(), "secret value")
