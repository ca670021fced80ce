"""The kernel's tables: content by digest, the audit chain, API tokens, outgoing calls, long jobs."""

from django.conf import settings
from django.db import models

from portal.encryption import EncryptedField, EncryptedTextField
from portal.orchestration.leases import Leased
from portal.row_bound import RowBound


class Blob(models.Model):
    """Content stored once by its digest, compressed, then encrypted. `portal.blobs` reads and writes it."""

    digest = models.CharField(
        max_length=80, primary_key=True, help_text="SHA-256 of the content, by which it is found."
    )
    content = EncryptedField(help_text="The content, compressed and encrypted.")
    size = models.PositiveIntegerField(help_text="Bytes before it was compressed.")
    created_at = models.DateTimeField(auto_now_add=True, help_text="When it was stored first.")

    def __str__(self) -> str:
        return self.digest


class AuditEntry(models.Model):
    """One line of the history. The database refuses to change or remove it; `hash` covers it and the one before."""

    number = models.BigIntegerField(primary_key=True, help_text="Place in the history, counted up from 1.")
    at = models.DateTimeField(help_text="When it happened.")
    actor = models.CharField(max_length=200, help_text="Who did it, by the name that they had then.")
    actor_kind = models.CharField(max_length=12, help_text="What acted: a person, a token, CI or the portal itself.")
    verb = models.CharField(max_length=60, help_text="What was done.")
    target_type = models.CharField(max_length=40, help_text="The kind of what it was done to.")
    target_id = models.CharField(max_length=80, help_text="The number or name by which that is found.")
    target = models.CharField(max_length=300, help_text="What it was done to, by the name that it had then.")
    environment = models.CharField(
        max_length=40, blank=True, help_text="Where it was done; empty: in no single environment."
    )
    application = models.CharField(
        max_length=60, blank=True, help_text="Which application it was about; empty: about none."
    )
    data = models.JSONField(default=dict, help_text="Details, such as the values before and after.")
    previous_hash = models.CharField(max_length=64, help_text="Hash of the entry before.")
    hash = models.CharField(max_length=64, help_text="Hash of this entry, which covers the one before too.")

    class Meta:
        ordering = ["-number"]
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["target_type", "target_id", "number"], name="audit_last_of_a_target"),
            models.Index(fields=["environment", "application"]),
            models.Index(fields=["verb"]),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.verb}"


class ServiceAccount(models.Model):
    """A user that is a program. `portal.people.service_accounts` makes it."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="service_account",
        help_text="The account that the program acts as.",
    )
    purpose = models.CharField(max_length=200, help_text="What runs under it.")
    created_at = models.DateTimeField(auto_now_add=True, help_text="When the account was made.")

    class Meta:
        ordering = ["user__username"]

    def __str__(self) -> str:
        return self.user.get_username()


class PublishedHead(models.Model):
    """A signed head of the history, as it was published; the folder of heads has the same lines."""

    sequence = models.BigIntegerField(primary_key=True, help_text="Place among the signed heads, counted up from 1.")
    number = models.BigIntegerField(db_index=True, help_text="The newest entry that it signs for.")
    line = models.TextField(help_text="The signed head as it was published.")

    class Meta:
        ordering = ["sequence"]

    def __str__(self) -> str:
        return f"{self.sequence} of entry {self.number}"


class ApiToken(models.Model):
    """A bearer token of the API: only its hash is kept; scoped to environments and verbs, and it expires."""

    name = models.CharField(max_length=100, help_text="What it is for, to tell it from others.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="api_tokens",
        help_text="On whose behalf it acts.",
    )
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Who issued it.",
    )
    in_session = models.BooleanField(
        default=False, editable=False, help_text="Issued by a person who was signed in, not by a program."
    )
    password_stamp = models.CharField(
        max_length=64,
        default="",
        editable=False,
        help_text="Fingerprint of the password that it was issued under; another password ends the token.",
    )
    prefix = models.CharField(max_length=12, help_text="The token's first characters, to tell it from others.")
    hash = models.CharField(max_length=64, unique=True, help_text="Fingerprint of the token, which itself is not kept.")
    environments = models.JSONField(
        default=list,
        blank=True,
        help_text="Names of environments that it is limited to; empty: all that the person may.",
    )
    verbs = models.JSONField(
        default=list,
        blank=True,
        help_text="What it is limited to, such as request or approve; empty: all that the person may.",
    )
    created_at = models.DateTimeField(auto_now_add=True, help_text="When it was issued.")
    expires_at = models.DateTimeField(help_text="From then on it is refused.")
    revoked_at = models.DateTimeField(null=True, blank=True, help_text="When it was revoked; empty: it was not.")
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="When it was last used; empty: never.")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def own(self) -> bool:
        """Whether its person issued it, in a session of theirs."""
        return self.in_session and self.issued_by_id == self.user_id


class PasswordLink(models.Model):
    """The last link by which a person was to set their password: who issued it, and what became of it.

    A reset of somebody's password takes their vote until another than the issuer confirms it: the issuer saw the link.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="password_link",
        help_text="Whose password it sets.",
    )
    reset = models.BooleanField(default=True, help_text="The account was in use before; otherwise an invitation.")
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", help_text="Who issued it."
    )
    issuer = models.CharField(max_length=200, help_text="The name of who issued it, as it was then.")
    issued_at = models.DateTimeField(help_text="When it was issued.")
    used_at = models.DateTimeField(null=True, help_text="When a password was set by it; empty: not yet.")
    confirmed_at = models.DateTimeField(
        null=True, help_text="When another administrator said that it reached its owner; empty: nobody has."
    )
    confirmer = models.CharField(max_length=200, blank=True, help_text="The name of who said so.")

    class Meta:
        ordering = ["-issued_at"]

    def __str__(self) -> str:
        return self.user.get_username()

    @property
    def unconfirmed(self) -> bool:
        """Whether nobody but its issuer says that it reached its owner."""
        return self.reset and self.confirmed_at is None


