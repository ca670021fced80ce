"""Kubernetes quantities: "250m", "1.5Gi", 2. Pure."""

import re
from decimal import ROUND_CEILING, Decimal

_PATTERN = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?")
_SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)},
}
_BINARY = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


def is_quantity(value: str | float | int) -> bool:
    """Whether it is written as a quantity."""
    return bool(_PATTERN.fullmatch(str(value)))


def parse(quantity: str | float | int) -> Decimal:
    """The value as a number; ValueError names a quantity that cannot be read."""
    found = _PATTERN.fullmatch(str(quantity))
    if not found:
        raise ValueError(f"{quantity!r} is no quantity such as 250m, 2 or 1.5Gi")
    number, suffix = found.groups()
    try:
        return Decimal(number) * _factor(suffix or "")
    except ArithmeticError:
        raise ValueError(f"{quantity!r} is too large or too small for a quantity") from None


def _factor(suffix: str) -> Decimal:
    exponent = suffix[:1] in {"e", "E"} and suffix not in _SUFFIXES
    return Decimal(f"1{suffix}") if exponent else _SUFFIXES.get(suffix, Decimal(1))


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
