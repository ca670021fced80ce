"""A canary under requests that asks at 50 %, so that somebody can press its buttons."""

from tests.acceptance import shop
from tests.acceptance.portal import Portal, Rollout

SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: web, annotations: {test.slipway/rps: "20"}}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"""
METRIC = {"template": "success-rate", "minimum_requests": 1, "interval": 1, "window": 5, "count": 1}
SETTINGS = {"workloads": ["web"], "weights": [50, 100], "interval": 1, "pauseAt": [50], "metrics": [METRIC]}


def asking_canary(live: Portal) -> Rollout:
    """1.0.0 of a new application runs in dev, and 1.1.0 has half of its requests and asks."""
    name = live.shops.pop()
    files = {**shop.files(COLOUR="blue"), "base/service.yaml": SERVICE}
    live.release(name, "1.0.0", files, "good")
    live.succeed(live.ask(name, "1.0.0", "dev"))
    live.release(name, "1.1.0", files, "good2")
    asked = live.ask(name, "1.1.0", "dev", strategy="canary", parameters=SETTINGS)
    return live.wait(asked, "paused")
