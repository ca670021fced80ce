"""ValidatingAdmissionPolicies and their bindings, without parameters."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sandbox.admission.cel import CelError, evaluate, to_cel
from sandbox.admission.rules import namespace_of, selected, selectors_hold
from sandbox.admission_chain import Review
from sandbox.errors import ApiError, StatusCause, qualified
from sandbox.store import Object, Store

_GROUP = "admissionregistration.k8s.io"
_CODES = {"Invalid": 422, "Forbidden": 403, "Unauthorized": 401, "RequestEntityTooLarge": 413}


class Failure(NamedTuple):
    """A validation that does not hold."""

    message: str
    reason: str


class Policies:
    def __init__(self, store: Store) -> None:
        self.store = store

    def check(self, review: Review) -> None:
        """Refuses what a bound policy denies; adds warnings of those that only warn."""
        bindings = self.store.list(_GROUP, "ValidatingAdmissionPolicyBinding")
        if not bindings or review.kind.group == _GROUP:
            return
        policies = {item["metadata"]["name"]: item for item in self.store.list(_GROUP, "ValidatingAdmissionPolicy")}
        for binding in bindings:
            policy = policies.get(binding["spec"]["policyName"])
            if policy is not None and self._applies(review, policy, binding):
                self._enforce(review, policy, binding)

    def _applies(self, review: Review, policy: Object, binding: Object) -> bool:
        constraints = policy["spec"].get("matchConstraints") or {}
        if not _selected(review, constraints, self.store):
            return False
        narrowed = binding["spec"].get("matchResources") or {}
        if narrowed.get("resourceRules"):
            return _selected(review, narrowed, self.store)
        return selectors_hold(review, narrowed, self.store)

    def _enforce(self, review: Review, policy: Object, binding: Object) -> None:
        failures = list(self._failures(review, policy))
        actions = binding["spec"].get("validationActions") or ["Deny"]
        names = (policy["metadata"]["name"], binding["metadata"]["name"])
        for failure in failures:
            if "Warn" in actions:
                head = f"Validation failed for ValidatingAdmissionPolicy '{names[0]}' with binding '{names[1]}'"
                review.warnings.append(f"{head}: {failure.message}")
            if "Deny" in actions:
                raise _denied(review, *names, failure)

    def _failures(self, review: Review, policy: Object) -> Iterable[Failure]:
        spec, values = policy["spec"], self._values(review)
        try:
            if not _conditions_hold(spec.get("matchConditions") or (), values):
                return
            _add_variables(spec.get("variables") or (), values)
        except CelError as error:
            yield from _unless_ignored(spec, str(error))
            return
        for validation in spec.get("validations") or ():
            yield from _failure(spec, validation, values)

    def _values(self, review: Review) -> dict[str, Any]:
        namespace = namespace_of(review, self.store)
        return {
            "object": to_cel(review.new),
            "oldObject": to_cel(review.old),
            "request": to_cel(_request(review)),
            "namespaceObject": to_cel(namespace),
            "params": to_cel(None),
            "variables": to_cel({}),
        }


def _selected(review: Review, constraints: Mapping[str, Any], store: Store) -> bool:
    excluded = constraints.get("excludeResourceRules") or ()
    if excluded and selected(review, excluded, {}, store):
        return False
    return selected(review, constraints.get("resourceRules") or (), constraints, store)


def _request(review: Review) -> dict[str, Any]:
    kind = review.kind
    return {
        "operation": review.operation,
        "name": review.name,
        "namespace": review.namespace,
        "dryRun": review.dry_run,
        "subResource": review.subresource,
        "kind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "resource": {"group": kind.group, "version": kind.version, "resource": kind.plural},
        "userInfo": {"username": review.user, "groups": []},
        "options": {"fieldManager": review.manager},
    }


def _conditions_hold(conditions: Iterable[Mapping[str, Any]], values: Mapping[str, Any]) -> bool:
    return all(bool(evaluate(item["expression"], values)) for item in conditions)


def _add_variables(variables: Iterable[Mapping[str, Any]], values: dict[str, Any]) -> None:
    for variable in variables:
        values["variables"][to_cel(variable["name"])] = evaluate(variable["expression"], values)


def _failure(spec: Mapping[str, Any], validation: Mapping[str, Any], values: Mapping[str, Any]) -> Iterable[Failure]:
    expression = validation["expression"].strip()
    try:
        if bool(evaluate(expression, values)):
            return
        yield Failure(_message(validation, values), validation.get("reason") or "Invalid")
    except CelError as error:
        yield from _unless_ignored(spec, f"expression '{expression}' resulted in error: {error}")


def _message(validation: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    fallback = validation.get("message") or f"failed expression: {validation['expression'].strip()}"
    if not validation.get("messageExpression"):
        return str(fallback)
    try:
        return str(evaluate(validation["messageExpression"], values)) or str(fallback)
    except CelError:
        return str(fallback)


def _unless_ignored(spec: Mapping[str, Any], words: str) -> Iterable[Failure]:
    if spec.get("failurePolicy", "Fail") == "Fail":
        yield Failure(words, "Invalid")


def _denied(review: Review, policy: str, binding: str, failure: Failure) -> ApiError:
    words = f"ValidatingAdmissionPolicy '{policy}' with binding '{binding}' denied request: {failure.message}"
    kind = review.kind
    details = {"name": review.name, "group": kind.group, "kind": kind.plural}
    return ApiError(
        _CODES.get(failure.reason, 422),
        failure.reason,
        f'{qualified(kind.group, kind.plural)} "{review.name}" is forbidden: {words}',
        details={name: value for name, value in details.items() if value},
        causes=[StatusCause("", words, "")],
    )
