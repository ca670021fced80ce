"""A small application: two services in two waves, their configuration, and images that behave in known ways."""

import urllib3

from demo import images
from tests.releases.rollout.bundles import config, deployment
from tests.releases.rollout.live import packed

__all__ = ["IMAGES", "LAST_WORDS", "files", "packed", "push_all"]

IMAGES = ("shop/web", "shop/worker")
LAST_WORDS = "no database at db:5432"
QUICK = {"startup_seconds": 0.1}
TAGS = {
    "good": QUICK,
    "good2": QUICK,
    "slow": {"startup_seconds": 2},
    "crash": {"crash": True, "exit_code": 3, "logs": ["starting", LAST_WORDS]},
    "never": {**QUICK, "ready": False},
}
WAVES = "waves:\n- {name: front, workloads: [web]}\n- {name: back, workloads: [worker]}\n"


def push_all(registry: str) -> None:
    """Both images with every tag."""
    pool = urllib3.PoolManager(timeout=images.TIMEOUT, retries=False)
    for name in IMAGES:
        for tag, behaviour in TAGS.items():
            images.push(pool, registry, name, tag, behaviour)


def files(*extra: str, **data: str) -> dict[str, str]:
    """The bundle: `data` is what the ConfigMap `settings` holds, `extra` names ConfigMaps beside it."""
    return {
        "slipway.yaml": WAVES,
        "base/settings.yaml": config(**data),
        "base/web.yaml": deployment("web", "shop/web", replicas=2),
        "base/worker.yaml": deployment("worker", "shop/worker", replicas=1),
        **{f"base/{name}.yaml": config(name, ADDED="yes") for name in extra},
    }
