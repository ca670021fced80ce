"""Levels: an environment's own, single checks', and as they are read from text."""

import pytest

from environments.admission import Level, Rules, checks
from environments.admission.levels import parse
from environments.models import Environment

DEFAULTS = [
    ("", 0, Level.WARN),
    ("", 1, Level.REFUSE),
    ("warn", 2, Level.WARN),
    ("allow", 2, Level.ALLOW),
    ("refuse", 0, Level.REFUSE),
]
WRONG = [
    "host-path",
    "host-path sometimes",
    "hostPath warn",
    "host-path warn please",
    "privileged allow\nnonsense warn",
]


@pytest.mark.parametrize(("admission", "approvals", "level"), DEFAULTS)
def test_what_holds_where_a_check_has_no_level(admission: str, approvals: int, level: Level) -> None:
    assert Environment(admission=admission, required_approvals=approvals).admission_level() == level


def test_rules_are_lines() -> None:
    text = "\nhost-path warn\n  privileged   allow \n"
    assert parse(text, checks()) == {"host-path": Level.WARN, "privileged": Level.ALLOW}


@pytest.mark.parametrize("text", WRONG)
def test_a_line_that_is_no_rule_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"Line [12]: .* Checks: capabilities, .* Levels: allow, warn, refuse"):
        parse(text, checks())


def test_a_check_has_its_own_level_before_the_default() -> None:
    rules = Rules(Level.REFUSE, {"host-path": Level.ALLOW})
    assert (rules.level("host-path"), rules.level("privileged")) == (Level.ALLOW, Level.REFUSE)


def test_a_way_back_is_warned_of_where_it_would_be_refused() -> None:
    rules = Rules(Level.REFUSE, {"host-path": Level.ALLOW, "privileged": Level.REFUSE}).warning
    assert [rules.level(check) for check in ("capabilities", "privileged", "host-path")] == ["warn", "warn", "allow"]
