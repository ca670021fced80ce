"""What was read otherwise than a reader of the bundle may think: said in the plan, object by object."""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from itertools import islice
from typing import NamedTuple

from .images import uses
from .node import YamlNode, field_of, leaves
from .placeholders import Declared

LEFT = "Left as they are, since nothing declares them"
EMPTIED = "Empty values, read as the API server reads them"
CONTROLLED = "Left out, since controllers make them"
WRITTEN_BY_SERVER = "Left out, since the API server writes it"
AS_KUBECTL = "Read as kubectl reads it"
NAMED = "Named for this release, since they have generateName"
OBJECTS_SHOWN = 12
TEXTS_SHOWN = 8
OWN = re.compile(r"\$\{[^}\n]{0,40}\}?")
NAME = re.compile(r"\$\{([A-Za-z_]\w*)\}")
HINT = "did you mean"
CLOSE = 0.8
HINTED = 50  # of an object: looking for what was meant is slow


class ReadingNote(NamedTuple):
    """`title` says what was done, `about` names the object, `texts` what of it."""

    title: str
    about: str
    texts: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        more = len(self.texts) - TEXTS_SHOWN
        shown = [*self.texts[:TEXTS_SHOWN], *([f"{more} more"] if more > 0 else [])]
        return f"{self.about}: {', '.join(shown)}" if shown else self.about


def by_title(notes: Iterable[ReadingNote]) -> tuple[tuple[str, str], ...]:
    """Pairs of title and text, each title once; of many objects the first are named."""
    found: dict[str, list[str]] = {}
    for note in notes:
        found.setdefault(note.title, []).append(note.words)
    return tuple((title, _joined(words)) for title, words in found.items())


def _joined(words: list[str]) -> str:
    more = len(words) - OBJECTS_SHOWN
    return "; ".join([*words[:OBJECTS_SHOWN], *([f"and {more} more objects"] if more > 0 else [])])


def left_in(node: YamlNode, kind: str, about: str, declared: Declared) -> Iterator[ReadingNote]:
    """What stands in `${…}` in an object and is no placeholder, probable typos first; of a Secret only where."""
    images = {use.place for use in uses(node, kind)}
    texts = [(place, leaf.value) for place, leaf in leaves(node) if isinstance(leaf.value, str) and "${" in leaf.value]
    found = dict.fromkeys(
        field_of(place) if kind == "Secret" else shown
        for place, text in texts
        if place not in images
        for shown in _undeclared(text, declared)
    )
    if found:
        hinted = [_with_hint(shown, declared) for shown in islice(found, HINTED)]
        hinted.sort(key=lambda text: HINT not in text)
        yield ReadingNote(LEFT, about, (*hinted, *islice(found, HINTED, None)))


def _undeclared(text: str, declared: Declared) -> list[str]:
    return [shown for shown in OWN.findall(text) if shown[2:-1] not in declared]


def _with_hint(shown: str, declared: Declared) -> str:
    name = NAME.fullmatch(shown)
    close = get_close_matches(name[1], declared.names, 1, CLOSE) if name else ()
    return f"{shown} ({HINT} ${{{close[0]}}}?)" if close else shown
