"""What the server refuses in names and labels. Pure."""

import re

from sandbox.causes import bad
from sandbox.errors import StatusCause
from sandbox.kinds import ApiResource
from sandbox.store import Object

Causes = list[StatusCause]

_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN_WORDS = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    f"end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
)
_LABEL_WORDS = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    f"an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')"
)
_LABEL_VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
_LABEL_VALUE_WORDS = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_QUALIFIED = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_KEY_WORDS = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    f"character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_QUALIFIED}')"
)
_FREE_NAMES = ("rbac.authorization.k8s.io",)


def metadata_causes(kind: ApiResource, new: Object) -> Causes:
    """Of a new object."""
    name = new["metadata"]["name"]
    causes = _name(kind, name) if kind.group not in _FREE_NAMES else []
    return [*causes, *label_causes(new)]


def _name(kind: ApiResource, name: str) -> Causes:
    if (kind.group, kind.kind) in (("", "Namespace"), ("", "Service")):
        pattern, words, longest = _LABEL, _LABEL_WORDS, 63
    else:
        pattern, words, longest = _SUBDOMAIN, _SUBDOMAIN_WORDS, 253
    causes = [] if re.fullmatch(pattern, name) else [bad("metadata.name", name, words)]
    if len(name) > longest:
        causes.append(bad("metadata.name", name, f"must be no more than {longest} characters"))
    return causes


def label_causes(new: Object) -> Causes:
    """Of a new or a changed one: its labels, and the names of its annotations."""
    labels = new["metadata"].get("labels") or {}
    causes = [bad("metadata.labels", name, _KEY_WORDS) for name in labels if not _is_qualified(name)]
    for value in labels.values():
        if not _LABEL_VALUE.match(value):
            causes.append(bad("metadata.labels", value, _LABEL_VALUE_WORDS))
        if len(value) > 63:
            causes.append(bad("metadata.labels", value, "must be no more than 63 bytes"))
    annotations = new["metadata"].get("annotations") or {}
    return causes + [bad("metadata.annotations", name, _KEY_WORDS) for name in annotations if not _is_qualified(name)]


def _is_qualified(name: str) -> bool:
    return bool(re.fullmatch(_QUALIFIED, name.rpartition("/")[2]))
