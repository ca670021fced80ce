"""Has the strategy arrange the objects of a release for where they go."""

from dataclasses import replace
from functools import cache

from environments.kube.api.client import Gateway
from environments.kube.api.errors import KindMissing
from environments.kube.objects import Manifest, Ref
from releases import strategies
from releases.lifecycle import running_release
from releases.models import Rollout
from releases.plan import store
from releases.planning.sources import Source
from releases.states import LIVE
from releases.strategies import Arranging, neighbours
from releases.strategies.shared.selectors import apart


def arrange(rollout: Rollout, source: Source, gateway: Gateway) -> Source:
    """The source with the objects as they will be applied. Raises PlanRefused, and KubeError."""
    previous = running_release(rollout.application_id, rollout.environment_id)
    before = store.load(previous.plan_digest) if previous else None
    strategy = strategies.find(rollout.strategy)
    hooks = tuple(each for each in source.objects if each.hook)
    everyday = tuple(each for each in source.objects if not each.hook)
    neighbours.refuse(strategy, before)
    live = cache(lambda ref: _live(gateway, ref))
    moved_hosts = cache(lambda: _moved_hosts(rollout))
    arranged = strategy.arrange(
        Arranging(
            objects=apart(neighbours.as_bundled(everyday, source.traffic), live, before),
            application=rollout.application.name,
            namespace=rollout.environment.namespace_for(rollout.application.name),
            parameters=rollout.parameters,
            routes=source.routes,
            previous=before,
            again=source.traffic,
            smoke_tests=source.smoke_tests,
            environment=rollout.environment_id,
            measured=bool(rollout.environment.prometheus),
            live=live,
            listed=gateway.list,
            knows=lambda api_version, kind: _knows(gateway, api_version, kind),
            taken=lambda host: moved_hosts().get(host, ""),
        )
    )
    notes = (*source.notes, *arranged.notes, *neighbours.notes(strategy, [each.ref for each in arranged.objects]))
    objects = neighbours.sized(arranged.objects, (before or {}).get("traffic", ()), live)
    return replace(source, objects=(*objects, *hooks), traffic=arranged.traffic, notes=notes)


def _live(gateway: Gateway, ref: Ref) -> Manifest | None:
    try:
        return gateway.get(ref)
    except KindMissing:
        return None


def _knows(gateway: Gateway, api_version: str, kind: str) -> bool:
    try:
        gateway.resource(api_version, kind)
    except KindMissing:
        return False
    return True


def _moved_hosts(rollout: Rollout) -> dict[str, str]:
    """Hosts whose requests another application's rollout moves in this environment's cluster, and which one that is."""
    live = Rollout.objects.filter(environment__cluster=rollout.environment.cluster_id, phase__in=LIVE)
    others = live.exclude(application=rollout.application_id).exclude(plan_digest="")
    found = list(others.select_related("release__application", "environment"))
    plans = store.plans_of(found)
    return {
        host: f"rollout {other.pk} ({other.release} in {other.environment})"
        for other in found
        for entry in strategies.entries((plans[other.pk] or {}).get("traffic", ()))
        for host in entry.hosts
    }
