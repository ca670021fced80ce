"""What is released, and each way of a release into an environment."""

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models

from environments.models import Environment
from portal.encryption import EncryptedTextField
from portal.row_bound import RowBound
from releases.approvals.identity import Identity
from releases.makers import Maker
from releases.states import ENDED, LIVE, Phase


class Application(models.Model):
    """What is released as one: its services go together."""

    name = models.SlugField(unique=True, max_length=60)
    title = models.CharField(max_length=100, blank=True)
    description = models.TextField(blank=True)
    repository = models.CharField(max_length=200, blank=True, help_text="owner/name, for links and commit statuses.")
    strategy = models.CharField(max_length=20, default="rolling")
    parameters = models.JSONField(
        default=dict, blank=True, help_text='The strategy\'s parameters, e.g. {"maxSurge": 1}.'
    )
    bundle = models.ForeignKey(
        "Bundle",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The current bundle.",
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Bundle(models.Model):
    """The manifests of an application, by the digest of their content; the content is the blob of that digest."""

    digest = models.CharField(max_length=80, primary_key=True)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="bundles")
    files = models.JSONField(default=list, help_text="[{path, size}]")
    size = models.PositiveIntegerField()
    makers = models.JSONField(default=list, help_text="Who uploaded it: releases.makers.Maker of each.")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.digest[:19]


class Release(models.Model):
    """An application at a version. What it brings never changes; who is known to have made it may grow."""

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="releases")
    version = models.CharField(max_length=128)
    images = models.JSONField(default=dict, help_text="{name: reference}")
    bundle = models.ForeignKey(Bundle, on_delete=models.PROTECT, related_name="releases")
    changelog = models.TextField(blank=True)
    commit = models.CharField(max_length=64, blank=True)
    commit_author = models.CharField(max_length=200, blank=True, help_text="Login or address of who wrote the commit.")
    source = models.CharField(max_length=200, blank=True, help_text="Where it came from: a webhook's source, api, cli.")
    created_by = models.CharField(max_length=200)
    makers = models.JSONField(default=list, help_text="Who made its content: releases.makers.Maker of each.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["application", "version"], name="release_once")]

    def __str__(self) -> str:
        return f"{self.application} {self.version}"

    @property
    def made_by(self) -> tuple[Maker, ...]:
        """Everybody who made what it brings: commit, release and bundle."""
        return tuple(Maker.from_json(row) for row in (*self.makers, *self.bundle.makers))


class Rollout(models.Model):
    """One release going into one environment. Only releases.actions and the reconciler write it."""

    class Kind(models.TextChoices):
        RELEASE = "release", "Release"
        UNDO = "undo", "Undo to an earlier release"

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="rollouts")
    # Of the release, repeated here for the constraint below.
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="rollouts")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="rollouts")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.RELEASE)
    strategy = models.CharField(max_length=20, default="rolling")
    parameters = models.JSONField(default=dict)
    recommended = models.CharField(
        max_length=20, blank=True, help_text="The strategy that the kind of change asks for."
    )
    strategy_reason = models.TextField(
        blank=True, help_text="Why a person has chosen another than the recommended one."
    )
    phase = models.CharField(
        max_length=20, choices=[(phase.value, phase.value) for phase in Phase], default=Phase.PLANNING
    )
    why = models.TextField(blank=True, help_text="What it waits for or why it ended, in plain words.")
    intent = models.CharField(
        max_length=20,
        blank=True,
        help_text="What a person has asked for and the reconciler has not done yet.",
    )
    intent_by = models.CharField(max_length=200, blank=True)

    plan_digest = models.CharField(
        max_length=80, blank=True, help_text="Blob of the canonical plan; approvals are bound to it."
    )
    sealed_digest = models.CharField(
        max_length=80, blank=True, help_text="Blob of the secret values that the plan only has hashes of."
    )
    source_plan = models.CharField(
        max_length=80, blank=True, help_text="For an undo: the plan whose objects come back."
    )
    previous = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="followers",
        help_text="What ran here before: the way back.",
    )
    cursor = models.JSONField(default=dict, help_text="The engine's state: releases.rollout.engine.State.")
    policies = models.JSONField(
        default=list, help_text="What came of its traffic policies: environments.kube.policies.Policy of each."
    )

    requested_by = models.CharField(max_length=200)
    requester = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    requester_account = models.BigIntegerField(null=True, help_text="The requester's id, whatever becomes of the user.")
    requester_username = models.CharField(max_length=150, blank=True)
    requester_email = models.CharField(max_length=254, blank=True)
    needed = models.PositiveSmallIntegerField(
        null=True, help_text="How many had to approve when it was planned; a lower rule does not lower it."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    planned_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    superseded_by = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    # The claim: whoever holds the lease works on it; each save compares and raises `version`.
    version = models.BigIntegerField(
        default=0, help_text="Raised by every write; a stale worker's save touches no row."
    )
    sequence = models.BigIntegerField(
        default=0, help_text="Written into the cluster's objects; a lower one is refused there."
    )
    due_at = models.DateTimeField(null=True, db_index=True)
    lease_until = models.DateTimeField(null=True)
    lease_owner = models.CharField(max_length=100, blank=True)
    attempts = models.PositiveIntegerField(default=0, help_text="Passes that failed in a row.")

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

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="steps")
    track = models.CharField(max_length=8, default="forward", help_text="forward, or back: the way back.")
    index = models.PositiveSmallIntegerField()
    label = models.CharField(max_length=200)
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    why = models.TextField(blank=True)
    said = models.TextField(
        blank=True, default="", help_text="What programs wrote or answered: for those who may read logs alone."
    )
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

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

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="measurements")
    index = models.PositiveSmallIntegerField(help_text="Of the step of the way forward.")
    workload = models.CharField(max_length=253)
    metric = models.CharField(max_length=100)
    at = models.FloatField(help_text="Seconds since the epoch.")
    weight = models.PositiveSmallIntegerField(help_text="Percent of the requests that the new version got.")
    canary = models.FloatField(null=True)
    stable = models.FloatField(null=True)
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    requests = models.FloatField(null=True)
    verdict = models.CharField(max_length=12, choices=Verdict)
    why = models.TextField(blank=True)

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

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="approvals")
    digest = models.CharField(max_length=80)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    account = models.BigIntegerField(null=True, help_text="The user's id, whatever becomes of the user.")
    username = models.CharField(max_length=150, blank=True)
    email = models.CharField(max_length=254, blank=True)
    own = models.BooleanField(
        default=True, help_text="Cast in a session, or by a token that the person issued in a session of theirs."
    )
    name = models.CharField(max_length=200)
    decision = models.CharField(max_length=8, choices=Decision)
    comment = models.TextField(blank=True)
    revoked_at = models.DateTimeField(null=True, help_text="A new plan voids what was said of the old one.")
    revoked_why = models.TextField(blank=True, help_text="Why it is void, where that is not a new plan.")
    created_at = models.DateTimeField(auto_now_add=True)

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


