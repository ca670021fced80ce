"""Which changes are flagged, as a table; and the order in which a person reads them."""

from typing import Any

import pytest

from environments.kube.apply.diff import FieldChange
from environments.kube.objects import Ref
from releases.plan.risks import Circumstances, quantity, risk_of_creation, risk_of_field, risks

POD = 'spec.template.spec.containers[name="web"]'


def ref(kind: str, name: str = "web") -> Ref:
    return Ref("v1", kind, "shop", name)


@pytest.mark.parametrize(
    ("kind", "path", "before", "after", "title"),
    [
        ("ConfigMap", "data.DATABASE_URL", "a", "b", "An address changes"),
        ("ConfigMap", "data.redis_host", "a", "b", "An address changes"),
        ("ConfigMap", "data.LOG_LEVEL", "a", "b", ""),
        ("Deployment", f'{POD}.env[name="API_ENDPOINT"].value', "a", "b", "An address changes"),
        ("Deployment", f'{POD}.env[name="MODE"].value', "a", "b", ""),
        ("Secret", "data.PASSWORD", "hmac-1", "hmac-2", "A secret changes"),
        ("Secret", "metadata.labels.app", "a", "b", ""),
        ("RoleBinding", "subjects", [], [{}], "Rights change"),
        ("NetworkPolicy", "spec.ingress", [], [{}], "Who may reach what changes"),
        ("PersistentVolumeClaim", "spec.resources.requests.storage", "1Gi", "2Gi", "Storage changes"),
        ("Deployment", f"{POD}.readinessProbe", {"httpGet": {}}, None, "A health check is removed"),
        ("Deployment", f"{POD}.readinessProbe.periodSeconds", 5, 10, ""),
        ("Deployment", f"{POD}.resources.limits.memory", "2Gi", "512Mi", "Limits are lowered"),
        ("Deployment", f"{POD}.resources.limits.memory", "512Mi", "2Gi", ""),
        ("Deployment", f"{POD}.resources.limits.cpu", "1", "500m", "Limits are lowered"),
        ("Deployment", f"{POD}.resources.limits", {"cpu": "1"}, {"cpu": "500m"}, "Limits are lowered"),
        ("Deployment", "spec.replicas", 3, 2, "Fewer replicas"),
        ("Deployment", "spec.replicas", 2, 3, ""),
        ("Ingress", "spec.rules", [], [{}], "Routes change"),
        ("Deployment", f"{POD}.image", "a", "b", ""),
    ],
)
def test_flags(kind: str, path: str, before: Any, after: Any, title: str) -> None:
    assert risk_of_field(ref(kind), FieldChange(path, before, after)) == title


@pytest.mark.parametrize(
    ("kind", "title"),
    [("RoleBinding", "Rights change"), ("NetworkPolicy", "Who may reach what changes"), ("Deployment", "")],
)
def test_some_kinds_are_grave_as_soon_as_they_come(kind: str, title: str) -> None:
    assert risk_of_creation(ref(kind)) == title


@pytest.mark.parametrize(
    ("text", "value"),
    [("500m", 0.5), ("2", 2.0), ("1Ki", 1024.0), ("1k", 1000.0), ("1.5Gi", 1.5 * 1024**3), ("much", None), (3, 3.0)],
)
def test_quantities(text: Any, value: float | None) -> None:
    assert quantity(text) == value


def row(kind: str, action: str = "update", name: str = "web", **more: Any) -> dict[str, Any]:
    return {"ref": list(ref(kind, name)), "action": action, "fields": [], "conflicts": [], **more}


def test_the_gravest_come_first_and_long_lists_are_cut() -> None:
    lowered = [{"path": "spec.replicas", "risk": "Fewer replicas"}]
    found = risks(
        [
            row("Job", "create", "migrate-2-0-0"),
            row("Deployment", fields=lowered),
            row("Service", conflicts=[{"field": "spec.ports", "manager": "kubectl-edit"}]),
        ],
        [{"ref": list(ref("ConfigMap", f"old-{number}")), "uid": ""} for number in range(7)],
        Circumstances(
            {"web": ("v1.9.0", "2.0.0"), "worker": ("1.0", "1.1"), "bare": ("", "2.0")},
            (("Note", "said"), ("Silent", "")),
        ),
    )
    assert [(risk["title"], risk["detail"]) for risk in found] == [
        ("A database migration runs", "Job shop/migrate-2-0-0"),
        (
            "Objects are deleted",
            ", ".join([*(f"ConfigMap shop/old-{number}" for number in range(5)), "and 2 more"]),
        ),
        ("Fewer replicas", "Deployment shop/web spec.replicas"),
        ("Another major version", "web: v1.9.0 to 2.0.0"),
        ("Overrules what others have set", "Service shop/web spec.ports (set by kubectl-edit)"),
        ("Note", "said"),
    ]
