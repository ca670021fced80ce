"""The Kubernetes client's ApiClient for an Access, trusting what the access says and nothing else."""

import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import urllib3

from environments.kube.api.access import Access, AccessError
from environments.kube.api.classify import classify_exception

if TYPE_CHECKING:
    from kubernetes.client.api_client import ApiClient

POOL = 32
USER_AGENT = "slipway"


def api_client(access: Access) -> "ApiClient":
    """A client of the access's server, without retries, redirects and proxies. Raises AccessError."""
    from kubernetes.client.api_client import ApiClient
    from kubernetes.client.configuration import Configuration

    configuration = Configuration(host=access.server, retries=False)
    configuration.proxy = None
    client = ApiClient(configuration)
    client.rest_client.pool_manager = _pool(access)
    return client


def request(
    client: "ApiClient",
    method: str,
    url: str,
    headers: dict[str, str],
    body: Any,
    timeout: tuple[float, float],
) -> urllib3.BaseHTTPResponse:
    """The open answer, its body unread. Raises urllib3's exceptions, KubeError for what the client wraps."""
    from kubernetes.client.exceptions import ApiException

    try:
        answer = client.call_api(method, url, headers, body, _request_timeout=timeout)
    except ApiException as error:
        raise classify_exception(error) from None
    response: urllib3.BaseHTTPResponse = answer.response
    return response


def _pool(access: Access) -> urllib3.PoolManager:
    name = access.tls_server_name or None
    return urllib3.PoolManager(maxsize=POOL, retries=False, ssl_context=_context(access), server_hostname=name)


def _context(access: Access) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=access.ca_pem or None)
        if access.certificate_pem:
            _load_certificate(context, access)
    except ssl.SSLError as error:
        raise AccessError(f"The access's certificates cannot be used: {error.reason or 'not PEM'}.") from None
    # Authorities that clusters make for themselves often lack what Python 3.13 insists on.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _load_certificate(context: ssl.SSLContext, access: Access) -> None:
    """OpenSSL reads a certificate and its key from files only: these live no longer than the call."""
    with tempfile.TemporaryDirectory(prefix="slipway-") as folder:
        pair = Path(folder) / "client.pem"
        pair.touch(mode=0o600)
        pair.write_text(f"{access.certificate_pem.rstrip()}\n{access.key_pem.rstrip()}\n")
        context.load_cert_chain(pair, password=_refuse_password)


def _refuse_password() -> str:
    raise AccessError("The client key is locked with a password: give it without one.")
