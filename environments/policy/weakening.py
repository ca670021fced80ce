"""Which change of an environment makes its rules weaker. Pure: a table of fields, and patterns that may meet."""

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any

from environments.admission.levels import Level

Weakens = Callable[[Any, Any], bool]


def _differs(before: Any, after: Any) -> bool:
    return bool(before != after)


def _less(before: Any, after: Any) -> bool:
    return bool(after < before)


def _more(before: Any, after: Any) -> bool:
    return bool(after > before)


def _adds(before: Any, after: Any) -> bool:
    return not set(str(after).split()) <= set(str(before).split())


def _not_refused(before: Any, after: Any) -> bool:
    # Empty is "refuse" where approvals are required, and this is asked of such environments only.
    return _differs(before, after) and after not in ("", Level.REFUSE)


# Where it goes: whatever else is there has other rules.
PLACE: Mapping[str, Weakens] = dict.fromkeys(("name", "cluster", "namespace", "more_namespaces"), _differs)
APPROVALS: Mapping[str, Weakens] = {
    "required_approvals": _less,
    "approval_hours": _more,
    "start_when_approved": _more,
    "rollback_needs_approval": _less,
}
# What a bundle may bring. Which of two lists of checks, registries or hosts is stricter, nobody could say for sure.
ADMISSION: Mapping[str, Weakens] = {
    "admission": _not_refused,
    "more_kinds": _adds,
    **dict.fromkeys(("allowed_kinds", "admission_rules", "allowed_registries", "hosts"), _differs),
}
FIELDS: Mapping[str, Weakens] = {**PLACE, **APPROVALS, **ADMISSION}
# What each of these says decides nothing about who has to agree, or about what may go where.
HARMLESS = frozenset(
    {
        "id",
        "title",
        "order",
        "purpose",
        "data_policy",
        "monitoring",
        "access_policy",
        "resources",
        "create_namespaces",
        "progress_seconds",
        "roll_back_on_failure",
        "prometheus",
        "prometheus_token",
    }
)


def weakened(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The fields whose change makes the rules weaker."""
    return [name for name, weakens in FIELDS.items() if name in after and weakens(before[name], after[name])]


def may_meet(one: Collection[str], other: Collection[str]) -> bool:
    """Whether some namespace fits patterns of both, where * stands for any characters and ? for one."""
    return any(_meet(first, second) for first in one for second in other)


@lru_cache(maxsize=4096)
def _meet(one: str, other: str) -> bool:
    """Whether some text fits both patterns."""
    if not one or not other:
        return not one.strip("*") and not other.strip("*")
    if one[0] == "*":
        return _meet(one[1:], other) or _meet(one, other[1:])
    if other[0] == "*":
        return _meet(other, one)
    return (one[0] == other[0] or "?" in (one[0], other[0])) and _meet(one[1:], other[1:])
