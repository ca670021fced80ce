"""releases → backups → environments → portal: an app imports only what stands to its right."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ORDER = ["releases", "backups", "environments", "portal"]
# Slow to import, and not needed by most processes.
LATE = {"kubernetes"}
# Django reads these by name, and they tie the apps together on purpose.
FRAME = {"portal/settings.py", "portal/urls.py"}


def sources(folder: str) -> list[Path]:
    return [path for path in sorted((ROOT / folder).rglob("*.py")) if "migrations" not in path.parts]


def imports(tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node, node.module.split(".")[0]


def inside_functions(tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from imports(node)


@pytest.mark.parametrize("app", [app for app in ORDER if (ROOT / app).exists()])
def test_an_app_imports_only_what_stands_to_its_right(app: str) -> None:
    forbidden = set(ORDER[: ORDER.index(app)])
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno} imports {name}"
        for path in sources(app)
        if str(path.relative_to(ROOT)) not in FRAME
        for node, name in imports(ast.parse(path.read_text()))
        if name in forbidden
    ]
    assert wrong == []


@pytest.mark.parametrize("app", [app for app in ORDER if (ROOT / app).exists()])
def test_functions_import_nothing_but_slow_packages(app: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno} imports {name} inside a function"
        for path in sources(app)
        for node, name in inside_functions(ast.parse(path.read_text()))
        if name not in LATE
    ]
    assert wrong == []


@pytest.mark.parametrize("package", ["sandbox", "kube_schema"])
def test_what_stands_beside_the_apps_knows_nothing_of_them(package: str) -> None:
    banned = {"django", *ORDER}
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno} imports {name}"
        for path in sources(package)
        for node, name in imports(ast.parse(path.read_text()))
        if name in banned
    ]
    assert wrong == []
