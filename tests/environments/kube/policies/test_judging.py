"""What becomes of a policy beside what else lives there: Istio's precedence, as tables."""

import pytest

from environments.kube.objects import ref_of
from environments.kube.policies import Around, judge
from tests.environments.kube.policies.making import OK, authorizing, judged, made, peers, rule, rules_by

MESH = "istio-system"
AGENT = "cluster.local/ns/shop/sa/agent"
ELSEWHERE = "cluster.local/ns/other/sa/agent"
OUTSIDE = {"from": [{"source": {"notNamespaces": ["shop"]}}]}
FRONT = {"tier": "front"}
APP = {"app": "web"}
TRACING = [{"randomSamplingPercentage": 10.0}]


def telemetry(name="mine", **more):
    return made("Telemetry", name, **{"tracing": TRACING, **more})


def problem(level, code="IST0101", message="Referenced host not found"):
    said = {
        "type": "Reconciled",
        "status": "False",
        "message": f"{level} [{code}] {message}",
        "observedGeneration": "1",
    }
    return {
        "observedGeneration": "1",
        "conditions": [said],
        "validationMessages": [{"level": level, "type": {"code": code, "name": "X"}}],
    }


@pytest.mark.parametrize(
    ("live", "state", "note"),
    [
        (peers(), "accepted", ""),
        (None, "missing", "it is not in the cluster"),
        (peers(status={}), "stored", "the mesh has said nothing of it"),
        (peers(status={**OK, "observedGeneration": "0", "conditions": []}), "waiting", "has not looked at it yet"),
        (rule(status=problem("ERROR")), "refused", "ERROR [IST0101] Referenced host not found"),
        (rule(status=problem("WARNING")), "accepted", "WARNING [IST0101] Referenced host not found"),
        (made("Ingress", status={}, tls=[{"secretName": "x"}]), "waiting", "no ingress controller"),
    ],
    ids=["taken", "not there", "silent mesh", "not seen yet", "error", "warning", "ingress without a controller"],
)
def test_whether_it_is_accepted(live, state, note):
    mine = live or peers()
    found = judge([mine], {ref_of(mine).key: live}, Around(objects=(mine,) if live else ()))[0]
    assert found.state == state
    assert note in found.note


def test_a_silent_controllers_warning_refuses():
    mine = peers(status={})
    found = judged(mine, warnings={"uid-shop-mine": "port level mTLS needs a selector"})
    assert (found.state, found.note) == ("refused", "port level mTLS needs a selector")


def test_what_could_not_be_read_is_said():
    assert "may not list" in judged(peers(), unread="Slipway may not list PeerAuthentication in istio-system").note


@pytest.mark.parametrize(
    ("mine", "other", "state", "note"),
    [
        (peers(), peers("older", "PERMISSIVE", at=1), "overridden", "older is older and for the same pods: PERMISSIVE"),
        (peers(), peers("younger", "PERMISSIVE", at=9), "accepted", ""),
        (peers(), peers("older", at=1, namespace="elsewhere"), "accepted", ""),
        (peers(), peers("mesh", "DISABLE", at=1, namespace=MESH), "accepted", "an exception to DISABLE by"),
        (peers(), peers("code", "PERMISSIVE", selector=APP), "overridden", "except app=web: PERMISSIVE by"),
        (peers(), peers("code", "STRICT", selector=APP), "accepted", ""),
        (
            peers(),
            peers("code", selector=APP, portLevelMtls={"8080": {"mode": "DISABLE"}}),
            "overridden",
            "except port 8080 of app=web: DISABLE",
        ),
        (peers(mode="PERMISSIVE", selector=APP), peers("wide"), "accepted", "an exception to STRICT by"),
        (peers(mode="UNSET", selector=APP), peers("wide"), "accepted", "it takes STRICT by"),
        (peers(mode="UNSET", selector=APP), peers("x", namespace="elsewhere"), "overridden", "it is PERMISSIVE"),
        (peers(selector=APP), peers("older", "DISABLE", at=1, selector=FRONT), "overridden", "is older"),
        (peers(selector=APP), peers("older", "DISABLE", at=1, selector={"app": "db"}), "accepted", ""),
        (peers(selector={"app": "gone"}), peers("x", namespace="elsewhere"), "accepted", "no workload of this release"),
        (telemetry(), telemetry("older", at=1), "overridden", "Istio takes that one alone"),
        (telemetry(), telemetry("younger", at=9), "accepted", ""),
        (telemetry(), telemetry("narrow", selector=APP), "overridden", "decides on tracing for app=web"),
        (telemetry(), telemetry("narrow", tracing=[], metrics=[{}], selector=APP), "accepted", ""),
        (telemetry(), telemetry("mesh", at=1, namespace=MESH), "accepted", ""),
        (rule(), rule("older", at=1), "overridden", "its traffic policy is in effect"),
        (rule(), rule("older", "web.shop.svc.cluster.local", at=1), "overridden", "is older and for the same host"),
        (rule(), rule("older", at=1, policy={}), "accepted", ""),
        (rule(), rule("younger", at=9), "accepted", "it is in effect before DestinationRule shop/younger"),
        (rule(), rule("older", "api", at=1), "accepted", ""),
        (rule(host="*.shop.svc.cluster.local"), rule("one", "web"), "overridden", "in effect for its host web"),
        (
            rule(policy={"outlierDetection": {"consecutiveErrors": 5}}),
            rule("x", "api"),
            "overridden",
            "consecutiveErrors is deprecated",
        ),
        (
            made("Service", "web", sessionAffinity="ClientIP"),
            rule("lb", policy={"loadBalancer": {"simple": "RANDOM"}}),
            "overridden",
            "inside the mesh DestinationRule shop/lb decides",
        ),
    ],
)  # fmt: skip
def test_another_object_comes_before_it(mine, other, state, note):
    found = judged(mine, other)
    assert (found.state, note in found.note) == (state, True), found.note
    assert bool(found.note) == bool(note)


