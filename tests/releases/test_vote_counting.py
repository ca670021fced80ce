"""Who is the same person, and whose votes make up a number: tables without a database."""

import pytest

from releases.identity import Identity
from releases.vote_counting import Vote, count

LEAD = Identity(7, "lead", "lead@example.test")


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (LEAD, True),
        (Identity(7, "renamed", "other@example.test"), True),
        (Identity(9, "lead", "other@example.test"), True),
        (Identity(9, "LEAD ", ""), True),
        (Identity(9, "\uff4c\uff45\uff41\uff44", ""), True),
        (Identity(9, "somebody", "Lead@EXAMPLE.test"), True),
        (Identity(9, "lead2", "lead2@example.test"), False),
        (Identity(None, "", ""), False),
    ],
    ids=["itself", "renamed", "made anew", "in other letters", "full width", "same address", "another", "nobody"],
)
def test_one_of_account_name_and_address_makes_the_same_person(other: Identity, same: bool) -> None:
    assert (LEAD.is_same(other), other.is_same(LEAD)) == (same, same)


def test_two_of_whom_nothing_is_known_are_not_the_same() -> None:
    assert not Identity().is_same(Identity())


TWICE = "a has the same account, name or address, and everybody has one vote."


def vote(pk: int, username: str, email: str = "", why_not: str = "") -> Vote:
    return Vote(pk, username, Identity(pk, username, email), why_not)


@pytest.mark.parametrize(
    ("votes", "needed", "counted", "missing", "words"),
    [
        ([], 0, [], 0, ""),
        ([], 2, [], 2, "Waits for 2 approvals."),
        ([vote(1, "a")], 1, ["a"], 0, "Approved by a."),
        ([vote(1, "a")], 2, ["a"], 1, "Approved by a. 1 more needed."),
        (
            [vote(1, "a"), vote(2, "b", why_not="the account b is closed.")],
            2,
            ["a"],
            1,
            "Approved by a. 1 more needed. The vote of b does not count: the account b is closed.",
        ),
        (
            [vote(1, "a", "x@y.z"), vote(2, "b", "X@Y.Z")],
            2,
            ["a"],
            1,
            f"Approved by a. 1 more needed. The vote of b does not count: {TWICE}",
        ),
        ([vote(1, "a", "x@y.z", "gone."), vote(2, "b", "x@y.z")], 1, ["b"], 0, None),
        ([vote(1, "a"), vote(2, "b"), vote(3, "c")], 2, ["a", "b", "c"], 0, "Approved by a, b, c."),
    ],
)
def test_votes_count(votes: list[Vote], needed: int, counted: list[str], missing: int, words: str | None) -> None:
    found = count(votes, needed)
    assert ([each.name for each in found.counted], found.missing, found.enough) == (counted, missing, missing == 0)
    assert words is None or found.words == words
