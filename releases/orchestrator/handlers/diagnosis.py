"""Why pods do not come up, and how often they were restarted."""

from environments.kube.api.errors import Denied
from environments.kube.objects import Manifest, Ref
from environments.kube.status.diagnose import diagnose, newest_pods
from environments.kube.status.owner_references import labelled
from environments.kube.status.pod_diagnosis import sayings, summary
from environments.kube.status.workload import stuck_pods
from portal.steps.operations import Result
from releases.engine.operations import CountRestarts, Diagnose, RecountRestarts
from releases.strategies.shared.handling import Execution, handles


@handles(RecountRestarts)
@handles(CountRestarts)
def count_restarts(execution: Execution, operation: CountRestarts) -> Result:
    return {"count": _restarts(execution, operation.ref)}


@handles(Diagnose)
def look_at_pods(execution: Execution, operation: Diagnose) -> Result:
    ref = operation.ref
    found = execution.gateway.get(ref)
    if found is None:
        return {"problems": [], "summary": "it is gone", "freed": [], "said": ""}
    freed = _free(execution, ref, found) if ref.kind == "StatefulSet" else []
    problems = diagnose(execution.gateway, found)
    words = summary(problems)
    if freed:
        told = f"deleted {', '.join(freed)}, broken and of an earlier revision, so that it can go on"
        words = f"{told}; {words}" if words else told
    shown = [
        {"words": problem.words, "fatal": problem.fatal and not freed, "missing": problem.missing}
        for problem in problems
    ]
    return {"problems": shown, "summary": words, "freed": freed, "said": sayings(problems)}


def _restarts(execution: Execution, ref: Ref) -> int:
    found = execution.gateway.get(ref)
    try:
        pods = newest_pods(execution.gateway, found)[1] if found else []
    except Denied:
        return 0
    statuses = [each for pod in pods for each in pod.get("status", {}).get("containerStatuses") or ()]
    return sum(int(status.get("restartCount") or 0) for status in statuses)


def _free(execution: Execution, ref: Ref, found: Manifest) -> list[str]:
    """Deletes the pods that a StatefulSet would wait for, for ever."""
    labels = found["spec"].get("selector", {}).get("matchLabels", {})
    pods = execution.gateway.list("v1", "Pod", ref.namespace, labels=labelled(labels))
    stuck = stuck_pods(found, pods)
    return [
        name
        for name, uid in stuck
        if execution.may_write() and execution.gateway.delete(Ref("v1", "Pod", ref.namespace, name), uid=uid)
    ]
