"""References, and a registry that does what registries do: challenges, absence, refusals, redirects, silence."""

import hashlib
import json
import os
import socket
import threading
from contextlib import ExitStack
from urllib.parse import urlencode, urljoin

import pytest
import urllib3

from environments.registry import (
    BadReference,
    Credentials,
    ImageAbsent,
    RegistryError,
    RegistryRefused,
    RegistryThrottled,
    RegistryUnreachable,
    client,
    parse,
)
from environments.registry.credentials import Challenge, Trust, read_challenge
from tests.environments.kube.scripted import scripted
from tests.environments.registries import resolve, resolve_all

HEX = "a" * 64
DIGEST = f"sha256:{HEX}"
MANIFEST = b'{"schemaVersion": 2}'
MANIFEST_DIGEST = f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"
OTHER = f"sha256:{'b' * 64}"
ACCOUNT = Credentials("robot", "s3cret")
NOTHING = Trust()


@pytest.fixture(autouse=True)
def _loopback_may_be_called(settings) -> None:
    """Registries of these tests are on it; those of people outside are held to what an installation lists."""
    settings.OUTBOUND_NETWORKS = ["127.0.0.0/8", "::1/128"]


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag", "digest"),
    [
        ("nginx", "docker.io", "library/nginx", "latest", ""),
        ("nginx:1.27", "docker.io", "library/nginx", "1.27", ""),
        ("shop/web", "docker.io", "shop/web", "latest", ""),
        ("docker.io/nginx", "docker.io", "library/nginx", "latest", ""),
        ("index.docker.io/shop/web:2", "docker.io", "shop/web", "2", ""),
        ("ghcr.io/example/web:v1.0.0", "ghcr.io", "example/web", "v1.0.0", ""),
        ("localhost/web", "localhost", "web", "latest", ""),
        ("registry:5000/web", "registry:5000", "web", "latest", ""),
        ("127.0.0.1:5000/a/b/c:x", "127.0.0.1:5000", "a/b/c", "x", ""),
        ("[::1]:5000/web:2", "[::1]:5000", "web", "2", ""),
        (f"ghcr.io/example/web@{DIGEST}", "ghcr.io", "example/web", "", DIGEST),
        (f"ghcr.io/example/web:1@{DIGEST}", "ghcr.io", "example/web", "1", DIGEST),
        ("ghcr.io/a__b/c-d.e:_x", "ghcr.io", "a__b/c-d.e", "_x", ""),
    ],
)
def test_references_are_read_as_container_runtimes_do(text, registry, repository, tag, digest):
    assert parse(text)[1:] == (registry, repository, tag, digest)


def test_docker_hub_answers_at_another_address():
    assert parse("nginx").address == "registry-1.docker.io"
    assert parse("ghcr.io/example/web").address == "ghcr.io"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "'' in it is no name"),
        ("Web", "'Web' in it is no name"),
        ("ghcr.io/Example/web", "'Example' in it is no name"),
        ("ghcr.io//web", "'' in it is no name"),
        ("ghcr.io/web:", "'' is no tag"),
        ("ghcr.io/web:a b", "'a b' is no tag"),
        ("ghcr.io/web@sha256:abc", "'sha256:abc' is no digest"),
        (f"ghcr.io/web@md5:{HEX}", "is no digest"),
        ("user:pass@ghcr.io/web", "'ghcr.io/web' is no digest"),
        ("gh_cr.io/web", "'gh_cr.io' is no host name"),
        ("https://ghcr.io/web", "is no host name"),
        ("ghcr.io/" + "a" * 255, "longer than 255"),
        ("ghcr.io/../web", "'..' in it is no name"),
    ],
)
def test_a_bad_reference_is_told_with_what_is_wrong(text, words):
    with pytest.raises(BadReference) as raised:
        parse(text)
    assert words in raised.value.words


