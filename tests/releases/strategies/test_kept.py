"""What of an operation's result outlives its step: the share of the requests, for the screens."""

import pytest

from environments.kube.traffic import Route
from portal.steps.operations import Operation, Outcome
from portal.steps.state import Placed, State
from releases.engine.decide import absorb
from releases.strategies.shared.records import Share
from releases.strategies.shared.traffic_operations import ClearRoute, ReadWeight, SetWeight

WEB = Route(router="istio", namespace="shop", workload="web", service="web", stable="web", canary="web-canary")
READ = {"accepted": True, "why": "", "manager": "slipway-traffic", "ours": True, "at": 10.0}


@pytest.mark.parametrize("operation", [SetWeight(WEB, 10.0, 25), ReadWeight(WEB, 10.0), ClearRoute(WEB, 10.0)])
def test_the_share_that_was_read_back_outlives_the_step(operation: Operation) -> None:
    state = absorb(State(index=2), [Outcome(operation, {**READ, "weight": 25})], 10.0)
    assert state.next().records == (Placed("forward", 2, Share("web", 25)),)


def test_a_share_that_cannot_be_told_leaves_the_last_one() -> None:
    state = absorb(State(), [Outcome(ReadWeight(WEB, 11.0), {**READ, "weight": -1})], 11.0)
    assert state.records == ()


def test_what_else_was_kept_stays() -> None:
    state = State.from_json({"memory": {"keep": {"began": {"web": {"at": 5.0}}}}})
    state = absorb(state, [Outcome(SetWeight(WEB, 10.0, 0), {**READ, "weight": 0})], 10.0)
    assert state.next().kept == {"began": {"web": {"at": 5.0}}}
