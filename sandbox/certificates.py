"""A certificate authority of the sandbox's own, and a certificate for the addresses it serves at."""

import ssl
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import trustme

_NAMES = ("localhost", "kubernetes.default.svc", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Certificates:
    """PEM texts."""

    authority: str
    certificate: str
    key: str

    @classmethod
    def made(cls, host: str) -> "Certificates":
        """A new authority, and what it signed for this machine's names and `host`, a name or an address."""
        authority = trustme.CA(path_length=0, organization_name="Slipway", organization_unit_name="sandbox-ca")
        names = dict.fromkeys([*_NAMES, host])
        leaf = authority.issue_cert(*names, organization_name="Slipway", organization_unit_name="sandbox")
        pems = authority.cert_pem, leaf.cert_chain_pems[0], leaf.private_key_pem
        return cls(*(pem.bytes().decode() for pem in pems))

    def context(self) -> ssl.SSLContext:
        """What a server needs; the files that it is read from are gone afterwards."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "pair.pem"
            place.touch(0o600)
            place.write_text(self.certificate + self.key)
            context.load_cert_chain(place)
        return context

    def described(self) -> dict[str, str]:
        return asdict(self)
