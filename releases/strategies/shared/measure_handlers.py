"""Measurements, by the environment's Prometheus."""

from portal.steps.operations import Result
from releases.analysis.measuring import measure
from releases.analysis.samples import Sample
from releases.strategies.shared.handling import Execution, handles
from releases.strategies.shared.traffic_operations import Measure

NO_PROMETHEUS = (
    "The environment has no Prometheus. Give it the address of one, promote it fully, or release it with metrics: []."
)


@handles(Measure)
def take_sample(execution: Execution, operation: Measure) -> Result:
    if execution.prometheus is None:
        metric, workload = operation.metric.name, operation.route.workload
        return Sample(metric, workload, operation.at, error=NO_PROMETHEUS, transient=False).to_json()
    return measure(
        execution.prometheus, operation.metric, operation.route, operation.at, operation.window, alone=operation.alone
    ).to_json()
