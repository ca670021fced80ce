"""The scheduler's message about a pod that fits no node, in plain words. Pure."""

import re
from typing import NamedTuple

NODES = re.compile(r"^\s*0/(\d+) nodes? (?:is|are) available: ?")
REASON = re.compile(r"^(\d+) (.*)$")
MISSING = re.compile(r"not found|doesn't exist", re.IGNORECASE)
# The scheduler of Kubernetes 1.36 ends whatever holds a pod before any node is looked at with these words.
TRAILING = re.compile(r"\. not found\.?$")
# A provisioner may need minutes; the claim's own events say whether it will ever come.
UNBOUND = re.compile(r"unbound immediate PersistentVolumeClaims|waiting for ephemeral volume controller")

# What the scheduler says of a node, and what a person understands. Each may repeat groups of the pattern.
WORDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"Insufficient (\S+)"), r"not enough free \1"),
    (re.compile(r"Too many pods"), "no room for another pod"),
    (re.compile(r"untolerated taint\(?s?\)? ?\{(.+?): ?\}"), r"tainted \1, which the pod does not tolerate"),
    (
        re.compile(r"untolerated taint\(?s?\)? ?\{(.+?): (.+?)\}"),
        r"tainted \1=\2, which the pod does not tolerate",
    ),
    (re.compile(r"untolerated taint"), "tainted, which the pod does not tolerate"),
    (re.compile(r"unschedulable"), "cordoned"),
    (
        re.compile(r"Pod's node affinity/selector|node selector"),
        "not what the pod's node selector or affinity asks for",
    ),
    (
        re.compile(r"pod anti-affinity"),
        "already with a pod that this one must keep away from (anti-affinity)",
    ),
    (re.compile(r"pod affinity"), "without the pod that this one must be beside (affinity)"),
    (re.compile(r"topology spread"), "against the pod's spread over zones or nodes"),
    (re.compile(r"free ports"), "with the pod's host port taken"),
    (re.compile(r"volume node affinity"), "where the pod's volume cannot be reached"),
    (re.compile(r"max volume count"), "with no room for another volume"),
    (UNBOUND, "the pod's claims have no volume yet"),
    (
        re.compile(r"didn't find available persistent volumes"),
        "without a volume that the claim could be bound to",
    ),
)
PASSING = re.compile(
    r"Insufficient|Too many pods|unschedulable|free ports|node\.kubernetes\.io/|topology|affinity rules"
    rf"|{UNBOUND.pattern}"
)


class Unschedulable(NamedTuple):
    """`words` for a person. `standing`: no node frees up by itself; `missing`: what the pod names is absent."""

    words: str
    standing: bool
    missing: bool


def explain(message: str) -> Unschedulable:
    """What the message of a pod's PodScheduled condition says."""
    main = TRAILING.sub("", message.partition(" preemption:")[0].strip())
    nodes = NODES.match(main)
    if not nodes:
        return Unschedulable(main.rstrip(". ") or "the scheduler gives no reason", False, bool(MISSING.search(main)))
    reasons = _reasons(main[nodes.end() :])
    words = ", ".join(f"{number} {_plain(text)}" if number else _plain(text) for number, text in reasons)
    total = int(nodes[1])
    head = f"none of {total} nodes fits" if total != 1 else "the only node does not fit"
    missing = any(MISSING.search(text) for _, text in reasons)
    standing = bool(reasons) and not any(PASSING.search(text) for _, text in reasons)
    return Unschedulable(f"{head}: {words}" if words else "there is no node", standing, missing)


def _reasons(text: str) -> list[tuple[int, str]]:
    parts = [part for part in re.split(r", (?=\d+ )", text.strip().rstrip(". ")) if part]
    return [(int(m[1]), m[2]) if (m := REASON.match(part)) else (0, part) for part in parts]


def _plain(text: str) -> str:
    for pattern, words in WORDS:
        if match := pattern.search(text):
            return match.expand(words)
    return text.removeprefix("node(s) ")
