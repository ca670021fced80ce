"""Clusters as the portal holds them: registering one, and the gateway to it."""

from dataclasses import dataclass

import structlog
from django.core.exceptions import ValidationError
from django.db import Error, connection, transaction
from django.utils import timezone

from environments.kube.api.access import Access, AccessError
from environments.kube.api.breaker import BreakerState
from environments.kube.api.client import Gateway, connect_to
from environments.kube.api.errors import KubeError
from environments.models import Cluster, Environment
from environments.outbound_sessions import prometheus_session
from environments.prometheus import Prometheus
from portal import audit
from portal.actors import Actor
from portal.encryption import SecretUnreadable

log = structlog.get_logger(__name__)
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
VERBS = ("get", "list", "watch", "create", "patch", "delete")
# What a rollout cannot do without: group, resource, verbs.
NEEDED = (
    ("apps", "deployments", VERBS),
    ("apps", "statefulsets", VERBS),
    ("", "services", VERBS),
    ("", "configmaps", VERBS),
    ("", "secrets", VERBS),
    ("", "pods", ("list", "create")),
    ("", "events", ("list",)),
)


class ConnectError(ValueError):
    """A cluster that cannot be registered; the message says why, without anything secret."""


@dataclass(frozen=True)
class Examined:
    """A way in that works, the server's version, and what the credential may not do cluster-wide."""

    access: Access
    version: str
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Connected:
    """A registered cluster, its version, and what its credential may not do cluster-wide."""

    cluster: Cluster
    version: str
    missing: tuple[str, ...]


def prometheus_for(environment: Environment) -> Prometheus | None:
    """Where the environment's metrics are; None where it names no Prometheus."""
    if not environment.prometheus:
        return None
    return Prometheus(environment.prometheus, prometheus_session(), token=environment.prometheus_token or "")


def gateway_for(cluster: Cluster) -> Gateway:
    """The process's gateway to a cluster. ConnectError where its access cannot be used."""
    gateway = connect_to(_access(cluster))
    if gateway.breaker.on_change is None:
        gateway.breaker.on_change = lambda state: note_breaker(cluster.pk, state)
    return gateway


def connect(name: str, kubeconfig: str, context: str | None = None, *, actor: Actor) -> Connected:
    """Registers a cluster from a kubeconfig, or gives a registered one a new credential; it is asked first.

    Raises ConnectError where the kubeconfig is refused, nobody answers, or the credential is not accepted.
    """
    return register(name, examine(kubeconfig, context), actor=actor)


def connect_in_cluster(name: str, *, actor: Actor) -> Connected:
    """Registers the cluster that the portal runs in, by its pod's service account. Raises ConnectError."""
    return register(name, examine_in_cluster(), actor=actor)


def examine(kubeconfig: str, context: str | None = None) -> Examined:
    """Takes a kubeconfig apart and asks its server who it is and what the credential may. Raises ConnectError."""
    try:
        access = Access.from_kubeconfig(kubeconfig, context)
    except AccessError as error:
        raise ConnectError(str(error)) from None
    return _ask(access)


def examine_in_cluster() -> Examined:
    """The same for the pod that the portal runs in. Raises ConnectError."""
    try:
        access = Access.in_cluster()
    except AccessError as error:
        raise ConnectError(str(error)) from None
    return _ask(access)


def register(name: str, examined: Examined, *, actor: Actor) -> Connected:
    """Keeps an examined cluster under a name, with its credential encrypted. ConnectError for a name that is none."""
    cluster = Cluster(name=name, server=examined.access.server, in_cluster=bool(examined.access.account))
    cluster.access = None if cluster.in_cluster else examined.access.to_json()
    # A review speaks of all namespaces at once: with a role in each that is needed, it misses what is there.
    missing = "; ".join(examined.missing)
    cluster.trouble = f"In some namespaces, or in all, the credential may not: {missing}." if missing else ""
    cluster.state_since = timezone.now()
    _check_name(cluster)
    with transaction.atomic():
        existing = Cluster.objects.select_for_update().filter(name=name).first()
        if existing:
            cluster.pk, cluster.created_at = existing.pk, existing.created_at
        cluster.save()
        data = {"server": cluster.server, "version": examined.version, "missing": examined.missing}
        audit.record("cluster.reconnected" if existing else "cluster.connected", cluster, data, actor=actor)
    return Connected(cluster, examined.version, examined.missing)


def _check_name(cluster: Cluster) -> None:
    try:
        cluster.clean_fields(exclude=["server", "access"])
    except ValidationError as error:
        raise ConnectError(f"{cluster.name!r} cannot be a cluster's name: {' '.join(error.messages)}") from None


def _ask(access: Access) -> Examined:
    gateway = Gateway(access, attempts=1)
    try:
        version = str(gateway.version().get("gitVersion", ""))
        return Examined(access, version, missing_rights(gateway))
    except KubeError as error:
        raise ConnectError(f"{access.server} cannot be used: {error.words}") from None


def missing_rights(gateway: Gateway) -> tuple[str, ...]:
    """What of NEEDED the credential may not do in every namespace, such as "patch, delete apps/deployments".

    Nothing where the server knows no access reviews. Raises KubeError.
    """
    missing = []
    for group, resource, verbs in NEEDED:
        allowed = {verb: _allowed(gateway, group, resource, verb) for verb in verbs}
        denied = [verb for verb, given in allowed.items() if given is False]
        if denied:
            missing.append(f"{', '.join(denied)} {f'{group}/' if group else ''}{resource}")
    return tuple(missing)


def _allowed(gateway: Gateway, group: str, resource: str, verb: str) -> bool | None:
    """None where the server does not say."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"group": group, "resource": resource, "verb": verb}},
    }
    answer = gateway.raw("POST", REVIEWS, body=review)
    if answer.status in (404, 405):
        return None
    if error := answer.error():
        raise error
    return bool(answer.json().get("status", {}).get("allowed"))


def _access(cluster: Cluster) -> Access:
    try:
        if cluster.in_cluster:
            return Access.in_cluster()
        if not cluster.access:
            raise ConnectError(f"The cluster {cluster.name} has no credential: connect it again.")
        return Access.from_json(str(cluster.access))
    except (AccessError, SecretUnreadable) as error:
        raise ConnectError(f"The cluster {cluster.name} cannot be reached: {error}") from None


def note_breaker(pk: int, state: BreakerState) -> None:
    """Keeps a breaker's state for the screens. A thread that had no connection to the database has none afterwards."""
    had = connection.connection is not None
    try:
        Cluster.objects.filter(pk=pk).update(breaker=state, state_since=timezone.now())
    except Error:
        log.exception("A breaker's state could not be saved.", cluster=pk, state=state)
    finally:
        if not had:
            connection.close()
