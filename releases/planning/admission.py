"""What an environment's admission says to the objects of a plan: refusals, and what the plan shows as risks."""

from collections.abc import Iterable, Sequence

from environments.admission import AdmissionFinding, AdmissionScope, Level, Rules, checks, judge
from environments.admission.hosts import hosts_of
from environments.admission.levels import parse
from environments.kube.objects import Manifest
from environments.models import Environment
from releases.errors import PlanRefused
from releases.lifecycle import running_release
from releases.models import Rollout
from releases.plan import store

Note = tuple[str, str]
SHOWN = 5


def notes(rollout: Rollout, manifests: Sequence[Manifest]) -> tuple[Note, ...]:
    """(title, words) for each check that warns. PlanRefused names everything that a check refuses.

    A way back is never refused: what it brings ran there before, and somebody needs it now.
    """
    rules = rules_of(rollout.environment)
    back = rollout.kind == Rollout.Kind.UNDO
    found = list(judge(manifests, place_of(rollout), rules.warning if back else rules))
    if refused := [each for each in found if each.level is Level.REFUSE]:
        raise PlanRefused(_refusal(rollout.environment, refused))
    return tuple((title, _words(title, found)) for title in dict.fromkeys(each.title for each in found))


def rules_of(environment: Environment) -> Rules:
    """The environment's level, and those of single checks."""
    return Rules(environment.admission_level(), parse(environment.admission_rules, checks()))


def place_of(rollout: Rollout) -> AdmissionScope:
    """The environment as checks know it."""
    own, others = rollout.environment, Environment.objects.exclude(pk=rollout.environment_id)
    named = {pattern: place.name for place in others for pattern in place.hosts.split()}
    later = [place for place in others if place.order > own.order]
    running = {host: place.name for place in later for host in _running_hosts(rollout.application_id, place)}
    return AdmissionScope(tuple(own.allowed_registries.split()), tuple(own.hosts.split()), {**running, **named})


def _running_hosts(application: int, place: Environment) -> Iterable[str]:
    """The hosts of what the application runs there. Of later environments only: so the first does not take a host from
    the last by being there earlier."""
    running = running_release(application, place.pk)
    plan = store.load(running.plan_digest) if running else {"objects": []}
    return (host for row in plan["objects"] for host in hosts_of(row["manifest"]))


def _refusal(environment: Environment, refused: Iterable[AdmissionFinding]) -> str:
    found = list(refused)
    lines = [f"{each.title}: {each.text} ({each.check})." for each in found]
    first = found[0].check
    advice = (
        f"Change the bundle; or whoever administers {environment} sets another level in its admission, "
        f"such as “{first} warn”."
    )
    return "\n".join([f"{environment} does not admit what this bundle asks for.", *lines, advice])


def _words(title: str, found: Iterable[AdmissionFinding]) -> str:
    named = [each.text for each in found if each.title == title]
    more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return "; ".join(named[:SHOWN]) + more
