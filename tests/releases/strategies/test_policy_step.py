"""What is decided of a release's traffic policies once they are read back."""

from typing import Any

import pytest

from environments.kube.objects import Ref
from environments.kube.policies import Policy
from portal.steps.operations import Operation, Outcome
from releases.engine.facts import Work
from releases.engine.operations import Apply
from releases.states import Phase
from releases.strategies import find
from releases.strategies.shared.policy_step import GRACE, SILENCE, ReadPolicies, policing
from tests.releases.rollout.paper import WEB, Paper, plan_of, workload

PEERS = Ref("security.istio.io/v1", "PeerAuthentication", "shop", "default")
INGRESS = Ref("networking.k8s.io/v1", "Ingress", "shop", "web")
LIMIT = {"nginx.ingress.kubernetes.io/limit-rps": "10"}


def row(ref: Ref, **more: Any) -> dict[str, Any]:
    metadata = {"name": ref.name, "namespace": ref.namespace, **more.pop("metadata", {})}
    manifest = {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata, "spec": more}
    return {"ref": list(ref), "stage": "configuration", "wave": 0, "manifest": manifest}


def plan_with(*rows: dict[str, Any]) -> dict[str, Any]:
    plan = plan_of(WEB)
    plan["objects"] += rows
    plan["steps"] = [step.to_json() for step in find("rolling").steps(Work.of(plan))]
    return plan


STRICT = row(PEERS, mtls={"mode": "STRICT"})
LIMITED = row(INGRESS, metadata={"annotations": LIMIT})
SETTLED = {"object": {"status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}}}


class Policed(Paper):
    """Reads the policies back as `found` has them."""

    found: tuple[Policy, ...] = ()

    def _do(self, operation: Operation) -> Outcome:
        if isinstance(operation, ReadPolicies) and operation.key not in self.broken:
            self.done.append(operation)
            return Outcome(operation, {"policies": [policy.to_json() for policy in self.found]})
        return super()._do(operation)

    def reads(self) -> int:
        return sum(isinstance(operation, ReadPolicies) for operation in self.done)


def policy(state: str, note: str = "", ref: Ref = PEERS) -> Policy:
    return Policy("mtls", "Mutual TLS", ref, "mTLS STRICT for the whole namespace", state, note)


def policed(*found: Policy, plan: dict[str, Any] | None = None, **more: Any) -> Policed:
    paper = Policed(plan or plan_with(STRICT), **more)
    paper.found = found
    paper.tell(WEB, workload(WEB, 3))
    return paper


def why(paper: Policed) -> str:
    return next(each.why for each in paper.records if each.index == paper_index(paper) and each.state != "running")


def paper_index(paper: Policed) -> int:
    return [step["kind"] for step in paper.tracks["forward"].steps].index("policies")


def test_they_are_read_back_after_everything_is_applied():
    kinds = [step["kind"] for step in plan_with(STRICT)["steps"]]
    assert kinds[-2:] == ["policies", "verify"]


def test_a_plan_without_policies_has_no_step_for_them():
    assert policing(Work.of(plan_of(WEB))) == ()


def test_policies_in_effect_end_the_step_and_are_kept():
    paper = policed(policy("accepted"))
    assert paper.go().phase is Phase.SUCCEEDED
    assert why(paper) == "1 of 1 in effect as written"
    assert paper.reads() == 1


def test_a_policy_that_something_overrides_is_for_a_person_to_look_at():
    paper = policed(policy("accepted"), policy("overridden", "default is older"))
    assert paper.go().phase is Phase.SUCCEEDED
    assert (
        why(paper) == "1 of 2 in effect as written; to be looked at: PeerAuthentication shop/default: default is older"
    )


@pytest.mark.parametrize("state", ["refused", "missing", "waiting"])
def test_what_is_not_accepted_yet_has_time_to_be(state):
    paper = policed(policy(state, "Referenced host not found"))
    decision = paper.go()
    assert (decision.phase, decision.why) == (
        Phase.PROGRESSING,
        "PeerAuthentication shop/default: Referenced host not found",
    )
    paper.found = (policy("accepted"),)
    assert paper.later(1.0).phase is Phase.SUCCEEDED


@pytest.mark.parametrize("state", ["refused", "missing"])
def test_what_is_never_accepted_fails_in_the_meshs_words(state):
    paper = policed(policy(state, "Referenced host not found"))
    paper.go()
    decision = paper.later(GRACE + 1)
    assert decision.phase is Phase.FAILED
    assert decision.why.endswith("not accepted: PeerAuthentication shop/default: Referenced host not found")


def test_a_mesh_that_says_nothing_does_not_hold_it_up_for_long():
    paper = policed(policy("stored", "the mesh has said nothing of it"))
    assert paper.go().phase is Phase.PROGRESSING
    assert paper.later(SILENCE + 0.1).phase is Phase.SUCCEEDED
    assert why(paper) == "1 of 1 in effect as written"


def test_an_ingress_without_a_controller_is_left_to_the_next_step():
    paper = policed(policy("waiting", "no ingress controller", INGRESS), plan=plan_with(LIMITED))
    paper.read[INGRESS.key] = {"kind": "Ingress", "metadata": {}, "status": SETTLED["object"]["status"]}
    paper.go()
    paper.later(SILENCE + 0.1)
    assert why(paper).startswith(
        "0 of 1 in effect as written; to be looked at: Ingress shop/web: no ingress controller"
    )


def test_the_reads_grow_apart():
    paper = policed(policy("waiting"))
    paper.go()
    for _ in range(20):
        paper.later(0.25)
    assert paper.reads() <= 6


def test_a_way_back_is_never_held_up_by_a_policy():
    paper = Work.of(plan_with(STRICT))
    (step,) = policing(paper, returning=True)
    assert step.settings == {"returning": True}
    assert [each.settings for each in find("rolling").back(paper) if each.kind == "policies"] == [{"returning": True}]
    plan = plan_with(STRICT)
    going = policed(policy("refused", "no"), plan=plan, back=plan, way_back=True)
    going.facts = type(going.facts)(**{**going.facts.__dict__, "roll_back_on_failure": True})
    going.go()
    assert going.later(GRACE + 1).phase is Phase.ROLLING_BACK
    assert going.later(GRACE + 1).phase is Phase.ROLLED_BACK


def test_a_rule_with_subsets_is_applied_before_the_routes_to_them():
    routes = Ref("networking.istio.io/v1", "VirtualService", "shop", "web")
    rule = Ref("networking.istio.io/v1", "DestinationRule", "shop", "web")
    after = [{**row(ref, host="web"), "stage": "after"} for ref in (INGRESS, routes, rule)]
    paper = policed(policy("accepted"), plan=plan_with(*after))
    paper.go()
    kinds = [operation.ref.kind for operation in paper.done if isinstance(operation, Apply)]
    assert kinds == ["Deployment", "DestinationRule", "Ingress", "VirtualService"]