@pytest.mark.parametrize(
    ("header", "challenge"),
    [
        (
            'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="a:b:pull,push"',
            Challenge("bearer", "https://auth.docker.io/token", "registry.docker.io"),
        ),
        ('Basic realm="private"', Challenge("basic", "private")),
        ('Basic realm="x", Bearer realm="https://r/t"', Challenge("bearer", "https://r/t")),
        ("bearer realm=https://r/t", Challenge("bearer", "https://r/t")),
        ("Negotiate", Challenge("")),
        ("", Challenge("")),
    ],
)
def test_challenges_are_read(header, challenge):
    assert read_challenge(header) == challenge


@pytest.mark.parametrize(
    ("trust", "url", "registry", "allowed"),
    [
        (NOTHING, "https://ghcr.io/token", "ghcr.io", True),
        (NOTHING, "https://auth.docker.io/token", "registry-1.docker.io", True),
        (NOTHING, "https://gitlab.com/jwt/auth", "registry.gitlab.com", True),
        (NOTHING, "https://evil.example/token", "ghcr.io", False),
        (NOTHING, "https://evil.io/token", "ghcr.io", False),
        (NOTHING, "https://evil.co.uk/token", "registry.co.uk", False),
        (NOTHING, "https://auth.acme.co.uk/token", "registry.acme.co.uk", True),
        (NOTHING, "https://evilghcr.io/token", "ghcr.io", False),
        (NOTHING, "http://ghcr.io/token", "ghcr.io", False),
        (NOTHING, "https://10.0.0.2/token", "10.0.0.1:5000", False),
        (NOTHING, "https://169.254.169.254/token", "ghcr.io", False),
        (NOTHING, "https://ghcr.io@evil.example/token", "ghcr.io", False),
        (NOTHING, "https://robot@ghcr.io/token", "ghcr.io", False),
        (NOTHING, "file:///etc/passwd", "ghcr.io", False),
        (NOTHING, "https://[broken/token", "ghcr.io", False),
        (NOTHING, "http://127.0.0.1:6000/token", "127.0.0.1:5000", True),
        (NOTHING, "http://127.0.0.1:6000/token", "ghcr.io", False),
        (Trust(hosts=frozenset({"idp.example"})), "https://idp.example/token", "ghcr.io", True),
        (Trust(hosts=frozenset({"idp.example"})), "http://idp.example/token", "ghcr.io", False),
        (Trust(plain_http=frozenset({"r.lan:5000"})), "http://r.lan:5000/token", "r.lan:5000", True),
        (Trust(plain_http=frozenset({"r.lan:5000"})), "http://r.lan:6000/token", "r.lan:5000", False),
    ],
)
def test_where_a_registry_may_send_us(trust, url, registry, allowed):
    assert trust.allows(url, registry) is allowed


@pytest.mark.parametrize(
    ("address", "scheme"),
    [
        ("ghcr.io", "https"),
        ("10.0.0.1:5000", "https"),
        ("127.0.0.1:5000", "http"),
        ("localhost:5000", "http"),
        ("[::1]:5000", "http"),
        ("r.lan:5000", "http"),
        ("127.0.0.1.evil.example", "https"),
    ],
)
def test_plain_http_is_for_loopback_and_named_hosts(address, scheme):
    assert Trust(plain_http=frozenset({"r.lan"})).scheme(address) == scheme


def found(exchange, digest=DIGEST):
    exchange.answer(200, b"{}", {"Docker-Content-Digest": digest})


def status(code, headers=None):
    return lambda exchange: exchange.answer(code, b"{}", headers)


def at(server, path="shop/web:1.0.0"):
    return f"{server.url.removeprefix('http://')}/{path}"


def test_a_tag_is_resolved_to_its_digest():
    with scripted(found) as server:
        reference = at(server)
        assert resolve(reference) == (reference, DIGEST, f"{at(server, 'shop/web')}@{DIGEST}")
    assert server.asked == [("HEAD", "/v2/shop/web/manifests/1.0.0", {})]


def test_indexes_and_manifests_of_both_makers_are_accepted():
    accepted = []
    with scripted(lambda exchange: (accepted.append(exchange.headers["Accept"]), found(exchange))) as server:
        resolve(at(server))
    assert accepted[0].split(", ") == [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]


