"""Histories written down as tables."""

from collections.abc import Mapping, Sequence

from sandbox.metrics import answers
from sandbox.metrics.history import History
from sandbox.metrics.promql.evaluator import instant
from sandbox.metrics.promql.parser import parse
from sandbox.metrics.registry import MetricSample

START = 1_700_000_000_000
SECOND = 1_000


def sample(series: str, value: float) -> MetricSample:
    """web{app="a",code="200"} with a value."""
    name, _, pairs = series.removesuffix("}").partition("{")
    split = [pair.partition("=") for pair in pairs.split(",") if pair]
    return MetricSample(name, tuple(sorted((label, text.strip('"')) for label, _, text in split)), value)


def history(table: Mapping[str, Sequence[float | None]], every: int = 10 * SECOND) -> History:
    """Each series with its values from START on; None where a scrape did not have it."""
    kept = History()
    for index in range(max(map(len, table.values()))):
        there = {series: values[index] for series, values in table.items() if index < len(values)}
        scraped = [sample(series, value) for series, value in there.items() if value is not None]
        kept.record(START + index * every, scraped)
    return kept


def ask(kept: History, query: str, at: float = 0) -> object:
    """A scalar as its text, a vector as {labels as text: value as text}; `at` in seconds from START."""
    moment = START + round(at * SECOND)
    answer = answers.instant(instant(parse(query), kept, moment), moment)
    if answer["resultType"] == "scalar":
        return answer["result"][1]
    if answer["resultType"] == "matrix":
        return {_series(row["metric"]): [value for _, value in row["values"]] for row in answer["result"]}
    assert len({_series(row["metric"]) for row in answer["result"]}) == len(answer["result"])
    return {_series(row["metric"]): row["value"][1] for row in answer["result"]}


def _series(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f"{name}={value}" for name, value in labels.items() if name != "__name__")
    return f"{labels.get('__name__', '')}{{{pairs}}}"
