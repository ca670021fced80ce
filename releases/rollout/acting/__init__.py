"""Carries out what the engine decided, through the gateway. Repeating any of it changes nothing.

One file a family of actions; a function with `@performs(Action)` in one of them is found by being there.
"""

from releases.rollout.acting.hands import Hands, Result
from releases.rollout.acting.performers import performs

__all__ = ["Hands", "Result", "performs"]
