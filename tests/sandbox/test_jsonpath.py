"""The paths of printer columns."""

from typing import Any

import pytest

from sandbox.jsonpath import first

OBJECT: dict[str, Any] = {
    "metadata": {"annotations": {"a.b/c": "x"}},
    "spec": {"env": [{"name": "A"}, {"name": "B"}], "hosts": ["a", "b"], "replicas": 0},
    "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Active", "status": "False"}]},
}
PATHS = [
    (".spec.replicas", 0),
    ("spec.replicas", 0),
    (".spec.hosts", ["a", "b"]),
    (".spec.hosts[1]", "b"),
    (".spec.hosts[5]", None),
    (".spec.env[*].name", "A"),
    ('.status.conditions[?(@.type=="Active")].status', "False"),
    (".status.conditions[?(@.type=='Ready')].status", "True"),
    ('.status.conditions[?(@.type=="Lost")].status', None),
    (r".metadata.annotations.a\.b/c", "x"),
    (".spec.absent.deeper", None),
    (".spec.hosts.name", None),
]


@pytest.mark.parametrize(("path", "wanted"), PATHS)
def test_a_path_leads_to_its_first_value(path: str, wanted: Any):
    assert first(OBJECT, path) == wanted