def test_a_digest_is_asked_for_and_wins_over_a_tag():
    with scripted(found) as server:
        resolved = resolve(at(server, f"shop/web:1@{DIGEST}"))
    assert resolved.pinned.endswith(f"/shop/web@{DIGEST}")
    assert server.asked[0][1] == f"/v2/shop/web/manifests/{DIGEST}"


def test_a_registry_that_answers_for_another_digest_is_not_believed():
    with scripted(lambda e: found(e, OTHER)) as server, pytest.raises(RegistryError, match="another manifest"):
        resolve(at(server, f"shop/web@{DIGEST}"))


@pytest.mark.parametrize("refusal", [405, 501, 400, 200])
def test_where_a_registry_refuses_head_the_manifest_itself_is_digested(refusal):
    manifest = b'{"schemaVersion": 2}'
    with scripted(status(refusal), lambda e: e.answer(200, manifest)) as server:
        assert resolve(at(server)).digest == f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    assert [method for method, _, _ in server.asked] == ["HEAD", "GET"]


@pytest.mark.parametrize(
    ("code", "error", "transient", "words"),
    [
        (404, ImageAbsent, False, "has no image shop/web 1.0.0. Was it pushed?"),
        (401, RegistryRefused, False, "it asks for credentials"),
        (403, RegistryRefused, False, "it asks for credentials"),
        (500, RegistryUnreachable, True, "does not say whether it has shop/web (status 500)"),
        (503, RegistryUnreachable, True, "(status 503)"),
        (418, RegistryUnreachable, True, "(status 418)"),
    ],
)
def test_absent_refused_and_unreachable_are_told_apart(code, error, transient, words):
    with scripted(status(code)) as server, pytest.raises(error) as raised:
        resolve(at(server))
    assert words in raised.value.words
    assert raised.value.transient is transient


def test_a_throttled_question_says_when_to_ask_again():
    with scripted(status(429, {"Retry-After": "7"})) as server, pytest.raises(RegistryThrottled) as raised:
        resolve(at(server))
    assert raised.value.retry_after == 7


def test_one_passing_fault_is_forgiven():
    with scripted(status(502), found) as server:
        assert resolve(at(server)).digest == DIGEST


def bearer(realm):
    return status(401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="reg",scope="registry:catalog:*"'})


def with_token(exchange):
    if exchange.headers["Authorization"] == "Bearer t0ken":
        found(exchange)
    else:
        exchange.answer(403)


@pytest.mark.parametrize("name", ["token", "access_token"])
@pytest.mark.parametrize("credentials", [None, ACCOUNT])
def test_a_token_is_fetched_for_pulling_this_repository_only(name, credentials):
    seen = []

    def token(exchange):
        seen.append((exchange.query, exchange.headers["Authorization"]))
        exchange.answer(200, {name: "t0ken"})

    with scripted(token) as realm, scripted(bearer(f"{realm.url}/token"), with_token) as server:
        assert resolve(at(server), credentials=credentials).digest == DIGEST
    query = {"service": "reg", "scope": "repository:shop/web:pull"}
    assert seen == [(query, credentials.basic if credentials else None)]


def test_a_token_is_not_fetched_from_a_stranger():
    with scripted(found) as stranger:
        realm = stranger.url.replace("127.0.0.1", "localhost")
        refused = pytest.raises(RegistryRefused, match=r"sends us to localhost:\d+ for a token")
        with scripted(bearer(f"{realm}/token"), with_token) as server, refused:
            resolve(at(server), credentials=ACCOUNT)
    assert stranger.asked == []


def test_a_stranger_whom_an_administrator_named_may_give_tokens():
    with scripted(lambda e: e.answer(200, {"token": "t0ken"})) as friend:
        realm = friend.url.replace("127.0.0.1", "localhost")
        with scripted(bearer(f"{realm}/token"), with_token) as server:
            trusted = frozenset({"localhost"})
            assert resolve(at(server), trusted_hosts=trusted).digest == DIGEST


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (status(401), RegistryRefused),
        (status(404), RegistryUnreachable),
        (status(200), RegistryUnreachable),
        (lambda e: e.answer(200, b"<html>"), RegistryUnreachable),
        (lambda e: e.answer(200, b"x" * 70_000), RegistryUnreachable),
    ],
)
def test_a_token_that_does_not_come_is_no_absent_image(act, error):
    with scripted(act) as realm, scripted(bearer(f"{realm.url}/token"), with_token) as server, pytest.raises(error):
        resolve(at(server), credentials=ACCOUNT)


