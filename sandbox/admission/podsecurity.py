"""Pod security: the levels that a namespace's labels enforce and warn about."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from sandbox.admission_chain import Review
from sandbox.errors import forbidden
from sandbox.meta import labels_of
from sandbox.store import Object, Store, StoreKey

_PREFIX = "pod-security.kubernetes.io/"
_TEMPLATED = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicationController")
_CAPABILITIES = (
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
    "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
)  # fmt: skip
_VOLUMES = (
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret",
)  # fmt: skip


class Violation(NamedTuple):
    reason: str
    detail: str

    @property
    def text(self) -> str:
        return f"{self.reason} ({self.detail})" if self.detail else self.reason


Spec = Mapping[str, Any]
Check = Callable[[Spec], Iterable[Violation]]


def containers_of(spec: Spec) -> list[Mapping[str, Any]]:
    return [*(spec.get("initContainers") or ()), *spec["containers"], *(spec.get("ephemeralContainers") or ())]


def _security(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    return holder.get("securityContext") or {}


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _who(names: list[str]) -> str:
    """'container "web"' or 'containers "a", "b"'."""
    return f"container{'s' if len(names) > 1 else ''} {_quoted(names)}"


def _names(spec: Spec, bad: Callable[[Mapping[str, Any]], Any]) -> list[str]:
    return [item["name"] for item in containers_of(spec) if bad(item)]


# -- baseline ---------------------------------------------------------------------------------------------------------


def _host_namespaces(spec: Spec) -> Iterable[Violation]:
    found = [f"{name}=true" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    if found:
        yield Violation("host namespaces", ", ".join(found))


def _privileged(spec: Spec) -> Iterable[Violation]:
    names = _names(spec, lambda item: _security(item).get("privileged"))
    if names:
        yield Violation("privileged", f"{_who(names)} must not set securityContext.privileged=true")


def _added(container: Mapping[str, Any]) -> set[str]:
    return set((_security(container).get("capabilities") or {}).get("add") or ())


def _default_capabilities(spec: Spec) -> Iterable[Violation]:
    names = _names(spec, lambda item: _added(item) - set(_CAPABILITIES))
    extra = sorted({name for item in containers_of(spec) for name in _added(item)} - set(_CAPABILITIES))
    if names:
        words = f"{_who(names)} must not include {_quoted(extra)} in securityContext.capabilities.add"
        yield Violation("non-default capabilities", words)


def _host_paths(spec: Spec) -> Iterable[Violation]:
    names = [item["name"] for item in spec.get("volumes") or () if "hostPath" in item]
    if names:
        yield Violation("hostPath volumes", f"volume{'s' if len(names) > 1 else ''} {_quoted(names)}")


def _host_ports(spec: Spec) -> Iterable[Violation]:
    def used(container: Mapping[str, Any]) -> list[int]:
        return [port["hostPort"] for port in container.get("ports") or () if port.get("hostPort")]

    names = _names(spec, used)
    ports = sorted({str(port) for item in containers_of(spec) for port in used(item)})
    if names:
        many = len(ports) > 1
        uses = "uses" if len(names) == 1 else "use"
        yield Violation("hostPort", f"{_who(names)} {uses} hostPort{'s' if many else ''} {', '.join(ports)}")


def _unconfined(spec: Spec) -> Iterable[Violation]:
    def bad(holder: Mapping[str, Any]) -> bool:
        return (_security(holder).get("seccompProfile") or {}).get("type") == "Unconfined"

    names = _names(spec, bad)
    setters = [*(["pod"] if bad(spec) else []), *([_who(names)] if names else [])]
    if setters:
        words = f'{" and ".join(setters)} must not set securityContext.seccompProfile.type to "Unconfined"'
        yield Violation("seccompProfile", words)


# -- restricted -------------------------------------------------------------------------------------------------------


def _escalation(spec: Spec) -> Iterable[Violation]:
    names = _names(spec, lambda item: _security(item).get("allowPrivilegeEscalation") is not False)
    if names:
        words = f"{_who(names)} must set securityContext.allowPrivilegeEscalation=false"
        yield Violation("allowPrivilegeEscalation != false", words)


def _capabilities(spec: Spec) -> Iterable[Violation]:
    def keeps(container: Mapping[str, Any]) -> bool:
        return "ALL" not in ((_security(container).get("capabilities") or {}).get("drop") or ())

    words = []
    keeping, adding = _names(spec, keeps), _names(spec, lambda item: _added(item) - {"NET_BIND_SERVICE"})
    if keeping:
        words.append(f'{_who(keeping)} must set securityContext.capabilities.drop=["ALL"]')
    if adding:
        extra = sorted({name for item in containers_of(spec) for name in _added(item)} - {"NET_BIND_SERVICE"})
        words.append(f"{_who(adding)} must not include {_quoted(extra)} in securityContext.capabilities.add")
    if words:
        yield Violation("unrestricted capabilities", "; ".join(words))


def _restricted_volumes(spec: Spec) -> Iterable[Violation]:
    bad = {
        volume["name"]: kind
        for volume in spec.get("volumes") or ()
        for kind in volume
        if kind != "name" and kind not in _VOLUMES
    }
    if bad:
        many, kinds = len(bad) > 1, sorted(set(bad.values()))
        use = "use" if many else "uses"
        what = f"restricted volume type{'s' if len(kinds) > 1 else ''}"
        words = f"volume{'s' if many else ''} {_quoted(bad)} {use} {what} {_quoted(kinds)}"
        yield Violation("restricted volume types", words)


def _non_root(spec: Spec) -> Iterable[Violation]:
    whole = _security(spec).get("runAsNonRoot")
    wrong = _names(spec, lambda item: _security(item).get("runAsNonRoot") is False)
    setters = [*(["pod"] if whole is False else []), *([_who(wrong)] if wrong else [])]
    if setters:
        words = f"{' and '.join(setters)} must not set securityContext.runAsNonRoot=false"
        yield Violation("runAsNonRoot != true", words)
        return
    silent = _names(spec, lambda item: not _security(item).get("runAsNonRoot") and not whole)
    if silent:
        words = f"pod or {_who(silent)} must set securityContext.runAsNonRoot=true"
        yield Violation("runAsNonRoot != true", words)


def _root_user(spec: Spec) -> Iterable[Violation]:
    names = _names(spec, lambda item: _security(item).get("runAsUser") == 0)
    setters = [*(["pod"] if _security(spec).get("runAsUser") == 0 else []), *([_who(names)] if names else [])]
    if setters:
        yield Violation("runAsUser=0", f"{' and '.join(setters)} must not set runAsUser=0")


def _seccomp(spec: Spec) -> Iterable[Violation]:
    whole = _security(spec).get("seccompProfile")
    silent = _names(spec, lambda item: not _security(item).get("seccompProfile") and not whole)
    if silent:
        allowed = '"RuntimeDefault" or "Localhost"'
        words = f"pod or {_who(silent)} must set securityContext.seccompProfile.type to {allowed}"
        yield Violation("seccompProfile", words)


_BASELINE: tuple[Check, ...] = (
    _default_capabilities, _host_namespaces, _host_paths, _host_ports, _privileged, _unconfined,
)  # fmt: skip
_RESTRICTED: tuple[Check, ...] = (
    _escalation, _capabilities, _host_namespaces, _host_paths, _host_ports, _privileged, _restricted_volumes,
    _non_root, _root_user, _unconfined, _seccomp,
)  # fmt: skip
_LEVELS = {"privileged": (), "baseline": _BASELINE, "restricted": _RESTRICTED}


def violations(level: str, spec: Spec) -> list[Violation]:
    """What of a pod's spec a level forbids; an unknown level forbids what "restricted" does, as the server has it."""
    checks = _LEVELS.get(level, _RESTRICTED)
    return [violation for check in checks for violation in check(spec)]


