"""Where digests come from: registries as they are set up, what the cluster has pulled, or nowhere."""

import hashlib

import pytest

from environments.models import RegistryAccount, RegistrySetting
from environments.registry.pulled import digests_of
from releases import actions
from releases.errors import PlanPostponed, PlanRefused
from releases.image_digests import TRIES, pin
from releases.models import Rollout
from releases.plan.store import load_plan
from releases.planning.planner import plan_now
from releases.states import Phase
from sandbox.certificates import Certificates
from tests.portal.http_server import answer, serve
from tests.portal.proxy_server import proxy
from tests.releases.fakes import FakeCluster, FakeRegistry
from tests.releases.world import World

pytestmark = pytest.mark.django_db

MANIFEST = b'{"schemaVersion": 2}'
DIGEST = f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"
OTHER = f"sha256:{'b' * 64}"
WEB = "registry.example/shop/web:1"


def manifest(handler) -> None:
    answer(handler, 200, MANIFEST)


def setting(registry: str = "registry.example", **more: str) -> RegistrySetting:
    row = RegistrySetting(registry=registry, **more)
    row.full_clean()
    row.save()
    return row


class TestARegistryBehindAProxy:
    @pytest.fixture
    def certificates(self) -> Certificates:
        return Certificates.made("registry.example")

    def test_is_asked_by_the_proxy_with_its_login_and_trusted_by_its_own_authority(self, certificates) -> None:
        with serve(certificates.context()) as server, proxy({"registry.example:443": ("127.0.0.1", server.port)}) as by:
            server.behave = manifest
            setting(proxy=by.url, proxy_login="robot:p@ss", authorities=certificates.authority)
            assert pin({"web": WEB}).images == {"web": f"registry.example/shop/web@{DIGEST}"}
        assert by.asked[0] == ("registry.example:443", "Basic cm9ib3Q6cEBzcw==")
        assert {each.path for each in server.seen} == {"/v2/shop/web/manifests/1"}

    def test_whose_authority_nobody_trusts_is_refused_with_what_to_do(self, certificates) -> None:
        with serve(certificates.context()) as server, proxy({"registry.example:443": ("127.0.0.1", server.port)}) as by:
            setting(proxy=by.url)
            with pytest.raises(PlanRefused, match=r"certificate is not trusted[^$]*an authority of your own"):
                pin({"web": WEB})

    def test_that_does_not_let_it_through_is_told_by_the_proxy(self) -> None:
        with proxy({}) as by:
            setting(proxy=by.url)
            with pytest.raises(PlanPostponed, match=r"proxy does not let the call through .*403"):
                pin({"web": WEB})

    def test_sends_to_no_host_that_it_may_not_whatever_the_proxy_resolves(self, certificates) -> None:
        with serve(certificates.context()) as server, proxy({"registry.example:443": ("127.0.0.1", server.port)}) as by:
            server.behave = lambda handler: answer(handler, 307, b"", Location="https://metadata.internal/v2/x")
            setting(proxy=by.url, authorities=certificates.authority)
            with pytest.raises(PlanRefused, match="trusted hosts"):
                pin({"web": WEB})
        assert [asked for asked, _ in by.asked] == ["registry.example:443"]

    def test_others_know_nothing_of_the_proxy(self, settings) -> None:
        settings.OUTBOUND_NETWORKS = ["127.0.0.0/8"]
        with serve() as server, proxy({}) as by:
            server.behave = manifest
            setting(proxy=by.url)
            assert pin({"web": f"127.0.0.1:{server.port}/shop/web:1"}).images
        assert by.asked == []


def test_a_redirect_to_a_trusted_host_is_followed_without_credentials() -> None:
    with serve() as friend, serve() as server:
        friend.behave = manifest
        target = friend.url("/v2/pause/manifests/3.9", host="localhost")
        server.behave = lambda handler: answer(handler, 307, b"", Location=target)
        registry = f"127.0.0.1:{server.port}"
        RegistryAccount.objects.create(registry=registry, username="u", password="p")
        setting(registry, trusted_hosts="localhost")
        assert pin({"pause": f"{registry}/pause:3.9"}).images == {"pause": f"{registry}/pause@{DIGEST}"}
    assert not [each for each in friend.seen if "Authorization" in each.headers]


