"""Traffic policies that travel in a bundle: what each does, and whether it is in effect; a file a family. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

from common.discovery import modules_of
from environments.kube.apply.diff import pod_template
from environments.kube.objects import Manifest, ref_of
from environments.kube.policies.acceptance import acceptance
from environments.kube.policies.base import Around, Family, Pods, Policy, PolicyState, Remark

__all__ = ["Around", "Family", "Pods", "Policy", "PolicyState", "Remark", "families", "judge", "planned", "pods_of"]

SHARED = frozenset({"acceptance", "base", "destination_rules", "scopes", "survey"})


@cache
def families() -> tuple[Family, ...]:
    """Every family, by the names of their files."""
    return tuple(module.FAMILY for module in modules_of(__name__, apart=SHARED))


def planned(manifest: Manifest) -> tuple[Policy, ...]:
    """The policies of one object as the bundle has it; () for an object without any."""
    group, kind = str(manifest.get("apiVersion", "")).rpartition("/")[0], manifest.get("kind", "")
    concerned = [family for family in families() if (f"{kind}.{group}" if group else kind) in family.kinds]
    if not concerned:
        return ()
    ref = ref_of(manifest)
    found = ((family, family.does(manifest)) for family in concerned)
    return tuple(Policy(family.name, family.title, ref, does) for family, does in found if does)


def pods_of(manifests: Iterable[Manifest]) -> tuple[Pods, ...]:
    """The pods of the workloads among these manifests."""
    templates = ((each["metadata"], pod_template(each)) for each in manifests)
    return tuple(
        Pods(metadata.get("namespace", ""), metadata["name"], (template.get("metadata") or {}).get("labels") or {})
        for metadata, template in templates
        if template
    )


def judge(manifests: Iterable[Manifest], live: Mapping[str, Manifest | None], around: Around) -> tuple[Policy, ...]:
    """What became of the policies of these objects; `live` has the objects of the cluster, by Ref.key."""
    every = (policy for manifest in manifests for policy in planned(manifest))
    return tuple(_judged(policy, live.get(policy.ref.key), around) for policy in every)


def _judged(policy: Policy, live: Manifest | None, around: Around) -> Policy:
    state, words = acceptance(live, around)
    remarks = list(_family(policy).remarks(live, around)) if live else []
    counting = [remark.words for remark in remarks if remark.counts]
    if counting and state in ("accepted", "stored"):
        state = "overridden"
    others = [remark.words for remark in remarks if not remark.counts]
    note = "; ".join(filter(None, [words, *counting, *others, around.unread]))
    return replace(policy, state=state, note=note)


def _family(policy: Policy) -> Family:
    return next(family for family in families() if family.name == policy.family)
