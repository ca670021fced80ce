"""What a cluster has pulled, held against a reference. Pure."""

from collections.abc import Iterable

from environments.registry.errors import BadReference
from environments.registry.reference import Reference, parse


def digests_of(reference: str, pulled: Iterable[tuple[str, ...]]) -> list[str]:
    """The digests that were pulled by the reference's tag, sorted. `pulled`: names of each image, tags and digests."""
    wanted = parse(reference)
    found = set()
    for names in pulled:
        known = [each for each in map(_read, names) if each is not None and _same(each, wanted)]
        if any(each.tag == wanted.tag and not each.digest for each in known):
            found |= {each.digest for each in known if each.digest}
    return sorted(found)


def _read(name: str) -> Reference | None:
    try:
        return parse(name)
    except BadReference:
        return None


def _same(one: Reference, other: Reference) -> bool:
    return (one.registry, one.repository) == (other.registry, other.repository)