def test_basic_credentials_are_shown_only_when_asked_for():
    seen = []

    def ask(exchange):
        seen.append(exchange.headers["Authorization"])
        if len(seen) == 1:
            exchange.answer(401, b"", {"WWW-Authenticate": 'Basic realm="x"'})
        else:
            found(exchange)

    with scripted(ask) as server:
        assert resolve(at(server), credentials=ACCOUNT).digest == DIGEST
    assert seen == [None, "Basic cm9ib3Q6czNjcmV0"]


def test_credentials_that_are_refused_are_not_tried_twice():
    refused = pytest.raises(RegistryRefused, match="the credentials given are not enough")
    with scripted(status(401, {"WWW-Authenticate": 'Basic realm="x"'})) as server, refused:
        resolve(at(server), credentials=ACCOUNT)
    assert len(server.asked) == 2


def test_credentials_do_not_show():
    assert "s3cret" not in repr(ACCOUNT)
    assert "robot" not in repr(ACCOUNT)


def moved(to):
    return status(307, {"Location": to})


def test_a_redirect_within_the_registry_is_followed():
    with scripted(moved("/v2/elsewhere/manifests/1"), found) as server:
        assert resolve(at(server)).digest == DIGEST
    assert server.asked[1][1] == "/v2/elsewhere/manifests/1"


def test_a_redirect_to_a_stranger_is_refused():
    with scripted(found) as stranger:
        target = stranger.url.replace("127.0.0.1", "localhost")
        with scripted(moved(f"{target}/x")) as server, pytest.raises(RegistryRefused, match="for content"):
            resolve(at(server))
    assert stranger.asked == []


def test_a_redirect_to_a_trusted_host_goes_without_what_we_proved():
    seen = []

    def content(exchange):
        seen.append(exchange.headers["Authorization"])
        exchange.answer(200, MANIFEST, {"Docker-Content-Digest": MANIFEST_DIGEST})

    challenge = status(401, {"WWW-Authenticate": 'Basic realm="x"'})
    with scripted(content) as friend:
        target = friend.url.replace("127.0.0.1", "localhost")
        with scripted(challenge, moved(f"{target}/x")) as server:
            resolved = resolve(at(server), credentials=ACCOUNT, trusted_hosts=frozenset({"localhost"}))
    assert (seen, resolved.digest) == ([None, None], MANIFEST_DIGEST)


def test_what_another_host_says_of_a_digest_is_held_against_the_manifest():
    with scripted(lambda e: e.answer(200, MANIFEST, {"Docker-Content-Digest": DIGEST})) as friend:
        target = friend.url.replace("127.0.0.1", "localhost")
        with scripted(moved(f"{target}/x")) as server, pytest.raises(RegistryError, match="another manifest"):
            resolve(at(server), trusted_hosts=frozenset({"local*"}))


@pytest.mark.parametrize(
    ("registry", "host", "known"),
    [
        ("registry.k8s.io", "us-west2-docker.pkg.dev", True),
        ("registry.k8s.io", "pkg.dev.evil.example", False),
        ("registry-1.docker.io", "production.cloudflare.docker.com", True),
        ("ghcr.io", "pkg-containers.githubusercontent.com", True),
        ("quay.io", "cdn01.quay.io", True),
        ("mcr.microsoft.com", "westeurope.data.mcr.microsoft.com", True),
        ("registry.example", "us-west2-docker.pkg.dev", False),
    ],
)
def test_well_known_registries_may_send_us_where_they_are_known_to(registry, host, known):
    assert NOTHING.allows(f"https://{host}/v2/x", registry, content=True) is known
    assert not NOTHING.allows(f"http://{host}/v2/x", registry, content=True)


