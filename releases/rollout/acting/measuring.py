"""Measurements, by the environment's Prometheus."""

from releases.analysis.measuring import measure
from releases.analysis.samples import Sample
from releases.rollout.acting.hands import Hands, Result
from releases.rollout.acting.performers import performs
from releases.rollout.wants_traffic import Measure

NO_PROMETHEUS = (
    "The environment has no Prometheus. Give it the address of one, promote it fully, or release it with metrics: []."
)


@performs(Measure)
def take_sample(hands: Hands, action: Measure) -> Result:
    if hands.prometheus is None:
        metric, workload = action.metric.name, action.route.workload
        return Sample(metric, workload, action.at, error=NO_PROMETHEUS, transient=False).to_json()
    return measure(
        hands.prometheus, action.metric, action.route, action.at, action.window, alone=action.alone
    ).to_json()
