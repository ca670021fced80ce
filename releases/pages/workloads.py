"""The workloads of a rollout as the cluster last told of them, and one of them in depth on demand."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from environments.access import may, why_not
from environments.clusters import gateway_for
from environments.kube.api.errors import KubeError
from environments.kube.autoscaling import Autoscaler
from environments.kube.objects import Ref
from environments.kube.status.inspection import Inspection, inspect
from environments.kube.status.verdict import Verdict
from environments.kube.status.workload import workload_status
from environments.models import Workload
from portal.actors import Actor
from portal.roles import Verb
from releases.models import Rollout
from releases.pages.images import Image, images, names_of
from releases.pages.traffic_shares import shares_by_deployment
from releases.plan.store import plan_of
from releases.related_objects import autoscalers_beside, workloads_of
from releases.states import Phase
from releases.visibility import visible_rollout

RUNNING_KINDS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job"})
KINDS = {"done": "good", "wait": "run", "fail": "bad", "suspended": "hold"}
MOST_DOTS = 20


@dataclass(frozen=True)
class WorkloadRow:
    """One workload of the plan beside what runs."""

    ref: Ref
    images: tuple[Image, ...]
    seen: bool
    ready: int
    wanted: int
    dots: tuple[str, ...]
    kind: str
    why: str
    autoscalers: tuple[Autoscaler, ...] = ()
    share: int | None = None
    """Percent of its requests, for one side of a workload whose requests are divided."""
    leaving: str = ""
    """What becomes of one that only the plan before has; "" for the plan's own."""


def workload_rows(rollout: Rollout, plan: Mapping[str, Any] | None) -> tuple[list[WorkloadRow], datetime | None]:
    """The plan's workloads and those that go with it, and when the cluster last told of any of them."""
    entries, leaving = _running(plan), _leaving(rollout, plan)
    known = workloads_of(rollout, [ref for ref, _entry in (*entries, *leaving)])
    wanted = [(ref, entry["manifest"]) for ref, entry in entries if not _has_gone(rollout, ref, entry, known)]
    seen = max((row.seen_at for row in known.values()), default=None)
    names, shares = names_of(rollout, plan), shares_by_deployment(rollout, plan)

    def row(ref: Ref, manifest: Mapping[str, Any]) -> WorkloadRow:
        made = _row(rollout, ref, manifest, known.get((ref.kind, ref.namespace, ref.name)), names)
        return replace(made, share=shares.get(ref.key))

    rows = [row(ref, manifest) for ref, manifest in wanted]
    going = [row(ref, entry["manifest"]) for ref, entry in leaving]
    becomes = _becomes(rollout)
    old = [replace(each, leaving=becomes, dots=_as_old(each.dots)) for each in going if each.seen]
    return [*rows, *old], seen


def _running(plan: Mapping[str, Any] | None) -> list[tuple[Ref, Mapping[str, Any]]]:
    rows = (plan or {}).get("objects", ())
    return [(Ref(*row["ref"]), row) for row in rows if row["ref"][1] in RUNNING_KINDS]


def _leaving(rollout: Rollout, plan: Mapping[str, Any] | None) -> list[tuple[Ref, Mapping[str, Any]]]:
    """What the end of the rollout removes, such as the old colour: of the plan before it, and not of this one.

    Jobs have run; that they go is nothing to watch.
    """
    if rollout.previous is None or plan is None or (rollout.ended and rollout.phase != Phase.FAILED):
        return []
    stays = {ref.key for ref, _row in _running(plan)}
    before = _running(plan_of(rollout.previous))
    return [(ref, row) for ref, row in before if _lasts(ref, row) and ref.key not in stays]


def _lasts(ref: Ref, row: Mapping[str, Any]) -> bool:
    return ref.kind != "Job" and not row.get("temporary")


def _becomes(rollout: Rollout) -> str:
    version = rollout.previous.release.version if rollout.previous else ""
    goes = rollout.phase not in (Phase.FAILED, Phase.ROLLING_BACK, Phase.ABORTING)
    return f"{version}: goes at the end" if goes else f"{version}: what it goes back to"


