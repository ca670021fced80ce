"""Asking a registry which digest a reference is now."""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import quote, urlencode, urljoin, urlsplit

from common.urls import place
from environments.http_session import CallFailed, CallRefused, HttpSession
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
TIMEOUT = (3.0, 8.0)  # seconds to connect, and for a whole answer
LONGEST = 20.0  # seconds for all that one image takes
MANIFEST_BYTES = 4 * 1024 * 1024  # what registries themselves accept at most
TOKEN_BYTES = 64 * 1024
REDIRECTS = 3
LONGEST_PAUSE = 3600.0  # seconds
PARALLEL = 8


class RegistrySessions(NamedTuple):
    """By whom the calls are made: to what an operator set up, which may be inside, and to all others."""

    operator: HttpSession
    outside: HttpSession


class Resolved(NamedTuple):
    """`reference` as it was given, `digest` such as "sha256:…", `pinned`: name@digest, which never changes."""

    reference: str
    digest: str
    pinned: str


class _RegistryAnswer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class RegistryTerms(NamedTuple):
    """How one registry is asked. `mirror`: who is asked instead, as host[:port] and at will /PREFIX."""

    sessions: RegistrySessions
    credentials: Credentials | None = None
    trust: Trust = Trust()
    mirror: str = ""


def resolve(
    reference: str,
    *,
    sessions: RegistrySessions,
    credentials: Credentials | None = None,
    plain_http: frozenset[str] = frozenset(),
    trusted_hosts: frozenset[str] = frozenset(),
    mirror: str = "",
) -> Resolved:
    """The digest that the reference is at this moment; of one with a digest, that the registry has it.

    Raises BadReference, ImageAbsent, RegistryRefused, RegistryUnreachable, RegistryThrottled.
    """
    return _resolve(reference, RegistryTerms(sessions, credentials, Trust(plain_http, trusted_hosts), mirror))


def resolve_all(
    references: Iterable[str],
    *,
    sessions: RegistrySessions,
    credentials: Mapping[str, Credentials] | None = None,
    plain_http: frozenset[str] = frozenset(),
    trusted_hosts: frozenset[str] = frozenset(),
    terms: Mapping[str, RegistryTerms] | None = None,
) -> dict[str, Resolved | RegistryError]:
    """For each reference what resolve() gives or raises, asked side by side. `credentials` and `terms` by registry, as
    the references name it ("docker.io", "registry.example:5000"); a registry that has terms is asked by those alone.
    """
    known, trust = credentials or {}, Trust(plain_http, trusted_hosts)
    wanted = list(dict.fromkeys(references))
    with ThreadPoolExecutor(max_workers=PARALLEL) as threads:

        def one(reference: str) -> Resolved | RegistryError:
            try:
                name = parse(reference).registry
                usual = RegistryTerms(sessions, known.get(name), trust)
                return _resolve(reference, (terms or {}).get(name, usual))
            except RegistryError as error:
                return error

        return dict(zip(wanted, threads.map(one, wanted), strict=True))


def _resolve(reference: str, terms: RegistryTerms) -> Resolved:
    image = parse(reference)
    digest = RegistryQuestion(image, terms).digest()
    return Resolved(reference, digest, f"{image.name}@{digest}")


