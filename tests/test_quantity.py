"""Kubernetes quantities, as the gateway, the manifests and the sandbox read them."""

from decimal import Decimal

import pytest

from kube_schema.quantity import is_quantity, parse, text


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("5n", "0.000000005"),
        ("5u", "0.000005"),
        ("250m", "0.25"),
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("-2", "-2"),
        (3, "3"),
        ("2k", "2000"),
        ("1E", "1e18"),
        ("1E3", "1000"),
        ("1e-3", "0.001"),
        ("1.5Gi", "1610612736"),
    ],
)
def test_a_quantity_is_a_number(written: str | int, number: str) -> None:
    assert is_quantity(written)
    assert parse(written) == Decimal(number)


@pytest.mark.parametrize("written", ["", "x", "1.2.3", "1 ", "1Ki2", "1mi", "True", "1e", "١"])
def test_what_is_no_quantity_is_named(written: str) -> None:
    assert not is_quantity(written)
    with pytest.raises(ValueError, match="is no quantity such as"):
        parse(written)


def test_a_number_beyond_all_measure_is_an_error_of_its_own() -> None:
    with pytest.raises(ValueError, match="too large"):
        parse("1e99999999999999999999")


@pytest.mark.parametrize(
    ("written", "canonical"), [("1024Mi", "1Gi"), ("0.5", "500m"), ("1000", "1k"), ("1.2Ki", "1228800m"), ("0", "0")]
)
def test_the_canonical_form(written: str, canonical: str) -> None:
    assert text(parse(written), written) == canonical
