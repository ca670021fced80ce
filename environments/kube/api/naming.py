"""Which names Kubernetes takes, as its own validation has it: of objects by their kind, namespaces, ports. Pure.

Every `..._fault` says what is wrong with a text, "" where nothing is.
"""

import re

from environments.kube.objects import Ref

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
SUBDOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
VERSION = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
KIND = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}")
PORT_NAME = re.compile(r"(?=.{1,15}\Z)(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
LABEL_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
SEPARATORS = frozenset("/\\?#%")

LABEL_WORDS = "lower-case letters, digits and dashes, at most 63, with a letter or digit at both ends"
SUBDOMAIN_WORDS = "lower-case letters, digits, dashes and dots, at most 253, with a letter or digit at both ends"
SEGMENT_WORDS = "neither . nor .., and nothing that separates parts of an address: / \\ ? # %"

LABEL_NAMED = frozenset({"Namespace", "Service"})
SEGMENT_NAMED = frozenset({"rbac.authorization.k8s.io"})
"""The groups whose names may be anything that is one segment of a path, such as system:aggregate-to-view."""
LONGEST = {"CronJob.batch": 52}
"""Kinds whose names have to leave room for what their controllers add."""


def label_fault(text: object) -> str:
    """An RFC 1123 label is needed, as for namespaces."""
    return "" if isinstance(text, str) and LABEL.fullmatch(text) else _not_one(text, LABEL_WORDS)


def subdomain_fault(text: object) -> str:
    """An RFC 1123 subdomain is needed, as for most names."""
    return "" if isinstance(text, str) and SUBDOMAIN.fullmatch(text) else _not_one(text, SUBDOMAIN_WORDS)


def segment_fault(text: object) -> str:
    """One segment of a path is needed, as for the names of RBAC."""
    good = isinstance(text, str) and text not in ("", ".", "..") and text.isprintable() and not SEPARATORS & set(text)
    return "" if good else _not_one(text, SEGMENT_WORDS)


def name_fault(api_version: str, kind: str, name: object) -> str:
    """What keeps a name from being that of an object of this kind."""
    group = api_version.rpartition("/")[0]
    if group in SEGMENT_NAMED:
        return segment_fault(name)
    if not group and kind in LABEL_NAMED:
        return label_fault(name)
    longest = LONGEST.get(f"{kind}.{group}", 253)
    too_long = isinstance(name, str) and len(name) > longest
    return subdomain_fault(name) or (f"{_shown(name)} is longer than {longest} characters" if too_long else "")


def version_fault(api_version: object) -> str:
    """VERSION or GROUP/VERSION is needed: v1, apps/v1."""
    text = str(api_version)
    group, slash, version = text.rpartition("/")
    good = VERSION.fullmatch(version) and bool(SUBDOMAIN.fullmatch(group)) == bool(slash)
    return "" if isinstance(api_version, str) and good else _not_one(api_version, "such as v1 or apps/v1")


def kind_fault(kind: object) -> str:
    """A kind such as Deployment is needed."""
    return "" if isinstance(kind, str) and KIND.fullmatch(kind) else _not_one(kind, "letters and digits, at most 63")


def port_fault(port: object) -> str:
    """A number from 1 to 65535 is needed, or the name of a port."""
    if isinstance(port, int) and not isinstance(port, bool):
        return "" if 1 <= port <= 65535 else _not_one(port, "a number from 1 to 65535")
    good = isinstance(port, str) and (PORT_NAME.fullmatch(port) or (port.isascii() and port.isdecimal()))
    if good and str(port).isdecimal():
        return port_fault(int(str(port)[:6]))
    return "" if good else _not_one(port, "a number from 1 to 65535, or the name of a port")


def pair_fault(key: object, value: object) -> str:
    """A label's key and value are needed."""
    good = isinstance(key, str) and isinstance(value, str) and LABEL_KEY.fullmatch(key) and LABEL_VALUE.fullmatch(value)
    return "" if good else _not_one(f"{key}={value}", "the key and the value of a label")


def ref_fault(ref: Ref) -> str:
    """What keeps a Ref from naming one object, beginning with the part of it that is at fault."""
    faults = {
        "apiVersion": version_fault(ref.api_version),
        "kind": kind_fault(ref.kind),
        "namespace": label_fault(ref.namespace) if ref.namespace != "" else "",
        "name": name_fault(str(ref.api_version), str(ref.kind), ref.name),
    }
    return next((f"its {part} {fault}" for part, fault in faults.items() if fault), "")


def _not_one(text: object, words: str) -> str:
    return f"{_shown(text)} does not fit: {words}"


def _shown(text: object) -> str:
    return ascii(text)[:80] if isinstance(text, str) else f"{ascii(text)[:80]} (no text)"
