"""Deciding anew where an object has changed between the look and the write."""

from collections.abc import Callable
from typing import TypeVar

from environments.kube.api.errors import Stale

TRIES = 8

Made = TypeVar("Made")


def decide_anew(attempt: Callable[[], Made]) -> Made:
    """What the attempt gives: it looks, decides and writes guarded, again from its look where that was Stale.

    Raises Stale where the object keeps changing, and whatever else the attempt raises.
    """
    for _ in range(TRIES - 1):
        try:
            return attempt()
        except Stale:
            continue
    return attempt()
