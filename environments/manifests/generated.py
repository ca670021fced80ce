"""Names for objects that have a generateName only: the same for the same release, so that it finds them again. Pure.

What runs once (a Job, a Pod) is named by its content and the version: each release makes its own, as `kubectl create`
does. All else is named by its content: it changes its name when it changes.
"""

import hashlib
import json
from collections.abc import Sequence

from .node import PORTAL, Origin, YamlNode, plain, put, text_at
from .notes import NAMED, ReadingNote
from .piece import Piece

RUN_ONCE = frozenset({"Job.batch", "Pod"})
LONGEST_PREFIX = 55
DIGITS = 8


def prefix_of(node: YamlNode) -> str:
    """The generateName of an object that has no name, "" for any other."""
    return "" if text_at(node, "metadata", "name") else text_at(node, "metadata", "generateName")


def example_of(node: YamlNode) -> str:
    """A name such as it would get, by which its prefix can be judged; "" where it has a name."""
    prefix = prefix_of(node)
    return f"{prefix[:LONGEST_PREFIX]}{'0' * DIGITS}" if prefix else ""


def told_apart(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces, those of one kind and generateName numbered from the second on."""
    seen: dict[tuple[str, str, str], int] = {}
    found = []
    for piece in pieces:
        count = seen[piece.identity] = seen.get(piece.identity, 0) + 1
        again = count > 1 and bool(prefix_of(piece.node))
        found.append(piece._replace(name=f"{piece.name} {count}") if again else piece)
    return found


def named(pieces: Sequence[Piece], version: str) -> tuple[list[Piece], list[ReadingNote]]:
    """The pieces, all with names, and what was named how."""
    found, notes = [], []
    for piece in pieces:
        found.append(_named(piece, version) if prefix_of(piece.node) else piece)
        if found[-1] is not piece:
            notes.append(ReadingNote(NAMED, found[-1].text))
    return found, notes


def _named(piece: Piece, version: str) -> Piece:
    said = [plain(piece.node), piece.name, version if piece.kind_id in RUN_ONCE else ""]
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:DIGITS]
    name = f"{prefix_of(piece.node)[:LONGEST_PREFIX]}{digest}"
    return piece._replace(name=name, node=put(piece.node, ("metadata", "name"), YamlNode(name, Origin(PORTAL))))
