"""The JSON API under /api/v1: the same actions as the screens, bearer tokens, errors as problem+json (RFC 9457)."""

from releases.api.app import api

__all__ = ["api"]
