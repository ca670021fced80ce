"""Measurements in one sentence, also of many workloads."""

from typing import Any

import pytest

from releases.analysis.metrics import Metric
from releases.strategies.shared.measurement_summary import Newest, listed, told

RATE, P99 = Metric.from_json({"template": "success-rate"}), Metric.from_json({"template": "latency"})
FEW = "0 of 20 requests within 30 s"


def rate(workload: str, value: float | None, why: str = "") -> Newest:
    return Newest(RATE, workload, point(value, why, low=99.0))


def p99(workload: str, value: float | None, why: str = "") -> Newest:
    return Newest(P99, workload, point(value, why, high=500.0))


def point(value: float | None, why: str, **limits: float) -> dict[str, Any]:
    verdict = "pass" if value is not None else "inconclusive"
    return {"canary": value, "verdict": verdict, "why": why, "low": None, "high": None, **limits}


SENTENCES = {
    "of one workload": (
        [rate("web", 99.8), p99("web", 212.0)],
        "success rate 99.8 % (limit ≥ 99), p99 212 ms (limit ≤ 500)",
    ),
    "a doubt that both metrics have": ([rate("web", None, FEW), p99("web", None, FEW)], f"success rate and p99: {FEW}"),
    "of two workloads": ([rate("web", 99.8), rate("api", 100.0)], "success rate 99.8 to 100 % (limit ≥ 99)"),
    "of two that are the same": ([rate("web", 100.0), rate("api", 100.0)], "success rate 100 % (limit ≥ 99)"),
    "a doubt of one of two": (
        [rate("web", 99.8), rate("api", None, FEW)],
        f"success rate 99.8 % (limit ≥ 99), success rate of api: {FEW}",
    ),
    "a doubt of many": (
        [newest(name, None, FEW) for newest in (rate, p99) for name in ("web", "api", "queue", "mail")],
        f"success rate and p99 of web, api and 2 more: {FEW}",
    ),
}


@pytest.mark.parametrize(("newest", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_the_sentence(newest: list[Newest], sentence: str) -> None:
    assert ", ".join(told(newest, several=len({each.workload for each in newest}) > 1)) == sentence


@pytest.mark.parametrize(
    ("names", "words"),
    [((), ""), ("a", "a"), ("ab", "a and b"), ("abc", "a, b and c"), ("abcd", "a, b and 2 more")],
)
def test_many_names_are_cut_short(names: str, words: str) -> None:
    assert listed(names) == words
