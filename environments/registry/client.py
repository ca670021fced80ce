"""Asking a registry which digest a reference is now."""

import hashlib
import json
import ssl
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import NamedTuple
from urllib.parse import quote, urlencode, urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from environments.registry.credentials import Challenge, Credentials, Trust, read_challenge
from environments.registry.errors import (
    ImageAbsent,
    RegistryError,
    RegistryRefused,
    RegistryThrottled,
    RegistryUnreachable,
)
from environments.registry.reference import DIGEST, Reference, parse

MEDIA_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
ACCEPT = ", ".join(MEDIA_TYPES)
TIMEOUT = urllib3.Timeout(connect=3.0, read=5.0)
LONGEST = 20.0  # seconds for all that one image takes
MANIFEST_BYTES = 4 * 1024 * 1024  # what registries themselves accept at most
TOKEN_BYTES = 64 * 1024
ATTEMPTS = 2
REDIRECTS = 3
PARALLEL = 8


class Resolved(NamedTuple):
    """`reference` as it was given, `digest` such as "sha256:…", `pinned`: name@digest, which never changes."""

    reference: str
    digest: str
    pinned: str


class _Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


@cache
def pool(ca_pem: str = "") -> urllib3.PoolManager:
    """Connections to registries, shared in a process; with a registry's own authority beside the usual ones."""
    context = ssl.create_default_context()
    if ca_pem:
        context.load_verify_locations(cadata=ca_pem)
    return urllib3.PoolManager(ssl_context=context, timeout=TIMEOUT, retries=False, maxsize=PARALLEL)


def resolve(
    reference: str,
    *,
    credentials: Credentials | None = None,
    plain_http: frozenset[str] = frozenset(),
    trusted_hosts: frozenset[str] = frozenset(),
    http: urllib3.PoolManager | None = None,
) -> Resolved:
    """The digest that the reference is at this moment; of one with a digest, that the registry has it.

    Raises BadReference, ImageAbsent, RegistryRefused, RegistryUnreachable, RegistryThrottled.
    """
    image = parse(reference)
    question = _Question(image, credentials, Trust(plain_http, trusted_hosts), http or pool())
    digest = question.digest()
    return Resolved(reference, digest, f"{image.name}@{digest}")


def resolve_all(
    references: Iterable[str],
    *,
    credentials: Mapping[str, Credentials] | None = None,
    plain_http: frozenset[str] = frozenset(),
    trusted_hosts: frozenset[str] = frozenset(),
    http: urllib3.PoolManager | None = None,
) -> dict[str, Resolved | RegistryError]:
    """For each reference what resolve() gives or raises, asked side by side. `credentials` by registry, as the
    references name it ("docker.io", "registry.example:5000").
    """
    known = credentials or {}

    def one(reference: str) -> Resolved | RegistryError:
        try:
            account = known.get(parse(reference).registry)
            return resolve(
                reference, credentials=account, plain_http=plain_http, trusted_hosts=trusted_hosts, http=http
            )
        except RegistryError as error:
            return error

    wanted = list(dict.fromkeys(references))
    with ThreadPoolExecutor(max_workers=PARALLEL) as threads:
        return dict(zip(wanted, threads.map(one, wanted), strict=True))


