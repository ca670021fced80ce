"""Any CI: a JSON body signed by Standard Webhooks. docs/how-to/connect-ci.md documents it."""

import base64
import hmac
import time
from collections.abc import Mapping
from math import floor
from typing import Any

from ninja import Field, Schema
from pydantic import ConfigDict, ValidationError
from standardwebhooks.webhooks import hmac_data

from releases.makers import named
from releases.webhooks.mapping import problems
from releases.webhooks.providers.base import Headers, Ignored, News, Provider, Untrusted, Unusable

MARK = "whsec_"
TOLERANCE_SECONDS = 300
MOST_ERRORS = 20


class BundleAt(Schema):
    """The manifests: uploaded by the API before, to be fetched, or a chart or repository elsewhere."""

    model_config = ConfigDict(extra="forbid")
    digest: str = ""
    url: str = ""
    source: dict[str, Any] = {}


class Body(Schema):
    """What CI posts."""

    model_config = ConfigDict(extra="forbid")
    version: str
    type: str = "release"
    images: dict[str, str] = {}
    commit: str = ""
    author: str = ""
    makers: list[str] = Field(default=[], max_length=200)
    changelog: str = ""
    bundle: BundleAt = BundleAt()
    environments: list[str] | None = None


def _verify(secret: str, headers: Headers, body: bytes) -> None:
    """Standard Webhooks over the bytes as they came: their library reads them as JSON text first."""
    try:
        moment = floor(float(headers["webhook-timestamp"]))
        wanted = hmac_data(_key(secret), f"{headers['webhook-id']}.{moment}.".encode() + body)
        given = [_signature(each) for each in headers["webhook-signature"].split(" ")]
    except (KeyError, ValueError, OverflowError) as error:
        raise Untrusted from error
    if abs(time.time() - moment) > TOLERANCE_SECONDS or not headers["webhook-id"]:
        raise Untrusted
    if not any(hmac.compare_digest(wanted, each) for each in given):
        raise Untrusted


def _key(secret: str) -> bytes:
    key = base64.b64decode(secret.removeprefix(MARK) + "==")
    if not key:
        raise ValueError("An empty secret signs nothing.")
    return key


def _signature(text: str) -> bytes:
    """The bytes of "v1,…"; none for a version that is not known."""
    version, _comma, encoded = text.partition(",")
    return base64.b64decode(encoded) if version == "v1" else b""


def _read(_mapping: Mapping[str, Any], headers: Headers, payload: Mapping[str, Any]) -> News | Ignored:
    if payload.get("type") == "ping":
        return Ignored("ping", "pong")
    try:
        body = Body.model_validate(payload)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:MOST_ERRORS])
        raise Unusable(f"The body does not fit: {wrong}.") from None
    if body.type != "release":
        return Ignored(body.type, "Only the types release and ping are known.")
    return News(
        event=body.type,
        business_key=f"generic:{headers.get('webhook-id', '')}",
        fields={"tag": body.version, "sha": body.commit, "short_sha": body.commit[:12]},
        version=body.version,
        commit=body.commit,
        author=body.author,
        makers=named(body.makers, "made", "release"),
        changelog=body.changelog,
        images=body.images,
        bundle=body.bundle.model_dump(exclude_defaults=True),
        environments=None if body.environments is None else tuple(body.environments),
    )


def _check(mapping: Mapping[str, Any]) -> list[str]:
    return problems(mapping, {})


PROVIDER = Provider("generic", _verify, lambda headers: headers.get("webhook-id", ""), _read, _check)
