"""Every change of a rollout's phase goes through releases.lifecycle, which holds it against the table of ways."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from releases.lifecycle import move, moved
from releases.models import Rollout
from releases.states import ENDED, InvalidTransition, Phase, may_move
from tests.syntax import tree_of

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "releases/lifecycle.py"
APPS = ("releases", "environments", "portal", "demo", "scripts", "backups")
WRITES = frozenset({"update", "create", "bulk_create", "update_or_create", "get_or_create", "Rollout"})


def sources() -> list[Path]:
    every = (path for app in APPS for path in (ROOT / app).rglob("*.py"))
    return sorted(path for path in every if "migrations" not in path.parts and path != HERE)


def assigned(tree: ast.AST) -> Iterator[ast.expr]:
    """Every single target of an assignment."""
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            yield from (each for target in targets for each in ast.walk(target) if isinstance(each, ast.expr))


def changes_of_a_phase(tree: ast.AST) -> Iterator[ast.expr]:
    for each in assigned(tree):
        if isinstance(each, ast.Attribute) and each.attr == "phase" and isinstance(each.ctx, ast.Store):
            if not (isinstance(each.value, ast.Name) and each.value.id == "self"):
                yield each
        elif isinstance(each, ast.Subscript) and getattr(each.slice, "value", "") == "phase":
            yield each
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node) in WRITES:
            yield from (word.value for word in node.keywords if word.arg == "phase")
        if isinstance(node, ast.Call) and called(node) == "setattr":
            yield from (each for each in node.args[1:2] if getattr(each, "value", "") == "phase")


def called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def test_nothing_else_assigns_or_updates_a_phase() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{each.lineno}" for path in sources() for each in changes_of_a_phase(tree_of(path))
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "rollout.phase = Phase.FAILED",
        "a.phase, a.why = Phase.FAILED, ''",
        "fields['phase'] = Phase.FAILED",
        "rows.update(phase=Phase.FAILED)",
        "setattr(rollout, 'phase', Phase.FAILED)",
        "Rollout(phase=Phase.FAILED)",
    ],
)
def test_that_it_would_be_seen(line: str) -> None:
    assert list(changes_of_a_phase(ast.parse(line)))


@pytest.mark.parametrize("current", Phase)
@pytest.mark.parametrize("phase", Phase)
def test_moving_takes_the_ways_of_the_table_and_no_other(current: Phase, phase: Phase) -> None:
    rollout = Rollout(phase=current, why="before")
    if may_move(current, phase):
        move(rollout, phase)
        assert (rollout.phase, rollout.why, rollout.finished_at is None) == (phase, "before", phase not in ENDED)
    else:
        with pytest.raises(InvalidTransition):
            move(rollout, phase, "now")
        assert (rollout.phase, rollout.why) == (current, "before")


def test_several_ways_at_once_are_held_against_the_table_one_by_one() -> None:
    assert moved(Phase.PROGRESSING, []) == {}
    there = moved(Phase.PROGRESSING, [Phase.FAILED, Phase.ROLLING_BACK])
    assert there == {"phase": Phase.ROLLING_BACK, "finished_at": None}
    with pytest.raises(InvalidTransition):
        moved(Phase.PROGRESSING, [Phase.VERIFYING, Phase.SUCCEEDED, Phase.PAUSED])
