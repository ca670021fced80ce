"""What the path of a request addresses. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.kinds import ApiResource, Kinds

_NAMESPACE_PARTS = ("status", "finalize")
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "GET": "get", "HEAD": "get"}


@dataclass(frozen=True)
class Address:
    """A resource, an object of it or a subresource; `rest` is what follows the subresource, "" or with its slash."""

    kind: ApiResource
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""

    def verb(self, method: str, query: Mapping[str, str]) -> str:
        """The verb as permissions name it."""
        if method == "DELETE":
            return "delete" if self.name else "deletecollection"
        if method in ("GET", "HEAD") and not self.name:
            return "watch" if query.get("watch") in ("1", "true") else "list"
        return _VERBS.get(method, method.lower())


def addressed(path: str, kinds: Kinds) -> Address | None:
    """The address of a path such as /apis/apps/v1/namespaces/NS/deployments/NAME/scale, None where nothing is.

    The path is decoded once, and taken as it stands: dot segments are names, and lead nowhere.
    """
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and not (len(rest) == 3 and rest[2] in _NAMESPACE_PARTS):
        namespace, rest = rest[1], rest[2:]
    kind = kinds.resource(group, version, rest[0])
    if kind is None or (namespace and not kind.namespaced):
        return None
    name, subresource = (*rest[1:3], "", "")[:2]
    behind = path.lstrip("/").split("/")[len(parts) - len(rest) + 3 :]
    return Address(kind, namespace, name, subresource, "".join(f"/{part}" for part in behind))


def name_fault(name: str) -> str:
    """What the server says to a name that is no segment of a path; "" for one that is."""
    if name in (".", ".."):
        return f"may not be '{name}'"
    return "may not contain '%'" if "%" in name else ""
