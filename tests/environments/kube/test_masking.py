"""Nothing of a Secret is shown but what names it: whatever field a value stands in, and whoever put it there."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from environments.kube.apply.diff import changes_between
from environments.kube.apply.masking import masked
from environments.kube.names import MANAGED, SEQUENCE, TRACKING

VALUE = "hunter2-hunter2"
BARE: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"}}
PLACES = [
    ("data", "PASSWORD"),
    ("stringData", "PASSWORD"),
    ("type",),
    ("immutable",),
    ("metadata", "annotations", "note"),
    ("metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"),
    ("metadata", "annotations", TRACKING),
    ("metadata", "annotations", SEQUENCE),
    ("metadata", "labels", "tier"),
    ("metadata", "labels", MANAGED),
    ("metadata", "labels", "app.kubernetes.io/managed-by"),
    ("metadata", "managedFields"),
    ("metadata", "finalizers"),
    ("metadata", "generateName"),
    ("metadata", "ownerReferences"),
    ("unknown",),
    ("unknown", "deeper", "still"),
]
KNOWN = {
    ("type",): "kubernetes.io/tls",
    ("immutable",): True,
    ("metadata", "labels", MANAGED): "true",
    ("metadata", "annotations", SEQUENCE): "12",
    ("metadata", "annotations", TRACKING): "shop:/Secret/shop/s",
}


def with_value(place: tuple[str, ...], value: Any) -> dict[str, Any]:
    secret = json.loads(json.dumps(BARE))
    below = secret
    for step in place[:-1]:
        below = below.setdefault(step, {})
    below[place[-1]] = value
    return secret


def mask(field: str, value: str) -> str:
    return f"#{hash((field, value))}"


@pytest.mark.parametrize("shape", [lambda text: text, lambda text: [text], lambda text: [{"name": text, "x": [text]}]])
@pytest.mark.parametrize("place", PLACES, ids="/".join)
def test_a_value_shows_nowhere_and_its_change_does(place: tuple[str, ...], shape: Any) -> None:
    before, after = with_value(place, shape(VALUE)), with_value(place, shape("another"))
    pairs = ((before, after), (BARE, before), (before, BARE))
    found = [change for pair in pairs for change in changes_between(*pair, mask)]
    assert VALUE not in json.dumps([masked(before, mask), *found])
    assert masked(before, mask) == masked(with_value(place, shape(VALUE)), mask)
    if place[-1] != "managedFields":
        assert len(found) == 3
        assert masked(before, mask) != masked(after, mask)


@pytest.mark.parametrize(("place", "value"), KNOWN.items(), ids=str)
def test_what_tells_nothing_stays_readable(place: tuple[str, ...], value: Any) -> None:
    assert masked(with_value(place, value), mask) == with_value(place, value)


TEXTS = st.integers(10**12).map(str)
KEYS = st.sampled_from(["a", "metadata", "data", "labels", "annotations", "type", "name", "kind"])
TREES = st.recursive(
    TEXTS, lambda below: st.lists(below, min_size=1) | st.dictionaries(KEYS, below, min_size=1), max_leaves=8
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(KEYS, TREES), st.dictionaries(KEYS, TREES))
def test_no_text_of_any_shape_gets_through(fields: dict[str, Any], metadata: dict[str, Any]) -> None:
    own = {**metadata, "name": "s", "namespace": "shop"}
    secret = {**fields, "apiVersion": "v1", "kind": "Secret", "metadata": own}
    shown = set(texts(masked(secret, lambda _field, _value: "#"))) - {"#", "v1", "Secret", "s", "shop"}
    assert not shown & set(texts(secret))


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for below in value.values() for text in texts(below)]
    if isinstance(value, list):
        return [text for below in value for text in texts(below)]
    return [value] if isinstance(value, str) else []
