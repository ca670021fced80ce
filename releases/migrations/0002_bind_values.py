"""Encrypted values are bound to their rows and fields, and values of Secrets are encrypted once instead of twice."""

import hashlib
import json
import secrets
from typing import Any

import structlog
import zstandard
from django.db import migrations, transaction

from portal.encryption import SecretUnreadable
from portal.unbound import bind, open_unbound

log = structlog.get_logger(__name__)


def bind_values(apps: Any, _editor: Any) -> None:
    bind(apps.get_model("releases", "WebhookSource"))


def seal_once(apps: Any, _editor: Any) -> None:
    """Every rollout's values of Secrets, as releases.sealing stores them now. May be ended and begun again.

    Values whose inner layer no key opens stay as they are: earlier versions' rotation of keys left it behind.
    """
    rollouts = apps.get_model("releases", "Rollout").objects.exclude(sealed_digest="").order_by("sealed_digest")
    for digest in list(rollouts.values_list("sealed_digest", flat=True).distinct()):
        try:
            _seal_once(apps, digest)
        except SecretUnreadable:
            log.warning("The values of a plan's Secrets cannot be read: their key is gone.", sealed=digest)


def _seal_once(apps: Any, digest: str) -> None:
    blob = apps.get_model("portal", "Blob").objects.filter(pk=digest).first()
    if blob is None or not (inner := zstandard.decompress(blob.content)).startswith(b"gAAAA"):
        return
    content = _salted(json.loads(open_unbound(inner)))
    now = "sha256:" + hashlib.sha256(content).hexdigest()
    with transaction.atomic():
        packed = zstandard.compress(content)
        apps.get_model("portal", "Blob").objects.create(digest=now, content=packed, size=len(content))
        apps.get_model("releases", "Rollout").objects.filter(sealed_digest=digest).update(sealed_digest=now)
        blob.delete()


def _salted(values: Any) -> bytes:
    return json.dumps({"salt": secrets.token_hex(16), "values": values}, sort_keys=True).encode()


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("releases", "0001_initial"), ("portal", "0005_bind_values")]
    operations = [
        migrations.RunPython(bind_values, migrations.RunPython.noop),
        migrations.RunPython(seal_once, migrations.RunPython.noop),
    ]
