"""What a strict client checks: who signed, for which names, from when until when, and what for."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from sandbox.certificates import Certificates

NAMES = ["localhost", "kubernetes.default.svc", "127.0.0.1", "::1"]


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return Certificates.made("10.1.2.3")


def greet(certificates: Certificates, name: str, authority: str) -> None:
    """A handshake without a network; raises where the client refuses the server."""
    context = ssl.create_default_context(cadata=authority)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, to_server, server_hostname=name)
    server = certificates.context().wrap_bio(to_server, to_client, server_side=True)
    open_ends = [client, server]
    while open_ends:
        for end in list(open_ends):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            open_ends.remove(end)


@pytest.mark.parametrize("name", [*NAMES, "10.1.2.3"])
def test_a_strict_client_takes_it_for_every_name_that_it_serves_at(certificates: Certificates, name: str) -> None:
    greet(certificates, name, certificates.authority)


def test_a_host_may_be_a_name() -> None:
    named = Certificates.made("sandbox.example")
    greet(named, "sandbox.example", named.authority)
    greet(named, "127.0.0.1", named.authority)


@pytest.mark.parametrize("name", ["10.1.2.4", "elsewhere.example"])
def test_a_client_refuses_it_for_another_name(certificates: Certificates, name: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        greet(certificates, name, certificates.authority)


def test_a_client_refuses_what_another_authority_signed(certificates: Certificates) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate"):
        greet(certificates, "localhost", Certificates.made("10.1.2.3").authority)


def test_it_holds_for_years_and_was_valid_before_now(certificates: Certificates) -> None:
    for text in (certificates.authority, certificates.certificate):
        read = x509.load_pem_x509_certificate(text.encode())
        assert read.not_valid_before_utc < datetime.now(UTC) - timedelta(days=1)
        assert read.not_valid_after_utc > datetime.now(UTC) + timedelta(days=3650)


def test_the_authority_signs_certificates_alone_and_the_certificate_signs_none(certificates: Certificates) -> None:
    authority, leaf = (
        x509.load_pem_x509_certificate(text.encode()).extensions
        for text in (certificates.authority, certificates.certificate)
    )
    assert authority.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 0)
    assert authority.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert not leaf.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not leaf.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert ExtendedKeyUsageOID.SERVER_AUTH in leaf.get_extension_for_class(x509.ExtendedKeyUsage).value
