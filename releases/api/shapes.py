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
    """A release to create."""

    application: str = Field(description="Name of the application.")
    version: str = Field(description="The version; each is released once.")
    images: dict[str, str] = Field(
        default={}, description="Each image's name in the manifests, and the reference to pull it by."
    )
    changelog: str = Field(default="", description="What is new in it, for people.")
    commit: str = Field(default="", description="The commit that it was built from.")
    commit_author: str = Field(default="", description="Login or address of who wrote the commit.")
    makers: list[str] = Field(
        default=[],
        max_length=200,
        description='Who else wrote, committed, pushed, tagged or published it: login, address or "Name <address>".',
    )
    bundle: str = Field(default="", description="Digest of an earlier bundle; empty: the application's current one.")
    source: dict[str, Any] = Field(
        default={},
        description="A chart, or a folder of a repository, to be fetched and rendered: what the file slipway.yaml has "
        "as source, with values of a chart as objects. The answer is 202.",
    )


class ReleaseRequestOut(Schema):
    """A release that is being fetched and rendered."""

    id: int = Field(description="Its number, for /release-requests/ID.")
    state: str = Field(description="waiting, done or refused.")
    why: str = Field(description="Why it was refused.")
    release: int | None = Field(description="The release that came of it.")


class MakerOut(Schema):
    """One name of somebody who had a hand in a release."""

    who: str = Field(description="Login, address or name.")
    how: str = Field(description="What they did, such as wrote or pushed.")
    part: str = Field(description="To which part, such as commit or bundle.")


class ReleaseOut(Schema):
    """A release. What it brings never changes; none of its `makers` approves it."""

    id: int = Field(description="The release's number.")
    application: str = Field(description="Name of the application.")
    version: str = Field(description="The version, as CI named it.")
    images: dict[str, str] = Field(description="Each image's name, and the reference to pull it by.")
    bundle: str = Field(description="Digest of its bundle.")
    changelog: str = Field(description="What is new in it.")
    commit: str = Field(description="The commit that it was built from.")
    commit_author: str = Field(description="Login or address of who wrote the commit.")
    makers: list[MakerOut] = Field(description="Everybody who had a hand in it, and so does not approve it.")
    source: str = Field(description="Where it came from: a webhook's source, api or cli.")
    created: datetime = Field(description="When the portal heard of it.")


class BundleOut(Schema):
    """A stored bundle: name its digest in a release."""

    digest: str = Field(description="SHA-256 of its content.")
    application: str = Field(description="Name of the application.")
    files: list[dict[str, Any]] = Field(description="Its files, each with path and size in bytes.")


class CurrentBundleIn(Given):
    """The bundle, by digest, that releases without one of their own are to take."""

    digest: str = Field(description="Digest of the bundle that is to become the current one.")
    comment: str = Field(default="", description="Why, for the history.")


class RolloutIn(Given):
    """A rollout to ask for."""

    release: Number | str = Field(description='The release\'s number, or "application@version".')
    environment: str = Field(description="Name of the environment.")
    strategy: str = Field(
        default="", description='Empty: the application\'s; "recommended": what this kind of change asks for.'
    )
    parameters: dict[str, Any] = Field(default={}, description="The strategy's settings; what is left out is as usual.")
    strategy_reason: str = Field(default="", description="Why it is another than the recommended one.")
    comment: str = Field(default="", description="Why, for the history.")


class UndoIn(Given):
    """What ran in an environment at an earlier rollout, at a revision, or with this version last, is to come back."""

    application: str = Field(description="Name of the application.")
    environment: str = Field(description="Name of the environment.")
    version: str = Field(default="", description="What ran there last with this version comes back.")
    rollout: Number | None = Field(default=None, description="What this rollout had applied comes back.")
    revision: Number | None = Field(default=None, description="What ran there as this revision comes back.")
    comment: str = Field(default="", description="Why, for the history.")


