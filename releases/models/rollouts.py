"""Each way of a release into an environment: its steps, what was measured, and who agreed."""

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models

from environments.models import Environment
from portal.orchestration.leases import Leased
from portal.steps.state import State
from releases.identity import Identity
from releases.models.applications import DEFAULT_STRATEGY, Application, Release
from releases.states import ENDED, LIVE, Phase


class Rollout(Leased):
    """One release going into one environment. Only releases.actions and the reconciler write it."""

    class Kind(models.TextChoices):
        RELEASE = "release", "Release"
        UNDO = "undo", "Undo to an earlier release"

    class Intent(models.TextChoices):
        """Verbs that the orchestrator carries out, spelled as everywhere; the labels are for sentences."""

        START = "start", "start"
        PAUSE = "pause", "pause"
        RESUME = "resume", "resume"
        PROMOTE = "promote", "promote"
        PROMOTE_FULLY = "promote-fully", "promote fully"
        RETRY = "retry", "retry"
        ABORT = "abort", "abort"
        ROLLBACK = "rollback", "roll back"

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="rollouts", help_text="What goes out.")
    # Of the release, repeated here for the constraint below.
    application = models.ForeignKey(
        Application, on_delete=models.PROTECT, related_name="rollouts", help_text="The application of the release."
    )
    environment = models.ForeignKey(
        Environment, on_delete=models.PROTECT, related_name="rollouts", help_text="Where it goes."
    )
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.RELEASE, help_text="A release, or a way back.")
    strategy = models.CharField(
        max_length=20, default=DEFAULT_STRATEGY, help_text="How it goes: rolling, canary, or another."
    )
    parameters = models.JSONField(default=dict, help_text="The strategy's settings.")
    recommended = models.CharField(max_length=20, blank=True, help_text="What this kind of change asks for.")
    strategy_reason = models.TextField(blank=True, help_text="Why another than the recommended one was chosen.")
    phase = models.CharField(
        max_length=20,
        choices=[(phase.value, phase.value) for phase in Phase],
        default=Phase.PLANNING,
        help_text="How far it is.",
    )
    why = models.TextField(blank=True, help_text="What it waits for or why it ended, in plain words.")
    intent = models.CharField(
        max_length=20, blank=True, choices=Intent, help_text="What a person asked for and is not done yet."
    )
    intent_by = models.CharField(max_length=200, blank=True, help_text="Who asked for that.")

    plan_digest = models.CharField(max_length=80, blank=True, help_text="SHA-256 of the plan, which approvals name.")
    sealed_digest = models.CharField(max_length=80, blank=True, help_text="SHA-256 of the secret values in the plan.")
    source_plan = models.CharField(max_length=80, blank=True, help_text="SHA-256 of an earlier plan that comes back.")
    previous = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="followers",
        help_text="What ran here before: the way back.",
    )
    cursor = models.JSONField(default=dict, help_text="Which step it is at, and what that step remembers.")
    shares = models.JSONField(
        default=dict, help_text="The percentage of each workload's requests that the new version gets."
    )
    policies = models.JSONField(default=list, help_text="Its traffic policies, and whether they are in effect.")

    requested_by = models.CharField(max_length=200, help_text="The name of who asked for it, as it was then.")
    requester = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Who asked for it; empty for CI and the portal.",
    )
    requester_account = models.BigIntegerField(null=True, help_text="The requester's number; outlives the account.")
    requester_username = models.CharField(max_length=150, blank=True, help_text="Their user name, as it was then.")
    requester_email = models.CharField(max_length=254, blank=True, help_text="Their address, as it was then.")
    needed = models.PositiveSmallIntegerField(null=True, help_text="How many had to approve when it was planned.")
    created_at = models.DateTimeField(auto_now_add=True, help_text="When it was asked for.")
    planned_at = models.DateTimeField(null=True, help_text="When its plan was made.")
    started_at = models.DateTimeField(null=True, help_text="When it began to change the cluster.")
    finished_at = models.DateTimeField(null=True, help_text="When it ended.")
    expires_at = models.DateTimeField(null=True, help_text="When the request expires, unless it is approved.")
    superseded_by = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The newer rollout that took its place.",
    )

    sequence = models.BigIntegerField(default=0, help_text="The cluster refuses writes of a rollout with a lower one.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["application", "environment"],
                condition=models.Q(phase__in=sorted(LIVE)),
                name="one_live_rollout",
            )
        ]
        indexes = [
            models.Index(fields=["phase", "due_at"]),
            models.Index(fields=["environment", "application", "-id"]),
        ]

    def __str__(self) -> str:
        return f"{self.release} → {self.environment}"

    @property
    def ended(self) -> bool:
        return Phase(self.phase) in ENDED

    @property
    def state(self) -> State:
        """Where it is on its way."""
        return State.from_json(self.cursor)

    @property
    def asked_by(self) -> Identity:
        """Who asked for it, as they were then."""
        return Identity(self.requester_account, self.requester_username, self.requester_email)

    def ask_as(self, user: User | None) -> None:
        """Notes and freezes who asks for it; nobody's account for a machine."""
        who = Identity.of(user)
        self.requester = user
        self.requester_account, self.requester_username, self.requester_email = who.account, who.username, who.email