def test_an_exception_that_the_release_brings_itself_is_shown_and_no_more():
    exception = peers("code", "PERMISSIVE", selector=APP)
    found = judged(peers(), ours=(exception,))
    assert found.state == "accepted"
    assert found.note == "except app=web: PERMISSIVE by PeerAuthentication shop/code"


@pytest.mark.parametrize(
    ("mine", "other", "state", "note"),
    [
        (authorizing(), authorizing("no", "DENY", [OUTSIDE]), "overridden", "no comes before it and refuses all but"),
        (authorizing(rules=[rules_by(AGENT)]), authorizing("no", "DENY", [OUTSIDE]), "accepted", ""),
        (authorizing(rules=[rules_by(ELSEWHERE)]), authorizing("no", "DENY", [OUTSIDE]), "overridden", "refuses all"),
        (authorizing(), authorizing("no", "DENY", []), "accepted", ""),
        (
            authorizing(rules=[rules_by(AGENT, methods=["POST"])]),
            authorizing("no", "DENY", [rules_by(methods=["DELETE"])]),
            "accepted",
            "",
        ),
        (
            authorizing(rules=[rules_by(AGENT, paths=["/api/*"])]),
            authorizing("no", "DENY", [rules_by(paths=["/api/admin"])]),
            "overridden",
            "with /api/admin",
        ),
        (
            authorizing(rules=[rules_by(AGENT, paths=["/api/run"])]),
            authorizing("no", "DENY", [rules_by(paths=["/admin/*"])]),
            "accepted",
            "",
        ),
        (authorizing(selector=APP), authorizing("no", "DENY", selector={"app": "db"}), "accepted", ""),
        (authorizing(selector=APP), authorizing("no", "DENY", namespace=MESH), "overridden", "the whole mesh"),
        (
            authorizing(),
            authorizing("no", "DENY", annotations={"istio.io/dry-run": "true"}),
            "accepted",
            "",
        ),
        (
            authorizing(annotations={"istio.io/dry-run": "true"}),
            authorizing("x", namespace="elsewhere"),
            "overridden",
            "only tried",
        ),
        (
            authorizing(rules=[rules_by(AGENT)], selector=APP),
            authorizing("all"),
            "overridden",
            "lets everybody in to the whole namespace, so it restricts nothing",
        ),
        (
            authorizing(rules=[rules_by(AGENT)], selector=APP),
            authorizing("some", rules=[rules_by(ELSEWHERE)]),
            "accepted",
            "lets in more",
        ),
        (authorizing(rules=[rules_by(AGENT)], selector=APP), authorizing("none", rules=[]), "accepted", ""),
        (authorizing(action="DENY"), authorizing("all"), "accepted", ""),
    ],
)  # fmt: skip
def test_a_refusal_comes_before_a_permission(mine, other, state, note):
    found = judged(mine, other)
    assert (found.state, note in found.note) == (state, True), found.note
    assert bool(found.note) == bool(note)
