"""By which way a release goes: its strategy with the settings, what was recommended, and why it is another."""

import json
from dataclasses import dataclass
from typing import Any

from releases import strategies
from releases.models import Rollout


@dataclass(frozen=True)
class StrategySummary:
    """`settings`: (name, value, what it is) of those that were given; the others are the strategy's own.

    `recommended` is "" where it is the strategy itself, or where nothing was recommended; `reason` why it is another.
    """

    title: str
    settings: tuple[tuple[str, str, str], ...]
    recommended: str
    reason: str


def way_of(rollout: Rollout) -> StrategySummary:
    """The way as the rollout's page and an approval tell it."""
    helps = {parameter.name: parameter.help for parameter in strategies.find(rollout.strategy).parameters}
    given = sorted(rollout.parameters.items(), key=lambda pair: list(helps).index(pair[0]) if pair[0] in helps else 99)
    settings = tuple((name, value_words(value), helps.get(name, "")) for name, value in given)
    other = rollout.recommended if rollout.recommended != rollout.strategy else ""
    return StrategySummary(
        title_of(rollout.strategy), settings, title_of(other) if other else "", rollout.strategy_reason
    )


def title_of(strategy: str) -> str:
    return strategies.find(strategy).title


def value_words(value: Any) -> str:
    """A setting's value as a person writes it: 5, 25, 50, 100 for a list, yes or no for a flag."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(each, str | int | float) for each in value):
        return ", ".join(map(str, value)) or "none"
    return json.dumps(value, ensure_ascii=False)
