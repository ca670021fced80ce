"""Puts the last results into docs/benchmarks.md, each between <!-- NAME --> and <!-- /NAME -->."""

import json
import re
from collections.abc import Iterator
from typing import Any

from benchmarks.report import RESULTS, ROOT

PAGE = ROOT / "docs" / "benchmarks.md"


def main() -> None:
    """SystemExit names a result that the page has no place for."""
    page = PAGE.read_text()
    for file in sorted(RESULTS.glob("*.json")):
        page = replaced(page, file.stem, "\n".join(_lines(json.loads(file.read_text()))))
    PAGE.write_text(page)


def replaced(page: str, name: str, content: str) -> str:
    """The page with the content in that place."""
    place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not place.search(page):
        raise SystemExit(f"{PAGE.relative_to(ROOT)} has no place <!-- {name} --> … <!-- /{name} -->.")
    return place.sub(lambda found: f"{found[1]}{content}\n{found[2]}", page)


def _lines(result: dict[str, Any]) -> Iterator[str]:
    for goal in result["goals"]:
        yield f"- {goal['words']}"
    for table in result["tables"]:
        yield from ("", f"{table['title']}:", "", _row(table["columns"]), _row(["---"] * len(table["columns"])))
        yield from map(_row, table["rows"])
    yield from ("", *result["notes"], "")
    yield f"Measured at {result['at']} on: " + "; ".join(f"{k} {v}" for k, v in result["machine"].items()) + "."


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