class RevisionOut(Schema):
    """What an application was in an environment: a rollout that succeeded there."""

    number: int = Field(description="Counts the rollouts that succeeded there, from 1; 0 is what ran before Slipway.")
    rollout: int = Field(description="The rollout's number.")
    version: str = Field(description="The version that it brought.")
    strategy: str = Field(description="How it went.")
    kind: str = Field(description="release, undo where an earlier one came back, or before: what ran before Slipway.")
    requested_by: str = Field(description="Who asked for it.")
    finished: datetime | None = Field(description="When it succeeded.")
    digest: str = Field(description="SHA-256 of its plan.")
    running: bool = Field(description="Whether it is what runs now.")


class StepOut(Schema):
    """One step of a rollout."""

    label: str = Field(description="What it does, in words.")
    track: str = Field(description="forward, or back on the way back.")
    state: str = Field(description="pending, running, done, failed or skipped.")
    started: datetime | None = Field(description="When it began.")
    finished: datetime | None = Field(description="When it ended.")
    why: str = Field(description="What it waits for or why it failed, in plain words.")


class OfferOut(Schema):
    """A verb as it stands for whoever asks."""

    verb: str = Field(description="What could be done.")
    allowed: bool = Field(description="Whether whoever asks may do it now.")
    why_not: str = Field(description="Why not, in plain words.")


class PolicyOut(Schema):
    """A traffic policy that travels with a release."""

    family: str = Field(description="What kind of policy it is: of a mesh, a gateway, an ingress or the network.")
    title: str = Field(description="The same in words.")
    kind: str = Field(description="Its kind in Kubernetes.")
    namespace: str = Field(description="Its namespace.")
    name: str = Field(description="Its name.")
    does: str = Field(description="What it does, in a sentence.")
    state: str = Field(
        description="planned, waiting, accepted, stored (nobody says more), overridden (look at it), refused, missing."
    )
    note: str = Field(description="What there is to say of the state.")


class DetailOut(Schema):
    """A part of an autoscaler: a metric beside its target, a trigger, a recommendation beside the request."""

    label: str = Field(description="What it is about.")
    value: str = Field(description="What it is now, beside what it should be.")
    state: str = Field(description="good, wait, hold or fail.")


class AutoscalerOut(Schema):
    """An autoscaler beside a workload."""

    workload: str = Field(description="What it scales.")
    kind: str = Field(description="HPA, KEDA or VPA.")
    name: str = Field(description="Its name.")
    line: str = Field(description="What it does now, in a line.")
    state: str = Field(description="good, wait, hold or fail.")
    details: list[DetailOut] = Field(description="Its metrics, triggers or recommendations.")


class LostVoteOut(Schema):
    """A vote that does not count, and why."""

    name: str = Field(description="Who voted.")
    why: str = Field(description="Why it does not count.")


class ApprovalsOut(Schema):
    """The votes for the plan as they count now."""

    needed: int = Field(description="How many have to approve.")
    counted: list[str] = Field(description="Whose votes count.")
    lost: list[LostVoteOut] = Field(description="Votes that do not count.")
    doubts: list[str] = Field(default=[], description="What the history does not vouch for.")


