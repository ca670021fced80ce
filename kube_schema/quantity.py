"""Kubernetes quantities: "250m", "1.5Gi", 2."""

import re
from decimal import ROUND_CEILING, Decimal

_PATTERN = re.compile(r"^([+-]?[0-9.]+)([eE][+-]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?$")
_SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)},
}
_BINARY = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


def parse(quantity: str | float | int) -> Decimal:
    """The value as a number; ValueError names a quantity that cannot be read."""
    found = _PATTERN.match(str(quantity).strip())
    if not found:
        raise ValueError(f"{quantity!r} is no quantity such as 250m, 2 or 1.5Gi")
    number, suffix = found.groups()
    if suffix and suffix[0] in "eE" and suffix not in _SUFFIXES:
        return Decimal(number + suffix)
    return Decimal(number) * _SUFFIXES.get(suffix or "", Decimal(1))


def text(value: Decimal, like: str = "") -> str:
    """The canonical form of a value: binary suffixes where `like` (another quantity of it) has them."""
    if value != value.to_integral_value():
        return f"{(value * 1000).to_integral_value(ROUND_CEILING)}m"
    whole = int(value)
    units = _BINARY if like.endswith("i") else ("k", "M", "G", "T", "P", "E")
    best = str(whole)
    for unit in units:
        size = int(_SUFFIXES[unit])
        if whole and whole % size == 0:
            best = f"{whole // size}{unit}"
    return best
