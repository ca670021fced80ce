"""When credentials end."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from environments.kube.api.access import Access
from environments.kube.api.credential_expiry import expires_at

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
LATER = SOON + timedelta(days=9)


def token(**claims: object) -> str:
    return jwt.encode(claims, "a key that only the cluster has, and long", algorithm="HS256")


def certificate(end: datetime) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "slipway")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = builder.serial_number(1).not_valid_before(end - timedelta(days=30)).not_valid_after(end)
    return dated.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


CASES = [
    ("a token that ends", {"token": token(exp=SOON)}, SOON),
    ("a token that does not end", {"token": token(sub="x")}, None),
    ("a token that is no JWT", {"token": "abc.def"}, None),
    ("no token", {}, None),
    ("a certificate", {"certificate_pem": certificate(LATER)}, LATER),
    ("both: the earlier", {"token": token(exp=SOON), "certificate_pem": certificate(LATER)}, SOON),
    ("a pod's own token", {"token": token(exp=SOON), "account": "/somewhere"}, None),
]


@pytest.mark.parametrize(("what", "parts", "end"), CASES, ids=[what for what, *_ in CASES])
def test_a_credential_ends_when_its_first_part_does(what: str, parts: dict[str, str], end: datetime | None) -> None:
    assert expires_at(Access(server="https://cluster.example", **parts)) == end
