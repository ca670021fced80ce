"""Names that Slipway writes into a cluster. Changing one orphans what older releases wrote."""

MANAGER = "slipway"
SCALE = "slipway-scale"
TRAFFIC = "slipway-traffic"

MANAGED = "slipway.dev/managed"
APPLICATION = "slipway.dev/application"
SEQUENCE = "slipway.dev/sequence"
TRACKING = "slipway.dev/tracking"
WAVE = "slipway.dev/wave"
JOB = "slipway.dev/job"
"""The annotation that says what becomes of a Job whose template has changed."""
CONFIG_DIGEST = "slipway.dev/configuration"
TRACK = "slipway.dev/track"
"""The label of pods that tells the sides of a rollout apart."""
STABLE = "stable"
CANARY = "canary"
MARKS = frozenset({
    f"metadata.labels.{MANAGED}", f"metadata.labels.{APPLICATION}", f"metadata.annotations.{TRACKING}"
})  # fmt: skip
"""The fields by which Slipway knows its objects: they mean nothing to what runs."""
FLOOR = "slipway.dev/floor"
"""The annotation of an autoscaler that says what its minimum was before it was held up."""