class RolloutOut(Schema):
    """A rollout, and what could be done with it."""

    id: int = Field(description="The rollout's number.")
    release: int = Field(description="The release's number.")
    application: str = Field(description="Name of the application.")
    version: str = Field(description="The release's version.")
    environment: str = Field(description="Name of the environment.")
    kind: str = Field(description="release, or undo where an earlier one comes back.")
    strategy: str = Field(description="How it goes.")
    parameters: dict[str, Any] = Field(default={}, description="The strategy's settings.")
    recommended: str = Field(default="", description="The strategy that this kind of change asks for.")
    strategy_reason: str = Field(default="", description="Why another than the recommended one was chosen.")
    phase: str = Field(description="How far it is, such as awaiting approval, progressing or succeeded.")
    why: str = Field(description="What it waits for or why it ended, in plain words.")
    said: str = Field(
        default="",
        description="What programs wrote where it failed, for those who may read logs there; of one rollout only.",
    )
    digest: str = Field(description="SHA-256 of its plan, which approvals name.")
    requested_by: str = Field(description="Who asked for it.")
    previous: int | None = Field(description="Number of the rollout that ran there before: the way back.")
    created: datetime = Field(description="When it was asked for.")
    started: datetime | None = Field(description="When it began to change the cluster.")
    finished: datetime | None = Field(description="When it ended.")
    expires: datetime | None = Field(description="When the request expires, unless it is approved.")
    steps: list[StepOut] = Field(default=[], description="Its steps, in their order.")
    verbs: list[OfferOut] = Field(default=[], description="What could be done with it now.")
    approvals: ApprovalsOut | None = Field(default=None, description="The votes for its plan; of one rollout only.")
    policies: list[PolicyOut] = Field(default=[], description="Its traffic policies.")
    autoscaling: list[AutoscalerOut] = Field(default=[], description="The autoscalers beside its workloads.")


class Said(Given):
    """What a person says with a verb."""

    digest: str = Field(default="", description="SHA-256 of the plan that the person saw; needed to approve or reject.")
    comment: str = Field(default="", description="Why, for the history.")


class EnvironmentOut(Schema):
    """An environment and the state of its cluster."""

    name: str = Field(description="Its short name.")
    title: str = Field(description="A longer name for people.")
    order: int = Field(description="Order of promotion: releases go from low to high.")
    cluster: str = Field(description="Name of the cluster.")
    breaker: str = Field(
        description="Whether the cluster is called: closed: yes; open: not for now; half-open: it is tried again."
    )
    watch: str = Field(description="How changes become known: live, reconnecting or polling; empty: not watched.")
    namespace: str = Field(description="Where objects without a namespace go.")
    required_approvals: int = Field(description="How many have to approve a plan.")
    access_policy: str = Field(description="open, allow-list or private.")
    prometheus: str = Field(default="", description="Where the metrics are that a canary is judged by.")
    purpose: str = Field(description="What it is for, in a few words.")


class CellOut(Schema):
    """What runs in one place: the live release, how many releases are newer, and what is on its way."""

    environment: str = Field(description="Name of the environment.")
    live: str | None = Field(description="The version that runs there; null also where a way back failed.")
    between: int | None = Field(default=None, description="The rollout whose way back failed: it runs in part.")
    rollout: int | None = Field(description="Number of the rollout that brought it.")
    since: datetime | None = Field(description="Since when it runs.")
    behind: int = Field(description="How many releases are newer.")
    in_flight: RolloutOut | None = Field(description="The rollout that is on its way there.")


class RowOut(Schema):
    """One application across the environments."""

    application: str = Field(description="Name of the application.")
    latest: str | None = Field(description="The newest version.")
    environments: list[CellOut] = Field(description="What runs in each environment, in their order.")


class AuditOut(Schema):
    """One entry of the history."""

    number: int = Field(description="Place in the history, counted up from 1.")
    at: datetime = Field(description="When it happened.")
    actor: str = Field(description="Who did it, by the name that they had then.")
    actor_kind: str = Field(description="person, token, ci or system.")
    verb: str = Field(description="What was done.")
    target_type: str = Field(description="The kind of what it was done to.")
    target_id: str = Field(description="The number or name by which that is found.")
    target: str = Field(description="What it was done to, by the name that it had then.")
    environment: str = Field(description="Where it was done; empty: in no single environment.")
    application: str = Field(description="Which application it was about; empty: about none.")
    data: dict[str, Any] = Field(description="Details, such as the values before and after.")
    previous_hash: str = Field(description="Hash of the entry before.")
    hash: str = Field(description="Hash of this entry, which covers the one before too.")
