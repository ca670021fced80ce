"""What an application was in an environment, revision by revision, and what changed between two of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from environments.kube.apply.diff import changes_between
from environments.kube.objects import Ref
from environments.models import Environment
from releases.lifecycle import between as halfway_between
from releases.models import Application, Rollout
from releases.plan import store
from releases.plan.objects import Plan, lasting
from releases.plan.older_formats import comparable
from releases.plan.rollback_plan import BEFORE_SLIPWAY
from releases.plan.store import brings_back_others
from releases.states import Phase

NAMESPACE = "Namespace"
POD_TEMPLATE = ("spec.template", "spec.jobTemplate")
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Revision:
    """A rollout that succeeded. `number` counts from 1; the highest is what runs, unless a way back failed since.

    Revision 0 is what the first of them took over: what ran before Slipway.
    """

    number: int
    rollout: Rollout
    running: bool

    @property
    def version(self) -> str:
        """What it is called."""
        return self.rollout.release.version if self.number else BEFORE_SLIPWAY


def revisions(application: Application, environment: Environment) -> list[Revision]:
    """Newest first. A rollout that was taken back is none."""
    succeeded = Rollout.objects.filter(application=application, environment=environment, phase=Phase.SUCCEEDED)
    rollouts = list(succeeded.exclude(plan_digest="").select_related("release").order_by("sequence", "pk"))
    last = None if halfway_between(application.pk, environment.pk) else len(rollouts)
    found = [Revision(number, rollout, number == last) for number, rollout in enumerate(rollouts, 1)]
    taken = [Revision(0, rollouts[0], running=False)] if rollouts and brings_back_others(rollouts[0]) else []
    return [*found[::-1], *taken]


def span(found: Sequence[Revision]) -> str:
    """Which numbers there are, in words; `found` as `revisions` gives them."""
    return f"there are {found[-1].number} to {found[0].number}" if found else "there is none yet"


def revision(application: Application, environment: Environment, number: int) -> Revision | None:
    """The revision of that number; None where there is none."""
    return next((each for each in revisions(application, environment) if each.number == number), None)


def between(before: Revision, after: Revision) -> dict[str, Any]:
    """What changed from one to the other, as a plan tells it: {"changes", "objects", "prune"}."""
    return compare(_plan(before), _plan(after))


def _plan(revision: Revision) -> Plan:
    rollout = revision.rollout
    plan = store.load(rollout.plan_digest)
    if not revision.number:
        return {**plan, "objects": plan["back"]["found"]}
    return comparable(plan, rollout.sealed_digest, rollout.environment_id)


def compare(before: Row, after: Row) -> dict[str, Any]:
    """The same of two plans of one environment. Pure. Secrets are masked in both."""
    was = {Ref(*row["ref"]).key: row for row in lasting(before["objects"])}
    objects = lasting(after["objects"])
    now = {Ref(*row["ref"]).key for row in objects}
    # The release that finds no namespace makes it, and no release removes one: that is no change of the application.
    objects = [row for row in objects if Ref(*row["ref"]).key in was or row["ref"][1] != NAMESPACE]
    was = {key: row for key, row in was.items() if key in now or row["ref"][1] != NAMESPACE}
    changes = [_change(was.get(Ref(*row["ref"]).key), row) for row in objects]
    gone = [{"ref": row["ref"], "uid": ""} for key, row in was.items() if key not in now]
    return {"changes": changes, "objects": objects, "prune": gone}


def _change(before: Row | None, after: Row) -> dict[str, Any]:
    fields = [] if before is None else _fields(before["manifest"], after["manifest"])
    action = "create" if before is None else "update" if fields else "unchanged"
    restarts = any(field["path"].startswith(POD_TEMPLATE) for field in fields)
    return {"ref": after["ref"], "action": action, "fields": fields, "restarts": restarts}


def _fields(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    found = changes_between(before, after, lambda _field, masked: masked)
    return [{"path": change.path, "before": change.before, "after": change.after} for change in found]
