"""The cursors that versions before have written, read as this version has them. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

SCHEMA = 2
ENGINES: Mapping[str, Any] = {"errors": {}, "asked": "", "answered": False, "promoted": False, "failed": False}
"""What the first schema had in a step's memory that is not the step's own, and what each is by itself."""
ON_RECORD = frozenset({"points", "policies"})
"""What it had there for the record, and never stored."""


def lifted(cursor: Mapping[str, Any]) -> Mapping[str, Any]:
    """A cursor of any version as one of this one."""
    if cursor.get("schema", 1) >= SCHEMA or "memory" not in cursor:
        return cursor
    memory = cursor["memory"]
    engines = {name: memory.get(name) or usual for name, usual in ENGINES.items()}
    own = {name: value for name, value in memory.items() if name not in {*ENGINES, *ON_RECORD, "keep"}}
    return {**cursor, **engines, "kept": memory.get("keep") or {}, "memory": own, "outputs": _outputs(own)}


def _outputs(memory: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """A result had what a program said in itself."""
    found = {slot: dict(_said(results)) for slot, results in memory.items() if isinstance(results, Mapping)}
    return {slot: said for slot, said in found.items() if said}


def _said(results: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, result in results.items():
        if isinstance(result, Mapping) and result.get("said"):
            yield key, str(result["said"])
