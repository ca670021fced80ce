"""What a kind of source is: what its files look like, and how they become the files of a bundle."""

import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

from environments.manifests.archive import Member
from environments.manifests.errors import BundleError, BundleErrors
from environments.manifests.source_settings import SourceSettings
from environments.sources.programs import Program

TREE = "files"


class RenderPlace(NamedTuple):
    """Where a bundle is rendered for: an environment, and the namespace of the application there.

    `kubernetes` is the version of its cluster, "" where it did not tell.
    """

    environment: str
    namespace: str
    kubernetes: str = ""


class SourceFetcher(Protocol):
    """Brings what a source names by an address. BundleError for what cannot be had, FetchLater for what may come."""

    def get(self, url: str, limit: int) -> bytes:
        """What an address has, at most `limit` bytes; redirects are followed, without the token."""

    def chart(self, reference: str, version: str) -> bytes:
        """The packed chart of an oci:// reference."""


class FetchLater(Exception):
    """It cannot be fetched now; another attempt may."""


@dataclass(frozen=True)
class Tools:
    """`programs`: by the kind of source that needs them; None: not there. `settings`: what names each."""

    fetcher: SourceFetcher
    programs: Mapping[str, Program | None]
    settings: Mapping[str, str] = field(default_factory=dict)

    def program(self, kind: str) -> Program:
        """BundleError names the setting where the program is not there."""
        found = self.programs.get(kind)
        if found is None:
            raise one_error(
                f"{kind} is not there: an administrator has to install it and name it by {self.settings[kind]}, "
                f"or send its output as rendered/ENVIRONMENT.yaml"
            )
        return found


@dataclass(frozen=True)
class Made:
    """The files of a bundle, and how they came to be, as JSON."""

    members: Sequence[Member]
    origin: Mapping[str, Any]


class SourceTree(NamedTuple):
    """Files on a disk, with a home for programs above them."""

    scratch: Path
    paths: frozenset[str]

    @property
    def folder(self) -> Path:
        return self.scratch / TREE

    def at(self, path: str) -> Path:
        """The place of a clean path."""
        return self.folder / path if path else self.folder


class SourceKind(ABC):
    """One kind; a module of `kinds` is one by its SOURCE."""

    name: ClassVar[str]
    settings: ClassVar[type]

    def detect(self, paths: Collection[str]) -> SourceSettings | None:  # noqa: ARG002
        """What the files say by their names alone, where slipway.yaml has no `source`; None: nothing of this kind."""
        return None

    @abstractmethod
    def make(self, tree: SourceTree, settings: Any, places: Sequence[RenderPlace], tools: Tools) -> Made:
        """Raises BundleError and FetchLater."""


def one_error(message: str, path: str = "", line: int = 0) -> BundleErrors:
    """A single error of a bundle."""
    return BundleErrors([BundleError(path, line, "", message)])


@contextmanager
def laid_out(members: Iterable[Member]) -> Iterator[SourceTree]:
    """The files on a disk for a while, in a folder of nobody else's."""
    with tempfile.TemporaryDirectory(prefix="slipway-source-") as folder:
        tree = SourceTree(Path(os.path.realpath(folder)), frozenset(path for path, _ in members))
        tree.folder.mkdir()
        for path, content in members:
            lay(tree.folder / path, content)
        yield tree


def lay(place: Path, content: bytes) -> None:
    """Writes a file, with the folders above it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
