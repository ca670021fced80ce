"""The decision table of 11.4.4, and the signs by which a change is told."""

import pytest

from releases.recommending import Traits, recommend
from releases.recommending.table import SIGNS, table

# the documents' table: kind of change, strategy
DOCUMENTED = {
    "major": "blue-green",
    "high-risk": "canary",
    "everyday": "rolling",
    "schema": "blue-green",
    "hotfix": "rolling",
}


def test_the_table_is_the_documents() -> None:
    assert {kind: row.strategy for kind, row in table().items()} == DOCUMENTED
    assert {kind for kind, _ in SIGNS} == set(table()) - {"everyday"}


@pytest.mark.parametrize("kind", DOCUMENTED)
def test_what_the_bundle_says_counts_first(kind: str) -> None:
    advice = recommend(Traits("2.0.0-hotfix", running="1.9.0", change=kind, migrations=("migrate",)))
    assert (advice.kind, advice.strategy, advice.sign) == (kind, DOCUMENTED[kind], "slipway.yaml says so")


@pytest.mark.parametrize(
    ("traits", "kind", "sign"),
    [
        (Traits("1.2.0", running="1.1.0"), "everyday", "nothing speaks for another kind"),
        (Traits("1.2.0"), "everyday", "nothing speaks for another kind"),
        (Traits("2.0.0", running="1.9.3"), "major", "from 1.9.3 to 2.0.0"),
        (Traits("v10.0.0", running="v9.9.9"), "major", "from v9.9.9 to v10.0.0"),
        (Traits("1.9.0", running="2.0.0"), "everyday", "nothing speaks for another kind"),
        (Traits("2026-11-21", running="2025-01-01"), "everyday", "nothing speaks for another kind"),
        (Traits("1.2.0", changelog="feat: x\n\nBREAKING CHANGE: y"), "major", "the changelog names a breaking change"),
        (Traits("1.2.1-hotfix.1"), "hotfix", "the version is 1.2.1-hotfix.1"),
        (Traits("1.2.1", changelog="Hotfix: no more double charges"), "hotfix", "the changelog says hotfix"),
        (Traits("1.2.0", migrations=("schema-migration",)), "schema", "it brings schema-migration"),
        (Traits("2.0.0", running="1.0.0", migrations=("m",)), "schema", "it brings m"),
        (Traits("1.2.0", changelog="High-risk: new pricing"), "high-risk", "the changelog says high risk"),
    ],
)
def test_a_change_is_told_by_its_signs(traits: Traits, kind: str, sign: str) -> None:
    advice = recommend(traits)
    assert (advice.kind, advice.sign) == (kind, sign)
    assert advice.strategy == table()[kind].strategy


def test_the_advice_is_one_sentence_with_its_sign() -> None:
    advice = recommend(Traits("2.0.0", running="1.0.0"))
    assert advice.words == "A major upgrade (from 1.0.0 to 2.0.0): it is checked whole, and back in seconds."
