"""Why a claim has no volume, in words."""

from typing import Any

import pytest

from environments.kube.status.claims import claim_problem, claims_of

FULL = "failed to provision volume: no space"
SAID = [
    ('storageclass.storage.k8s.io "fast" not found', "needs the StorageClass fast, which is not there", True),
    (
        "no persistent volumes available for this claim and no storage class is set",
        "names no StorageClass, the cluster has no default one, and no volume fits it",
        True,
    ),
    (FULL, f"has no volume: {FULL}", False),
]


def event(message: str) -> dict[str, Any]:
    return {"reason": "ProvisioningFailed", "message": message, "lastTimestamp": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(("message", "words", "fatal"), SAID)
def test_what_a_claim_waits_for(message: str, words: str, fatal: bool) -> None:
    found = claim_problem("db-0", {"metadata": {"name": "data"}}, [event(message)])
    assert found
    assert (found.words, found.fatal) == (f"the claim data {words}", fatal)


def test_a_bound_claim_and_one_that_nothing_is_said_of_are_no_problem() -> None:
    assert claim_problem("db-0", {"metadata": {"name": "data"}, "status": {"phase": "Bound"}}, [event("late")]) is None
    assert claim_problem("db-0", {"metadata": {"name": "data"}}, ()) is None


def test_only_pods_without_a_node_are_asked_for_their_claims() -> None:
    spec = {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}, {"name": "e", "emptyDir": {}}]}
    waiting = {"spec": spec, "status": {"conditions": [{"type": "PodScheduled", "status": "False"}]}}
    assert claims_of(waiting) == ("data",)
    assert claims_of({"spec": spec, "status": {}}) == ()