class SignInTally(models.Model):
    """How often sign-in failed for an account, an address, or both; `portal.people.door` keeps it."""

    key = models.CharField(max_length=64, primary_key=True, help_text="Keyed hash of what is counted.")
    kind = models.CharField(
        max_length=8, help_text="What is counted: an account, an address, both together, or a browser that is known."
    )
    failures = models.PositiveIntegerField(default=0, help_text="Failed tries in a row.")
    last_at = models.DateTimeField(db_index=True, help_text="When the last one failed.")

    def __str__(self) -> str:
        return self.kind


class OutgoingCall(RowBound, Leased):
    """A call to somebody else's API that is retried until it is done or given up; nothing waits for it."""

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        DONE = "done", "Done"
        GIVEN_UP = "given up", "Given up"

    key = models.CharField(max_length=200, unique=True, help_text="What it tells of, so that it is sent once.")
    method = models.CharField(
        max_length=6, default="POST", help_text="How it is sent: POST, or another method of HTTP."
    )
    url = models.URLField(max_length=500, help_text="Where it goes, without what stands after the question mark.")
    query = EncryptedTextField(
        null=True,
        help_text="What stands after the question mark: encrypted, since it can let in whoever has it; gone once done.",
    )
    headers = EncryptedTextField(help_text="Headers, encrypted, since they can carry credentials.")
    body = models.TextField(blank=True, help_text="What is sent.")
    signer = EncryptedTextField(
        null=True, help_text="The secret that each attempt is signed with, where the receiver checks signatures."
    )
    then = models.CharField(max_length=100, blank=True, help_text="What the portal does next, once it is done.")
    state = models.CharField(
        max_length=8, choices=State, default=State.PENDING, help_text="Whether it waits, is done, or was given up."
    )
    answer = models.TextField(blank=True, help_text="The last answer or error, in short.")
    created_at = models.DateTimeField(auto_now_add=True, help_text="When it was asked for.")

    def __str__(self) -> str:
        return f"{self.method} {self.url}"


class Heartbeat(models.Model):
    """When a part that works in the background last showed progress."""

    name = models.CharField(max_length=40, primary_key=True, help_text="Which part works in the background.")
    host = models.CharField(max_length=200, help_text="The machine that it runs on.")
    at = models.DateTimeField(help_text="When it last made progress.")
    trouble = models.TextField(default="", blank=True, help_text="What keeps it from its work, in words.")

    def __str__(self) -> str:
        return self.name


class Job(Leased):
    """Work of minutes to hours, which a job worker does; `portal.orchestration.jobs` asks for it and carries it out."""

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    kind = models.CharField(max_length=100, help_text="What kind of work it is.")
    arguments = models.JSONField(default=dict, help_text="What it was asked to do, in detail.")
    label = models.CharField(max_length=200, help_text="What it does, in words.")
    target = models.CharField(max_length=200, blank=True, db_index=True, help_text="What it is about, for programs.")
    requested_by = models.CharField(max_length=200, blank=True, help_text="The name of who asked for it.")
    state = models.CharField(
        max_length=9, choices=State, default=State.PENDING, help_text="Whether it waits, runs, or how it ended."
    )
    ending = models.CharField(
        max_length=9, choices=State, blank=True, help_text="How it will have ended, once it is cleaned up after."
    )
    why = models.TextField(blank=True, help_text="Why it failed, was cancelled or is tried again.")
    result = models.JSONField(null=True, help_text="What came of it.")
    checkpoint = models.JSONField(default=dict, help_text="How far it is, for whoever resumes it.")
    attempts = models.PositiveIntegerField(default=0, editable=False, help_text="How often it was taken up.")

    done = models.BigIntegerField(default=0, help_text="How much is done, in units.")
    total = models.BigIntegerField(null=True, help_text="How much there is to do, in units; empty: nobody knows.")
    unit = models.CharField(max_length=20, blank=True, help_text="What is counted, such as bytes.")
    rate = models.FloatField(null=True, help_text="Units a second, over the last half minute.")
    progress_at = models.DateTimeField(null=True, help_text="When its progress was noted last.")

    cancel_asked_at = models.DateTimeField(null=True, help_text="When somebody asked for it to stop.")
    cancel_asked_by = models.CharField(max_length=200, blank=True, help_text="Who asked for it to stop.")
    created_at = models.DateTimeField(auto_now_add=True, help_text="When it was asked for.")
    started_at = models.DateTimeField(null=True, help_text="When it was taken up first.")
    finished_at = models.DateTimeField(null=True, help_text="When it ended.")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.label

    @property
    def ended(self) -> bool:
        return self.state in (self.State.DONE, self.State.FAILED, self.State.CANCELLED)

    @property
    def remaining_seconds(self) -> float | None:
        """How long it takes still, at its present rate; None where nobody can tell."""
        if self.state != self.State.RUNNING or self.total is None or not self.rate:
            return None
        return max(0, self.total - self.done) / self.rate


class JobAttempt(models.Model):
    """One taking-up of a job by a worker. Its number is the fence: each later taking-up of any job has a higher one."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="attempts_made", help_text="What was taken up.")
    worker = models.CharField(max_length=100, help_text="The process that took it up.")
    started_at = models.DateTimeField(auto_now_add=True, help_text="When it was taken up.")

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.job_id} by {self.worker}"