def pod_spec(review: Review) -> Spec | None:
    """The pod's spec in what is written, or None."""
    new = review.new
    if new is None or review.subresource:
        return None
    if review.kind.kind == "Pod" and not review.kind.group:
        spec: Spec = new["spec"]
        return spec
    if review.kind.kind not in _TEMPLATED:
        return None
    spec = new["spec"]
    if review.kind.kind == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return (spec.get("template") or {}).get("spec")


class PodSecurity:
    """Pods are refused or warned about; of workloads the template is only warned about."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def check(self, review: Review) -> None:
        spec = pod_spec(review)
        if spec is None or (review.kind.kind == "Pod" and review.operation != "CREATE"):
            return
        namespace = self.store.get(StoreKey("", "Namespace", "", review.namespace))
        labels = labels_of(namespace) if namespace else {}
        if review.kind.kind == "Pod":
            self._enforce(review, spec, labels)
        self._warn(review, spec, labels)

    def _enforce(self, review: Review, spec: Spec, labels: Mapping[str, str]) -> None:
        name, found = _found(spec, labels, "enforce")
        if found:
            raise forbidden("", "pods", review.name, f'violates PodSecurity "{name}": {_listed(found)}')

    def _warn(self, review: Review, spec: Spec, labels: Mapping[str, str]) -> None:
        told: Object = {}
        for mode in ("enforce", "warn") if review.kind.kind != "Pod" else ("warn",):
            name, found = _found(spec, labels, mode)
            if found:
                told[f'would violate PodSecurity "{name}": {_listed(found)}'] = True
        review.warnings += told


def _found(spec: Spec, labels: Mapping[str, str], mode: str) -> tuple[str, list[Violation]]:
    level = labels.get(_PREFIX + mode, "privileged")
    version = labels.get(f"{_PREFIX}{mode}-version", "latest")
    return f"{level}:{version}", violations(level, spec)


def _listed(found: Iterable[Violation]) -> str:
    return ", ".join(violation.text for violation in found)
