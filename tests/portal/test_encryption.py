"""Values bound to their rows: what is copied, changed, or written past the row does not open."""

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.db import connection, transaction

from environments.models import Cluster, ConfigurationEntry, Environment
from portal import blobs
from portal.encryption import PENDING, Ciphertext, EncryptedField, SecretUnreadable
from portal.models import Blob, OutgoingCall
from portal.outbound import calls
from portal.rotation import encrypted_everywhere
from releases.models import Application, Delivery, WebhookSource

pytestmark = pytest.mark.django_db


@pytest.fixture
def values() -> dict[tuple[str, str], object]:
    """One value in every encrypted field there is: (model, field) to the number of its row."""
    cluster = Cluster.objects.create(name="c", access='{"token": "of the cluster"}')
    environment = Environment.objects.create(name="dev", cluster=cluster, prometheus_token="p")
    entry = ConfigurationEntry.objects.create(environment=environment, key="K", value="v", sensitive=False)
    account = apps.get_model("environments", "RegistryAccount").objects.create(registry="r", username="u", password="w")
    setting = apps.get_model("environments", "RegistrySetting").objects.create(registry="r", proxy_login="u:p")
    source = WebhookSource.objects.create(
        name="w",
        provider="generic",
        application=Application.objects.create(name="a"),
        secret="s",
        callback_token="t",
        callback_query="q",
    )
    delivery = Delivery.objects.create(source=source, delivery_id="d", body={}, bundle_url="https://example.com/?q")
    calls.enqueue("k", "https://example.com/?q", "{}", {"Authorization": "x"}, signer="y")
    rows = [cluster, environment, entry, account, setting, source, delivery, OutgoingCall.objects.get()]
    rows.append(Blob.objects.get(pk=blobs.store(b"content")))
    return {(row._meta.label, field.name): row.pk for row in rows for field in encrypted_of(row)}


def encrypted_of(row: object) -> list[EncryptedField]:
    return [field for field in encrypted_everywhere() if isinstance(row, field.model)]


def raw(model: str, field: str, pk: object) -> Ciphertext:
    return apps.get_model(model)._default_manager.values_list(field, flat=True).get(pk=pk)


def column(model: str, field: str) -> EncryptedField:
    return apps.get_model(model)._meta.get_field(field)


def test_a_ciphertext_opens_in_no_other_row_and_field(values: dict[tuple[str, str], object]) -> None:
    assert {(field.model._meta.label, field.name) for field in encrypted_everywhere()} == values.keys()
    for place, pk in values.items():
        copied = raw(*place, pk)
        assert column(*place).open(copied, pk) is not None
        for other in {**values, place: f"{pk}0"}.items():
            with pytest.raises(SecretUnreadable, match="was not written there"):
                column(*other[0]).open(copied, other[1])


def test_a_kubeconfig_copied_into_an_entry_shows_no_token(values: dict[tuple[str, str], object]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE environments_configurationentry SET value = (SELECT access FROM environments_cluster)")
    with pytest.raises(SecretUnreadable, match="configurationentry") as refused:
        _ = ConfigurationEntry.objects.get().value
    assert "token" not in str(refused.value)


def test_a_changed_byte_does_not_open(values: dict[tuple[str, str], object]) -> None:
    for (model, field), pk in values.items():
        content = raw(model, field, pk).content
        for place in range(len(content)):
            changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
            with pytest.raises(SecretUnreadable):
                column(model, field).open(Ciphertext(changed), pk)


@pytest.mark.parametrize("content", [b"", b"\x02", b"\x02" * 20, b"gAAAAA"])
def test_what_is_no_ciphertext_does_not_open(values: dict[tuple[str, str], object], content: bytes) -> None:
    for (model, field), pk in values.items():
        with pytest.raises(SecretUnreadable):
            column(model, field).open(Ciphertext(content), pk)


def test_a_value_that_is_bound_to_no_row_is_refused(settings) -> None:
    settings.ENCRYPTION_KEYS = [key := Fernet.generate_key().decode()]
    cluster = Cluster.objects.create(name="c", access="x")
    Cluster.objects.update(access=Ciphertext(Fernet(key).encrypt(b"of an earlier version")))
    cluster.refresh_from_db(fields=["name"])
    with pytest.raises(SecretUnreadable, match=r"manage\.py migrate"):
        _ = Cluster.objects.get().access


class TestRows:
    def test_a_new_row_its_changes_and_a_later_look_have_the_value(self) -> None:
        cluster = Cluster.objects.create(name="c", access="one")
        assert (cluster.access, Cluster.objects.get().access) == ("one", "one")
        cluster.access = "two"
        cluster.save()
        assert Cluster.objects.get().access == "two"
        cluster.access = "three"
        cluster.save(update_fields=["access"])
        cluster.access = "unsaved"
        cluster.refresh_from_db()
        assert cluster.access == Cluster.objects.defer("access").get().access == "three"
        assert [each.access for each in Cluster.objects.raw("SELECT * FROM environments_cluster")] == ["three"]

    def test_an_unread_value_is_saved_as_it_is(self) -> None:
        Cluster.objects.create(name="c", access="one")
        before = raw("environments.Cluster", "access", Cluster.objects.get().pk)
        Cluster.objects.get().save()
        assert raw("environments.Cluster", "access", Cluster.objects.get().pk) == before

    def test_nothing_of_a_row_stays_where_its_value_cannot_be_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise RuntimeError

        monkeypatch.setattr(EncryptedField, "close", fail)
        with pytest.raises(RuntimeError):
            Cluster.objects.create(name="c", access="one")
        assert not Cluster.objects.exists()

    def test_a_row_without_a_value_is_written_once(self, django_assert_num_queries) -> None:
        with django_assert_num_queries(1):
            Cluster.objects.create(name="c")
        assert Cluster.objects.get().access is None

    def test_a_value_never_stays_pending(self, values: dict[tuple[str, str], object]) -> None:
        assert all(raw(*place, pk) != PENDING for place, pk in values.items())


class TestPastTheRow:
    """Ways that do not go through a row's own save() are refused, not quietly taken."""

    @pytest.mark.parametrize("way", [
        lambda cluster: Cluster.objects.update(access="plain"),
        lambda cluster: Cluster.objects.bulk_create([Cluster(name="d", access="plain")]),
        lambda cluster: Cluster.objects.bulk_update([cluster], ["access"]),
        lambda cluster: list(Cluster.objects.filter(access="plain")),
        lambda cluster: list(Cluster.objects.filter(access__in=["plain"])),
    ])  # fmt: skip
    def test_queries_neither_write_nor_compare_a_value(self, way) -> None:
        cluster = Cluster.objects.create(name="c", access="one")
        cluster.access = "two"
        with pytest.raises(TypeError, match="bound to its row"), transaction.atomic():
            way(cluster)
        assert [each.access for each in Cluster.objects.all()] == ["one"]

    def test_a_query_that_reads_no_row_gives_no_value(self) -> None:
        Cluster.objects.create(name="c", access="one")
        for found in (Cluster.objects.values_list("access").get(), Cluster.objects.values("access").get().values()):
            assert all(isinstance(each, Ciphertext) for each in found)
            assert "one" not in repr(found)

    def test_a_row_is_not_copied_with_a_value_that_nobody_read(self) -> None:
        Cluster.objects.create(name="c", access="one")
        copy = Cluster.objects.get()
        copy.pk, copy.name, copy._state.adding = None, "d", True
        with pytest.raises(TypeError, match="bound to its row"), transaction.atomic():
            copy.save()
        assert Cluster.objects.count() == 1
