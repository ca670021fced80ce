"""Objects that applications have in common: left to whom they belong, refused where they differ, and never pruned."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Q

from environments.kube.objects import Ref
from environments.models import Environment
from releases.errors import PlanRefused
from releases.lifecycle import running_release
from releases.models import Rollout
from releases.plan import store
from releases.plan.objects import Plan, Sighting, objects_by_key
from releases.states import LIVE

SHOWN = 5
# What Slipway itself writes on an object: it says whose the object is, and no more.
OUR_MARKS = ("slipway.dev/", "labels.app.kubernetes.io/part-of", "labels.app.kubernetes.io/managed-by")


@dataclass(frozen=True)
class Holder:
    """A release of another application, or in another environment, that runs in the same cluster."""

    rollout: Rollout
    plan: Plan

    @cached_property
    def own(self) -> frozenset[str]:
        """The keys of the objects that it applies."""
        return frozenset(objects_by_key(self.plan))

    @cached_property
    def needed(self) -> frozenset[str]:
        """The keys of all that it has, of others' objects too."""
        return self.own | {Ref(*each).key for each in self.plan.get("shared", ())}

    @property
    def text(self) -> str:
        return f"{self.rollout.release} in {self.rollout.environment}"


def holders(rollout: Rollout) -> Iterator[Holder]:
    """Of every application and environment in the rollout's cluster but its own: what runs, and what is under way."""
    for other in _others(rollout):
        if other.plan_digest:
            yield Holder(other, store.load(other.plan_digest))


def _others(rollout: Rollout) -> Iterator[Rollout]:
    cluster = rollout.environment.cluster
    same = Q(cluster=cluster) | (Q(cluster__server=cluster.server) if cluster.server else Q())
    places = Environment.objects.filter(same)
    pairs = Rollout.objects.filter(environment__in=places).exclude(plan_digest="").order_by()
    own = (rollout.application_id, rollout.environment_id)
    for application, environment in pairs.values_list("application_id", "environment_id").distinct():
        if (application, environment) != own:
            yield from _standing(application, environment)


def _standing(application: int, environment: int) -> Iterator[Rollout]:
    running = running_release(application, environment)
    if running:
        yield running
    under_way = Rollout.objects.filter(application_id=application, environment_id=environment, phase__in=LIVE)
    yield from under_way.select_related("release__application", "environment")


@dataclass(frozen=True)
class Shares:
    """The sightings of what the rollout writes itself; `shared` belongs to others and stays as it is.

    `notes` are (title, words) for the plan.
    """

    own: tuple[Sighting, ...]
    shared: tuple[Ref, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()


def divide(rollout: Rollout, sightings: Sequence[Sighting]) -> Shares:
    """Leaves objects of the whole cluster to the release that has them already, where they are the same.

    Raises PlanRefused, naming whose each is, where they are not.
    """
    wide = {each.ref.key: each for each in sightings if not each.ref.namespace and each.preview.live is not None}
    standing = list(holders(rollout)) if wide else []
    owners = {key: holder.text for holder in standing for key in wide.keys() & holder.own}
    if refused := [_refusal(wide[key], whose) for key, whose in owners.items() if _differences(wide[key])]:
        raise PlanRefused("\n".join(refused))
    users = {key: holder.text for holder in standing for key in wide.keys() & (holder.needed - holder.own)}
    changed = {key: whose for key, whose in users.items() if key not in owners and wide[key].changes}
    return Shares(
        tuple(each for each in sightings if each.ref.key not in owners),
        tuple(each.ref for key, each in wide.items() if key in owners),
        (
            ("Shared, and left as it is", _words(wide, owners, "belongs to")),
            ("Changes for others too", _words(wide, changed, "is also needed by")),
        ),
    )


def kept_for(rollout: Rollout, going: Sequence[Ref]) -> dict[str, str]:
    """{Ref.key: whose} of what would go and yet is in the plan of another application or environment.

    Of objects of the whole cluster: those of a namespace have one owner, whose mark they carry (see Owners).
    """
    keys = {ref.key for ref in going if not ref.namespace}
    if not keys:
        return {}
    return {key: holder.text for holder in holders(rollout) for key in keys & holder.needed}


def kept_note(going: Iterable[Ref], kept: Mapping[str, str]) -> tuple[str, str]:
    """(title, words) of what stays since others have it."""
    found = (f"{ref.text} ({kept[ref.key]})" for ref in going if ref.key in kept)
    return "Stays, since others have it too", ", ".join(found)


def _differences(sighting: Sighting) -> list[str]:
    paths = (change.path for change in sighting.changes)
    return [path for path in paths if not any(mark in path for mark in OUR_MARKS)]


def _refusal(sighting: Sighting, whose: str) -> str:
    differing = ", ".join(_differences(sighting)[:SHOWN])
    return (
        f"{sighting.ref.text} belongs to {whose}, and this bundle has it with other content ({differing}). "
        "Give it a name of its own, make both the same, or leave it to one of the two."
    )


def _words(wide: Mapping[str, Sighting], whose: Mapping[str, str], verb: str) -> str:
    return ", ".join(f"{wide[key].ref.text} {verb} {text}" for key, text in whose.items())
