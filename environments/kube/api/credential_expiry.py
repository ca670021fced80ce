"""When a cluster's credential ends: most service account tokens and all client certificates do."""

from datetime import UTC, datetime

import jwt
from cryptography import x509

from environments.kube.api.access import Access


def expires_at(access: Access) -> datetime | None:
    """The earliest end of the credential's parts; None where it has none, or is read anew from the pod."""
    if access.account:
        return None
    ends = [end for end in (_token_end(access.token), _certificate_end(access.certificate_pem)) if end]
    return min(ends, default=None)


def _token_end(token: str) -> datetime | None:
    """The claim exp of a token that is a JWT. Its signature is the cluster's to check."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False, "verify_exp": False})
        return datetime.fromtimestamp(claims["exp"], UTC)
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, OverflowError):
        return None


def _certificate_end(pem: str) -> datetime | None:
    try:
        return x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc
    except ValueError:
        return None
