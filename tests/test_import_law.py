"""What imports what: import-linter keeps the contracts of pyproject.toml. Each is broken here once, and seen broken."""

import ast
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.syntax import tree_of

ROOT = Path(__file__).resolve().parent.parent
LAW = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS = {contract["id"]: contract["name"] for contract in LAW["contracts"]}
# A contract's id to a module and an import that it may not have. Every contract has its row.
BREACHES = {
    "apps": ("environments/pages.py", "from releases import states"),
    "sandbox": ("sandbox/store.py", "import django"),
    "kubelet": ("sandbox/kubelet/tasks.py", "from sandbox.kubelet.pod import PodRun"),
    "steps": ("portal/steps/clocks.py", "from django.utils import timezone"),
    "common": ("kube_schema/__init__.py", "from portal import errors"),
    "floors": ("releases/plan/objects.py", "from releases import lifecycle"),
    "strategies": ("releases/strategies/canary/steps.py", "from releases.strategies.blue_green import deploy"),
    "kube": ("environments/kube/api/client.py", "from environments.kube.traffic import base"),
    "gateway": ("environments/kube/objects.py", "from environments import models"),
}
# Slow to import, and not needed by most processes.
LATE = {"kubernetes"}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the contracts speak of: the packages' sources, and their configuration."""
    folder = tmp_path_factory.mktemp("sources")
    only_python = shutil.ignore_patterns("__pycache__", "migrations", "*.gz", "*.json", "*.html", "*.js", "*.css")
    for package in LAW["root_packages"]:
        shutil.copytree(ROOT / package, folder / package, ignore=only_python)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint(folder: Path, *contracts: str) -> tuple[int, str]:
    """(exit code, what it says) of lint-imports for some contracts, or for all."""
    chosen = [word for contract in contracts for word in ("--contract", contract)]
    command = [Path(sys.executable).with_name("lint-imports"), "--no-logo", *chosen]
    done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=60)
    return done.returncode, " ".join(done.stdout.split())


def test_the_contracts_are_kept(pristine: Path) -> None:
    code, said = lint(pristine)
    assert code == 0, said
    assert f"{len(CONTRACTS)} kept, 0 broken" in said


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_forbidden_import_breaks_the_contract(pristine: Path, contract: str) -> None:
    assert contract in BREACHES, "BREACHES needs a row for the new contract"
    module, line = BREACHES[contract]
    original = (pristine / module).read_text()
    (pristine / module).write_text(f"{original}\n{line}\n")
    code, said = lint(pristine, contract)
    (pristine / module).write_text(original)
    assert code == 1, said
    assert f"{CONTRACTS[contract]} BROKEN" in said


def test_no_breach_is_left_of_a_contract_that_went() -> None:
    assert set(BREACHES) <= set(CONTRACTS)


def test_every_package_with_apps_or_code_of_theirs_is_under_the_contracts() -> None:
    beside = {"tests", "benchmarks", "demo"}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - beside
    assert set(LAW["root_packages"]) == packages


def imports(tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node, "" if node.level else str(node.module).split(".")[0]


def inside_functions(tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from imports(node)


# import-linter reads imports wherever they stand: it cannot tell those inside functions.
@pytest.mark.parametrize("package", LAW["root_packages"])
def test_functions_import_nothing_but_slow_packages(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno} imports {name} inside a function"
        for path in sorted((ROOT / package).rglob("*.py"))
        if "migrations" not in path.parts
        for node, name in inside_functions(tree_of(path))
        if name not in LATE
    ]
    assert wrong == []
