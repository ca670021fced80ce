"""What the server fills in where nobody says anything: such values say nothing in a file, and so are left out. Pure.

The tables have only values that a later change cannot turn into others by being absent. What server-side apply takes as
one value (a fieldRef, the claims of a StatefulSet) stays whole: a part of it would be another value.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

Json = Any


class Filled(NamedTuple):
    """The value that the server fills in."""

    value: Json


# A table is a map of fields: to Filled, to the table of what is below, or to [table] for the items of a list.
Table = Mapping[str, Any]
_HTTP: Table = {"httpGet": {"scheme": Filled("HTTP")}}
_PROBE: Table = {
    **_HTTP,
    "failureThreshold": Filled(3),
    "periodSeconds": Filled(10),
    "successThreshold": Filled(1),
    "timeoutSeconds": Filled(1),
}
_CONTAINER: Table = {
    "resources": Filled({}),
    "terminationMessagePath": Filled("/dev/termination-log"),
    "terminationMessagePolicy": Filled("File"),
    "ports": [{"protocol": Filled("TCP")}],
    "lifecycle": {"postStart": _HTTP, "preStop": _HTTP},
    **dict.fromkeys(("livenessProbe", "readinessProbe", "startupProbe"), _PROBE),
}
_MODE: Table = {"defaultMode": Filled(420)}
_VOLUME: Table = {
    "configMap": _MODE,
    "secret": _MODE,
    "downwardAPI": _MODE,
    "projected": {**_MODE, "sources": [{"serviceAccountToken": {"expirationSeconds": Filled(3600)}}]},
    "hostPath": {"type": Filled("")},
}
_POD: Table = {
    "dnsPolicy": Filled("ClusterFirst"),
    "restartPolicy": Filled("Always"),
    "schedulerName": Filled("default-scheduler"),
    "securityContext": Filled({}),
    "terminationGracePeriodSeconds": Filled(30),
    "containers": [_CONTAINER],
    "initContainers": [_CONTAINER],
    "volumes": [_VOLUME],
}
_TEMPLATE: Table = {"metadata": {"creationTimestamp": Filled(None)}, "spec": _POD}
_ROLLING = Filled({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}})
_JOB: Table = {
    "backoffLimit": Filled(6),
    "completionMode": Filled("NonIndexed"),
    "manualSelector": Filled(False),
    "podReplacementPolicy": Filled("TerminatingOrFailed"),
    "suspend": Filled(False),
    "template": _TEMPLATE,
}
TABLES: Mapping[str, Table] = {
    "Deployment.apps": {
        "spec": {
            "progressDeadlineSeconds": Filled(600),
            "revisionHistoryLimit": Filled(10),
            "strategy": _ROLLING,
            "template": _TEMPLATE,
        }
    },
    "StatefulSet.apps": {
        "spec": {
            "persistentVolumeClaimRetentionPolicy": Filled({"whenDeleted": "Retain", "whenScaled": "Retain"}),
            "podManagementPolicy": Filled("OrderedReady"),
            "revisionHistoryLimit": Filled(10),
            "updateStrategy": Filled({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}),
            "template": _TEMPLATE,
            "volumeClaimTemplates": [{"metadata": {"creationTimestamp": Filled(None)}}],
        }
    },
    "DaemonSet.apps": {
        "spec": {
            "revisionHistoryLimit": Filled(10),
            "updateStrategy": Filled({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}),
            "template": _TEMPLATE,
        }
    },
    "Job.batch": {"spec": _JOB},
    "CronJob.batch": {
        "spec": {
            "concurrencyPolicy": Filled("Allow"),
            "failedJobsHistoryLimit": Filled(1),
            "successfulJobsHistoryLimit": Filled(3),
            "suspend": Filled(False),
            "jobTemplate": {"metadata": {"creationTimestamp": Filled(None)}, "spec": _JOB},
        }
    },
    "Service": {
        "spec": {
            "allocateLoadBalancerNodePorts": Filled(True),
            "externalTrafficPolicy": Filled("Cluster"),
            "internalTrafficPolicy": Filled("Cluster"),
            "ipFamilyPolicy": Filled("SingleStack"),
            "sessionAffinity": Filled("None"),
            "type": Filled("ClusterIP"),
            "ports": [{"protocol": Filled("TCP")}],
        }
    },
    "PersistentVolumeClaim": {"spec": {"volumeMode": Filled("Filesystem")}},
}


def without_defaults(kind: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A copy without what the server would fill in again; `kind` as in "Deployment.apps"."""
    cleared: dict[str, Any] = _clear(dict(manifest), TABLES.get(kind, {}))
    return cleared


def _clear(value: Json, table: Any) -> Json:
    if isinstance(table, list) and isinstance(value, list):
        return [_clear(item, table[0]) for item in value]
    if not isinstance(table, Mapping) or not isinstance(value, Mapping):
        return value
    kept = {key: child for key, child in value.items() if not _is_filled(child, table.get(key))}
    cleared = {key: _clear(child, table.get(key)) for key, child in kept.items()}
    return {key: child for key, child in cleared.items() if child != {} or not isinstance(table.get(key), Mapping)}


def _is_filled(value: Json, table: Any) -> bool:
    return (
        isinstance(table, Filled) and value == table.value and isinstance(value, bool) == isinstance(table.value, bool)
    )
