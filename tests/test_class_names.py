"""No two classes of one name: who reads or searches a name finds one thing."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.syntax import tree_of

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ["portal", "environments", "backups", "releases", "sandbox", "kube_schema", "common"]
# Django finds a command by this name.
NAMED_BY_DJANGO = {"Command"}
# Names that still stand for several things, with how many. It may only shrink.
LEFT = {
    "Progress": 2,
}


def classes() -> Iterator[tuple[str, str]]:
    """(name, file:line) of every class of a module; one inside a class has that class for its qualifier."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                for node in tree_of(path).body:
                    if isinstance(node, ast.ClassDef) and node.name not in NAMED_BY_DJANGO:
                        yield node.name, f"{path.relative_to(ROOT)}:{node.lineno}"


def shared_names() -> dict[str, list[str]]:
    places = defaultdict(list)
    for name, place in classes():
        places[name].append(place)
    return {name: found for name, found in places.items() if len(found) > 1}


def test_no_two_classes_have_one_name() -> None:
    more = {name: places for name, places in shared_names().items() if len(places) > LEFT.get(name, 1)}
    assert more == {}, "Say in each name whose it is."


def test_the_table_of_what_is_left_has_no_entry_too_many() -> None:
    found = {name: len(places) for name, places in shared_names().items()}
    assert {name: count for name, count in LEFT.items() if found.get(name, 1) < count} == {}, "Take these out of LEFT."
