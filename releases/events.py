"""Who is told when a rollout ends: webhooks report to where the release came from, notifications to people."""

from collections.abc import Callable

from releases.models import Rollout

Listener = Callable[[Rollout], None]
_listeners: list[Listener] = []


def on_end(listener: Listener) -> Listener:
    """Has the function called with each rollout that ends, in the transaction that records it.

    It must only write to the database (enqueue a call out, say): what it raises undoes the whole pass.
    """
    if listener not in _listeners:
        _listeners.append(listener)
    return listener


def tell(rollout: Rollout) -> None:
    """Calls them all."""
    for listener in _listeners:
        listener(rollout)
