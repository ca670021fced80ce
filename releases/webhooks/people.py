"""The people whom an event names, wherever in it they stand: under what they did, as an object or a text."""

from collections.abc import Iterator, Mapping
from typing import Any

from releases.makers import Maker, co_authors, named, united

HANDS: Mapping[str, tuple[str, str]] = {
    "committer": ("committed", "commit"),
    "pusher": ("pushed", "commit"),
    "tagger": ("tagged", "commit"),
    "publisher": ("published", "release"),
    "uploader": ("uploaded", "asset"),
    "actor": ("started", "run"),
    "triggering_actor": ("started", "run"),
    "sender": ("sent", "event"),
}
# What an author is the author of, by the object around: GitHub calls the one who publishes an author too.
PLACES: Mapping[str, tuple[str, str]] = {
    "commits": ("wrote", "commit"),
    "head_commit": ("wrote", "commit"),
    "release": ("published", "release"),
    "registry_package": ("published", "package"),
}
AUTHOR = ("wrote", "commit")
NAMES = ("login", "username", "name", "email")
MESSAGES = frozenset({"message", "body"})
Place = tuple[str, str]


def people_in(payload: Mapping[str, Any]) -> tuple[Maker, ...]:
    """Everybody who had a hand in what the event tells of, by every name that it gives them."""
    return united((), (each for place, name, value in _entries(payload) for each in _makers(place, name, value)))


def _entries(payload: Mapping[str, Any]) -> Iterator[tuple[Place, str, Any]]:
    """Every entry of every object, with the place that it is in. No depth is too deep."""
    left: list[tuple[Place, Any]] = [(AUTHOR, payload)]
    while left:
        place, value = left.pop()
        if isinstance(value, list):
            left.extend((place, each) for each in reversed(value))
        elif isinstance(value, Mapping):
            yield from ((place, name, inner) for name, inner in value.items())
            left.extend((PLACES.get(name, place), inner) for name, inner in tuple(value.items())[::-1])


def _makers(place: Place, name: str, value: Any) -> tuple[Maker, ...]:
    if name == "author" or name in HANDS:
        return named(_names(value), *HANDS.get(name, place))
    if name in MESSAGES and isinstance(value, str):
        return named(co_authors(value), "co-wrote", place[1])
    return ()


def _names(person: Any) -> list[str]:
    found = [person.get(name) for name in NAMES] if isinstance(person, Mapping) else [person]
    return [name for name in found if isinstance(name, str)]
