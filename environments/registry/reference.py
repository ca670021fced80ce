"""Image references as container runtimes read them. Pure."""

import re
from typing import NamedTuple

from environments.registry.errors import BadReference

DOCKER_HUB = "docker.io"
HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
HUB_ADDRESS = "registry-1.docker.io"
LONGEST_NAME = 255

LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
HOST = re.compile(rf"(?:{LABEL}(?:\.{LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?")
PART = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


class Reference(NamedTuple):
    """One image. `name` is as it was written, less tag and digest; `registry` and `repository` are complete.

    "nginx" is name "nginx", registry "docker.io", repository "library/nginx", tag "latest", digest "".
    """

    name: str
    registry: str
    repository: str
    tag: str
    digest: str

    @property
    def address(self) -> str:
        """Host and port at which the registry answers."""
        return HUB_ADDRESS if self.registry == DOCKER_HUB else self.registry

    @property
    def target(self) -> str:
        """What the registry is asked for: the digest where there is one, else the tag."""
        return self.digest or self.tag


def parse(text: str) -> Reference:
    """The image that the text names. Raises BadReference, which says what is wrong with it."""
    rest, at, digest = text.partition("@")
    if at and not DIGEST.fullmatch(digest):
        raise _bad(text, f"{digest!r} is no digest such as sha256: and 64 hexadecimal digits")
    name, tag = _split_tag(rest)
    if tag is not None and not TAG.fullmatch(tag):
        raise _bad(text, f"{tag!r} is no tag (letters, digits, '_', '.', '-', at most 128)")
    registry, repository = _split_registry(name)
    _check(text, registry, repository)
    return Reference(name, registry, repository, tag or ("" if digest else "latest"), digest)


def _split_tag(text: str) -> tuple[str, str | None]:
    head, colon, tail = text.rpartition(":")
    return (head, tail) if colon and "/" not in tail and not tail.endswith("]") else (text, None)


def _split_registry(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    is_host = bool(slash) and (any(c in first for c in ".:") or first == "localhost" or first != first.lower())
    registry, repository = (first, rest) if is_host else (DOCKER_HUB, name)
    if registry in HUB_NAMES:
        return DOCKER_HUB, repository if "/" in repository else f"library/{repository}"
    return registry, repository


def _check(text: str, registry: str, repository: str) -> None:
    if not HOST.fullmatch(registry):
        raise _bad(text, f"{registry!r} is no host name of a registry")
    if len(registry) + len(repository) >= LONGEST_NAME:
        raise _bad(text, f"the name is longer than {LONGEST_NAME} characters")
    wrong = next((part for part in repository.split("/") if not PART.fullmatch(part)), None)
    if wrong is not None:
        raise _bad(text, f"{wrong!r} in it is no name (lower case letters, digits, single '.', '_' or '-' between)")


def _bad(text: str, why: str) -> BadReference:
    shown = text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}…"
    return BadReference(f"{shown!r} names no image: {why}.")
