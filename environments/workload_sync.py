"""Keeps `Workload` rows as the clusters are: one watcher a cluster and kind, on one host at a time.

Whoever holds a cluster's lease writes, others stand by.
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from django.db import Error, close_old_connections, connection, transaction
from django.utils import timezone

from environments import autoscaler_sync
from environments.clusters import ConnectError, gateway_for, note_breaker
from environments.kube.api.client import Gateway
from environments.kube.autoscaling.reading import AutoscalerReader
from environments.kube.names import MANAGED, TRACKING
from environments.kube.objects import Manifest
from environments.kube.status.workload import workload_status
from environments.kube.watch.watcher import Event, Watcher, WatchState
from environments.models import Cluster, Workload
from portal.orchestration import companions
from portal.orchestration.leases import hold, let_go

log = structlog.get_logger(__name__)
KINDS = (("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"), ("apps/v1", "DaemonSet"), ("batch/v1", "Job"))
LEASE_SECONDS = 8.0
RENEW = 2.0
STALE = timedelta(seconds=15)
"""So long a breaker's state stays that another process noted: one that is still open is noted again sooner."""
SPACING = 0.25  # seconds between two writes of one row whose state stays the same
BATCH = 200
MODES = ("live", "polling", "reconnecting")

Key = tuple[int, str, str, str]
Told = dict[Key, tuple[Event, dict[str, Any], datetime]]
Synced = list[tuple[int, str]]
OnChange = Callable[[int, Collection[str]], None]
"""Called after the rows are written: the cluster, and the names of the applications whose objects changed."""
_listeners: list[OnChange] = []


def on_change(listener: OnChange) -> OnChange:
    """Has the function called by the orchestrator's watches."""
    _listeners.append(listener)
    return listener


def tell_listeners(cluster: int, applications: Collection[str]) -> None:
    """Calls all who want to know that objects changed."""
    for listener in _listeners:
        listener(cluster, applications)


@dataclass
class Watched:
    """A cluster that this host holds."""

    gateway: Gateway
    until: float
    watchers: list[Watcher | AutoscalerReader] = field(default_factory=list)
    states: dict[str, WatchState] = field(default_factory=dict)
    saved: tuple[str, str] | None = None
    """The mode and trouble that the cluster's row has."""
    told: dict[str, set[tuple[str, str]] | None] = field(default_factory=dict)
    """By kind, what the first synchronisation told; None once it is over."""

    def stop(self) -> None:
        for watcher in self.watchers:
            watcher.stop()

    def summary(self) -> tuple[str, str]:
        """The mode of the worst watch and what is the matter with it; "" until every one has told of itself."""
        states = list(self.states.values())
        worst = max(states, key=lambda state: MODES.index(state.mode), default=None)
        if worst is None or (worst.mode == "live" and len(states) < len(KINDS)):
            return "", ""
        return worst.mode, worst.why