def _has_gone(
    rollout: Rollout, ref: Ref, entry: Mapping[str, Any], known: Mapping[tuple[str, str, str], Workload]
) -> bool:
    """Whether it was there only while the rollout ran."""
    return bool(rollout.ended and entry.get("temporary") and (ref.kind, ref.namespace, ref.name) not in known)


def _row(
    rollout: Rollout, ref: Ref, manifest: Mapping[str, Any], workload: Workload | None, names: Mapping[str, str]
) -> WorkloadRow:
    live = workload.object.get("images", ()) if workload else ()
    shown = images([container.get("image", "") for container in _containers(manifest)], live, names)
    if workload is None:
        return WorkloadRow(ref, shown, False, 0, 0, (), "idle", _unseen(rollout))
    verdict = workload_status(workload.object)
    # Nobody waits for it any more: what has not arrived then has failed.
    over = Phase(rollout.phase) in {Phase.FAILED, Phase.ABORTED}
    kind = "bad" if over and verdict.state == "wait" else KINDS[verdict.state]
    dots = _dots(verdict, workload.object.get("status") or {}, "bad" if kind == "bad" else "wait")
    if any(image.to_come for image in shown):
        dots = _as_old(dots)
    beside = autoscalers_beside(workload, manifest)
    return WorkloadRow(ref, shown, True, verdict.ready, verdict.wanted, dots, kind, verdict.why, beside)


def _unseen(rollout: Rollout) -> str:
    if rollout.phase in (Phase.ROLLED_BACK, Phase.ABORTED):
        return "not in the cluster any more"
    return "not in the cluster, or not seen" if rollout.ended else "not in the cluster yet"


def _containers(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(manifest.get("spec", {}).get("template", {}).get("spec", {}).get("containers", ()))


def _as_old(dots: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("" if dot == "new" else dot for dot in dots)


def _dots(verdict: Verdict, status: Mapping[str, Any], lacking: str) -> tuple[str, ...]:
    """A dot a wanted pod: ready and new, ready and old, not ready. An old pod counts as ready until it stops."""
    old = max(0, int(status.get("replicas") or verdict.updated) - verdict.updated)
    new = max(0, min(verdict.ready - old, verdict.wanted))
    ready = min(verdict.ready, verdict.wanted)
    return (*["new"] * new, *[""] * (ready - new), *[lacking] * (verdict.wanted - ready))[:MOST_DOTS]


@login_required
def show(request: HttpRequest, pk: int, kind: str, namespace: str, name: str) -> HttpResponse:
    """One workload, asked of the cluster now: its pods with reasons, and their logs and events for those who may."""
    actor = Actor.of(request.user)
    rollout = visible_rollout(actor, pk)
    ref = _planned(rollout, kind, namespace, name)
    context: dict[str, Any] = {"page": "rollouts", "rollout": rollout, "ref": ref, "pod": request.GET.get("pod", "")}
    read = may(actor, Verb.LOGS, rollout.environment)
    context["may_not_read"] = "" if read else why_not(actor, Verb.LOGS, rollout.environment.name)
    try:
        context["inspection"] = _inspect(rollout, ref, context["pod"], read=read)
    except KubeError as error:
        context["error"] = error.words
    return render(request, "workload.html", context)


def _planned(rollout: Rollout, kind: str, namespace: str, name: str) -> Ref:
    # Only what the plan names: the page must not read the rest of the cluster with the portal's rights.
    plan = plan_of(rollout)
    refs = [ref for ref, _row in (*_running(plan), *_leaving(rollout, plan))]
    found = next((ref for ref in refs if (ref.kind, ref.namespace, ref.name) == (kind, namespace, name)), None)
    if found is None:
        raise Http404(f"Rollout {rollout.pk} has no {kind} {namespace}/{name}.")
    return found


def _inspect(rollout: Rollout, ref: Ref, pod: str, *, read: bool) -> Inspection:
    return inspect(gateway_for(rollout.environment.cluster), ref, pod=pod, read=read)
