"""Any CI: a JSON body signed by Standard Webhooks. docs/how-to/connect-ci.md documents it."""

from collections.abc import Mapping
from typing import Any

from ninja import Schema
from pydantic import ConfigDict, ValidationError
from standardwebhooks.webhooks import Webhook

from releases.webhooks.mapping import problems
from releases.webhooks.provider import Headers, Ignored, News, Provider, Untrusted, Unusable, register


class BundleAt(Schema):
    """The manifests: uploaded by the API before, or to be fetched."""

    model_config = ConfigDict(extra="forbid")
    digest: str = ""
    url: str = ""


class Body(Schema):
    """What CI posts."""

    model_config = ConfigDict(extra="forbid")
    version: str
    type: str = "release"
    images: dict[str, str] = {}
    commit: str = ""
    author: str = ""
    changelog: str = ""
    bundle: BundleAt = BundleAt()
    environments: list[str] | None = None


def _verify(secret: str, headers: Headers, body: bytes) -> None:
    try:
        Webhook(secret).verify(body, dict(headers))
    except Exception as error:  # the library raises ValueError and UnicodeDecodeError for what is malformed
        raise Untrusted from error


def _read(_mapping: Mapping[str, Any], headers: Headers, payload: Mapping[str, Any]) -> News | Ignored:
    if payload.get("type") == "ping":
        return Ignored("ping", "pong")
    try:
        body = Body.model_validate(payload)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
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
        changelog=body.changelog,
        images=body.images,
        bundle=body.bundle.model_dump(exclude_defaults=True),
        environments=None if body.environments is None else tuple(body.environments),
    )


def _check(mapping: Mapping[str, Any]) -> list[str]:
    return problems(mapping, {})


register(Provider("generic", _verify, lambda headers: headers.get("webhook-id", ""), _read, _check))