def test_a_mirror_is_asked_instead_of_the_registry_and_below_its_path():
    with scripted(found) as server:
        mirror = at(server, "hub")
        resolved = resolve("nginx:1.27", mirror=mirror, trusted_hosts=frozenset({"127.0.0.1"}))
    assert resolved == ("nginx:1.27", DIGEST, f"nginx@{DIGEST}")
    assert server.asked[0][1] == "/v2/hub/library/nginx/manifests/1.27"


def test_redirects_have_an_end():
    with scripted(moved("/round")) as server, pytest.raises(RegistryUnreachable, match="from one place to"):
        resolve(at(server))
    assert len(server.asked) == 4


def test_a_registry_that_is_not_there_is_unreachable():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(RegistryUnreachable, match="the connection is refused"):
            resolve(f"127.0.0.1:{port}/web:1")


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda e: e.hold(), r"no whole answer within 0\.2 s"),
        (lambda e: e.cut(), "cannot be reached: the connection broke off"),
    ],
)
def test_silence_and_broken_connections_are_unreachable(act, words, monkeypatch):
    monkeypatch.setattr(client, "TIMEOUT", (1.0, 0.2))
    with scripted(act) as server, pytest.raises(RegistryUnreachable, match=words):
        resolve(at(server))


def test_a_manifest_without_end_is_cut_off():
    huge = b"x" * (4 * 1024 * 1024 + 1)
    too_long = pytest.raises(RegistryUnreachable, match="longer than 4194304 bytes")
    with scripted(status(405), lambda e: e.answer(200, huge)) as server, too_long:
        resolve(at(server))


def test_another_host_is_asked_with_tls_only(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda host, *_more, **_kind: [(socket.AF_INET, 1, 6, "", ("127.0.0.1", port))]
        )
        monkeypatch.setattr(client, "TIMEOUT", (1.0, 0.3))
        with pytest.raises(RegistryUnreachable):
            resolve("registry.example/web:1")
        peer, _ = listener.accept()
        with peer:
            assert peer.recv(2) == b"\x16\x03"


def test_many_are_asked_side_by_side_and_each_has_its_own_answer():
    together = threading.Barrier(3, timeout=5)

    def act(exchange):
        together.wait()
        if "absent" in exchange.path:
            exchange.answer(404)
        else:
            found(exchange)

    with scripted(act) as server:
        good, absent = [at(server, "a:1"), at(server, "b:1")], at(server, "absent:1")
        results = resolve_all([*good, absent, good[0], "Bad"])
    assert list(results) == [*good, absent, "Bad"]
    assert [results[name].digest for name in good] == [DIGEST, DIGEST]
    assert isinstance(results[absent], ImageAbsent)
    assert isinstance(results["Bad"], BadReference)


def test_credentials_go_to_their_own_registry():
    challenge = status(401, {"WWW-Authenticate": 'Basic realm="x"'})
    with ExitStack() as stack:
        mine, theirs = (stack.enter_context(scripted(challenge, found)) for _ in range(2))
        account = {mine.url.removeprefix("http://"): ACCOUNT}
        results = resolve_all([at(mine), at(theirs)], credentials=account)
    assert results[at(mine)].digest == DIGEST
    assert isinstance(results[at(theirs)], RegistryRefused)


HINTS = ("not public, or there is no such host", "SLIPWAY_OUTBOUND_NETWORKS")


