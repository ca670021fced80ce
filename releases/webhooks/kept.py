"""What of a webhook's body is kept. An address with a signature in its query lets in whoever has it."""

from collections.abc import Mapping
from typing import Any

from portal.outbound import shown


def kept(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The body to be stored: the bundle's address without query, fragment, user and password."""
    bundle = payload.get("bundle")
    if not isinstance(bundle, Mapping) or not isinstance(bundle.get("url"), str):
        return dict(payload)
    return {**payload, "bundle": {**bundle, "url": shown(bundle["url"])}}
