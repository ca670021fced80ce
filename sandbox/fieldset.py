"""Sets of fields in the form of fieldsV1.

A set is a dict from path elements ("f:name", 'k:{"name":"web"}', "v:3") to the sets below them. An element is itself
a member where its own set is empty or has the entry "."; else it only leads to members.
"""

from collections.abc import Iterator, Mapping
from typing import Any

FieldSet = dict[str, Any]
_SELF = "."


def is_member(node: Mapping[str, Any]) -> bool:
    """Whether an element with this set below it is a member itself."""
    return not node or _SELF in node


def node(member: bool, children: FieldSet) -> FieldSet | None:
    """What stands below an element; None where it is neither a member nor leads to one."""
    if not children:
        return {} if member else None
    return {_SELF: {}, **children} if member else children


def below(found: Mapping[str, Any]) -> Iterator[tuple[str, FieldSet]]:
    """The elements of a set with the sets below them."""
    return ((element, inner) for element, inner in found.items() if element != _SELF)


def union(left: FieldSet, right: FieldSet) -> FieldSet:
    result = dict(left)
    for element, inner in below(right):
        mine = result.get(element)
        if mine is None:
            result[element] = inner
            continue
        children = union(dict(below(mine)), dict(below(inner)))
        result[element] = node(is_member(mine) or is_member(inner), children)
    return result


def difference(left: FieldSet, right: FieldSet) -> FieldSet:
    """Members of `left` that are no members of `right`; a member does not stand for what is below it."""
    return _combine(left, right, lambda mine, other: mine and not other, keep=True)


def intersection(left: FieldSet, right: FieldSet) -> FieldSet:
    return _combine(left, right, lambda mine, other: mine and other, keep=False)


def _combine(left: FieldSet, right: FieldSet, member: Any, *, keep: bool) -> FieldSet:
    result = {}
    for element, inner in below(left):
        other = right.get(element)
        if other is None:
            if keep:
                result[element] = inner
            continue
        children = _combine(inner, other, member, keep=keep)
        combined = node(member(is_member(inner), is_member(other)), children)
        if combined is not None:
            result[element] = combined
    return result


def paths(found: FieldSet, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The members, each as its elements from the root, in the order of the server."""
    for element in sorted(found):
        if element == _SELF:
            continue
        path = (*prefix, element)
        if is_member(found[element]):
            yield path
        yield from paths(found[element], path)


def ordered(found: FieldSet) -> FieldSet:
    """The same set with its elements sorted, as the server writes it."""
    return {element: ordered(found[element]) for element in sorted(found)}
