"""Kubernetes quantities as numbers, and as a person reads them. Pure."""

from typing import Any

from kube_schema.quantity import parse

BINARY = (("Gi", 2.0**30), ("Mi", 2.0**20), ("Ki", 2.0**10))


def quantity(text: Any) -> float | None:
    """A Kubernetes quantity ("500m", "2Gi") as a number; None where it is none."""
    try:
        return float(parse(text))
    except ValueError:
        return None


def amount(text: Any, resource: str) -> str:
    """A quantity as a person reads it: bytes in Mi and Gi, processors in m below one."""
    number = quantity(text)
    if number is None:
        return str(text)
    if resource == "memory":
        return next((f"{number / size:.4g}{unit}" for unit, size in BINARY if number >= size), f"{number:.0f}")
    return f"{number * 1000:.0f}m" if number < 1 else f"{number:.4g}"


def plain(text: Any) -> str:
    """A number of a metric as a person reads it: "1k" is "1000", "1500m" is "1.5"."""
    number = quantity(text)
    return str(text) if number is None else f"{number:.6g}"
