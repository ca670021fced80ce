"""A database of before: its values, which opened in any row, are bound to theirs by the migration."""

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError
from django.db import models

from environments.models import Cluster
from portal.encryption import Ciphertext, EncryptedField, SecretUnreadable, key_texts
from portal.models import Blob
from portal.rotation import encrypted_everywhere
from portal.unbound import bind
from tests.portal.test_rotation import LOST, NEW, OLD, digest

pytestmark = pytest.mark.django_db
__all__ = ["digest"]
FIELDS = list(encrypted_everywhere())
BOUND = {field.model for field in FIELDS}


def values_of(field: EncryptedField) -> dict[object, object]:
    return {row.pk: getattr(row, field.name) for row in field.model.objects.exclude(**{field.name: None})}


def unbind(field: EncryptedField, values: dict[object, object]) -> None:
    """Stores values, by row, as an earlier version did under its oldest key."""
    assert values
    for pk, value in values.items():
        token = Fernet(key_texts()[-2:][0]).encrypt(field.pack(value))
        field.model.objects.filter(pk=pk).update(**{field.name: Ciphertext(token)})


@pytest.mark.parametrize("keys", [[], [OLD], [NEW, OLD]], ids=["derived", "one", "two"])
def test_every_value_of_before_is_bound_and_stays_what_it_was(digest: str, settings, keys: list[str]) -> None:
    before = {field: values_of(field) for field in FIELDS}
    settings.ENCRYPTION_KEYS = keys
    for field in FIELDS:
        unbind(field, before[field])
    for model in BOUND:
        bind(model)
    assert {field: values_of(field) for field in FIELDS} == before


def test_before_it_nothing_opens(digest: str) -> None:
    for field in FIELDS:
        unbind(field, values_of(field))
        with pytest.raises(SecretUnreadable, match=r"manage\.py migrate"):
            values_of(field)


def test_it_goes_on_where_it_was_ended(digest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    field = Cluster._meta.get_field("access")
    for number in range(250):
        Cluster.objects.create(name=f"c{number}", access=f"value {number}")
    values = values_of(field)
    unbind(field, values)
    close, left = EncryptedField.close, iter(range(120))

    def killed(self: EncryptedField, value: object, pk: object) -> Ciphertext:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return close(self, value, pk)

    monkeypatch.setattr(EncryptedField, "close", killed)
    with pytest.raises(KeyboardInterrupt):
        bind(Cluster)
    monkeypatch.setattr(EncryptedField, "close", close)
    bind(Cluster)
    assert values_of(field) == values


def test_what_no_key_opens_stops_it_and_is_named_and_the_rest_is_bound(digest: str) -> None:
    field = Cluster._meta.get_field("access")
    Cluster.objects.create(name="lost", access="x")
    unbind(field, values_of(field))
    lost = Cluster.objects.get(name="lost").pk
    Cluster.objects.filter(pk=lost).update(access=Ciphertext(Fernet(LOST).encrypt(b"x")))
    with pytest.raises(CommandError, match=f"environments.cluster {lost}: access cannot be read"):
        bind(Cluster)
    assert Cluster.objects.get(name="c").access == '{"token": "s"}'


def test_a_token_of_before_never_passes_for_a_bound_one(digest: str) -> None:
    """Whoever may write the database keeps a token and puts it back after the migration, under any head."""
    for field in FIELDS:
        model: type[models.Model] = field.model
        pk, bound = model.objects.exclude(**{field.name: None}).values_list("pk", field.name).first()
        token = Fernet(key_texts()[0]).encrypt(b"x")
        for content in (token, bound.content[:9] + token, bound.content[:21] + token):
            with pytest.raises(SecretUnreadable):
                field.open(Ciphertext(content), pk)


def test_the_digest_of_content_stays(digest: str) -> None:
    content = Blob._meta.get_field("content")
    unbind(content, values_of(content))
    bind(Blob)
    assert Blob.objects.get().pk == digest
