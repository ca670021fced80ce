"""Registries as an operator set them up: by whom, and how, each is asked."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit, urlunsplit

from django.conf import settings

from environments.models import RegistryAccount, RegistrySetting
from environments.outbound_sessions import registry_sessions
from environments.registry import Credentials, RegistrySessions, RegistryTerms, Trust, parse
from environments.registry.errors import BadReference

Digests = RegistrySetting.Digests


@dataclass(frozen=True)
class Registries:
    """`usual` asks those without a setting, `terms` the others; `digests` says of these where digests come from."""

    usual: RegistrySessions
    accounts: Mapping[str, Credentials]
    terms: Mapping[str, RegistryTerms]
    digests: Mapping[str, str] = field(default_factory=dict)

    def terms_of(self, registry: str) -> RegistryTerms:
        """How a registry is asked, by the name that references have for it."""
        usual = RegistryTerms(self.usual, self.accounts.get(registry), Trust(settings.PLAIN_HTTP_REGISTRIES))
        return self.terms.get(registry, usual)

    def digests_of(self, reference: str) -> str:
        """Where the digest of a reference comes from; of what is no reference, from the registry that refuses it."""
        try:
            return self.digests.get(parse(reference).registry, Digests.REGISTRY)
        except BadReference:
            return Digests.REGISTRY


@contextmanager
def registries() -> Iterator[Registries]:
    """All that is set up, with sessions that last as long."""
    rows = list(RegistrySetting.objects.all())
    accounts = {row.registry: Credentials(row.username, str(row.password)) for row in RegistryAccount.objects.all()}
    with ExitStack() as stack:
        usual = stack.enter_context(registry_sessions())
        terms = {row.registry: _terms(row, accounts, usual, stack) for row in rows}
        yield Registries(usual, accounts, terms, {row.registry: row.digests for row in rows})


def _terms(
    row: RegistrySetting, accounts: Mapping[str, Credentials], usual: RegistrySessions, stack: ExitStack
) -> RegistryTerms:
    host = row.mirror.partition("/")[0]
    own = host or parse(f"{row.registry}/x").address
    trust = Trust(settings.PLAIN_HTTP_REGISTRIES, frozenset({own, *row.trusted_hosts.split()}))
    by = usual
    if row.proxy or row.authorities:
        by = stack.enter_context(registry_sessions(_with_login(row), row.authorities))
    return RegistryTerms(by, accounts.get(host or row.registry), trust, row.mirror)


def _with_login(row: RegistrySetting) -> str:
    """The proxy's address, with what proves who we are there."""
    if not row.proxy or not row.proxy_login:
        return str(row.proxy)
    user, _, password = str(row.proxy_login).partition(":")
    parts = urlsplit(row.proxy)
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc}"))
