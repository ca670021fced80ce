"""Traffic policies, read back with what lives around them."""

from environments.kube.policies.survey import verify
from portal.steps.operations import Result
from releases.strategies.shared.handling import Execution, handles
from releases.strategies.shared.policy_step import ReadPolicies


@handles(ReadPolicies)
def read_policies(execution: Execution, operation: ReadPolicies) -> Result:
    objects = [execution.manifests(index) for index in operation.objects]
    workloads = [execution.manifests(index) for index in operation.workloads]
    return {"policies": [policy.to_json() for policy in verify(execution.gateway, objects, workloads)]}
