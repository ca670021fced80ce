"""Images by digest: what a release names by tag is asked for at its registry when it is planned."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from environments import registry
from releases.errors import PlanPostponed, PlanRefused
from releases.models import Release

SIDE_BY_SIDE = 4


def resolve_images(release: Release) -> dict[str, str]:
    """{name: "repository@sha256:…"} of a release's images, as `resolve_all` does it."""
    return resolve_all(release.images)


def resolve_all(references: Mapping[str, str]) -> dict[str, str]:
    """{name: pinned reference}. PlanRefused names every image that is absent or refused; PlanPostponed where a
    registry does not answer and nothing was refused."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        answers = dict(zip(references, pool.map(_resolve, references.values()), strict=True))
    refused = [str(answer) for answer in answers.values() if isinstance(answer, PlanRefused)]
    if refused:
        raise PlanRefused("\n".join(dict.fromkeys(refused)))
    postponed = [str(answer) for answer in answers.values() if isinstance(answer, PlanPostponed)]
    if postponed:
        raise PlanPostponed("\n".join(dict.fromkeys(postponed)))
    return {name: str(answer) for name, answer in answers.items()}


def _resolve(reference: str) -> str | PlanRefused | PlanPostponed:
    try:
        return registry.resolve(reference, credentials=None).pinned
    except registry.RegistryUnreachable as error:
        return PlanPostponed(error.words)
    except (registry.ImageAbsent, registry.RegistryRefused, registry.BadReference) as error:
        return PlanRefused(error.words)
