"""After the apply, the traffic policies of a release are read back: there, accepted, and not overridden. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from environments.kube.apply.diff import pod_template
from environments.kube.policies import Policy, planned
from portal.steps.operations import Operation, Record, Result
from portal.steps.verdicts import Done, Fail, Judgement, Wait
from releases.engine.facts import View, Work
from releases.engine.operations import Read
from releases.engine.steps import RolloutStep
from releases.strategies.shared.records import PoliciesFound

GRACE = 20.0  # seconds that a controller may take to accept a policy
SILENCE = 5.0  # seconds after which a mesh that says nothing is taken to be one that never does
PAUSES = (0.5, 1.0, 2.0)
LONGEST = {"waiting": GRACE, "refused": GRACE, "missing": GRACE, "stored": SILENCE}
KEY = "policies"


@dataclass(frozen=True)
class ReadPolicies(Read):
    """Look at the plan's policies and what lives around them; `ref` is the first of them.

    `objects` and `workloads` are indices of the plan. Result: {"policies": [Policy as JSON, …]}.
    """

    objects: tuple[int, ...]
    workloads: tuple[int, ...]

    @property
    def key(self) -> str:
        return KEY

    def records(self, result: Result) -> tuple[Record, ...]:
        return (PoliciesFound(tuple(_policies(result))),)


@dataclass(frozen=True)
class PolicingStep(RolloutStep):
    """A policy that is not accepted fails the step; one that something else overrides is for a person to look at.

    With the setting `returning` nothing fails: what comes back was so before.
    """

    kind: ClassVar[str] = "policies"

    def operations(self, view: View) -> tuple[Operation, ...]:
        read = view.read(KEY)
        if read and not (self._open(view, _policies(read)) and view.facts.now >= read["at"] + _pause(read)):
            return ()
        workloads = tuple(target.index for target in view.work.targets if pod_template(target.manifest))
        return (ReadPolicies(view.work.targets[self.objects[0]].ref, self.objects, workloads),)

    def verdict(self, view: View) -> Judgement:
        read = view.read(KEY)
        if read is None:
            return Wait("the policies have not been read back yet", PAUSES[0])
        policies = _policies(read)
        left = self._open(view, policies)
        if left and not view.fully:
            return Wait("; ".join(map(_words, left)), _pause(read))
        failed = [policy for policy in policies if policy.state in ("refused", "missing")]
        if failed and not self.settings.get("returning") and not view.fully:
            return Fail(f"not accepted: {'; '.join(map(_words, failed))}")
        return Done(_told(policies))

    def _open(self, view: View, policies: Sequence[Policy]) -> list[Policy]:
        """Those that may still change by themselves, while there is time for it."""
        return [policy for policy in policies if policy.state in LONGEST and view.spent < _longest(policy)]


def policing(work: Work, *, returning: bool = False) -> tuple[RolloutStep, ...]:
    """The step for a plan that has policies; () for one without. `returning`: of a way back."""
    lasting = [target for target in work.targets if not (target.temporary or target.hook)]
    found = [target for target in lasting if planned(dict(target.manifest))]
    if not found:
        return ()
    count = sum(len(planned(dict(target.manifest))) for target in found)
    label = f"Verify {count} traffic {'policy' if count == 1 else 'policies'}"
    settings: dict[str, Any] = {"returning": True} if returning else {}
    return (PolicingStep(label, tuple(target.index for target in found), settings),)


def _longest(policy: Policy) -> float:
    # Reading everything back, the next step, waits for the address of an Ingress.
    return SILENCE if policy.ref.kind == "Ingress" else LONGEST[policy.state]


def _policies(read: Mapping[str, Any]) -> list[Policy]:
    return [Policy.from_json(row) for row in read[KEY]]


def _pause(read: Mapping[str, Any]) -> float:
    return PAUSES[min(int(read["count"]), len(PAUSES)) - 1]


def _words(policy: Policy) -> str:
    return f"{policy.ref.text}: {policy.note}" if policy.note else policy.ref.text


def _told(policies: Sequence[Policy]) -> str:
    fine = [policy for policy in policies if policy.state in ("accepted", "stored")]
    others = [policy for policy in policies if policy not in fine]
    head = f"{len(fine)} of {len(policies)} in effect as written"
    # One object may have policies of two families with the same thing to say.
    return f"{head}; to be looked at: {'; '.join(dict.fromkeys(map(_words, others)))}" if others else head
