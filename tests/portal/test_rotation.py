"""Changing the encryption key: everything stays readable, and afterwards without the old key."""

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from environments.models import Cluster, ConfigurationEntry, Environment
from portal import blobs, outbound
from portal.encryption import SecretUnreadable
from portal.models import OutgoingCall
from releases.models import Application, WebhookSource

pytestmark = pytest.mark.django_db
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def digest(settings) -> str:
    """One secret of every kind, written with the old key; the digest of stored content."""
    settings.ENCRYPTION_KEYS = [OLD]
    User.objects.create(username="x")
    cluster = Cluster.objects.create(name="c", access='{"token": "s"}')
    Cluster.objects.create(name="in", in_cluster=True)
    environment = Environment.objects.create(name="dev", cluster=cluster)
    ConfigurationEntry.objects.create(environment=environment, key="K", value="v")
    application = Application.objects.create(name="a")
    WebhookSource.objects.create(name="w", provider="generic", application=application, secret="whsec_x")
    outbound.enqueue("k", "https://example.com/", "{}", {"Authorization": "x"}, signer="whsec_y")
    return blobs.store(b"content")


def test_everything_is_readable_with_the_new_key_alone(digest: str, settings, capsys) -> None:
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    call_command("rotate_keys")
    printed = capsys.readouterr().out
    for line in ("Cluster.access: 1", "ConfigurationEntry.value: 1", "WebhookSource.secret: 1", "Blob.content: 1",
                 "OutgoingCall.headers: 1", "OutgoingCall.signer: 1"):  # fmt: skip
        assert line in printed
    settings.ENCRYPTION_KEYS = [NEW]
    assert Cluster.objects.get(name="c").access == '{"token": "s"}'
    assert ConfigurationEntry.objects.get().value == "v"
    assert WebhookSource.objects.get().secret == "whsec_x"
    assert OutgoingCall.objects.get().signer == "whsec_y"
    assert blobs.load(digest) == b"content"


def test_without_rotating_the_new_key_alone_reads_nothing(digest: str, settings) -> None:
    settings.ENCRYPTION_KEYS = [NEW]
    with pytest.raises(SecretUnreadable) as refused:
        Cluster.objects.get(name="c")
    assert "SLIPWAY_ENCRYPTION_KEYS" in str(refused.value)
    with pytest.raises(CommandError, match="Put the key back"):
        call_command("rotate_keys")


def test_the_first_key_of_an_installation_leaves_what_was_stored_before_readable(settings) -> None:
    settings.ENCRYPTION_KEYS = []
    Cluster.objects.create(name="c", access='{"token": "s"}')
    settings.ENCRYPTION_KEYS = [NEW]
    assert Cluster.objects.get().access == '{"token": "s"}'
    call_command("rotate_keys")
    settings.SECRET_KEY = "another"
    assert Cluster.objects.get().access == '{"token": "s"}'


def test_more_rows_than_one_transaction_takes(settings) -> None:
    settings.ENCRYPTION_KEYS = [OLD]
    digests = [blobs.store(bytes([n % 256, n // 256])) for n in range(250)]
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    call_command("rotate_keys")
    settings.ENCRYPTION_KEYS = [NEW]
    assert all(blobs.load(digest) for digest in digests)


def test_secrets_are_nowhere_in_the_database_as_text(digest: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT access FROM environments_cluster WHERE name = 'c'")
        assert b"token" not in bytes(cursor.fetchone()[0])