class WebhookSource(RowBound):
    """Where webhooks come from, and what their events lead to. The provider checks `mapping`."""

    name = models.SlugField(max_length=60)
    provider = models.CharField(max_length=20)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="webhook_sources")
    secret = EncryptedTextField(editable=False)
    mapping = models.JSONField(default=dict, blank=True)
    rollout_to = models.ManyToManyField(Environment, blank=True, related_name="+")
    callback_url = models.URLField(
        blank=True, help_text="Told how each rollout ended, signed with the source's secret. Without its query."
    )
    callback_query = EncryptedTextField(
        editable=False, null=True, help_text="What stands after the callback address' question mark."
    )
    callback_token = EncryptedTextField(
        editable=False, null=True, help_text="For commit statuses at the provider's API."
    )
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["provider", "name"], name="source_once")]

    def __str__(self) -> str:
        return f"{self.provider}/{self.name}"


class Delivery(RowBound):
    """A webhook as it came in, once, and what it led to."""

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted", "Accepted"
        FETCHING = "fetching", "Fetching the bundle"
        IGNORED = "ignored", "Ignored"
        REFUSED = "refused", "Refused"

    source = models.ForeignKey(WebhookSource, on_delete=models.CASCADE, related_name="deliveries")
    delivery_id = models.CharField(max_length=200)
    event = models.CharField(max_length=60)
    body_hash = models.CharField(max_length=64)
    commit = models.CharField(max_length=64, blank=True)
    business_key = models.CharField(max_length=300, blank=True, help_text="What happened, whatever the delivery's id.")
    body = models.JSONField(help_text="As it came, but for what lets in whoever has it: releases.webhooks.kept.")
    bundle_url = EncryptedTextField(
        editable=False, null=True, help_text="Where its bundle is fetched from, whole, until that has ended."
    )
    outcome = models.CharField(max_length=10, choices=Outcome)
    detail = models.TextField(blank=True)
    fetch_at = models.DateTimeField(null=True, help_text="When its bundle is fetched next, where it is fetched.")
    fetches = models.PositiveSmallIntegerField(default=0, help_text="Fetches that failed.")
    release = models.ForeignKey(Release, null=True, blank=True, on_delete=models.SET_NULL, related_name="deliveries")
    rollouts = models.ManyToManyField(Rollout, blank=True, related_name="deliveries")
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["source", "body_hash"], name="delivery_once_by_body"),
            models.UniqueConstraint(
                fields=["source", "business_key"], condition=~models.Q(business_key=""), name="delivery_once_by_key"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.delivery_id}"
