"""Who made the content of a release, and whether a person is among them. Pure: no database, no clock.

A maker is named as a source names people: a login, an address, a name, or "Name <address>". Each text has keys, and
two texts are of one person where they share a key.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from portal.actors import Actor

MOST_TEXT = 400
SHELL = "shell:"
BRACKETS = re.compile(r"[<>()]")
ADDRESS = re.compile(r"[^\s<>()\[\],;:\"@]+@[^\s<>()\[\],;:\"@]+")
# GitHub: ID+LOGIN@ and LOGIN@, GitLab: ID-LOGIN@; a server of one's own has users.noreply. before its name.
NOREPLY = re.compile(r"(?:\d+[+-])?(?P<login>[^@]+)@users\.noreply\..+")
TRAILER = re.compile(r"[\s>*-]*co-(?:authored|developed)-by\s*:(?P<who>.+)", re.IGNORECASE)


@dataclass(frozen=True)
class Maker:
    """One name of one person: `how` they had a hand (wrote, pushed, uploaded …) in which `part` (commit, bundle …).

    `user` is the id of the portal's user that they were then, where they were one.
    """

    who: str
    how: str
    part: str
    user: int | None = None

    @property
    def did(self) -> str:
        """What they did, such as "wrote the commit"."""
        return f"{self.how} the {self.part}"

    def as_json(self) -> dict[str, Any]:
        """What is stored; `from_json` reads it."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Maker":
        return cls(row["who"], row["how"], row["part"], row.get("user"))


def maker(who: str, how: str, part: str, user: int | None = None) -> Maker:
    """With the text's white space made single and its length bounded."""
    return Maker(" ".join(who.split())[:MOST_TEXT], how, part, user)


def named(texts: Iterable[str], how: str, part: str) -> tuple[Maker, ...]:
    """A maker for each text that is not empty."""
    return tuple(maker(text, how, part) for text in texts if text.strip())


def made_by(actor: Actor, how: str, part: str) -> tuple[Maker, ...]:
    """Who acts, by every name that they have now; a person's id stays when they are renamed."""
    if actor.user is None:
        return (maker(actor.name.removeprefix(SHELL), how, part),)
    return tuple(maker(name, how, part, actor.user.pk) for name in _names(actor))


def part_of(actor: Actor, makers: Iterable[Maker]) -> Maker | None:
    """The first of the makers who is this person; None where the person is not among them."""
    if actor.user is None:
        return None
    own = frozenset[str]().union(*(keys_of(name) for name in _names(actor)))
    found = (each for each in makers if each.user == actor.user.pk or own & keys_of(each.who))
    return next(found, None)


def authors(makers: Iterable[Maker]) -> tuple[str, ...]:
    """Who wrote the commit."""
    return tuple(each.who for each in makers if (each.how, each.part) == ("wrote", "commit"))


def people(makers: Iterable[Maker]) -> list[tuple[str, tuple[str, ...]]]:
    """For a screen: what was done, and the names of those who did it, each once."""
    found: dict[str, dict[str, None]] = {}
    for each in makers:
        found.setdefault(each.did, {})[each.who] = None
    return [(did, tuple(names)) for did, names in found.items()]


def strangers(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether both name somebody, and nobody is named by both."""
    keys = [frozenset[str]().union(*map(keys_of, side)) for side in (one, other)]
    return all(keys) and keys[0].isdisjoint(keys[1])


def united(known: Iterable[Maker], more: Iterable[Maker]) -> tuple[Maker, ...]:
    """Both, each once, in the order in which they were told."""
    return tuple(dict.fromkeys((*known, *more)))


def co_authors(message: str) -> tuple[str, ...]:
    """Whom the trailers of a commit's message name."""
    found = (TRAILER.fullmatch(line) for line in message.splitlines())
    return tuple(match["who"].strip() for match in found if match)


def keys_of(text: str) -> frozenset[str]:
    """What a text is compared by: the text itself, and the names, addresses and logins that are in it."""
    folded = _folded(text)
    names = [folded, *BRACKETS.split(folded), *ADDRESS.findall(folded)]
    return frozenset(key for name in names for key in _keys_of_one(name.strip(" ,;\"'@")) if key)


def _keys_of_one(name: str) -> Iterator[str]:
    yield name
    last, comma, first = name.partition(", ")
    if comma and "@" not in name:
        yield f"{first} {last}"
    local, at, domain = name.rpartition("@")
    if at and " " not in name:
        noreply = NOREPLY.fullmatch(name)
        yield noreply["login"] if noreply else f"{local.partition('+')[0]}@{domain.rstrip('.')}"


def _folded(text: str) -> str:
    """NFKC, without case and without what is not seen, white space single."""
    seen = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", seen).casefold())
    return " ".join(folded.split())


def _names(actor: Actor) -> tuple[str, ...]:
    user = actor.user
    texts = (user.get_username(), user.email, user.get_full_name()) if user else ()
    return tuple(dict.fromkeys(text for text in texts if text.strip()))
