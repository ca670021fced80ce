"""Traffic policies, read back with what lives around them."""

from environments.kube.policies.survey import verify
from releases.rollout.acting.hands import Hands, Result
from releases.rollout.acting.performers import performs
from releases.rollout.policing import ReadPolicies


@performs(ReadPolicies)
def read_policies(hands: Hands, action: ReadPolicies) -> Result:
    objects = [hands.manifests(index) for index in action.objects]
    workloads = [hands.manifests(index) for index in action.workloads]
    return {"policies": [policy.to_json() for policy in verify(hands.gateway, objects, workloads)]}