class _Question:
    """One image at its registry, within one time limit."""

    def __init__(
        self, image: Reference, credentials: Credentials | None, trust: Trust, http: urllib3.PoolManager
    ) -> None:
        self._image = image
        self._credentials = credentials
        self._trust = trust
        self._http = http
        self._until = time.monotonic() + LONGEST
        path = f"/v2/{quote(image.repository)}/manifests/{quote(image.target, safe=':')}"
        self._url = f"{trust.scheme(image.address)}://{image.address}{path}"
        self._authorization = ""

    def digest(self) -> str:
        """The image's digest, by HEAD or, where a registry does not like that, from the manifest itself."""
        answer = self._manifest("HEAD")
        found = answer.headers.get("Docker-Content-Digest", "") if answer.status == 200 else ""
        if answer.status in (400, 405, 501) or (answer.status == 200 and not DIGEST.fullmatch(found)):
            answer = self._manifest("GET")
            found = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        self._judge(answer)
        return self._expected(found)

    def _expected(self, found: str) -> str:
        asked = self._image.digest
        if asked and found != asked and asked.partition(":")[0] == found.partition(":")[0]:
            words = f"{self._image.address} answers for {asked} with another manifest, {found}."
            raise RegistryError(words)
        return asked or found

    def _judge(self, answer: _Answer) -> None:
        if answer.status == 404:
            words = f"has no image {self._image.repository} {self._image.target}. Was it pushed?"
            raise ImageAbsent(f"{self._image.address} {words}")
        self._judge_access(answer)

    def _judge_access(self, answer: _Answer) -> None:
        where, what = urlsplit(answer.url).netloc, self._image.repository
        if answer.status in (401, 403):
            known = "the credentials given are not enough" if self._credentials else "it asks for credentials"
            words = f"{where} refuses to tell about {what} (status {answer.status}): {known}."
            raise RegistryRefused(words)
        if answer.status == 429:
            after = answer.headers.get("Retry-After", "")
            words = f"{where} asks to be asked less often (status 429)."
            raise RegistryThrottled(words, float(after) if after.isdigit() else None)
        if answer.status != 200:
            words = f"{where} does not say whether it has {what} (status {answer.status})."
            raise RegistryUnreachable(words)

    def _manifest(self, method: str) -> _Answer:
        answer = self._follow(method)
        if answer.status == 401 and not self._authorization:
            self._authorization = self._prove(read_challenge(answer.headers.get("WWW-Authenticate", "")))
            answer = self._follow(method) if self._authorization else answer
        return answer

    def _follow(self, method: str) -> _Answer:
        """The answer, from where the registry sends us. Only the registry itself sees what we prove ourselves with."""
        url = self._url
        for _ in range(REDIRECTS + 1):
            at_home = urlsplit(url).netloc == urlsplit(self._url).netloc
            headers = {"Accept": ACCEPT} | ({"Authorization": self._authorization} if at_home else {})
            answer = self._patiently(method, url, {n: v for n, v in headers.items() if v}, MANIFEST_BYTES)
            if answer.status not in (301, 302, 303, 307, 308):
                return answer
            url = urljoin(url, answer.headers.get("Location", ""))
            self._check(url, "content")
        raise RegistryUnreachable(f"{self._image.address} sends us from one place to the next.")

    def _prove(self, challenge: Challenge) -> str:
        """The Authorization header that the registry asks for; "" where we have nothing to show."""
        if challenge.scheme == "basic":
            return self._credentials.basic if self._credentials else ""
        if challenge.scheme != "bearer" or not challenge.realm:
            return ""
        self._check(challenge.realm, "a token")
        return f"Bearer {self._token(challenge)}"

    def _check(self, url: str, what: str) -> None:
        if self._trust.allows(url, self._image.address):
            return
        host = urlsplit(url).netloc.rpartition("@")[2]
        raise RegistryRefused(
            f"{self._image.address} sends us to {host} for {what}. That host is not the registry's own, or has no TLS: "
            "an administrator has to name it as one of the registry's trusted hosts."
        )

    def _token(self, challenge: Challenge) -> str:
        scope = f"repository:{self._image.repository}:pull"
        query = urlencode({"service": challenge.service, "scope": scope})
        headers = {"Authorization": self._credentials.basic} if self._credentials else {}
        joint = "&" if urlsplit(challenge.realm).query else "?"
        answer = self._patiently("GET", f"{challenge.realm}{joint}{query}", headers, TOKEN_BYTES)
        self._judge_access(answer)
        try:
            given = json.loads(answer.body)
            return str(given.get("token") or given["access_token"])
        except (ValueError, KeyError, AttributeError):
            host = urlsplit(challenge.realm).netloc
            raise RegistryUnreachable(f"{host} gives no token for {self._image.address}.") from None

    def _patiently(self, method: str, url: str, headers: Mapping[str, str], at_most: int) -> _Answer:
        """The answer; a passing fault is tried once more."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._once(method, url, headers, at_most)
            except RegistryUnreachable:
                if attempt == ATTEMPTS or time.monotonic() > self._until:
                    raise
            else:
                if answer.status < 500 or answer.status == 501 or attempt == ATTEMPTS:
                    return answer
        raise RegistryUnreachable(f"{self._image.address} does not answer.")

    def _once(self, method: str, url: str, headers: Mapping[str, str], at_most: int) -> _Answer:
        host = urlsplit(url).netloc
        try:
            response = self._http.request(
                method, url, headers=dict(headers), redirect=False, retries=False, preload_content=False
            )
            try:
                return _Answer(response.status, response.headers, self._body(response, at_most), url)
            finally:
                response.release_conn()
        except SSLError:
            words = f"{host} cannot prove that it is {host} (TLS). Its certificate's authority is not known here."
            raise RegistryUnreachable(words) from None
        except HTTPError as error:
            raise RegistryUnreachable(f"{host} cannot be reached ({_fault(error)}).") from None

    def _body(self, response: urllib3.BaseHTTPResponse, at_most: int) -> bytes:
        body = b""
        while chunk := response.read1(65536):
            body += chunk
            if len(body) > at_most:
                response.close()
                raise RegistryUnreachable(f"{self._image.address} answers with more than {at_most} bytes.")
            if time.monotonic() > self._until:
                response.close()
                raise RegistryUnreachable(f"{self._image.address} takes longer than {LONGEST:.0f} s to answer.")
        return body


def _fault(error: HTTPError) -> str:
    words = {
        "NewConnectionError": "the connection is refused",
        "NameResolutionError": "there is no such host",
        "ConnectTimeoutError": "no connection in time",
        "ReadTimeoutError": "no answer in time",
        "ProtocolError": "the connection broke off",
    }
    return words.get(type(error).__name__, type(error).__name__)
