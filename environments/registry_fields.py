"""What may stand in the settings of a registry, checked where they are typed."""

import re

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

from environments.registry.errors import BadReference
from environments.registry.reference import HOST, parse
from portal.outbound import authorities_fault

HOST_PATTERN = re.compile(r"[A-Za-z0-9*]([A-Za-z0-9*.-]*[A-Za-z0-9*])?(:[0-9]{1,5})?")
PROXY_PATTERN = RegexValidator(
    r"^https?://[^\s/@?#]+$",
    "An address such as http://proxy.example:3128 is needed; its password has a field of its own.",
)


def check_registry(text: str) -> None:
    """A registry as references name it, without a repository."""
    try:
        named = parse(f"{text}/x").registry
    except BadReference as error:
        raise ValidationError(str(error)) from None
    if named != text:
        raise ValidationError(f"References name it {named}.")


def check_mirror(text: str) -> None:
    """A host with or without a port, and at will a path below it."""
    host, _, path = text.partition("/")
    try:
        parse(f"{host}/{path or 'x'}/x")
    except BadReference as error:
        raise ValidationError(str(error)) from None
    is_host = host == "localhost" or any(sign in host for sign in ".:")
    if not (is_host and HOST.fullmatch(host)):
        raise ValidationError("A mirror is a host, such as mirror.example:5000 or mirror.example/docker-hub.")


def check_hosts(text: str) -> None:
    """Hosts, one a line."""
    wrong = [line for line in text.split() if not HOST_PATTERN.fullmatch(line)]
    if wrong:
        raise ValidationError(f"{wrong[0]} is no host: a line is HOST or HOST:PORT, and * stands for any characters.")
    if any(not line.partition(":")[0].strip("*.") for line in text.split()):
        raise ValidationError("A line of * alone would trust everybody.")


def check_authorities(text: str) -> None:
    """Certificates in PEM."""
    if why := authorities_fault(text):
        raise ValidationError(f"This is no certificate in PEM (-----BEGIN CERTIFICATE-----): {why}.")