class Watching(threading.Thread):
    """Holds what clusters it can get, until stop()."""

    def __init__(self, host: str, on_change: OnChange = tell_listeners) -> None:
        super().__init__(name="watching", daemon=True)
        self._host = host
        self._on_change = on_change
        self._clusters: dict[int, Watched] = {}
        self._pending: Told = {}
        self._written: dict[Key, tuple[float, str]] = {}
        """When each row was written last, and the state of the workload then."""
        self._synced: Synced = []
        self._autoscalers: dict[int, list[Manifest]] = {}
        """What was read of each cluster, until it is written."""
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._ended = threading.Event()

    def stop(self) -> None:
        """Ends the watches and gives the leases back. join() to wait for it."""
        self._ended.set()
        self._news.set()

    def run(self) -> None:
        """Leases, watches and writes, until stopped."""
        renew_at = 0.0
        while not self._ended.is_set():
            try:
                if time.monotonic() >= renew_at:
                    renew_at = time.monotonic() + RENEW
                    self._hold()
                wait = self._flush()
            except Error:
                log.exception("What a watch told could not be written; it is tried again.")
                connection.close()
                wait = 1.0
            except Exception:
                log.exception("The keeping of workloads stumbled.")
                wait = 1.0
            self._news.wait(max(0.0, min(wait, renew_at - time.monotonic())))
        self._release()

    # Leases

    def _hold(self) -> None:
        close_old_connections()
        clusters = {cluster.pk: cluster for cluster in Cluster.objects.all()}
        for pk in set(self._clusters) - set(clusters):
            self._drop(pk)
        for pk, cluster in clusters.items():
            until = time.monotonic() + LEASE_SECONDS
            if hold(Cluster.objects.filter(pk=pk), self._host, LEASE_SECONDS):
                self._watch(cluster, until)
            elif pk in self._clusters:
                self._drop(pk)

    def _watch(self, cluster: Cluster, until: float) -> None:
        held = self._clusters.get(cluster.pk)
        try:
            gateway = gateway_for(cluster)
        except ConnectError as error:
            self._drop(cluster.pk)
            Cluster.objects.filter(pk=cluster.pk).exclude(trouble=str(error)).update(watch="", trouble=str(error))
            return
        if held and held.gateway is gateway:
            held.until = until
            self._settle_breaker(cluster, held)
            return
        self._drop(cluster.pk)
        self._begin(cluster.pk, Watched(gateway, until))

    def _begin(self, pk: int, held: Watched) -> None:
        self._clusters[pk] = held
        for api_version, kind in KINDS:
            held.told[kind] = set()
            watcher = Watcher(
                held.gateway,
                api_version,
                kind,
                labels=f"{MANAGED}=true",
                on_event=partial(self._tell, pk, held, kind),
                on_state=partial(self._state, held, kind),
            )
            held.watchers.append(watcher)
        held.watchers.append(AutoscalerReader(held.gateway, partial(self._read, pk, held)))
        for each in held.watchers:
            each.start()

    def _settle_breaker(self, cluster: Cluster, held: Watched) -> None:
        """The row says what the breaker says that the watches call through: who noted another state may be gone."""
        state = held.gateway.breaker.state
        fresh = cluster.state_since is not None and timezone.now() - cluster.state_since < STALE
        doubtful = state == "closed" and (fresh or held.summary()[0] not in ("live", "polling"))
        if state != cluster.breaker and not doubtful:
            note_breaker(cluster.pk, state)

    def _drop(self, pk: int) -> None:
        if held := self._clusters.pop(pk, None):
            held.stop()
            with self._lock:
                self._pending = {key: told for key, told in self._pending.items() if key[0] != pk}

    def _release(self) -> None:
        for pk in list(self._clusters):
            self._drop(pk)
        try:
            let_go(Cluster.objects.all(), self._host)
        except Error:
            log.exception("The leases could not be given back; they run out by themselves.")
        connection.close()

    # What watchers tell, in their threads: no database here

    def _tell(self, pk: int, held: Watched, kind: str, event: Event, obj: dict[str, Any]) -> None:
        with self._lock:
            if self._clusters.get(pk) is not held:
                return
            told = held.told[kind]
            if event == "SYNCED":
                if told is not None:
                    self._synced.append((pk, kind))
            else:
                metadata = obj["metadata"]
                place = (metadata.get("namespace", ""), metadata["name"])
                if told is not None:
                    told.add(place)
                self._pending[pk, kind, *place] = (event, obj, timezone.now())
        self._news.set()

    def _read(self, pk: int, held: Watched, objects: list[Manifest]) -> None:
        with self._lock:
            if self._clusters.get(pk) is held:
                self._autoscalers[pk] = objects
        self._news.set()

    def _state(self, held: Watched, kind: str, state: WatchState) -> None:
        with self._lock:
            held.states[kind] = state
        self._news.set()

    # Writing

    def _save_states(self) -> None:
        for pk, held in self._clusters.items():
            now = held.summary()
            if now != held.saved and now[0]:
                # What others noted as trouble stays, until a watch has had some of its own.
                ours = {"trouble": now[1]} if now[1] or (held.saved and held.saved[1]) else {}
                Cluster.objects.filter(pk=pk, lease_owner=self._host).update(watch=now[0], **ours)
                held.saved = now

    def _keep_autoscalers(self) -> None:
        with self._lock:
            found, self._autoscalers = self._autoscalers, {}
        for pk, objects in found.items():
            if self._holds(pk):
                autoscaler_sync.keep(pk, objects)

    def _flush(self) -> float:
        """Writes what may be written now; the seconds until there may be more."""
        self._news.clear()
        taken, synced = self._take()
        try:
            self._write(taken)
            for pk, kind in synced:
                self._sweep(pk, kind)
            self._save_states()
            self._keep_autoscalers()
        except Error:
            self._put_back(taken, synced)
            raise
        written = time.monotonic()
        self._written |= {key: (written, _state_of(obj)) for key, (_, obj, _) in taken.items()}
        return SPACING / 5 if self._pending else RENEW

    def _take(self) -> tuple[Told, Synced]:
        now = time.monotonic()
        with self._lock:
            due = [key for key, (_, obj, _) in self._pending.items() if self._is_due(key, obj, now)]
            synced, self._synced = self._synced, []
            return {key: self._pending.pop(key) for key in due[:BATCH]}, synced

    def _put_back(self, taken: Told, synced: Synced) -> None:
        """For the next turn, unless there is newer news of an object."""
        with self._lock:
            self._pending = taken | self._pending
            self._synced = synced + self._synced

    def _is_due(self, key: Key, obj: Mapping[str, Any], now: float) -> bool:
        """Whether it may be written: what a rollout waits for, at once; the rest four times a second."""
        at, state = self._written.get(key, (0.0, ""))
        return self._holds(key[0]) and (at + SPACING <= now or _state_of(obj) != state)

    def _holds(self, pk: int) -> bool:
        held = self._clusters.get(pk)
        return held is not None and time.monotonic() < held.until

    def _write(self, told: Told) -> None:
        if not told:
            return
        changed: dict[int, set[str]] = {}
        with transaction.atomic():
            for pk in {key[0] for key in told}:
                changed[pk] = self._write_cluster(pk, {key: what for key, what in told.items() if key[0] == pk})
        for pk, applications in changed.items():
            self._on_change(pk, applications)

    def _write_cluster(self, pk: int, told: Told) -> set[str]:
        gone = {key for key, (event, _, _) in told.items() if event == "DELETED"}
        here = [_row(key, obj, at) for key, (_, obj, at) in told.items() if key not in gone]
        Workload.objects.bulk_create(
            here,
            update_conflicts=True,
            unique_fields=["cluster", "kind", "namespace", "name"],
            update_fields=["uid", "resource_version", "generation", "deleted", "object", "seen_at"],
        )
        applications = {_application(row.object) for row in here}
        for _, kind, namespace, name in gone:
            rows = Workload.objects.filter(cluster=pk, kind=kind, namespace=namespace, name=name)
            applications |= {_application(row.object) for row in rows}
            rows.update(deleted=True, seen_at=timezone.now())
        return applications - {""}

    def _sweep(self, pk: int, kind: str) -> None:
        """Marks what was deleted while nobody watched: rows that a first synchronisation did not tell of."""
        held = self._clusters.get(pk)
        if held is None or held.told[kind] is None:
            return
        with self._lock:
            told = frozenset(held.told[kind] or ())
        rows = Workload.objects.filter(cluster=pk, kind=kind, deleted=False)
        places = rows.values_list("pk", "namespace", "name")
        gone = Workload.objects.filter(pk__in=[row for row, *place in places if tuple(place) not in told])
        applications = {_application(row.object) for row in gone} - {""}
        gone.update(deleted=True, seen_at=timezone.now())
        with self._lock:
            held.told[kind] = None
        self._on_change(pk, applications)


def _row(key: Key, obj: Mapping[str, Any], at: datetime) -> Workload:
    cluster, kind, namespace, name = key
    metadata = obj["metadata"]
    return Workload(
        cluster_id=cluster,
        kind=kind,
        namespace=namespace,
        name=name,
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        generation=int(metadata.get("generation") or 0),
        deleted=False,
        object=dict(obj),
        seen_at=at,
    )


def _state_of(obj: Mapping[str, Any]) -> str:
    return workload_status(obj).state if "status" in obj else "gone"


def _application(obj: Mapping[str, Any]) -> str:
    tracking = (obj.get("metadata", {}).get("annotations") or {}).get(TRACKING, "")
    return str(tracking.partition(":")[0].partition("@")[0])


companions.register(Watching)
