"""What the API takes and gives. Times are RFC 3339 in UTC; digests are "sha256:" and 64 hexadecimal digits."""

from datetime import datetime
from typing import Annotated, Any

from ninja import Schema
from pydantic import ConfigDict, Field

Number = Annotated[int, Field(strict=True)]


class Given(Schema):
    """What the API takes: a field that it does not know is refused, since it would change nothing in silence."""

    model_config = ConfigDict(extra="forbid")


class ReleaseIn(Given):
    """A release to create. `images`: {name: reference}. `bundle`: the digest of an earlier one; none: the current.

    `makers`: who else wrote, committed, pushed, tagged or published it; login, address or "Name <address>".
    """

    application: str
    version: str
    images: dict[str, str] = {}
    changelog: str = ""
    commit: str = ""
    commit_author: str = ""
    makers: list[str] = Field(default=[], max_length=200)
    bundle: str = ""


class MakerOut(Schema):
    """One name of somebody who made a release: `how` they had a hand in which `part`, such as wrote, commit."""

    who: str
    how: str
    part: str


class ReleaseOut(Schema):
    """A release. What it brings never changes; none of its `makers` approves it."""

    id: int
    application: str
    version: str
    images: dict[str, str]
    bundle: str
    changelog: str
    commit: str
    commit_author: str
    makers: list[MakerOut]
    source: str
    created: datetime


class BundleOut(Schema):
    """A stored bundle: name its digest in a release."""

    digest: str
    application: str
    files: list[dict[str, Any]]


class CurrentBundleIn(Given):
    """The bundle, by digest, that releases without one of their own are to take."""

    digest: str
    comment: str = ""


class RolloutIn(Given):
    """A rollout to ask for. `release`: its id, or "application@version".

    `strategy`: none, the application's; "recommended", what the kind of change asks for; `strategy_reason`: why it is
    another than that.
    """

    release: Number | str
    environment: str
    strategy: str = ""
    parameters: dict[str, Any] = {}
    strategy_reason: str = ""
    comment: str = ""


class UndoIn(Given):
    """What ran in an environment at an earlier rollout, at a revision, or with this version last, is to come back."""

    application: str
    environment: str
    version: str = ""
    rollout: Number | None = None
    revision: Number | None = None
    comment: str = ""


class RevisionOut(Schema):
    """What an application was in an environment: the `number`-th rollout that succeeded there."""

    number: int
    rollout: int
    version: str
    strategy: str
    kind: str
    requested_by: str
    finished: datetime | None
    digest: str
    running: bool


class StepOut(Schema):
    """One step; `track` is forward, or back on the way back. `state`: pending, running, done, failed, skipped."""

    label: str
    track: str
    state: str
    started: datetime | None
    finished: datetime | None
    why: str


class OfferOut(Schema):
    """A verb as it stands for whoever asks."""

    verb: str
    allowed: bool
    why_not: str


class PolicyOut(Schema):
    """A traffic policy. `does`: a sentence; `state`: planned, waiting, accepted, stored (nobody has said more),
    overridden (to be looked at), refused or missing.
    """

    family: str
    title: str
    kind: str
    namespace: str
    name: str
    does: str
    state: str
    note: str


class DetailOut(Schema):
    """A part of an autoscaler: a metric beside its target, a trigger, a recommendation beside the request."""

    label: str
    value: str
    state: str


class AutoscalerOut(Schema):
    """An autoscaler beside a workload. `kind`: HPA, KEDA or VPA; `state`: good, wait, hold or fail."""

    workload: str
    kind: str
    name: str
    line: str
    state: str
    details: list[DetailOut]


class LostVoteOut(Schema):
    """A vote that does not count, and why."""

    name: str
    why: str


class ApprovalsOut(Schema):
    """The votes for the plan as they count now."""

    needed: int
    counted: list[str]
    lost: list[LostVoteOut]
    doubts: list[str] = []


class RolloutOut(Schema):
    """A rollout. `release` is the release's id; `digest` the plan's, to which approvals are bound.

    `said`: what programs wrote and answered where it failed, for who may read logs there; of one rollout only.
    """

    id: int
    release: int
    application: str
    version: str
    environment: str
    kind: str
    strategy: str
    parameters: dict[str, Any] = {}
    recommended: str = ""
    strategy_reason: str = ""
    phase: str
    why: str
    said: str = ""
    digest: str
    requested_by: str
    previous: int | None
    created: datetime
    started: datetime | None
    finished: datetime | None
    expires: datetime | None
    steps: list[StepOut] = []
    verbs: list[OfferOut] = []
    approvals: ApprovalsOut | None = None
    policies: list[PolicyOut] = []
    autoscaling: list[AutoscalerOut] = []


class Said(Given):
    """What a person says with a verb. `digest`: the plan that they saw; needed to approve or reject."""

    digest: str = ""
    comment: str = ""


class EnvironmentOut(Schema):
    """An environment and the state of its cluster."""

    name: str
    title: str
    order: int
    cluster: str
    breaker: str
    watch: str
    namespace: str
    required_approvals: int
    access_policy: str
    prometheus: str = ""
    purpose: str


class CellOut(Schema):
    """What runs in one place: the live release, how many releases are newer, and what is on its way."""

    environment: str
    live: str | None
    rollout: int | None
    since: datetime | None
    behind: int
    in_flight: RolloutOut | None


class RowOut(Schema):
    """One application across the environments."""

    application: str
    latest: str | None
    environments: list[CellOut]


class AuditOut(Schema):
    """One entry of the history."""

    number: int
    at: datetime
    actor: str
    actor_kind: str
    verb: str
    target_type: str
    target_id: str
    target: str
    environment: str
    application: str
    data: dict[str, Any]
    previous_hash: str
    hash: str
