"""Applies a manifest over what stands in its way: see `unions`. The write and its dry run see the same."""

from collections.abc import Callable

from environments.kube.api.client import Applied, Gateway
from environments.kube.api.errors import Rejected
from environments.kube.apply.guards import guard_of
from environments.kube.apply.unions import (
    FieldPath,
    as_it_is,
    as_it_will_be,
    left_over,
    owned_as_it_will_be,
    owning_patch,
)
from environments.kube.names import MANAGER
from environments.kube.objects import Manifest, ref_of

ROUNDS = 5  # the server may name one field after the other


def apply_over(gateway: Gateway, manifest: Manifest, live: Manifest | None) -> Applied:
    """The forced apply on this version of the object, once what stands in its way is ours and so goes with it.

    Raises what Gateway.apply raises.
    """
    current = live

    def attempt(paths: tuple[FieldPath, ...]) -> Applied:
        nonlocal current
        if paths and current is not None:
            current = gateway.json_patch(ref_of(current), owning_patch(current, paths))
        return gateway.apply(manifest, manager=MANAGER, force=True, guard=guard_of(current))

    return _by_rounds(manifest, live, attempt)


def try_over(gateway: Gateway, manifest: Manifest, live: Manifest | None, *, force: bool) -> Applied:
    """The dry run of the same. Where something stands in the way it is that of the whole spec as it will be."""

    def attempt(paths: tuple[FieldPath, ...]) -> Applied:
        if not paths or live is None:
            return gateway.apply(manifest, manager=MANAGER, force=force, dry_run=True)
        near = gateway.apply(as_it_is(manifest, live, paths), manager=MANAGER, force=force, dry_run=True)
        spec = as_it_will_be(near.object, manifest, paths)["spec"]
        replaced = [{"op": "replace", "path": "/spec", "value": spec}]
        after = gateway.json_patch(ref_of(live), replaced, dry_run=True)
        fields = owned_as_it_will_be(near.object, manifest, paths)
        metadata = {**near.object["metadata"], "managedFields": fields}
        return near._replace(object={**near.object, "metadata": metadata, "spec": after["spec"]})

    return _by_rounds(manifest, live, attempt)


def _by_rounds(
    manifest: Manifest, live: Manifest | None, attempt: Callable[[tuple[FieldPath, ...]], Applied]
) -> Applied:
    """What the attempt gives, with one more field out of the way each time that the server names another."""
    paths: tuple[FieldPath, ...] = ()
    for _ in range(ROUNDS):
        try:
            return attempt(paths)
        except Rejected as error:
            more = left_over(manifest, live, error.causes) if live else ()
            if not set(more) - set(paths):
                raise
            paths = tuple(dict.fromkeys([*paths, *more]))
    return attempt(paths)
