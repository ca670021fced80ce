"""What the mesh tells of requests: traces, metrics and access logs by Telemetry."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from environments.kube.objects import Manifest
from environments.kube.policies.base import ROOT, Around, Family, Remark, age, listed, spec_of, text_of
from environments.kube.policies.scopes import at_same_scope, narrower, nobody, whom

PARTS = {"tracing": "tracing", "metrics": "metrics", "accessLogging": "access logs"}


class Telemetry(Family):
    name: ClassVar[str] = "telemetry"
    title: ClassVar[str] = "Telemetry"
    kinds: ClassVar[frozenset[str]] = frozenset({"Telemetry.telemetry.istio.io"})

    def does(self, manifest: Manifest) -> str:
        spec = spec_of(manifest)
        words = [*map(_traces, spec.get("tracing") or ()), *map(_metrics, spec.get("metrics") or ())]
        words += map(_logs, spec.get("accessLogging") or ())
        return f"{listed(words) or 'says nothing of its own'}, for {whom(manifest, ROOT)}"

    def remarks(self, manifest: Manifest, around: Around) -> Iterable[Remark]:
        if older := [each for each in at_same_scope(manifest, around) if age(each) < age(manifest)]:
            yield Remark(f"{text_of(older[0])} is older and for the same pods: Istio takes that one alone")
            return
        for each in narrower(manifest, around):
            if both := [words for part, words in PARTS.items() if _says(manifest, part) and _says(each, part)]:
                words = f"{text_of(each)} decides on {listed(both)} for {whom(each, around.root)}"
                yield Remark(words, counts=not around.is_ours(each))
        yield from nobody(manifest, around)


def _says(manifest: Manifest, part: str) -> bool:
    return bool(spec_of(manifest).get(part))


def _traces(each: Mapping[str, Any]) -> str:
    if each.get("disableSpanReporting"):
        return "reports no traces"
    share = each.get("randomSamplingPercentage")
    much = f"{share:g} % of requests" if isinstance(share, int | float) else "requests, as many as the mesh does"
    tags = f" with {listed(sorted(each['customTags']))}" if each.get("customTags") else ""
    return f"traces {much}{_to(each)}{tags}"


def _metrics(each: Mapping[str, Any]) -> str:
    overrides = len(each.get("overrides") or ())
    changed = f", {overrides} of them changed" if overrides else ""
    return f"gives metrics{_to(each)}{changed}"


def _logs(each: Mapping[str, Any]) -> str:
    if each.get("disabled"):
        return "logs no access"
    where = (each.get("filter") or {}).get("expression")
    return f"logs access{_to(each)}" + (f" where {where}" if where else "")


def _to(each: Mapping[str, Any]) -> str:
    names = listed(provider.get("name", "") for provider in each.get("providers") or ())
    return f" to {names}" if names else ""


FAMILY = Telemetry()
