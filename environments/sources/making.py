"""From what was sent to the files of a bundle: which kind of source it is, and its rendering."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache

from common.discovery import modules_of
from environments.manifests.archive import Member
from environments.manifests.settings import SETTINGS_FILE, read_settings
from environments.manifests.source_settings import GitSettings, SourceSettings
from environments.manifests.yaml import parse
from environments.sources.base import Made, RenderPlace, SourceKind, Tools, laid_out, one_error

KINDS_IN = "environments.sources.kinds"


def is_source(members: Iterable[Member]) -> bool:
    """Whether the files are to be rendered before they are a bundle. Raises BundleErrors for a bad slipway.yaml."""
    return _settings_of(list(members)) is not None


def made_of(members: Sequence[Member], places: Sequence[RenderPlace], tools: Tools) -> Made:
    """The files of the bundle that a source becomes. Raises BundleError and FetchLater; ValueError for no source."""
    settings = _settings_of(members)
    if settings is None:
        raise ValueError("These files are no source.")
    made = _made(members, settings, places, tools)
    if not isinstance(settings, GitSettings):
        return made
    return _of_repository(made, places, tools)


def _of_repository(fetched: Made, places: Sequence[RenderPlace], tools: Tools) -> Made:
    """What a repository's folder is, is seen once it is there."""
    settings = _settings_of(fetched.members)
    if settings is None:
        return fetched
    if isinstance(settings, GitSettings):
        raise one_error("a repository's folder cannot send to another repository", SETTINGS_FILE)
    made = _made(fetched.members, settings, places, tools)
    return replace(made, origin={**made.origin, **fetched.origin})


def _made(members: Sequence[Member], settings: SourceSettings, places: Sequence[RenderPlace], tools: Tools) -> Made:
    kind = next(kind for kind in kinds() if isinstance(settings, kind.settings))
    with laid_out(members) as tree:
        made = kind.make(tree, settings, places, tools)
    own = [] if isinstance(settings, GitSettings) else [each for each in members if each.path == SETTINGS_FILE]
    return replace(made, members=[*made.members, *own])


@cache
def kinds() -> tuple[SourceKind, ...]:
    """A module a kind."""
    return tuple(module.SOURCE for module in modules_of(KINDS_IN))


def _settings_of(members: Sequence[Member]) -> SourceSettings | None:
    """What slipway.yaml tells, or the files themselves; None for what is a bundle already."""
    paths = frozenset(path for path, _ in members)
    if any(path.startswith("rendered/") for path in paths):
        return None
    told = next((content for path, content in members if path == SETTINGS_FILE), b"")
    documents = parse(told.decode("utf-8-sig", "replace"), SETTINGS_FILE) if told else []
    if found := read_settings(documents).source:
        return found
    return next((found for kind in kinds() if (found := kind.detect(paths))), None)
