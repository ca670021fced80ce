"""Images by digest: what a release names by tag is asked for at its registry, or in the cluster, when it is planned."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from environments import registry
from environments.models import RegistrySetting
from environments.registries import Registries, registries
from environments.registry.pulled import digests_of
from releases.errors import PlanPostponed, PlanRefused

Digests = RegistrySetting.Digests
Pulled = Callable[[], Iterable[tuple[str, ...]]]
TRIES = 5
ADVICE = (
    "If Slipway cannot reach a registry that the nodes reach, say so in its setting on "
    "/admin/environments/registrysetting/: a mirror, a proxy, trusted hosts, an authority of your own, digests from "
    "the cluster, or the tag as it is."
)
BY_TAG = "Applied by tag, which may come to name another image"


@dataclass(frozen=True)
class Pinned:
    """`images`: {name: reference with its digest, or as it was given}. `by_tag`: why each of the latter is so."""

    images: Mapping[str, str]
    by_tag: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """For the plan's risks."""
        return ((BY_TAG, "; ".join(self.by_tag)),)


def pin(references: Mapping[str, str], pulled: Pulled = tuple) -> Pinned:
    """Each image by the digest that it has now. `pulled` tells the names of what the cluster has pulled.

    Raises PlanRefused naming every image that is absent or refused, and PlanPostponed where none is but a
    registry does not answer.
    """
    with registries() as known:
        asked = [each for each in references.values() if known.digests_of(each) == Digests.REGISTRY]
        found = _asked(asked, known)
        told, by_tag = _told(sorted({*references.values()} - {*asked}), known, pulled)
    given = {**found, **told}
    return Pinned({name: given[reference] for name, reference in references.items()}, by_tag)


def _asked(references: Iterable[str], known: Registries) -> dict[str, str]:
    usual = known.terms_of("")
    answers = registry.resolve_all(
        references,
        sessions=known.usual,
        credentials=known.accounts,
        plain_http=usual.trust.plain_http,
        terms=known.terms,
    )
    _check([answer for answer in answers.values() if isinstance(answer, registry.RegistryError)])
    return {asked: answer.pinned for asked, answer in answers.items() if isinstance(answer, registry.Resolved)}


def _check(errors: Iterable[registry.RegistryError]) -> None:
    found = list(errors)
    if refused := [error for error in found if not error.transient]:
        advice = [ADVICE] if any(map(_has_setting, refused)) else []
        raise PlanRefused("\n".join([*(error.words for error in refused), *advice]))
    if found:
        words = "\n".join(error.words for error in found)
        raise PlanPostponed(words, getattr(found[0], "retry_after", None), tries=TRIES, advice=ADVICE)


def _has_setting(error: registry.RegistryError) -> bool:
    """Whether a setting of the registry may help."""
    return isinstance(error, registry.RegistryUnreachable) or getattr(error, "by_rule", False)


def _told(references: Iterable[str], known: Registries, pulled: Pulled) -> tuple[dict[str, str], tuple[str, ...]]:
    """What is not asked of a registry: {reference: as it is applied}, and why those by tag are."""
    found, why, has = dict[str, str](), [], None
    for reference in references:
        image = registry.parse(reference)
        if image.digest:
            found[reference] = reference
        elif known.digests_of(reference) == Digests.TAG:
            found[reference] = reference
            why.append(f"{reference} (so says the setting of {image.registry})")
        else:
            has = list(pulled()) if has is None else has
            found[reference] = _of_cluster(reference, has)
            if found[reference] == reference:
                why.append(f"{reference} (no node of the cluster tells its digest yet)")
    return found, tuple(why)


def _of_cluster(reference: str, has: Iterable[tuple[str, ...]]) -> str:
    digests = digests_of(reference, has)
    if len(digests) > 1:
        raise PlanRefused(
            f"Nodes have {reference} as {' and as '.join(digests)}: the tag has moved. Name the image by its digest."
        )
    return f"{registry.parse(reference).name}@{digests[0]}" if digests else reference
