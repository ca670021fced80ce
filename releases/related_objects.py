"""What stands beside a rollout's workloads, for screens and API: its traffic policies, and the autoscalers."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from environments.kube.apply.diff import pod_template
from environments.kube.autoscaling import Autoscaler, autoscalers
from environments.kube.objects import Ref
from environments.kube.policies import Policy, planned
from environments.models import Workload
from releases.models import Rollout
from releases.plan.objects import lasting, ref_in

Place = tuple[str, str, str]


def policies_of(rollout: Rollout, plan: Mapping[str, Any] | None) -> list[Policy]:
    """The plan's policies, each as it was last read back; "planned" where it has not been."""
    rows = lasting((plan or {}).get("objects", ()))
    wanted = (policy for row in rows for policy in planned(row["manifest"]))
    seen = {_name(policy): policy for policy in map(Policy.from_json, rollout.policies)}
    return [seen.get(_name(policy), policy) for policy in wanted]


def _name(policy: Policy) -> tuple[str, str, str]:
    # A policy that has changed since is another one.
    return policy.family, policy.ref.key, policy.does


def autoscalers_beside(workload: Workload, manifest: Mapping[str, Any]) -> tuple[Autoscaler, ...]:
    """The autoscalers of a workload as they were last read; `manifest` is the plan's, whose requests count."""
    return autoscalers(workload.autoscaling, pod_template(manifest) or {})


def autoscalers_of(rollout: Rollout, plan: Mapping[str, Any] | None) -> Iterator[tuple[Ref, tuple[Autoscaler, ...]]]:
    """Every workload of the plan with its autoscalers."""
    rows = [(ref_in(row), row["manifest"]) for row in (plan or {}).get("objects", ()) if pod_template(row["manifest"])]
    known = workloads_of(rollout, [ref for ref, _ in rows])
    for ref, manifest in rows:
        if workload := known.get((ref.kind, ref.namespace, ref.name)):
            yield ref, autoscalers_beside(workload, manifest)


def workloads_of(rollout: Rollout, refs: Iterable[Ref]) -> dict[Place, Workload]:
    """What the cluster last told of these workloads, by kind, namespace and name."""
    names = {ref.name for ref in refs}
    rows = Workload.objects.filter(cluster=rollout.environment.cluster_id, name__in=names, deleted=False)
    return {(row.kind, row.namespace, row.name): row for row in rows}