def test_a_mirror_is_asked_with_the_account_of_its_own_host() -> None:
    with serve() as server:
        server.behave = lambda handler: (
            manifest(handler) if "Authorization" in handler.headers
            else answer(handler, 401, b"", **{"WWW-Authenticate": 'Basic realm="x"'})
        )  # fmt: skip
        host = f"127.0.0.1:{server.port}"
        RegistryAccount.objects.create(registry=host, username="u", password="p")
        setting(mirror=f"{host}/cache")
        assert pin({"web": WEB}).images == {"web": f"registry.example/shop/web@{DIGEST}"}
    assert server.seen[-1].path == "/v2/cache/shop/web/manifests/1"


def test_a_tag_that_is_taken_as_it_is_asks_nobody_and_is_told() -> None:
    setting(digests="tag")
    found = pin({"web": WEB, "api": f"registry.example/shop/api@{DIGEST}"})
    assert found.images == {"web": WEB, "api": f"registry.example/shop/api@{DIGEST}"}
    assert found.by_tag == (f"{WEB} (so says the setting of registry.example)",)


NODE = ("registry.example/shop/web:1", f"registry.example/shop/web@{DIGEST}")


@pytest.mark.parametrize(
    ("reference", "pulled", "digests"),
    [
        (WEB, [NODE], [DIGEST]),
        (WEB, [NODE, NODE], [DIGEST]),
        (WEB, [NODE, (NODE[0], f"registry.example/shop/web@{OTHER}")], sorted([DIGEST, OTHER])),
        ("registry.example/shop/web:2", [NODE], []),
        (WEB, [(NODE[0], "sha256:" + "c" * 64)], []),
        (WEB, [(NODE[0], f"registry.example/other/web@{DIGEST}")], []),
        ("nginx:1.27", [("docker.io/library/nginx:1.27", f"docker.io/library/nginx@{DIGEST}")], [DIGEST]),
        ("nginx", [("docker.io/library/nginx:latest", f"docker.io/library/nginx@{DIGEST}", "")], [DIGEST]),
    ],
)
def test_what_the_cluster_tells_of_a_tag(reference, pulled, digests) -> None:
    assert digests_of(reference, pulled) == digests


class TestDigestsOfTheCluster:
    @pytest.fixture
    def nodes(self, cluster: FakeCluster) -> FakeCluster:
        images = [{"names": ["registry.example/shop/web@" + DIGEST, "registry.example/shop/web:1.0.0"]}]
        cluster.settle({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}, "status": {"images": images}})
        setting(digests="cluster")
        return cluster

    def planned(self, world: World, version: str) -> Rollout:
        release = world.release(version)
        return plan_now(actions.request(world.people["developer"], release, world.environments["dev"]))

    def test_are_those_that_a_node_has(self, world: World, registry: FakeRegistry, nodes: FakeCluster) -> None:
        registry.down = True
        plan = load_plan(self.planned(world, "1.0.0"))
        assert plan["images"]["web"] == f"registry.example/shop/web@{DIGEST}"

    def test_where_none_has_the_image_yet_the_tag_goes_and_the_plan_says_so(
        self, world: World, registry: FakeRegistry, nodes: FakeCluster
    ) -> None:
        plan = load_plan(self.planned(world, "1.1.0"))
        assert plan["images"]["web"] == "registry.example/shop/web:1.1.0"
        assert "no node of the cluster tells its digest yet" in str(plan["risks"])


def test_a_registry_that_cannot_be_reached_ends_the_plan_after_a_few_tries(
    world: World, registry: FakeRegistry, cluster: FakeCluster
) -> None:
    registry.down = True
    rollout = actions.request(world.people["developer"], world.release(), world.environments["dev"])
    for _ in range(TRIES - 1):
        assert plan_now(rollout).phase == Phase.PLANNING
    assert plan_now(rollout).phase == Phase.FAILED
    assert f"Tried {TRIES} times" in rollout.why
    assert "/admin/environments/registrysetting/" in rollout.why
