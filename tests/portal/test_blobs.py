"""Content by digest: stored once, compressed, encrypted, and told when it is not what it was."""

import threading

import pytest
from cryptography.fernet import Fernet
from django.db import connection

from portal import blobs
from portal.blobs import BlobError
from portal.encryption import Ciphertext, SecretUnreadable
from portal.models import Blob

pytestmark = pytest.mark.django_db


def sealed(digest: str, content: bytes) -> Ciphertext:
    return Blob._meta.get_field("content").close(content, digest)


def test_content_comes_back_and_is_stored_once() -> None:
    content = b"spec: {}\n" * 1000
    digest = blobs.store(content)
    assert blobs.store(content) == digest
    assert blobs.load(digest) == content
    row = Blob.objects.get()
    assert (row.digest, row.size) == (digest, 9000)
    stored = Blob.objects.values_list("content", flat=True).get()
    assert len(stored.content) < 1000
    assert b"spec" not in stored.content


def test_the_digest_is_that_of_the_plain_content() -> None:
    assert blobs.store(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert blobs.load(blobs.store(b"")) == b""


def test_json_has_one_form_and_one_digest() -> None:
    assert blobs.store_json({"b": 1, "a": ["ü"]}) == blobs.store_json({"a": ["ü"], "b": 1})
    assert blobs.canonical({"b": 1, "a": ["ü"]}) == '{"a":["ü"],"b":1}'.encode()
    with pytest.raises(ValueError, match="JSON"):
        blobs.canonical(float("nan"))


def test_unknown_and_replaced_content_is_an_error() -> None:
    with pytest.raises(BlobError, match="sha256:none"):
        blobs.load("sha256:none")
    digest, other = blobs.store(b"one"), blobs.store(b"two")
    copied = Blob.objects.values_list("content", flat=True).get(pk=other)
    Blob.objects.filter(pk=digest).update(content=copied)
    with pytest.raises(SecretUnreadable, match="not written there"):
        blobs.load(digest)
    Blob.objects.filter(pk=digest).update(content=sealed(digest, Blob.objects.get(pk=other).content))
    with pytest.raises(BlobError, match="something else"):
        blobs.load(digest)


def test_a_blob_that_does_not_unpack_is_an_error() -> None:
    digest = blobs.store(b"one")
    Blob.objects.filter(pk=digest).update(content=sealed(digest, b"not compressed"))
    with pytest.raises(BlobError, match="something else"):
        blobs.load(digest)


def test_content_outlives_a_change_of_keys(settings) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = [old]
    digest = blobs.store(b"kept")
    settings.ENCRYPTION_KEYS = [new, old]
    assert blobs.load(digest) == b"kept"


@pytest.mark.django_db(transaction=True)
def test_two_may_store_the_same_at_once() -> None:
    start, errors = threading.Barrier(4), []

    def store() -> None:
        start.wait()
        try:
            blobs.store(b"same" * 10000)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=store) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert Blob.objects.count() == 1
