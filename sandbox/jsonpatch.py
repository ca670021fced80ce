"""JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7386)."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

MOST_OPERATIONS = 10_000


class JsonPatchError(Exception):
    """A test failed, or a path is not there."""


def json_patch(value: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """The document after the operations; the given one is left alone."""
    root = [copy.deepcopy(value)]
    for operation in operations:
        try:
            _do(root, operation)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise JsonPatchError(str(error)) from error
    return root[0]


def _do(root: list[Any], operation: Mapping[str, Any]) -> None:
    path = _pointer(operation["path"])
    match operation["op"]:
        case "add":
            _add(root, path, operation["value"])
        case "remove":
            _take(root, path)
        case "replace":
            _take(root, path)
            _add(root, path, operation["value"])
        case "move":
            _add(root, path, _take(root, _pointer(operation["from"])))
        case "copy":
            _add(root, path, copy.deepcopy(_find(root, _pointer(operation["from"]))))
        case "test":
            if _find(root, path) != operation["value"]:
                raise JsonPatchError(f"testing value {operation['path']} failed")
        case other:
            raise JsonPatchError(f"unknown operation {other}")


def _pointer(text: str) -> list[str]:
    """The parts of a pointer below the holder of the root."""
    if text and not text.startswith("/"):
        raise JsonPatchError(f"{text!r} is no pointer")
    return ["0", *(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])]


def _find(root: Any, path: Sequence[str]) -> Any:
    for part in path:
        root = root[int(part)] if isinstance(root, list) else root[part]
    return root


def _add(root: Any, path: Sequence[str], value: Any) -> None:
    parent, last = _find(root, path[:-1]), path[-1]
    if not isinstance(parent, list):
        parent[last] = value
    elif len(path) == 1:
        parent[:] = [value]
    else:
        index = len(parent) if last == "-" else int(last)
        if not 0 <= index <= len(parent):
            raise JsonPatchError(f"index {index} is out of range")
        parent.insert(index, value)


def _take(root: Any, path: Sequence[str]) -> Any:
    parent, last = _find(root, path[:-1]), path[-1]
    if isinstance(parent, list):
        return parent[0] if len(path) == 1 else parent.pop(int(last))
    return parent.pop(last)


def merge_patch(value: Any, patch: Any) -> Any:
    """The document after the patch: null removes, lists are replaced."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(value) if isinstance(value, Mapping) else {}
    for name, inner in patch.items():
        if inner is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), inner)
    return merged
