"""A strategy is one file or folder that registers itself: what is outside names none of them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from releases import strategies

ROOT = Path(__file__).resolve().parents[2]
# The usual strategy of an application, as its table has it.
NAMES_ONE = {"releases/models.py"}
# One side of a comparison, and of a route, is called so by Istio's and ingress-nginx' own words.
SIDES = {"canary"}
SHARED = {"base", "neighbours", "parameters", "shared"}


def outside(name: str) -> list[Path]:
    """Every module of the apps but those of the strategy."""
    folder = name.replace("-", "_")
    own = (f"releases/strategies/{folder}/", f"releases/strategies/{folder}.py")
    paths = [path for app in ("portal", "environments", "releases") for path in sorted((ROOT / app).rglob("*.py"))]
    return [path for path in paths if "migrations" not in path.parts and not _name(path).startswith(own)]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def found(name: str, tree: ast.AST) -> Iterator[str]:
    module = f"releases.strategies.{name.replace('-', '_')}"
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and f"{node.module}.".startswith(f"{module}."):
            yield f"line {node.lineno} imports {node.module}"
        if isinstance(node, ast.Constant) and node.value == name and name not in SIDES:
            yield f"line {node.lineno} says {name!r}"


@pytest.mark.parametrize("name", strategies.names())
def test_nothing_outside_names_a_strategy(name: str) -> None:
    modules = [path for path in outside(name) if _name(path) not in NAMES_ONE]
    wrong = [f"{_name(path)} {words}" for path in modules for words in found(name, ast.parse(path.read_text()))]
    assert wrong == []


@pytest.mark.parametrize(
    "line",
    ["from releases.strategies.canary.steps import WeightStep", "from releases.strategies.canary import steps"],
)
def test_an_import_is_found(line: str) -> None:
    assert list(found("canary", ast.parse(line)))


def test_a_name_is_found() -> None:
    assert list(found("blue-green", ast.parse("moves = strategy == 'blue-green'")))


def test_every_module_beside_the_strategies_is_known() -> None:
    folder = ROOT / "releases" / "strategies"
    there = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert there - {"__init__"} == SHARED | {name.replace("-", "_") for name in strategies.names()}
