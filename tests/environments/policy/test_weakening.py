"""Which change makes an environment's rules weaker, and which namespaces may meet: tables."""

from typing import Any

import pytest

from environments.models import Environment
from environments.policy.weakening import APPROVALS, FIELDS, HARMLESS, PLACE, may_meet, weakened

CHANGES: list[tuple[str, Any, Any, bool]] = [
    ("required_approvals", 2, 1, True),
    ("required_approvals", 1, 2, False),
    ("approval_hours", 24, 48, True),
    ("approval_hours", 24, 12, False),
    ("start_when_approved", False, True, True),
    ("start_when_approved", True, False, False),
    ("rollback_needs_approval", True, False, True),
    ("rollback_needs_approval", False, True, False),
    ("allowed_kinds", "Secret", "", True),
    ("more_kinds", "", "ClusterRole", True),
    ("more_kinds", "Namespace ClusterRole", "ClusterRole", False),
    ("admission", "refuse", "warn", True),
    ("admission", "", "allow", True),
    ("admission", "warn", "refuse", False),
    ("admission", "warn", "", False),
    ("admission_rules", "", "host-path allow", True),
    ("allowed_registries", "ghcr.io", "", True),
    ("hosts", "prod.example", "", True),
    *((name, "a", "b", True) for name in PLACE),
    *((name, 1, 1, False) for name in FIELDS),
]


@pytest.mark.parametrize(("field", "before", "after", "weaker"), CHANGES)
def test_a_change_of_one_field(field: str, before: Any, after: Any, weaker: bool) -> None:
    same = dict.fromkeys(FIELDS, 1)
    assert weakened({**same, field: before}, {**same, field: after}) == ([field] if weaker else [])


def test_every_field_of_an_environment_is_decided_on() -> None:
    fields = {field.name for field in Environment._meta.concrete_fields}
    assert fields == FIELDS.keys() | HARMLESS
    assert not FIELDS.keys() & HARMLESS
    assert {name for name, _before, _after, weaker in CHANGES if weaker} == set(FIELDS)
    assert set(APPROVALS) < set(FIELDS)


MEETING = [
    ("*-prod", "*-prod", True),
    ("*-prod", "*-dev", False),
    ("*-prod", "*", True),
    ("shop-prod", "*-prod", True),
    ("shop-p?od", "*-prod", True),
    ("shop-d?v", "*-prod", False),
    ("nova-*-prod", "*-prod", True),
    ("*a*b*c*" * 8, "*x*y*" * 12, True),
    ("", "*", True),
    ("", "a", False),
]


@pytest.mark.parametrize(("one", "other", "meets"), MEETING)
def test_whether_patterns_share_a_namespace(one: str, other: str, meets: bool) -> None:
    assert may_meet([one], [other]) is may_meet([other], [one]) is meets
