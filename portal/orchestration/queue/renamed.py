"""Functions that stored messages name as they were called before: a queue outlives an upgrade."""

from django.core.signing import BadSignature
from django_q.signing import SignedPackage

NOTHING = f"{__name__}.nothing"
RENAMED = {
    "releases.rollout.reconciler.advance": "releases.orchestrator.reconciler.advance",
    # They took other arguments; the rows that they were about are due by themselves.
    "portal.outbound.calls.deliver": NOTHING,
    "portal.outbound.calls.deliver_due": NOTHING,
    "releases.webhooks.fetching.fetch": NOTHING,
}


def nothing(*_args: object) -> None:
    """What is done for a message that nobody needs any more."""


def current(payload: str) -> str:
    """The message with the name of today; as it is, where it names none of before or cannot be read."""
    try:
        task = SignedPackage.loads(payload)
    except (BadSignature, TypeError):
        return payload
    if task["func"] not in RENAMED:
        return payload
    return str(SignedPackage.dumps(task | {"func": RENAMED[task["func"]]}))
