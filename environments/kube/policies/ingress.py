"""What an Ingress asks of ingress-nginx: rates, sessions, CORS and TLS. Annotations that it does not know are told."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from cryptography import x509

from environments.kube.objects import Manifest
from environments.kube.policies.base import Around, Family, Remark, age, listed, namespace_of, spec_of, text_of
from environments.kube.policies.load_balancing import length

PREFIX = "nginx.ingress.kubernetes.io/"
TLS_TYPE = "kubernetes.io/tls"
ISSUERS = ("cert-manager.io/cluster-issuer", "cert-manager.io/issuer")
GONE = {
    "upstream-max-fails": "unknown to ingress-nginx since 0.21, where a pod leaves by its readiness probe alone",
    "upstream-fail-timeout": "unknown to ingress-nginx since 0.21, where a pod leaves by its readiness probe alone",
    "secure-upstream": "unknown to ingress-nginx, where backend-protocol says it",
    "secure-backends": "unknown to ingress-nginx, where backend-protocol says it",
}


class Ingresses(Family):
    name: ClassVar[str] = "ingress"
    title: ClassVar[str] = "Ingress"
    kinds: ClassVar[frozenset[str]] = frozenset({"Ingress.networking.k8s.io"})

    def does(self, manifest: Manifest) -> str:
        known = annotations_of(manifest)
        words = [_rates(known), _sessions(known), _cors(known), _redirects(known), _sizes(known), _tls(manifest)]
        gone = [f"asks for {name}" for name in GONE if name in known]
        return "; ".join([each for each in words if each] or gone)

    def remarks(self, manifest: Manifest, around: Around) -> Iterable[Remark]:
        known = annotations_of(manifest)
        for words in dict.fromkeys(GONE[name] for name in known if name in GONE):
            names = listed(name for name in known if GONE.get(name) == words)
            yield Remark(f"{names}: {words}")
        yield from _rivals(manifest, around)
        for entry in spec_of(manifest).get("tls") or ():
            yield from _certificate(manifest, entry, around)


def annotations_of(manifest: Manifest) -> dict[str, str]:
    """The annotations of ingress-nginx by their short names."""
    every = manifest["metadata"].get("annotations") or {}
    return {name.removeprefix(PREFIX): str(value) for name, value in every.items() if name.startswith(PREFIX)}


def is_canary(manifest: Manifest) -> bool:
    return annotations_of(manifest).get("canary") == "true"


def _rates(known: Mapping[str, str]) -> str:
    limits = {
        "limit-rps": "{} requests/s a client",
        "limit-rpm": "{} requests/min a client",
        "limit-connections": "{} connections a client at once",
    }
    words = [text.format(known[name]) for name, text in limits.items() if name in known]
    free = f", but not for {known['limit-whitelist']}" if known.get("limit-whitelist") and words else ""
    return ", ".join(words) + free


def _sessions(known: Mapping[str, str]) -> str:
    if known.get("affinity") != "cookie":
        return ""
    seconds = known.get("session-cookie-max-age", "")
    lasts = f" for {length(int(seconds))}" if seconds.isdigit() else ""
    return f"a client stays with its pod by the cookie {known.get('session-cookie-name', 'INGRESSCOOKIE')}{lasts}"


def _cors(known: Mapping[str, str]) -> str:
    if known.get("enable-cors") != "true":
        return ""
    methods = f" ({known['cors-allow-methods']})" if known.get("cors-allow-methods") else ""
    return f"pages of {known.get('cors-allow-origin', 'any origin')} may call it{methods}"


def _redirects(known: Mapping[str, str]) -> str:
    if "true" in (known.get("ssl-redirect"), known.get("force-ssl-redirect")):
        return "HTTP is sent on to HTTPS"
    return "HTTP is served as well" if known.get("ssl-redirect") == "false" else ""


def _sizes(known: Mapping[str, str]) -> str:
    return f"bodies up to {known['proxy-body-size']}" if "proxy-body-size" in known else ""


def _tls(manifest: Manifest) -> str:
    entries = spec_of(manifest).get("tls") or ()
    words = (f"{listed(each.get('hosts') or ['every host'])} ({each.get('secretName', 'default')})" for each in entries)
    return f"TLS for {listed(words)}" if entries else ""


# Others in its way


def _rivals(manifest: Manifest, around: Around) -> Iterable[Remark]:
    if is_canary(manifest):
        return
    mine, class_name = _places(manifest), spec_of(manifest).get("ingressClassName")
    for each in around.others(manifest):
        same = mine & _places(each)
        if not same or is_canary(each) or spec_of(each).get("ingressClassName") != class_name:
            continue
        where = listed(f"{host or '*'}{path}" for host, path in sorted(same))
        if age(each) < age(manifest):
            yield Remark(f"{text_of(each)} is older and has {where} too: requests go by that one")
        else:
            yield Remark(f"{text_of(each)} has {where} too; the older one is in effect", counts=False)


def _places(manifest: Manifest) -> set[tuple[str, str]]:
    return {
        (rule.get("host") or "", path.get("path") or "/")
        for rule in spec_of(manifest).get("rules") or ()
        for path in (rule.get("http") or {}).get("paths") or ()
    }


# Certificates


def _certificate(manifest: Manifest, entry: Mapping[str, Any], around: Around) -> Iterable[Remark]:
    name, place = entry.get("secretName"), namespace_of(manifest)
    if not name or (place, name) not in around.secrets:
        return
    secret = around.secrets[place, name]
    if secret is None:
        issued = any(each in (manifest["metadata"].get("annotations") or {}) for each in ISSUERS)
        coming = "its issuer has not made it yet" if issued else "nobody has made it"
        yield Remark(f"the Secret {name} is not there ({coming}): the controller's own certificate is served")
        return
    certificate = _read(secret)
    if certificate is None:
        yield Remark(f"the Secret {name} has no certificate that can be read: the controller's own one is served")
        return
    yield from _of_certificate(certificate, name, entry.get("hosts") or (), around.now)


def _read(secret: Manifest) -> x509.Certificate | None:
    try:
        data = base64.b64decode((secret.get("data") or {}).get("tls.crt") or "")
        return x509.load_pem_x509_certificate(data)
    except (binascii.Error, ValueError):
        return None


def _of_certificate(certificate: x509.Certificate, secret: str, hosts: Iterable[str], now: float) -> Iterable[Remark]:
    until = certificate.not_valid_after_utc
    over = until.timestamp() < now
    yield Remark(f"the certificate in {secret} {'ended' if over else 'lasts until'} {until:%d %b %Y}", counts=over)
    names = _names(certificate)
    if missing := [host for host in hosts if not any(_covers(name, host) for name in names)]:
        yield Remark(f"the certificate in {secret} is not for {listed(missing)}")


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return found.value.get_values_for_type(x509.DNSName)


def _covers(name: str, host: str) -> bool:
    return name == host or (name.startswith("*.") and name[1:] == f".{host.partition('.')[2]}")


FAMILY = Ingresses()
