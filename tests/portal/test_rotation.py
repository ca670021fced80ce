"""Changing the encryption key: everything stays readable, and afterwards without the old key."""

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from environments.models import Cluster, ConfigurationEntry, Environment, RegistryAccount, RegistrySetting
from portal import blobs, rotation
from portal.encryption import EncryptedField, SecretUnreadable
from portal.models import Blob, OutgoingCall
from portal.outbound import calls
from portal.rotation import encrypted_everywhere
from releases.models import Application, Delivery, WebhookSource

pytestmark = pytest.mark.django_db
OLD, NEW, LOST = (Fernet.generate_key().decode() for _ in range(3))
SAMPLES = {field.name: b"x" if type(field) is EncryptedField else "x" for field in encrypted_everywhere()}


@pytest.fixture
def digest(settings) -> str:
    """One secret of every kind, written with the old key; the digest of stored content."""
    settings.ENCRYPTION_KEYS = [OLD]
    User.objects.create(username="x")
    cluster = Cluster.objects.create(name="c", access='{"token": "s"}')
    Cluster.objects.create(name="in", in_cluster=True)
    environment = Environment.objects.create(name="dev", cluster=cluster, prometheus_token="p")
    RegistryAccount.objects.create(registry="r", username="u", password="p")
    RegistrySetting.objects.create(registry="r", proxy="http://p", proxy_login="u:p")
    ConfigurationEntry.objects.create(environment=environment, key="K", value="v")
    application = Application.objects.create(name="a")
    source = WebhookSource.objects.create(
        name="w",
        provider="generic",
        application=application,
        secret="whsec_x",
        callback_token="t",
        callback_query="q",
    )
    Delivery.objects.create(source=source, delivery_id="d", body={}, bundle_url="https://example.com/?q")
    calls.enqueue("k", "https://example.com/?q", "{}", {"Authorization": "x"}, signer="whsec_y")
    return blobs.store(b"content")


def test_everything_is_readable_with_the_new_key_alone(digest: str, settings, capsys) -> None:
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    call_command("rotate_keys")
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1].startswith("Done. Older keys can be taken out")
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
        _ = Cluster.objects.get(name="c").access
    assert "SLIPWAY_ENCRYPTION_KEYS" in str(refused.value)
    with pytest.raises(CommandError, match="put it back"):
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


class TestProof:
    """`rotate_keys` says that older keys can go only after it has opened everything without them."""

    @pytest.mark.parametrize(
        ("model", "field"), [(field.model, field.name) for field in encrypted_everywhere()], ids=str
    )
    def test_a_row_that_does_not_open_is_named_and_no_key_may_go(
        self, digest: str, settings, capsys, model: type, field: str
    ) -> None:
        settings.ENCRYPTION_KEYS = [LOST]
        row = model.objects.exclude(**{field: None}).first()
        model.objects.filter(pk=row.pk).update(**{field: model._meta.get_field(field).close(SAMPLES[field], row.pk)})
        settings.ENCRYPTION_KEYS = [NEW, OLD]
        with pytest.raises(CommandError, match="1 stored secrets do not open with the newest key alone"):
            call_command("rotate_keys")
        told = capsys.readouterr()
        assert f"{model._meta.label_lower} {row.pk}: {field} cannot be read" in told.err
        assert "can be taken out" not in told.out

    def test_a_value_that_somebody_copied_is_named(self, digest: str, settings, capsys) -> None:
        copied = Cluster.objects.values_list("access", flat=True).get(name="c")
        ConfigurationEntry.objects.update(value=copied)
        with pytest.raises(CommandError, match="1 stored secrets"):
            call_command("rotate_keys")
        assert "environments.configurationentry" in capsys.readouterr().err

    def test_content_that_is_not_what_its_digest_says_is_named(self, digest: str, capsys) -> None:
        Blob.objects.update(content=Blob._meta.get_field("content").close(b"other", digest))
        with pytest.raises(CommandError, match="1 stored secrets"):
            call_command("rotate_keys")
        assert digest in capsys.readouterr().err

    def test_what_an_older_key_still_holds_is_found(self, digest: str, settings, monkeypatch) -> None:
        settings.ENCRYPTION_KEYS = [NEW, OLD]
        monkeypatch.setattr(rotation, "rotate", lambda token, _context: token)
        with pytest.raises(CommandError, match="Keep every key"):
            call_command("rotate_keys")


def test_secrets_are_nowhere_in_the_database_as_text(digest: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT access FROM environments_cluster WHERE name = 'c'")
        assert b"token" not in bytes(cursor.fetchone()[0])
