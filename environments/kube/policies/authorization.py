"""Who may call whom: AuthorizationPolicy. A refusal comes before a permission, whatever their scopes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from environments.kube.objects import Manifest
from environments.kube.policies.base import (
    ROOT,
    Around,
    Family,
    Remark,
    listed,
    spec_of,
    text_of,
)
from environments.kube.policies.scopes import meet, nobody, whom

DRY_RUN = "istio.io/dry-run"
ACCOUNT = "/sa/"
Rule = Mapping[str, Any]


class Authorization(Family):
    name: ClassVar[str] = "authorization"
    title: ClassVar[str] = "Authorization"
    kinds: ClassVar[frozenset[str]] = frozenset({"AuthorizationPolicy.security.istio.io"})

    def does(self, manifest: Manifest) -> str:
        action, who = action_of(manifest), whom(manifest, ROOT)
        rules = "; or ".join(_rule(rule or {}) for rule in rules_of(manifest))
        if action == "ALLOW":
            return f"lets in {rules} to {who}; all else is refused" if rules else f"lets nobody in to {who}"
        if action == "DENY":
            return f"refuses {rules} to {who}" if rules else f"refuses nobody to {who}, since it has no rule"
        if action == "CUSTOM":
            name = (spec_of(manifest).get("provider") or {}).get("name", "")
            return f"asks {name or 'a provider'} about {rules or 'nobody'} to {who}"
        return f"writes down {rules or 'nobody'} to {who}"

    def remarks(self, manifest: Manifest, around: Around) -> Iterable[Remark]:
        annotations = manifest["metadata"].get("annotations") or {}
        if annotations.get(DRY_RUN) == "true":
            yield Remark(f"it is only tried (annotation {DRY_RUN}): nothing is refused by it")
            return
        if action_of(manifest) == "ALLOW":
            yield from self._overridden(manifest, around)
        yield from nobody(manifest, around)

    def _overridden(self, manifest: Manifest, around: Around) -> Iterable[Remark]:
        others = [each for each in around.others(manifest) if meet(manifest, each, around) and not _tried(each)]
        for each in [each for each in others if action_of(each) == "DENY" and _clash(manifest, each)]:
            yield Remark(f"{text_of(each)} comes before it and {FAMILY.does(each)}")
        for each in [each for each in others if action_of(each) == "ALLOW"]:
            if any(not rule for rule in rules_of(each)) and all(rules_of(manifest)):
                yield Remark(f"{text_of(each)} lets everybody in to {whom(each, around.root)}, so it restricts nothing")
            elif rules_of(each):
                yield Remark(f"{text_of(each)} lets in more", counts=False)


def action_of(manifest: Manifest) -> str:
    return str(spec_of(manifest).get("action") or "ALLOW")


def rules_of(manifest: Manifest) -> Sequence[Rule]:
    """The rules; one that is empty is for every request."""
    return spec_of(manifest).get("rules") or ()


def _tried(manifest: Manifest) -> bool:
    return (manifest["metadata"].get("annotations") or {}).get(DRY_RUN) == "true"


# In words


def _rule(rule: Rule) -> str:
    who = " or ".join(_source(each.get("source") or {}) for each in rule.get("from") or ()) or "everybody"
    what = " or ".join(filter(None, (_operation(each.get("operation") or {}) for each in rule.get("to") or ())))
    when = listed(f"{each.get('key')}" for each in rule.get("when") or ())
    return who + (f" with {what}" if what else "") + (f" depending on {when}" if when else "")


def _source(source: Rule) -> str:
    words = []
    for name, noun in (("principals", ""), ("requestPrincipals", "the token of "), ("namespaces", "namespace ")):
        if source.get(name):
            words.append(noun + listed(map(_principal, source[name])))
        if source.get(_not(name)):
            words.append(f"all but {noun}{listed(map(_principal, source[_not(name)]))}")
    for name in ("ipBlocks", "remoteIpBlocks"):
        if source.get(name):
            words.append(f"addresses {listed(source[name])}")
        if source.get(_not(name)):
            words.append(f"all but addresses {listed(source[_not(name)])}")
    return " in ".join(words) or "everybody"


def _principal(name: str) -> str:
    """ "agent-service of ai-workflow-prod" for cluster.local/ns/ai-workflow-prod/sa/agent-service."""
    head, found, account = name.partition(ACCOUNT)
    namespace = head.partition("/ns/")[2]
    return f"{account} of {namespace}" if found and namespace else name


def _operation(operation: Rule) -> str:
    words = []
    for name in ("methods", "paths", "hosts", "ports"):
        noun = "" if name in ("methods", "paths") else f"{name} "
        if operation.get(name):
            words.append(noun + listed(map(str, operation[name])))
        if operation.get(_not(name)):
            words.append(f"{name} other than {listed(map(str, operation[_not(name)]))}")
    return " ".join(words)


def _not(name: str) -> str:
    return f"not{name[0].upper()}{name[1:]}"


# Whether two rules can be about the same request. Where it cannot be told, they can.


def _clash(allowing: Manifest, denying: Manifest) -> bool:
    return any(_rules_meet(one or {}, other or {}) for one in rules_of(allowing) for other in rules_of(denying))


def _rules_meet(one: Rule, other: Rule) -> bool:
    sources = _any_meet(one.get("from"), other.get("from"), "source", ("principals", "namespaces"))
    return sources and _any_meet(one.get("to"), other.get("to"), "operation", ("methods", "paths", "hosts", "ports"))


def _any_meet(ones: Any, others: Any, part: str, names: tuple[str, ...]) -> bool:
    if not ones or not others:
        return True
    return any(
        all(_values_meet(_with_namespaces(one), _with_namespaces(other), name) for name in names)
        for one in (each.get(part) or {} for each in ones)
        for other in (each.get(part) or {} for each in others)
    )


def _with_namespaces(source: Rule) -> Rule:
    """A source with the namespaces that its principals say."""
    principals = source.get("principals") or ()
    found = [name.partition("/ns/")[2].partition("/")[0] for name in principals]
    return {**source, "namespaces": found} if found and all(found) and not source.get("namespaces") else source


def _values_meet(one: Rule, other: Rule, name: str) -> bool:
    mine, yours = one.get(name) or (), other.get(name) or ()
    if mine and yours:
        return any(_alike(str(a), str(b)) for a in mine for b in yours)
    if mine and (excluded := other.get(_not(name))):
        return not all(any(_within(str(value), str(no)) for no in excluded) for value in mine)
    if yours and (excluded := one.get(_not(name))):
        return not all(any(_within(str(value), str(no)) for no in excluded) for value in yours)
    return True


def _alike(one: str, other: str) -> bool:
    return _within(one, other) or _within(other, one) or ("*" in one and "*" in other)


def _within(value: str, pattern: str) -> bool:
    """Whether the pattern (exact, with * at one end, or * alone) is for every request that the value is for."""
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    return value.endswith(pattern[1:]) if pattern.startswith("*") else value == pattern


FAMILY = Authorization()
