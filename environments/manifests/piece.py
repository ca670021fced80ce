"""An object on its way to being rendered."""

from typing import NamedTuple

from .hooks import Hook
from .kinds import kind_id
from .node import YamlNode


class Piece(NamedTuple):
    """`namespace` is "" for kinds of the whole cluster."""

    node: YamlNode
    api_version: str
    kind: str
    namespace: str
    name: str
    hook: Hook | None = None

    @property
    def kind_id(self) -> str:
        return kind_id(self.api_version, self.kind)

    @property
    def text(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def identity(self) -> tuple[str, str, str]:
        return self.kind_id, self.namespace, self.name
