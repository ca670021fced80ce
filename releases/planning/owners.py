"""Whose an object in a cluster is: two applications, or two environments, never take or prune each other's.

Objects carry the mark of their owner. One of before names the application alone; which environment has it then is
what the stored plans say.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property

from environments.kube.apply.server_side_apply import sequence_of
from environments.kube.objects import Manifest, Owner, Ref, owner_of
from environments.models import Environment
from releases.errors import PlanRefused
from releases.lifecycle import highest_sequence, running_release, unfinished_since
from releases.models import Application, Rollout
from releases.plan import store
from releases.plan.objects import Sighting, objects_by_key
from releases.states import LIVE

SHOWN = 5
UNKNOWN = "another portal, since this one does not know it"


def owner_for(rollout: Rollout) -> Owner:
    """Who has what the rollout brings."""
    return Owner(rollout.application.name, rollout.environment.name)


def sequence_of_others(rollout: Rollout, sightings: Iterable[Sighting]) -> int:
    """The highest number on the objects, where no rollout of ours has come to it; else 0.

    Objects that were handed over carry one, and those that another portal released, or this one before a restore.
    """
    highest = max((sequence_of(each.preview.live) for each in sightings), default=0)
    return highest if highest > highest_sequence(rollout) else 0


class Owners:
    """Whose objects are, as one rollout's plan has to know it. Reads the database."""

    def __init__(self, rollout: Rollout) -> None:
        self.mine = owner_for(rollout)
        self._cluster = rollout.environment.cluster_id
        self._keys: dict[Owner, frozenset[str]] = {}

    def refuse(self, sightings: Iterable[Sighting]) -> None:
        """PlanRefused where an object is another's; it names the object, and whose it is."""
        looked = [(each.ref, each.preview.live) for each in sightings if each.preview.live]
        found = [(ref, other) for ref, live in looked if (other := self.other(live))]
        if found:
            raise PlanRefused("\n".join(_words(ref, other, self.mine) for ref, other in found))

    def without_others(self, live: Mapping[str, Manifest | None]) -> dict[str, Manifest | None]:
        """What is there, less what others have: to be pruned by none but these."""
        return {key: found for key, found in live.items() if found is None or not self.other(found)}

    def notes(self, sightings: Iterable[Sighting], live: Mapping[str, Manifest | None]) -> tuple[tuple[str, str], ...]:
        """(title, words): whose objects are passed over when pruning, and marks of ours that no release here made."""
        passed = [(found, self.other(found)) for found in live.values() if found]
        unknown = [] if self._released else [each.ref.text for each in sightings if each.is_ours(self.mine)]
        words = (
            f"{', '.join(unknown[:SHOWN])}: another portal releases {self.mine.text}, or this one did before a restore."
        )
        return (
            (
                "Not removed, since others have it",
                "; ".join(f"{_ref(it).text}: {whose}" for it, whose in passed if whose),
            ),
            ("Carries our mark, though nothing was released here", words if unknown else ""),
        )

    @cached_property
    def _released(self) -> bool:
        started = Rollout.objects.filter(started_at__isnull=False, environment__name=self.mine.environment)
        return started.filter(application__name=self.mine.application).exists()

    def other(self, live: Manifest) -> str:
        """Who else has the object, as a person reads it; "" for us, for nobody, and for one that has given it up."""
        owner = owner_of(live)
        if owner is None or owner == self.mine:
            return ""
        key = _ref(live).key
        if owner.environment:
            return self._if_held(owner, key)
        holders = [each for each in self._environments_of(owner.application) if key in self._held(each)]
        others = " and ".join(each.text for each in holders if each != self.mine)
        known = owner.application == self.mine.application or owner.application in self._applications
        return others or ("" if known else f"{owner.text} of {UNKNOWN}")

    def _if_held(self, owner: Owner, key: str) -> str:
        if owner.application not in self._applications or owner.environment not in self._clusters:
            return f"{owner.text} of {UNKNOWN}"
        return owner.text if key in self._held(owner) else ""

    @cached_property
    def _applications(self) -> dict[str, int]:
        return dict(Application.objects.values_list("name", "pk"))

    @cached_property
    def _clusters(self) -> dict[str, tuple[int, int]]:
        """Key and cluster of each environment by its name."""
        return {name: (pk, cluster) for name, pk, cluster in Environment.objects.values_list("name", "pk", "cluster")}

    def _environments_of(self, application: str) -> list[Owner]:
        """In this cluster: a mark of before says no more."""
        return [Owner(application, name) for name, (_, cluster) in self._clusters.items() if cluster == self._cluster]

    def _held(self, owner: Owner) -> frozenset[str]:
        """The Ref.key of all that the owner's running, unfinished and live rollouts have."""
        if owner not in self._keys:
            application, place = self._applications.get(owner.application), self._clusters[owner.environment][0]
            self._keys[owner] = frozenset() if application is None else _keys_of(application, place)
        return self._keys[owner]


def _keys_of(application: int, environment: int) -> frozenset[str]:
    running = running_release(application, environment)
    live = Rollout.objects.filter(application=application, environment=environment, phase__in=LIVE)
    having = [*([running] if running else []), *unfinished_since(running, application, environment), *live]
    digests = {each.plan_digest for each in having if each.plan_digest}
    return frozenset(key for digest in digests for key in objects_by_key(store.load(digest)))


def _ref(live: Manifest) -> Ref:
    metadata = live["metadata"]
    return Ref(live["apiVersion"], live["kind"], metadata.get("namespace", ""), metadata["name"])


def _words(ref: Ref, other: str, mine: Owner) -> str:
    if UNKNOWN in other:
        at = f" -n {ref.namespace}" if ref.namespace else ""
        return (
            f"{ref.text} belongs to {other}. If nobody releases it any more, take the mark off: "
            f"kubectl annotate {ref.kind.lower()} {ref.name}{at} slipway.dev/tracking-"
        )
    return (
        f"{ref.text} belongs to {other}, and {mine.text} would overwrite it. Give it another name or namespace here; "
        f"or hand it over: release {other} without it, the object annotated helm.sh/resource-policy: keep, then plan "
        "this anew."
    )
