"""The one door: counts tries to sign in before a password is looked at, in the database, so for all processes."""

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from portal import audit
from portal.actors import Actor, Scope
from portal.models import SignInTally
from portal.people.pauses import LONGEST, AttemptKind, FailureTally, in_words, paused_until, worth_telling

DEVICE = "slipway_device"
DEVICE_SALT = "portal.people.door"
DEVICE_AGE = timedelta(days=90)
MOST_ROWS = 100_000
NOBODY = Actor("person", "nobody", scope=Scope())
UNKNOWN = "an unknown name"


class Paused(Exception):
    """No password is looked at now; the message says until when."""


@dataclass(frozen=True)
class Try:
    """Somebody at the door: the name they gave, where they are, and the device they signed in from before, or ""."""

    name: str
    address: str
    device: str

    def counted(self) -> dict[str, FailureTally]:
        """What is counted for it, by the row's key. A known device is held to its own failures alone."""
        if self.device:
            return _tallies((AttemptKind.DEVICE, self.name, self.device))
        return _tallies(
            (AttemptKind.PAIR, self.name, self.address),
            (AttemptKind.ACCOUNT, self.name),
            (AttemptKind.ADDRESS, self.address),
        )


def at_door(request: HttpRequest, name: str) -> Try:
    """Who tries, as a request tells."""
    known = name.strip().casefold()
    return Try(known, network(address_of(request)), _device(request, known))


def enter(tried: Try) -> None:
    """Counts the try as a failure until `succeeded` says otherwise. Raises Paused, and counts nothing, in a pause.

    Counting comes first, so that no number of tries at once gets more passwords looked at than one after the other.
    """
    now = timezone.now()
    with transaction.atomic():
        counted = _locked(tried.counted(), now)
        if end := paused_until(counted.values(), now):
            raise Paused(f"Too many tries. Wait for {in_words((end - now).total_seconds())}, then try again.")
        _store({key: tally.failed(now) for key, tally in counted.items()})


def failed(tried: Try) -> None:
    """The history's line of a failure, with the pause that it leads to."""
    now = timezone.now()
    with transaction.atomic():
        ((key, hour),) = _locked(_tallies((AttemptKind.ALL, f"{now:%Y-%m-%dT%H}")), now).items()
        _store({key: hour.failed(now)})
        all_of_them = hour.failures + 1
        if worth_telling(all_of_them):
            _tell(tried, all_of_them, now)


def succeeded(tried: Try) -> None:
    """Takes back what `enter` counted; the account is well again at that address or device."""
    with transaction.atomic():
        counted = _locked(tried.counted(), timezone.now())
        own = {key for key, tally in counted.items() if tally.kind in (AttemptKind.PAIR, AttemptKind.DEVICE)}
        SignInTally.objects.filter(key__in=own).delete()
        rest = {key: tally for key, tally in counted.items() if key not in own}
        _store({key: replace(tally, failures=max(0, tally.failures - 1)) for key, tally in rest.items()})


def remember(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Marks the browser as one that this account has signed in from."""
    name = user.get_username().casefold()
    value = signing.dumps({"name": name, "device": _device(request, name) or secrets.token_hex(8)}, salt=DEVICE_SALT)
    response.set_cookie(
        DEVICE, value, max_age=DEVICE_AGE, secure=settings.SECURE, httponly=True, samesite="Lax", path="/"
    )


def sweep() -> None:
    """Removes what no pause needs any more, and the oldest where there are too many."""
    SignInTally.objects.filter(last_at__lt=timezone.now() - LONGEST).delete()
    oldest = SignInTally.objects.order_by("-last_at").values_list("last_at", flat=True)[MOST_ROWS : MOST_ROWS + 1]
    for moment in oldest:
        SignInTally.objects.filter(last_at__lte=moment).delete()


def address_of(request: HttpRequest) -> str:
    """Who asks: the connection's other end, or what the proxy in front says of it."""
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.BEHIND_PROXY else ""
    return forwarded.rpartition(",")[2].strip() or request.META.get("REMOTE_ADDR", "")


def network(address: str) -> str:
    """What one person can call theirs: an IPv4 address, an IPv6 network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address.strip("[]").partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def _device(request: HttpRequest, name: str) -> str:
    try:
        told = signing.loads(request.COOKIES.get(DEVICE, ""), salt=DEVICE_SALT, max_age=DEVICE_AGE)
    except signing.BadSignature:
        return ""
    return str(told["device"]) if told["name"] == name else ""


def _tallies(*what: tuple[str, ...]) -> dict[str, FailureTally]:
    return {_key(*parts): FailureTally(AttemptKind(parts[0])) for parts in what}


def _key(*parts: str) -> str:
    # A name may be a password that slipped into the wrong field: it is not kept in the clear.
    text = "\0".join(parts).encode(errors="replace")
    return hmac.new(b"slipway door " + settings.SECRET_KEY.encode(), text, hashlib.sha256).hexdigest()


def _locked(counted: dict[str, FailureTally], now: datetime) -> dict[str, FailureTally]:
    """The tallies as they are stored, each row locked until the transaction ends, in one order for all."""
    rows = [SignInTally(key=key, kind=tally.kind, last_at=now) for key, tally in sorted(counted.items())]
    SignInTally.objects.bulk_create(rows, ignore_conflicts=True)
    stored = SignInTally.objects.select_for_update().filter(key__in=counted).order_by("key")
    return {
        row.key: FailureTally(AttemptKind(row.kind), row.failures, row.last_at if row.failures else None)
        for row in stored
    }


def _store(counted: dict[str, FailureTally]) -> None:
    for key, tally in counted.items():
        if tally.last_at:
            SignInTally.objects.filter(key=key).update(failures=tally.failures, last_at=tally.last_at)


def _tell(tried: Try, all_of_them: int, now: datetime) -> None:
    user = User.objects.filter(username__iexact=tried.name).first()
    stored = _stored(tried.counted())
    end = paused_until(stored, now)
    data = {
        "account": user.get_username() if user else UNKNOWN,
        "address": tried.address,
        "failures": max(
            (tally.failures for tally in stored if tally.kind in (AttemptKind.PAIR, AttemptKind.DEVICE)), default=1
        ),
        "all within the hour": all_of_them,
        "pause": in_words((end - now).total_seconds()) if end else "",
    }
    audit.record("user.sign-in-failed", user or User(pk=0, username=UNKNOWN), data, actor=NOBODY)


def _stored(counted: dict[str, FailureTally]) -> Iterable[FailureTally]:
    rows = SignInTally.objects.filter(key__in=counted)
    return [FailureTally(AttemptKind(row.kind), row.failures, row.last_at) for row in rows]
