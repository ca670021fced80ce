"""How the verdicts of a step add up."""

import json

import pytest

from releases.analysis.metrics import Metric
from releases.analysis.samples import Point, Verdict
from releases.analysis.tally import Tally

METRIC = Metric.from_json({"template": "success-rate", "count": 3})
LENIENT = Metric.from_json({"template": "success-rate", "count": 3, "failure_limit": 1})
OTHER = Metric.from_json({"template": "latency", "count": 1})
VERDICTS: dict[str, Verdict] = {"p": "pass", "f": "fail", "i": "inconclusive", "e": "error"}


def point(letter: str, metric: str = "success-rate", workload: str = "web") -> Point:
    return Point(metric, workload, 0.0, None, None, None, None, None, VERDICTS[letter], f"why {letter}")


def tally(letters: str) -> Tally:
    counted = Tally()
    for letter in letters:
        counted = Tally.from_json(json.loads(json.dumps(counted.add(point(letter)).to_json())))
    return counted


@pytest.mark.parametrize(
    ("letters", "way", "words"),
    [
        ("", "wait", "web: success-rate passed 0 of 3"),
        ("pp", "wait", "web: success-rate passed 2 of 3; why p"),
        ("ppp", "go", "web: success-rate passed 3 of 3; why p"),
        ("f", "fail", "web: success-rate failed: why f"),
        ("ppf", "fail", "web: success-rate failed: why f"),
        ("pppf", "fail", "web: success-rate failed: why f"),
        ("fppp", "fail", "web: success-rate failed: why f"),
        ("ii", "wait", "web: success-rate passed 0 of 3; why i"),
        ("iii", "ask", "web: success-rate was inconclusive 3 times in a row: why i"),
        ("iipii", "wait", "web: success-rate passed 1 of 3; why i"),
        ("iipiii", "ask", "web: success-rate was inconclusive 3 times in a row: why i"),
        ("pppi", "wait", "web: success-rate passed 3 of 3; why i"),
        ("pppip", "go", "web: success-rate passed 3 of 3; why p"),
        ("eee", "wait", "web: success-rate passed 0 of 3; why e"),
        ("eeee", "error-limit", "web: success-rate could not be measured 4 times in a row: why e"),
        ("eeepeee", "wait", "web: success-rate passed 1 of 3; why e"),
        ("eeeieee", "wait", "web: success-rate passed 0 of 3; why e"),
        ("iieie", "ask", "web: success-rate was inconclusive 3 times in a row: why e"),
        ("pppe", "wait", "web: success-rate passed 3 of 3; why e"),
        ("eeeef", "fail", "web: success-rate failed: why f"),
    ],
)
def test_verdicts_lead_to_a_way(letters: str, way: str, words: str) -> None:
    outcome = tally(letters).outcome(METRIC, "web")

    assert outcome.way == way
    assert outcome.words.startswith(words)


@pytest.mark.parametrize(("letters", "way"), [("f", "wait"), ("fppp", "go"), ("ff", "fail"), ("fpppf", "fail")])
def test_a_failure_limit_tolerates_as_many_failures(letters: str, way: str) -> None:
    assert tally(letters).outcome(LENIENT, "web").way == way


def test_a_failure_beyond_the_limit_says_how_many_there_were() -> None:
    assert tally("ff").outcome(LENIENT, "web").words == "web: success-rate failed: why f (2 failed, 1 may)"


def test_a_failed_analysis_stops_whatever_passed_before_unlike_argo_rollouts_1411() -> None:
    assert tally("pppppf").outcome(METRIC, "web").way == "fail"
    assert tally("pppppf" + "ppp").outcome(METRIC, "web").way == "fail"


def test_inconclusive_is_never_promoted_unlike_argo_rollouts_3850() -> None:
    assert "go" not in {tally("i" * times).outcome(METRIC, "web").way for times in range(20)}
    assert tally("pppi").outcome(METRIC, "web").way == "wait"


def test_errors_are_neither_failures_nor_passes() -> None:
    ways = {tally("e" * times).outcome(METRIC, "web").way for times in range(20)}

    assert ways == {"wait", "error-limit"}


def test_a_prometheus_that_is_down_says_that_it_says_nothing_about_the_release() -> None:
    words = tally("eeee").outcome(METRIC, "web").words

    assert words.endswith("This says nothing about the release: it is neither promoted nor taken back.")


def test_a_step_that_a_person_lets_go_on_does_not_ask_again_at_once() -> None:
    for letters in ("iii", "eeee"):
        assert tally(letters).taken_up().outcome(METRIC, "web").way == "wait"
    assert tally("f").taken_up().outcome(METRIC, "web").way == "fail"


@pytest.mark.parametrize(
    ("own", "other", "way", "words"),
    [
        ("ppp", "p", "go", "web: success-rate passed 3 of 3; why p; web: latency passed 1 of 1; why p"),
        ("ppp", "", "wait", "web: latency passed 0 of 1"),
        ("ppp", "f", "fail", "web: latency failed: why f"),
        ("iii", "f", "fail", "web: latency failed: why f"),
        ("iii", "p", "ask", "web: success-rate was inconclusive 3 times in a row: why i"),
        ("iii", "eeee", "error-limit", "web: latency could not be measured 4 times in a row"),
    ],
)
def test_the_gravest_of_several_metrics_rules(own: str, other: str, way: str, words: str) -> None:
    counted = tally(own)
    for letter in other:
        counted = counted.add(point(letter, "latency"))
    outcome = counted.overall([("web", METRIC), ("web", OTHER)])

    assert outcome.way == way
    assert outcome.words.startswith(words)


def test_workloads_are_counted_apart() -> None:
    counted = Tally().add(point("f", workload="api")).add(point("p", workload="web"))

    assert counted.outcome(METRIC, "web").way == "wait"
    assert counted.outcome(METRIC, "api").way == "fail"


def test_nothing_measured_is_nothing_to_wait_for() -> None:
    assert Tally().overall([]).way == "go"
