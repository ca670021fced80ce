"""What a source names by an address is fetched by the guard: the token for its host alone, and nothing from inside."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from environments.manifests.errors import BundleError
from environments.models import RegistrySetting
from environments.registry.charts import CHART_LAYER
from environments.source_tools import GuardedFetcher, places_for, source_tools
from environments.sources import FetchLater, SourceFetcher
from portal.outbound import Reach, Session
from sandbox.certificates import Certificates
from tests.portal.http_server import Server, answer, serve
from tests.portal.proxy_server import proxy

pytestmark = pytest.mark.django_db
CHART = b"a packed chart"
DIGEST = f"sha256:{hashlib.sha256(CHART).hexdigest()}"


@pytest.fixture
def fetcher(settings: Any) -> Iterator[SourceFetcher]:
    settings.OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    with source_tools("t0ken", "127.0.0.1:1") as tools:
        yield tools.fetcher


def moved(to: str) -> Any:
    return lambda handler: answer(handler, 302, b"", Location=to)


def test_what_an_address_has_is_fetched_where_it_is_sent_to(fetcher: SourceFetcher) -> None:
    with serve() as there, serve() as server:
        there.behave = lambda handler: answer(handler, 200, b"content")
        server.behave = moved(there.url("/x", host="localhost"))
        assert fetcher.get(server.url(), 100) == b"content"


@pytest.mark.parametrize(
    ("status", "error"), [(404, BundleError), (401, BundleError), (429, FetchLater), (503, FetchLater)]
)
def test_what_may_come_later_is_told_apart(fetcher: SourceFetcher, status: int, error: type[Exception]) -> None:
    with serve() as server:
        server.behave = lambda handler: answer(handler, status)
        with pytest.raises(error, match=str(status)):
            fetcher.get(server.url(), 100)


def test_redirects_and_answers_have_an_end(fetcher: SourceFetcher) -> None:
    with serve() as server:
        server.behave = moved(server.url())
        with pytest.raises(BundleError, match="from one place to the next"):
            fetcher.get(server.url(), 100)
        server.behave = lambda handler: answer(handler, 200, b"x" * 101)
        with pytest.raises(BundleError, match="longer than 100 bytes"):
            fetcher.get(server.url(), 100)


@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/"])
def test_nothing_inside_is_fetched(settings: Any, address: str) -> None:
    settings.OUTBOUND_NETWORKS = []
    with serve() as server, source_tools() as tools, pytest.raises(BundleError, match="not public"):
        tools.fetcher.get(address.format(port=server.port), 100)
    assert server.seen == []


def test_a_token_goes_to_its_host_over_tls_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a proxy, so that both hosts have names of their own."""
    certificates = Certificates.made("git.example")
    with serve(certificates.context()) as host, serve() as elsewhere:
        places = {"git.example:443": ("127.0.0.1", host.port)}
        with proxy(places) as by:
            host.behave = moved(elsewhere.url("/archive"))
            session = Session(Reach.OPERATOR, proxy=by.url, authorities=certificates.authority)
            monkeypatch.setattr(session, "_by", {"https": by.url})
            fetcher = GuardedFetcher(session, None, "t0ken", "git.example")  # type: ignore[arg-type]
            assert fetcher.get("https://git.example/r", 100) == b"ok"
    assert host.seen[0].headers["Authorization"] == "Bearer t0ken"
    assert "Authorization" not in elsewhere.seen[0].headers


class TestAChartOfARegistry:
    @pytest.fixture
    def registry(self, settings: Any) -> Iterator[Server]:
        settings.OUTBOUND_NETWORKS = ["127.0.0.0/8"]
        with serve() as running:
            yield running

    def pull(self, registry: Server, version: str = "1.0.0") -> bytes:
        with source_tools() as tools:
            return tools.fetcher.chart(f"oci://127.0.0.1:{registry.port}/charts/web", version)

    def behave(self, registry: Server, chart: bytes = CHART, media_type: str = CHART_LAYER, blobs: str = "") -> None:
        manifest = json.dumps({"layers": [{"mediaType": media_type, "digest": DIGEST}]}).encode()

        def act(handler: Any) -> None:
            if "/manifests/" in handler.path:
                answer(handler, 200, manifest)
            elif blobs and not handler.path.startswith("/elsewhere"):
                moved(f"{blobs}/elsewhere")(handler)
            else:
                answer(handler, 200, chart)

        registry.behave = act

    def test_is_its_layer(self, registry: Server) -> None:
        self.behave(registry)
        assert self.pull(registry, "1.0.0+build.5") == CHART
        assert [each.path for each in registry.seen] == [
            "/v2/charts/web/manifests/1.0.0_build.5", f"/v2/charts/web/blobs/{DIGEST}",
        ]  # fmt: skip

    def test_may_be_at_a_host_that_the_registrys_setting_trusts(self, registry: Server) -> None:
        elsewhere = registry.url("", host="localhost").rstrip("/")
        self.behave(registry, blobs=elsewhere)
        with pytest.raises(BundleError, match="trusted hosts"):
            self.pull(registry)
        RegistrySetting.objects.create(registry=f"127.0.0.1:{registry.port}", trusted_hosts="localhost")
        assert self.pull(registry) == CHART

    def test_that_is_another_than_its_digest_says_is_refused(self, registry: Server) -> None:
        self.behave(registry, chart=b"another")
        with pytest.raises(BundleError, match="another chart"):
            self.pull(registry)

    def test_that_is_no_chart_is_told(self, registry: Server) -> None:
        self.behave(registry, media_type="application/vnd.oci.image.layer.v1.tar+gzip")
        with pytest.raises(BundleError, match="no Helm chart as charts/web"):
            self.pull(registry)


def test_places_are_all_environments() -> None:
    assert places_for("shop") == []
