"""Where a bundle is rendered for."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from environments.kube.objects import Owner

from .configuration import ConfiguredValue
from .kinds import CLUSTER_KINDS, allowed
from .node import CONFIGURATION, PORTAL
from .placeholders import Value

SLUG = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class RenderTarget:
    """An environment, as far as rendering needs it, and the application and version that go there.

    `namespace` is where objects go that name none. `allowed_namespaces` are others that a bundle may name (* stands
    for any characters). `allowed_kinds` has kinds as "Deployment", "Deployment.apps" or "*.apps"; None means the usual
    namespaced ones (kinds.DEFAULT_KINDS), and `more_kinds` are allowed beside either. `cluster_kinds` are kinds of
    which the cluster says that they belong to no namespace. `configuration` is the environment's own layer, `labels`
    go on every object, and `digest_key` keeps the digests of configuration from telling what was digested. `declared`
    are names of placeholders that some environment has a value for: one of them that has none here is missing.
    """

    name: str
    namespace: str
    application: str
    version: str
    allowed_namespaces: tuple[str, ...] = ()
    allowed_kinds: tuple[str, ...] | None = None
    more_kinds: tuple[str, ...] = ()
    cluster_kinds: frozenset[str] = frozenset()
    configuration: tuple[ConfiguredValue, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    digest_key: bytes = field(default=b"", repr=False)
    declared: frozenset[str] = frozenset()
    first: bool = False
    """Whether nothing of the application runs there yet: hooks of an installation count, not those of an upgrade."""

    @property
    def owner(self) -> Owner:
        return Owner(self.application, self.name)

    def allows_namespace(self, namespace: str) -> bool:
        return any(fnmatchcase(namespace, pattern) for pattern in (self.namespace, *self.allowed_namespaces))

    def allows_kind(self, kind: str) -> bool:
        """Whether a bundle may have objects of a kind such as "Deployment.apps"."""
        return allowed(kind, self.allowed_kinds) or allowed(kind, self.more_kinds)

    def is_of_cluster(self, kind: str) -> bool:
        """Whether objects of a kind belong to no namespace."""
        return kind in CLUSTER_KINDS or kind in self.cluster_kinds

    def with_cluster_kinds(self, kinds: Iterable[str]) -> "RenderTarget":
        """The same where these kinds belong to no namespace too."""
        return replace(self, cluster_kinds=self.cluster_kinds | frozenset(kinds))

    def placeholders(self) -> dict[str, Value]:
        """What ${NAME} stands for here; the portal's own names cannot be taken by the configuration.

        SLIPWAY_VERSION_SLUG is the version as a part of an object's name: "1-2-0-rc-1".
        """
        configured = {
            entry.key: Value(entry.value, CONFIGURATION, entry.sensitive)
            for entry in self.configuration
            if not entry.config_map
        }
        own = {
            "SLIPWAY_ENVIRONMENT": self.name,
            "SLIPWAY_NAMESPACE": self.namespace,
            "SLIPWAY_VERSION": self.version,
            "SLIPWAY_VERSION_SLUG": SLUG.sub("-", self.version.lower()).strip("-"),
            "SLIPWAY_APPLICATION": self.application,
        }
        return configured | {name: Value(text, PORTAL) for name, text in own.items()}