class RegistryQuestion:
    """One image at its registry, within one time limit."""

    def __init__(self, image: Reference, terms: RegistryTerms) -> None:
        self._image = image
        self._sessions, self._credentials, self._trust, _ = terms
        self._until = time.monotonic() + LONGEST
        self._address, _, prefix = (terms.mirror or image.address).partition("/")
        self._repository = f"{prefix}/{image.repository}" if prefix else image.repository
        self._url = self._address_of(f"manifests/{quote(image.target, safe=':')}")
        self._most = MANIFEST_BYTES
        self._authorization = ""

    def _address_of(self, what: str) -> str:
        return f"{self._trust.scheme(self._address)}://{self._address}/v2/{quote(self._repository)}/{what}"

    def digest(self) -> str:
        """The image's digest, by HEAD or, where a registry does not like that, from the manifest itself."""
        answer = self._manifest("HEAD")
        found = answer.headers.get("docker-content-digest", "") if answer.status == 200 else ""
        is_told = DIGEST.fullmatch(found) and not self._is_from_elsewhere(answer)
        if answer.status in (400, 405, 501) or (answer.status == 200 and not is_told):
            answer = self._manifest("GET")
            found = self._computed(answer, found)
        self._judge(answer)
        return self._expected(found)

    def _is_from_elsewhere(self, answer: _RegistryAnswer) -> bool:
        """Whether another host answered: what its header tells is not the registry's word."""
        return urlsplit(answer.url).netloc != urlsplit(self._url).netloc

    def _computed(self, answer: _RegistryAnswer, told: str) -> str:
        """The digest of the manifest, which has to be what a header told, where one did."""
        found = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        if answer.status == 200 and told.startswith("sha256:") and found != told:
            raise RegistryError(f"{place(answer.url)} sends another manifest, {found}, than it says, {told}.")
        return found

    def _expected(self, found: str) -> str:
        asked = self._image.digest
        if asked and found != asked and asked.partition(":")[0] == found.partition(":")[0]:
            words = f"{self._address} answers for {asked} with another manifest, {found}."
            raise RegistryError(words)
        return asked or found

    def _judge(self, answer: _RegistryAnswer) -> None:
        if answer.status == 404:
            words = f"has no image {self._image.repository} {self._image.target}. Was it pushed?"
            raise ImageAbsent(f"{self._address} {words}")
        self._judge_access(answer)

    def _judge_access(self, answer: _RegistryAnswer) -> None:
        where, what = place(answer.url), self._image.repository
        if answer.status in (401, 403):
            known = "the credentials given are not enough" if self._credentials else "it asks for credentials"
            words = f"{where} refuses to tell about {what} (status {answer.status}): {known}."
            raise RegistryRefused(words)
        if answer.status == 429:
            words = f"{where} asks to be asked less often (status 429)."
            raise RegistryThrottled(words, _seconds(answer.headers.get("retry-after", "")))
        if answer.status != 200:
            words = f"{where} does not say whether it has {what} (status {answer.status})."
            raise RegistryUnreachable(words)

    def _manifest(self, method: str) -> _RegistryAnswer:
        answer = self._follow(method)
        if answer.status == 401 and not self._authorization:
            self._authorization = self._prove(read_challenge(answer.headers.get("www-authenticate", "")))
            answer = self._follow(method) if self._authorization else answer
        return answer

    def _follow(self, method: str) -> _RegistryAnswer:
        """The answer, from where the registry sends us. Only the registry itself sees what we prove ourselves with."""
        url = self._url
        for _ in range(REDIRECTS + 1):
            at_home = urlsplit(url).netloc == urlsplit(self._url).netloc
            headers = {"Accept": ACCEPT} | ({"Authorization": self._authorization} if at_home else {})
            answer = self._ask(method, url, {n: v for n, v in headers.items() if v}, self._most)
            if answer.status not in (301, 302, 303, 307, 308):
                return answer
            url = self._next(url, answer.headers.get("location", ""))
            self._check(url, "content", content=True)
        raise RegistryUnreachable(f"{self._address} sends us from one place to the next.")

    def _next(self, url: str, location: str) -> str:
        try:
            return urljoin(url, location)
        except ValueError:
            raise RegistryRefused(f"{self._address} sends us to what is no address.") from None

    def _prove(self, challenge: Challenge) -> str:
        """The Authorization header that the registry asks for; "" where we have nothing to show."""
        if challenge.scheme == "basic":
            return self._credentials.basic if self._credentials else ""
        if challenge.scheme != "bearer" or not challenge.realm:
            return ""
        self._check(challenge.realm, "a token")
        return f"Bearer {self._token(challenge)}"

    def _check(self, url: str, what: str, *, content: bool = False) -> None:
        if self._trust.allows(url, self._address, content=content):
            return
        raise RegistryRefused(
            f"{self._address} sends us to {place(url)} for {what}. That host is not the registry's own, or has "
            "no TLS: an administrator has to name it as one of the registry's trusted hosts.",
            by_rule=True,
        )

    def _token(self, challenge: Challenge) -> str:
        scope = f"repository:{self._repository}:pull"
        query = urlencode({"service": challenge.service, "scope": scope})
        headers = {"Authorization": self._credentials.basic} if self._credentials else {}
        joint = "&" if urlsplit(challenge.realm).query else "?"
        answer = self._ask("GET", f"{challenge.realm}{joint}{query}", headers, TOKEN_BYTES)
        self._judge_access(answer)
        try:
            given = json.loads(answer.body)
            return str(given.get("token") or given["access_token"])
        except (ValueError, KeyError, AttributeError, RecursionError):
            raise RegistryUnreachable(f"{place(challenge.realm)} gives no token for {self._address}.") from None

    def _ask(self, method: str, url: str, headers: Mapping[str, str], at_most: int) -> _RegistryAnswer:
        left = self._until - time.monotonic()
        if left <= 0:
            raise RegistryUnreachable(f"{self._address} takes longer than {LONGEST:.0f} s to answer.")
        timeout = (min(TIMEOUT[0], left), min(TIMEOUT[1], left))
        try:
            answer = self._session(url).call(method, url, headers=headers, timeout=timeout, limit=at_most)
        except CallRefused as error:
            raise RegistryRefused(str(error), by_rule=True) from None
        except CallFailed as error:
            raise RegistryUnreachable(f"{error.host} cannot be reached: {error.why}.", lasts=error.lasts) from None
        if answer.encoded:
            raise RegistryUnreachable(f"{place(url)} answers in an encoding that nobody asked for.")
        return _RegistryAnswer(answer.status, answer.headers, answer.body, url)

    def _session(self, url: str) -> HttpSession:
        """Where an operator set the registry up, it and what else they named may be inside; all others are outside."""
        set_up = self._credentials is not None or self._trust.names(self._url)
        own = urlsplit(url).netloc == urlsplit(self._url).netloc
        return self._sessions.operator if set_up and (own or self._trust.names(url)) else self._sessions.outside


def _seconds(text: str) -> float | None:
    """Those of a Retry-After header, at most an hour; None for a date, or what is neither."""
    return min(float(text), LONGEST_PAUSE) if text.isascii() and text.isdecimal() else None
