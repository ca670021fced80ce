"""A strategy or a webhook provider is a file or folder that registers itself: what is outside names none of them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from releases import strategies
from releases.webhooks import providers
from tests.syntax import tree_of

ROOT = Path(__file__).resolve().parents[2]
# The usual strategy of an application, as its table has it.
NAMES_ONE = {"releases/models/applications.py"}
# One side of a comparison, and of a route, is called so by Istio's and ingress-nginx' own words.
SIDES = {"canary"}
SHARED = {"base", "neighbours", "parameters", "shared"}


def outside(place: str) -> list[Path]:
    """Every module of the apps but those of a part: "releases/strategies/canary"."""
    own = (f"{place}/", f"{place}.py")
    paths = [path for app in ("portal", "environments", "releases") for path in sorted((ROOT / app).rglob("*.py"))]
    return [path for path in paths if "migrations" not in path.parts and not _name(path).startswith(own)]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def found(name: str, place: str, tree: ast.AST) -> Iterator[str]:
    module = place.replace("/", ".")
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and f"{node.module}.".startswith(f"{module}."):
            yield f"line {node.lineno} imports {node.module}"
        if isinstance(node, ast.Constant) and node.value == name and name not in SIDES:
            yield f"line {node.lineno} says {name!r}"


PARTS = {
    **{name: f"releases/strategies/{name.replace('-', '_')}" for name in strategies.names()},
    **{name: f"releases/webhooks/providers/{name.replace('-', '_')}" for name in providers.every()},
}


@pytest.mark.parametrize(("name", "place"), PARTS.items(), ids=list(PARTS))
def test_nothing_outside_names_it(name: str, place: str) -> None:
    modules = [path for path in outside(place) if _name(path) not in NAMES_ONE]
    wrong = [f"{_name(path)} {words}" for path in modules for words in found(name, place, tree_of(path))]
    assert wrong == []


@pytest.mark.parametrize(
    "line",
    ["from releases.strategies.canary.steps import WeightStep", "from releases.strategies.canary import steps"],
)
def test_an_import_is_found(line: str) -> None:
    assert list(found("canary", PARTS["canary"], ast.parse(line)))


def test_a_name_is_found() -> None:
    assert list(found("blue-green", PARTS["blue-green"], ast.parse("moves = strategy == 'blue-green'")))


def test_every_module_beside_the_strategies_is_known() -> None:
    folder = ROOT / "releases" / "strategies"
    there = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert there - {"__init__"} == SHARED | {name.replace("-", "_") for name in strategies.names()}
