"""Paths of a Kubernetes API: every one of them is built, quoted and checked here. Pure.

What a path is made of comes from bundles too. A segment stays one segment, whatever the servers and proxies on its way
decode: nothing in it leads to another namespace, kind or Service.
"""

import re
from urllib.parse import parse_qsl, quote, unquote

from environments.kube.api.errors import Unaddressable
from environments.kube.api.naming import label_fault, port_fault, segment_fault, version_fault

PLAIN = "-._~!$&'()*+,;=:@"  # what a segment may have unquoted beside letters and digits (RFC 3986)
QUOTED = re.compile(rf"([A-Za-z0-9{re.escape(PLAIN)}]|%[0-9A-Fa-f]{{2}})+")
LEADING_AWAY = frozenset("/\\?#")
LONGEST_PROBE = 2000

Pairs = list[tuple[str, str]]


class Path(str):
    """A path as it is sent: "/api/v1/namespaces/shop/pods/web-1"; `path / segment` is one below it.

    Raises Unaddressable for dot segments, doubled slashes, queries, and what is not quoted.
    """

    __slots__ = ()

    def __new__(cls, text: str = "") -> "Path":
        if text and (fault := _path_fault(text)):
            raise Unaddressable(f"{ascii(text)[:200]} is no path of a Kubernetes API: {fault}.")
        return super().__new__(cls, text)

    def __truediv__(self, segment: str) -> "Path":
        if fault := segment_fault(segment):
            raise Unaddressable(f"It cannot be a part of a Kubernetes API's path: {fault}.")
        return Path(f"{self}/{quote(segment, safe=PLAIN)}")


def of_version(api_version: str) -> Path:
    """/api/v1, /apis/apps/v1"""
    if fault := version_fault(api_version):
        raise Unaddressable(f"The apiVersion {fault}.")
    path = Path() / ("apis" if "/" in api_version else "api")
    for part in api_version.split("/"):
        path /= part
    return path


def of_group(group: str) -> Path:
    """/apis/apps: the versions of a group."""
    return Path() / "apis" / group


def of_kind(api_version: str, plural: str) -> Path:
    """All objects of a kind, in whatever namespace."""
    return of_version(api_version) / plural


def within(namespace: str, api_version: str, plural: str) -> Path:
    """The objects of a kind in one namespace."""
    if fault := label_fault(namespace):
        raise Unaddressable(f"The namespace {fault}.")
    return of_version(api_version) / "namespaces" / namespace / plural


def of_log(namespace: str, pod: str) -> Path:
    """A pod's log."""
    return within(namespace, "v1", "pods") / pod / "log"


def of_service(namespace: str, service: str, port: int | str, path: str) -> tuple[Path, Pairs]:
    """A path of a Service, through the API server, and its query. `path` is text as in an httpGet probe."""
    faults = (label_fault(service), port_fault(port), probe_fault(path))
    if fault := next(filter(None, faults), ""):
        raise Unaddressable(f"The Service {ascii(service)[:80]} cannot be asked: {fault}.")
    plain, _, query = path.partition("?")
    proxy = within(namespace, "v1", "services") / f"http:{service}:{port}" / "proxy"
    return Path(f"{proxy}{_quoted(plain)}"), parse_qsl(query, keep_blank_values=True)


def probe_fault(path: object) -> str:
    """What keeps a text from being a path, with or without a query, of one Service and of nothing else."""
    if not isinstance(path, str) or not path.startswith("/"):
        return "a path that starts with / is needed"
    if len(path) > LONGEST_PROBE:
        return f"a path has at most {LONGEST_PROBE} characters"
    if not path.isprintable() or "#" in path:
        return "a path has no # and no character that cannot be printed"
    plain = path.partition("?")[0]
    return _path_fault(_quoted(plain)) if plain != "/" else ""


def _quoted(path: str) -> str:
    """Quoted once, what of it is quoted already included."""
    return "/".join(quote(_once(segment), safe=PLAIN, errors="surrogateescape") for segment in path.split("/"))


def _path_fault(text: str) -> str:
    """What is wrong with a path as it is sent; one slash may stand at its end."""
    if not text.startswith("/"):
        return "it does not start with /"
    return next(filter(None, map(_sent_fault, text[1:].removesuffix("/").split("/"))), "")


def _sent_fault(segment: str) -> str:
    if not segment:
        return "it has two slashes in a row"
    if not QUOTED.fullmatch(segment):
        return f"{ascii(segment)[:80]} is not quoted"
    meant = _decoded(segment)
    if meant.partition(";")[0] in ("", ".", ".."):
        return f"{segment[:80]} leads to another place"
    if LEADING_AWAY & set(meant) or not meant.isprintable():
        return f"{segment[:80]} stands for more than one part of a path"
    return ""


def _decoded(segment: str) -> str:
    """What it stands for to whoever decodes it again and again."""
    before = ""
    while segment != before:
        before, segment = segment, _once(segment)
    return segment


def _once(segment: str) -> str:
    """Decoded once; bytes that are no UTF-8 become what cannot be printed."""
    return unquote(segment, errors="surrogateescape")
