"""Names that Slipway writes into a cluster. Changing one orphans what older releases wrote."""

MANAGER = "slipway"
SCALE = "slipway-scale"
TRAFFIC = "slipway-traffic"

MANAGED = "slipway.dev/managed"
SEQUENCE = "slipway.dev/sequence"
TRACKING = "slipway.dev/tracking"
WAVE = "slipway.dev/wave"
CONFIG_DIGEST = "slipway.dev/configuration"
TRACK = "slipway.dev/track"
