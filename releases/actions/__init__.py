"""What people and CI do to rollouts: the only ways, whichever screen, API, webhook or command line they use.

Each is one transaction: lock, guard, change, audit entry, wake. A missing right raises PermissionDenied, a
wrong state InvalidTransition, what cannot be taken Unacceptable; each says what to do.
"""

from releases.actions.approval import approve, reject
from releases.actions.control import (
    abort,
    cancel,
    pause,
    promote,
    restore,
    resume,
    retry,
    rollback,
    start,
    supersede,
)
from releases.actions.current import make_current, why_not_current
from releases.actions.guards import Offer, available, offer
from releases.actions.request import replan, request, undo
from releases.actions.verbs import known, perform

__all__ = [
    "Offer",
    "abort",
    "approve",
    "available",
    "cancel",
    "known",
    "make_current",
    "offer",
    "pause",
    "perform",
    "promote",
    "reject",
    "replan",
    "request",
    "restore",
    "resume",
    "retry",
    "rollback",
    "start",
    "supersede",
    "undo",
    "why_not_current",
]
