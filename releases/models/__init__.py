"""What is released, and each way of a release into an environment."""

from releases.models.applications import Application, Bundle, Release
from releases.models.rollouts import Approval, Measurement, Rollout, Step
from releases.models.webhooks import Delivery, WebhookSource

__all__ = [
    "Application",
    "Approval",
    "Bundle",
    "Delivery",
    "Measurement",
    "Release",
    "Rollout",
    "Step",
    "WebhookSource",
]
