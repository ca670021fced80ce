"""The decision table as data, and the signs by which a change is told. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from releases import strategies

HOTFIX = re.compile(r"\bhot-?fix\b", re.IGNORECASE)
BREAKING = re.compile(r"\bBREAKING[ -]CHANGE\b")
HIGH_RISK = re.compile(r"\bhigh[- ]risk\b", re.IGNORECASE)
MAJOR = re.compile(r"v?(\d+)\.")


@dataclass(frozen=True)
class Traits:
    """What is known of a change. `change`: as slipway.yaml says, "" where it does not; `running`: the version there
    now; `migrations`: names of the bundle's migration Jobs that what runs there has not."""

    version: str
    running: str = ""
    change: str = ""
    migrations: tuple[str, ...] = ()
    changelog: str = ""


class ChangeKindRow(NamedTuple):
    """A kind of change: how a person reads it, what it asks for and why."""

    title: str
    strategy: str
    reason: str


TITLES: Mapping[str, str] = {
    "hotfix": "A hotfix",
    "schema": "A change of the database's schema",
    "major": "A major upgrade",
    "high-risk": "A high-risk change",
    "everyday": "An everyday update",
}


@dataclass(frozen=True)
class Recommendation:
    """`kind` is a key of TITLES; `sign` says by what it was told."""

    kind: str
    strategy: str
    reason: str
    sign: str

    @property
    def words(self) -> str:
        return f"{TITLES[self.kind]} ({self.sign}): {self.reason}"


@cache
def table() -> Mapping[str, ChangeKindRow]:
    """The kinds of change, each with the strategy that says of itself that it suits it."""
    suits = {kind: (each.name, why) for each in strategies.every() for kind, why in each.suits.items()}
    return {kind: ChangeKindRow(title, *suits[kind]) for kind, title in TITLES.items()}


def recommend(traits: Traits) -> Recommendation:
    """What the bundle says counts first; then the first sign that is found, in the order of SIGNS."""
    if traits.change:
        return _row(traits.change, "slipway.yaml says so")
    found = ((kind, sign(traits)) for kind, sign in SIGNS)
    kind, words = next(
        ((kind, words) for kind, words in found if words), ("everyday", "nothing speaks for another kind")
    )
    return _row(kind, words)


def _row(kind: str, sign: str) -> Recommendation:
    row = table()[kind]
    return Recommendation(kind, row.strategy, row.reason, sign)


def _hotfix(traits: Traits) -> str:
    if HOTFIX.search(traits.version):
        return f"the version is {traits.version}"
    return "the changelog says hotfix" if HOTFIX.search(traits.changelog) else ""


def _schema(traits: Traits) -> str:
    return f"it brings {', '.join(traits.migrations)}" if traits.migrations else ""


def _major(traits: Traits) -> str:
    before, after = MAJOR.match(traits.running), MAJOR.match(traits.version)
    if before and after and int(after[1]) > int(before[1]):
        return f"from {traits.running} to {traits.version}"
    return "the changelog names a breaking change" if BREAKING.search(traits.changelog) else ""


def _high_risk(traits: Traits) -> str:
    return "the changelog says high risk" if HIGH_RISK.search(traits.changelog) else ""


SIGNS: tuple[tuple[str, Callable[[Traits], str]], ...] = (
    ("hotfix", _hotfix),
    ("schema", _schema),
    ("major", _major),
    ("high-risk", _high_risk),
)
