"""What the rendering of charts and kustomizations is handed: programs by their settings, and a guarded way to fetch."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

from django.conf import settings

from environments import registry
from environments.clusters import ConnectError, gateway_for
from environments.kube.api.errors import KubeError
from environments.manifests.limits import LIMITS
from environments.models import Cluster, Environment
from environments.registries import Registries, registries
from environments.sources import FetchLater, RenderPlace, Tools
from environments.sources.base import one_error
from environments.sources.programs import Program, find_program
from portal import outbound
from portal.encryption import SecretUnreadable
from portal.outbound import OutboundFailed, OutboundRefused, Reach, Reads, Session, shown

SECONDS = (3.0, 30.0)
REDIRECTS = 4
PASSING = frozenset({429, 500, 502, 503, 504})
MOVED = frozenset({301, 302, 303, 307, 308})


class GuardedFetcher:
    """A SourceFetcher by the portal's own sessions. `token` goes to `token_host` alone, over TLS."""

    def __init__(self, session: Session, known: Registries, token: str = "", token_host: str = "") -> None:
        self._session, self._known = session, known
        self._token, self._token_host = token, token_host

    def get(self, url: str, limit: int) -> bytes:
        """As SourceFetcher.get."""
        for _ in range(REDIRECTS + 1):
            answer = self._ask(url, limit)
            if answer.status not in MOVED:
                return self._content(url, answer)
            url = _next(url, answer.headers.get("location", ""))
        raise one_error(f"{shown(url)} sends us from one place to the next")

    def chart(self, reference: str, version: str) -> bytes:
        """As SourceFetcher.chart. A registry's settings and account count as they do for images."""
        # A tag has no +, so that helm writes _ for it.
        named = f"{reference.removeprefix('oci://')}:{version.replace('+', '_')}"
        try:
            terms = self._known.terms_of(registry.parse(named).registry)
            return registry.pull_chart(named, terms, LIMITS.archive)
        except registry.RegistryError as error:
            if error.transient:
                raise FetchLater(error.words) from None
            raise one_error(error.words) from None

    def _ask(self, url: str, limit: int) -> outbound.OutboundAnswer:
        try:
            return self._session.call("GET", url, headers=self._headers(url), timeout=SECONDS, limit=limit)
        except OutboundFailed as error:
            if error.fault.lasts:
                raise one_error(f"{shown(url)} cannot be fetched: {error}") from None
            raise FetchLater(str(error)) from None
        except OutboundRefused as error:
            raise one_error(f"{shown(url)} cannot be fetched: {error}") from None

    def _headers(self, url: str) -> dict[str, str]:
        parts = urlsplit(url)
        mine = self._token and parts.scheme == "https" and parts.netloc == self._token_host
        return {"Authorization": f"Bearer {self._token}"} if mine else {}

    def _content(self, url: str, answer: outbound.OutboundAnswer) -> bytes:
        if answer.status in PASSING:
            raise FetchLater(f"{shown(url)} answered {answer.status}.")
        if not answer.ok:
            raise one_error(f"{shown(url)} answered {answer.status}")
        return answer.body


def _next(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise one_error(f"{shown(url)} sends us to what is no address") from None


@contextmanager
def source_tools(token: str = "", token_host: str = "") -> Iterator[Tools]:
    """For one source. `token`: for the host (and port) that it was given for."""
    with registries() as known, Session(Reach.OUTSIDE, retries=Reads()) as session:
        yield Tools(GuardedFetcher(session, known, token, token_host), programs=_programs(), settings=SETTINGS)


SETTINGS: Mapping[str, str] = {"helm": "SLIPWAY_HELM", "kustomize": "SLIPWAY_KUSTOMIZE"}


def _programs() -> dict[str, Program | None]:
    return {
        "helm": find_program(settings.HELM, "helm"),
        "kustomize": find_program(settings.KUSTOMIZE, "kustomize", "kubectl kustomize"),
    }


def places_for(application: str) -> list[RenderPlace]:
    """Every environment, the namespace of the application there, and what its cluster says of itself.

    Asks each cluster: call it outside any transaction.
    """
    places = list(Environment.objects.select_related("cluster"))
    versions = {cluster.pk: _version_of(cluster) for cluster in {place.cluster for place in places}}
    return [RenderPlace(place.name, place.namespace_for(application), versions[place.cluster_id]) for place in places]


def _version_of(cluster: Cluster) -> str:
    """Such as v1.33.2, "" where the cluster does not tell: helm then takes what it was made with."""
    try:
        return str(gateway_for(cluster).version().get("gitVersion", ""))
    except (ConnectError, KubeError, SecretUnreadable):
        return ""