class TestWhatPeopleOutsideGive:
    """An image reference in a webhook or a request makes the portal call nothing inside, by itself or by a detour."""

    @pytest.fixture(autouse=True)
    def _nothing_listed(self, settings) -> None:
        settings.OUTBOUND_NETWORKS = []

    @pytest.mark.parametrize("status_of_it", [200, 401, 403, 404, 429, 500])
    def test_whatever_a_place_inside_answers_nobody_learns_it(self, status_of_it):
        with scripted(status(status_of_it)) as server:
            answers = {
                self.words(reference) for reference in (at(server), at(server).replace("127.0.0.1", "localhost"))
            }
        assert {answer.partition(" ")[2] for answer in answers} == {self.sentence()}
        assert server.asked == []

    @pytest.mark.parametrize(
        "registry",
        [
            "127.0.0.1:1", "localhost:1", "[::1]:1", "[::ffff:7f00:1]:1", "169.254.169.254", "10.0.0.1",
            "192.168.1.1:5000", "[fd00::1]:5000", "0.0.0.0:80", "2130706433.invalid", "intranet.invalid",
        ],
    )  # fmt: skip
    def test_open_closed_and_absent_read_the_same(self, registry):
        assert self.words(f"{registry}/web:1").partition(" ")[2] == self.sentence()

    def test_they_are_refused_for_good(self):
        with pytest.raises(RegistryRefused) as refused:
            resolve("127.0.0.1:1/web:1")
        assert not refused.value.transient

    def words(self, reference):
        with pytest.raises(RegistryRefused) as refused:
            resolve(reference)
        return refused.value.words

    def sentence(self):
        return (
            "is not public, or there is no such host. "
            "SLIPWAY_OUTBOUND_NETWORKS lists the inner networks that may be called."
        )

    @pytest.mark.parametrize("detour", ["redirect", "realm"])
    @pytest.mark.parametrize("to", ["inside.registry.example", "registry.example"])
    def test_a_public_registry_leads_nowhere_inside(self, detour, to, monkeypatch):
        """It owns its name, and lets another one of it, or itself from now on, lead to where the portal is."""
        leads = Names(monkeypatch, {"registry.example": ["127.0.0.1"], "inside.registry.example": ["10.0.0.1"]})
        with scripted(found) as inside:
            target = f"http://{to}:{inside.url.rpartition(':')[2]}/x"
            act = moved(target) if detour == "redirect" else bearer(target)
            with scripted(lambda e: (leads.change(to, ["10.0.0.1"]), act(e))) as server:
                host = f"registry.example:{server.url.rpartition(':')[2]}"
                trust = {"plain_http": frozenset()}
                monkeypatch.setattr(Trust, "scheme", lambda _self, _address: "http")
                monkeypatch.setattr("portal.outbound.reach.is_listed", lambda address: str(address) == "127.0.0.1")
                with pytest.raises(RegistryRefused, match="not public"):
                    resolve(f"{host}/web:1", **trust)
        assert inside.asked == []


class Names:
    """What names lead to, as a resolver says it."""

    def __init__(self, monkeypatch, names):
        self._names = dict(names)
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._look)

    def change(self, name, addresses):
        self._names[name] = addresses

    def _look(self, host, port, *more, **kind):
        if host not in self._names:
            return self._real(host, port, *more, **kind)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in self._names[host]]


class TestWhatAnOperatorSetUp:
    """A registry with an account, or named as one without TLS, may be inside; where it leads is held like any other."""

    @pytest.fixture(autouse=True)
    def _nothing_listed(self, settings) -> None:
        settings.OUTBOUND_NETWORKS = []

    def test_one_with_an_account_may_be_inside(self):
        with scripted(found) as server:
            assert resolve(at(server), credentials=ACCOUNT).digest == DIGEST

    @pytest.mark.parametrize("named", ["127.0.0.1", "127.0.0.1:{port}"])
    def test_one_without_tls_may_be_inside(self, named):
        with scripted(found) as server:
            named = named.format(port=server.url.rpartition(":")[2])
            assert resolve(at(server), plain_http=frozenset({named})).digest == DIGEST

    def test_its_neighbour_may_not(self):
        with scripted(found) as server, pytest.raises(RegistryRefused, match="not public"):
            resolve(at(server), plain_http=frozenset({"127.0.0.1:1"}))
        assert server.asked == []

    def test_its_own_realm_may_be_inside(self):
        def act(exchange):
            if exchange.path == "/token":
                exchange.answer(200, {"token": "t0ken"})
            elif exchange.headers["Authorization"]:
                with_token(exchange)
            else:
                bearer(f"{server.url}/token")(exchange)

        with scripted(act) as server:
            assert resolve(at(server), credentials=ACCOUNT).digest == DIGEST

    @pytest.mark.parametrize("detour", [lambda url: moved(f"{url}/x"), lambda url: bearer(f"{url}/token")])
    def test_it_leads_to_no_other_place_inside(self, detour):
        with scripted(found) as inside, scripted(detour(inside.url)) as server:
            account = {at(server).partition("/")[0]: ACCOUNT}
            answer = resolve_all([at(server)], credentials=account)[at(server)]
        assert isinstance(answer, RegistryRefused)
        assert all(hint in answer.words for hint in HINTS)
        assert inside.asked == []

    def test_it_may_lead_to_a_host_that_an_administrator_named(self):
        with scripted(lambda e: e.answer(200, {"token": "t0ken"})) as friend:
            realm = friend.url.replace("127.0.0.1", "localhost")
            with scripted(bearer(f"{realm}/token"), with_token) as server:
                trusted = frozenset({"localhost"})
                assert resolve(at(server), credentials=ACCOUNT, trusted_hosts=trusted).digest == DIGEST


