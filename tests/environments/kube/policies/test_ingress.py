"""An Ingress: annotations that nobody reads any more, rivals for a path, certificates."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.environments.kube.policies.making import judged, made

NGINX = "nginx.ingress.kubernetes.io/"
NOW = datetime(2026, 11, 21, tzinfo=UTC)
RULES = [{"host": "api.example", "http": {"paths": [{"path": "/api", "pathType": "Prefix"}]}}]


def ingress(name="mine", *, annotations=(("limit-rps", "10"),), **more):
    return made("Ingress", name, annotations={NGINX + key: value for key, value in annotations}, **more)


def secret(*hosts, days=90):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 1, NOW - timedelta(days=100), NOW + timedelta(days=days)
    )
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
    certificate = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    return {"data": {"tls.crt": base64.b64encode(pem).decode()}}


def test_annotations_that_ingress_nginx_dropped_are_to_be_looked_at():
    found = judged(
        ingress(annotations=[("limit-rps", "10"), ("upstream-max-fails", "3"), ("upstream-fail-timeout", "30")])
    )
    assert found.state == "overridden"
    assert found.note.startswith("upstream-max-fails and upstream-fail-timeout: unknown to ingress-nginx since")


@pytest.mark.parametrize(
    ("other", "state", "note"),
    [
        (ingress("older", at=1, rules=RULES), "overridden", "older is older and has api.example/api too"),
        (ingress("younger", at=9, rules=RULES), "accepted", "the older one is in effect"),
        (ingress("older", at=1, rules=[{**RULES[0], "host": "shop.example"}]), "accepted", ""),
        (ingress("older", at=1, rules=RULES, ingressClassName="internal"), "accepted", ""),
        (ingress("canary", at=1, rules=RULES, annotations=[("canary", "true")]), "accepted", ""),
    ],
    ids=["older", "younger", "another host", "another class", "a canary of it"],
)
def test_a_rival_for_the_same_path(other, state, note):
    found = judged(ingress(rules=RULES), other)
    assert (found.state, note in found.note, bool(found.note)) == (state, True, bool(note)), found.note


@pytest.mark.parametrize(
    ("there", "state", "note"),
    [
        (secret("api.example"), "accepted", "the certificate in api-tls lasts until 19 Feb 2027"),
        (secret("*.example"), "accepted", "lasts until"),
        (secret("*.deep.example"), "overridden", "is not for api.example"),
        (secret("api.example", days=-1), "overridden", "the certificate in api-tls ended 20 Nov 2026"),
        (None, "overridden", "the Secret api-tls is not there (nobody has made it)"),
        ({"data": {"tls.crt": "bm9uZQ=="}}, "overridden", "has no certificate that can be read"),
    ],
    ids=["good", "wildcard", "another host", "over", "absent", "not a certificate"],
)
def test_the_certificate_of_its_hosts(there, state, note):
    mine = ingress(tls=[{"hosts": ["api.example"], "secretName": "api-tls"}])
    found = judged(mine, secrets={("shop", "api-tls"): there}, now=NOW.timestamp())
    assert (found.state, note in found.note) == (state, True), found.note


def test_a_certificate_that_may_not_be_read_is_not_judged():
    mine = ingress(tls=[{"hosts": ["api.example"], "secretName": "api-tls"}])
    assert judged(mine, secrets={}).note == ""
