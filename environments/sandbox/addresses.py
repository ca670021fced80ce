"""What the path of a request addresses. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from environments.sandbox.kinds import Kind, Kinds

_NAMESPACE_PARTS = ("status", "finalize")
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "GET": "get", "HEAD": "get"}


@dataclass(frozen=True)
class Address:
    """A resource, an object of it or a subresource; `rest` is what follows the subresource, "" or with its slash."""

    kind: Kind
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
    """The address of a path such as /apis/apps/v1/namespaces/NS/deployments/NAME/scale, None where nothing is."""
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
    after = path.split(f"/{rest[0]}/{name}/{subresource}", 1)[1] if subresource else ""
    return Address(kind, namespace, name, subresource, after)
