"""Where webhooks come from, and what each led to."""

from django.db import models

from environments.models import Environment
from portal.encryption import EncryptedTextField
from portal.orchestration.leases import Leased
from portal.row_bound import RowBound
from releases.models.applications import Application, Release
from releases.models.rollouts import Rollout


class WebhookSource(RowBound):
    """Where webhooks come from, and what their events lead to. The provider checks `mapping`."""

    name = models.SlugField(max_length=60, help_text="A short name, which ends the address that webhooks are sent to.")
    provider = models.CharField(max_length=20, help_text="Who sends them.")
    application = models.ForeignKey(
        Application,
        on_delete=models.CASCADE,
        related_name="webhook_sources",
        help_text="The application that its events are about.",
    )
    secret = EncryptedTextField(editable=False, help_text="What its webhooks are signed with; shown once.")
    mapping = models.JSONField(default=dict, blank=True, help_text="What its events mean; empty: what is usual.")
    rollout_to = models.ManyToManyField(
        Environment,
        blank=True,
        related_name="+",
        help_text="Environments that a new release is rolled out to at once, or requested for.",
    )
    callback_url = models.URLField(
        blank=True, help_text="Told how each rollout ended, signed with the source's secret. Without its query."
    )
    callback_query = EncryptedTextField(editable=False, null=True, help_text="What follows the ? of the callback URL.")
    callback_token = EncryptedTextField(editable=False, null=True, help_text="For commit statuses at the provider.")
    active = models.BooleanField(default=True, help_text="Otherwise its webhooks are refused.")
    created_at = models.DateTimeField(auto_now_add=True, help_text="When it was set up.")

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["provider", "name"], name="source_once")]

    def __str__(self) -> str:
        return f"{self.provider}/{self.name}"


class Delivery(RowBound, Leased):
    """A webhook as it came in, once, and what it led to. It is due while its bundle is to be fetched."""

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted", "Accepted"
        FETCHING = "fetching", "Fetching the bundle"
        IGNORED = "ignored", "Ignored"
        REFUSED = "refused", "Refused"

    source = models.ForeignKey(
        WebhookSource, on_delete=models.CASCADE, related_name="deliveries", help_text="Where it came from."
    )
    delivery_id = models.CharField(max_length=200, help_text="The sender's own number for it.")
    event = models.CharField(max_length=60, help_text="What it tells of, in the sender's word.")
    body_hash = models.CharField(max_length=64, help_text="SHA-256 of what was sent, so that it is taken once.")
    commit = models.CharField(max_length=64, blank=True, help_text="The commit that it is about.")
    business_key = models.CharField(max_length=300, blank=True, help_text="What happened, however often it is told.")
    body = models.JSONField(help_text="What was sent, without what would let in whoever has it.")
    bundle_url = EncryptedTextField(editable=False, null=True, help_text="Where its bundle is fetched; encrypted.")
    outcome = models.CharField(max_length=10, choices=Outcome, help_text="What became of it.")
    detail = models.TextField(blank=True, help_text="The same in words.")
    release = models.ForeignKey(
        Release,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="deliveries",
        help_text="The release that it led to.",
    )
    rollouts = models.ManyToManyField(Rollout, blank=True, related_name="deliveries", help_text="What it led to.")
    received_at = models.DateTimeField(auto_now_add=True, help_text="When it came in.")

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