class Step(models.Model):
    """One step of a rollout as it went; the plan says which there are."""

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        SKIPPED = "skipped", "Skipped"

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="steps", help_text="Its rollout.")
    track = models.CharField(max_length=8, default="forward", help_text="Forward, or back: the way back.")
    index = models.PositiveSmallIntegerField(help_text="Its place among the steps, counted from 0.")
    label = models.CharField(max_length=200, help_text="What it does, in words.")
    state = models.CharField(max_length=8, choices=State, default=State.PENDING, help_text="How far it is.")
    why = models.TextField(blank=True, help_text="What it waits for or why it failed, in plain words.")
    said = models.TextField(blank=True, default="", help_text="What programs wrote, for those who may read logs alone.")
    started_at = models.DateTimeField(null=True, help_text="When it began.")
    finished_at = models.DateTimeField(null=True, help_text="When it ended.")

    class Meta:
        ordering = ["rollout", "track", "index"]
        constraints = [models.UniqueConstraint(fields=["rollout", "track", "index"], name="step_once")]

    def __str__(self) -> str:
        return f"{self.index}. {self.label}"


class Measurement(models.Model):
    """One look at one metric of a workload whose requests are being moved. Never changed."""

    class Verdict(models.TextChoices):
        PASS = "pass", "Within the limit"
        FAIL = "fail", "Beyond the limit"
        INCONCLUSIVE = "inconclusive", "Inconclusive"
        ERROR = "error", "Not measured"

    rollout = models.ForeignKey(
        Rollout,
        on_delete=models.CASCADE,
        related_name="measurements",
        help_text="The rollout that it was measured for.",
    )
    index = models.PositiveSmallIntegerField(help_text="The step of the way forward, counted from 0.")
    workload = models.CharField(max_length=253, help_text="Whose requests were measured.")
    metric = models.CharField(max_length=100, help_text="What was measured.")
    at = models.FloatField(help_text="When, in seconds since 1970 (UTC).")
    weight = models.PositiveSmallIntegerField(help_text="Percent of the requests that the new version got.")
    canary = models.FloatField(null=True, help_text="The new version's value.")
    stable = models.FloatField(null=True, help_text="The old version's value, where they are compared.")
    low = models.FloatField(null=True, help_text="The least value that is allowed.")
    high = models.FloatField(null=True, help_text="The greatest value that is allowed.")
    requests = models.FloatField(null=True, help_text="How many requests it is measured by.")
    verdict = models.CharField(max_length=12, choices=Verdict, help_text="What follows from it.")
    why = models.TextField(blank=True, help_text="Why, in plain words.")

    class Meta:
        ordering = ["rollout", "metric", "at"]
        constraints = [models.UniqueConstraint(fields=["rollout", "workload", "metric", "at"], name="measurement_once")]

    def __str__(self) -> str:
        return f"{self.workload} {self.metric}: {self.verdict}"


class Approval(models.Model):
    """One person's word on one plan."""

    class Decision(models.TextChoices):
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="approvals", help_text="Its rollout.")
    digest = models.CharField(max_length=80, help_text="SHA-256 of the plan that was voted on.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", help_text="Who voted."
    )
    account = models.BigIntegerField(null=True, help_text="The voter's number, whatever becomes of the account.")
    username = models.CharField(max_length=150, blank=True, help_text="The voter's user name, as it was then.")
    email = models.CharField(max_length=254, blank=True, help_text="The voter's address, as it was then.")
    own = models.BooleanField(default=True, help_text="Cast in a session, or by a token that the person made in one.")
    name = models.CharField(max_length=200, help_text="The voter's name, as it is shown.")
    decision = models.CharField(max_length=8, choices=Decision, help_text="For the plan, or against it.")
    comment = models.TextField(blank=True, help_text="What the voter wrote.")
    revoked_at = models.DateTimeField(null=True, help_text="Since when it no longer counts, as after a new plan.")
    revoked_why = models.TextField(blank=True, help_text="Why it is void, where that is not a new plan.")
    created_at = models.DateTimeField(auto_now_add=True, help_text="When it was cast.")

    class Meta:
        ordering = ["id"]
        constraints = [
            # Planning anew can lead to the very same plan, on which everybody has a vote again.
            models.UniqueConstraint(
                fields=["rollout", "digest", "user"],
                condition=models.Q(revoked_at__isnull=True),
                name="one_vote_a_person",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.decision} {self.rollout}"

    @property
    def voter(self) -> Identity:
        """Who voted, as they were then."""
        return Identity(self.account, self.username, self.email)
