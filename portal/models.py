"""The kernel's tables: content by digest, the audit chain, API tokens, outgoing calls."""

from django.conf import settings
from django.db import models

from portal.encryption import EncryptedField, EncryptedTextField
from portal.row_bound import RowBound


class Blob(models.Model):
    """Content stored once by its digest, compressed, then encrypted. `portal.blobs` reads and writes it."""

    digest = models.CharField(max_length=80, primary_key=True)
    content = EncryptedField()
    size = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.digest


class AuditEntry(models.Model):
    """One line of the history. The database refuses to change or remove it; `hash` covers it and the one before."""

    number = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    actor = models.CharField(max_length=200)
    actor_kind = models.CharField(max_length=12)
    verb = models.CharField(max_length=60)
    target_type = models.CharField(max_length=40)
    target_id = models.CharField(max_length=80)
    target = models.CharField(max_length=300)
    environment = models.CharField(max_length=40, blank=True)
    application = models.CharField(max_length=60, blank=True)
    data = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

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
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="service_account"
    )
    purpose = models.CharField(max_length=200, help_text="What runs under it.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["user__username"]

    def __str__(self) -> str:
        return self.user.get_username()


class PublishedHead(models.Model):
    """A signed head of the history, as it was published; the folder of heads has the same lines."""

    sequence = models.BigIntegerField(primary_key=True)
    number = models.BigIntegerField(db_index=True)
    line = models.TextField()

    class Meta:
        ordering = ["sequence"]

    def __str__(self) -> str:
        return f"{self.sequence} of entry {self.number}"


class ApiToken(models.Model):
    """A bearer token of the API: only its hash is kept; scoped to environments and verbs, and it expires."""

    name = models.CharField(max_length=100)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    in_session = models.BooleanField(
        default=False, editable=False, help_text="Issued by a person who was signed in, not by a program."
    )
    password_stamp = models.CharField(
        max_length=64,
        default="",
        editable=False,
        help_text="Hash of the person's password hash: another one ends the token.",
    )
    prefix = models.CharField(max_length=12, help_text="The token's first characters, to tell it from others.")
    hash = models.CharField(max_length=64, unique=True)
    environments = models.JSONField(default=list, blank=True, help_text="Names; empty: all that the person may.")
    verbs = models.JSONField(
        default=list, blank=True, help_text="Verbs of portal.roles; empty: all that the person may."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

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
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="password_link"
    )
    reset = models.BooleanField(default=True, help_text="The account was in use before; otherwise an invitation.")
    issued_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    issuer = models.CharField(max_length=200)
    issued_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    confirmer = models.CharField(max_length=200, blank=True)

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
    kind = models.CharField(max_length=8)
    failures = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.kind


class OutgoingCall(RowBound):
    """A call to somebody else's API that is retried until it is done or given up; nothing waits for it."""

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        DONE = "done", "Done"
        GIVEN_UP = "given up", "Given up"

    key = models.CharField(max_length=200, unique=True, help_text="What it tells of, so that it is sent once.")
    method = models.CharField(max_length=6, default="POST")
    url = models.URLField(max_length=500, help_text="Without its query.")
    query = EncryptedTextField(null=True, help_text="Encrypted, since it can let in whoever has it; gone once done.")
    headers = EncryptedTextField(help_text="JSON object; encrypted, since it can carry credentials.")
    body = models.TextField(blank=True)
    signer = EncryptedTextField(null=True, help_text="Secret of Standard Webhooks to sign each attempt with.")
    then = models.CharField(
        max_length=100, blank=True, help_text="Dotted path of what is queued with its id once it is done."
    )
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(db_index=True)
    answer = models.TextField(blank=True, help_text="The last answer or error, in short.")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.method} {self.url}"


class Heartbeat(models.Model):
    """When a part that works in the background last showed progress."""

    name = models.CharField(max_length=40, primary_key=True)
    host = models.CharField(max_length=200)
    at = models.DateTimeField()
    trouble = models.TextField(default="", blank=True, help_text="What keeps it from its work, in words.")

    def __str__(self) -> str:
        return self.name