@pytest.mark.parametrize("to", ["https://[broken/x", "http://[::1", "//[x]/"])
@pytest.mark.parametrize("detour", [moved, bearer])
def test_an_address_that_is_none_is_refused(to, detour):
    with scripted(detour(to)) as server, pytest.raises(RegistryError):
        resolve(at(server))


def test_a_token_of_deep_json_is_no_token():
    with (
        scripted(lambda e: e.answer(200, b"[" * 60_000)) as realm,
        scripted(bearer(f"{realm.url}/token"), with_token) as server,
        pytest.raises(RegistryUnreachable, match="gives no token"),
    ):
        resolve(at(server))


def test_a_token_that_no_header_can_carry_is_not_told():
    with (
        scripted(lambda e: e.answer(200, {"token": "hush\nX: y"})) as realm,
        scripted(bearer(f"{realm.url}/token"), with_token) as server,
        pytest.raises(RegistryUnreachable) as failed,
    ):
        resolve(at(server))
    assert "hush" not in failed.value.words


def test_a_compressed_manifest_is_not_digested():
    packed = status(405), lambda e: e.answer(200, b"x", {"Content-Encoding": "gzip"})
    with scripted(*packed) as server, pytest.raises(RegistryUnreachable, match="an encoding that nobody asked for"):
        resolve(at(server))


@pytest.mark.parametrize(("said", "seconds"), [("7", 7), ("9" * 400, 3600), ("²", None), ("soon", None), ("", None)])
def test_a_pause_that_a_registry_asks_for_is_a_number_of_seconds(said, seconds):
    with scripted(status(429, {"Retry-After": said})) as server, pytest.raises(RegistryThrottled) as raised:
        resolve(at(server))
    assert raised.value.retry_after == seconds


def push(host, repository, tag):
    """A smallest image, and its digest."""
    base = f"http://{host}/v2/{repository}"
    config = b"{}"
    blob = f"sha256:{hashlib.sha256(config).hexdigest()}"
    http = urllib3.PoolManager(timeout=10)
    begun = http.request("POST", f"{base}/blobs/uploads/")
    upload = urljoin(f"{base}/", begun.headers["Location"])
    joint = "&" if "?" in upload else "?"
    assert http.request("PUT", f"{upload}{joint}{urlencode({'digest': blob})}", body=config).status == 201
    media = "application/vnd.oci.image.manifest.v1+json"
    described = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": blob, "size": len(config)}
    manifest = json.dumps({"schemaVersion": 2, "mediaType": media, "config": described, "layers": []}).encode()
    put = http.request("PUT", f"{base}/manifests/{tag}", body=manifest, headers={"Content-Type": media})
    assert put.status == 201, put.data
    http.clear()
    return f"sha256:{hashlib.sha256(manifest).hexdigest()}"


@pytest.mark.lane("registry")
def test_a_real_registry_tells_present_from_absent():
    host = os.environ["SLIPWAY_TEST_REGISTRY"].removeprefix("http://")
    digest = push(host, "slipway-test/web", "1")
    pinned = f"{host}/slipway-test/web@{digest}"
    plain = frozenset({host})
    assert resolve(f"{host}/slipway-test/web:1", plain_http=plain)[1:] == (digest, pinned)
    assert resolve(pinned, plain_http=plain).digest == digest
    for absent in ("never-pushed:1", "web:2", f"web@{OTHER}"):
        with pytest.raises(ImageAbsent):
            resolve(f"{host}/slipway-test/{absent}", plain_http=plain)
