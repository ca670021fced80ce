"""What an environment lets a bundle do to its nodes, its network and its rights; a file a check. Pure.

It looks at the objects themselves, so it speaks when a release is planned, before any cluster is asked. It is no
stand-in for the cluster's own admission: who applies by other ways is not held by it.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from common.discovery import modules_of
from environments.admission.base import AdmissionFinding, AdmissionScope, Check
from environments.admission.levels import Level, Rules
from environments.kube.objects import Manifest, ref_of

__all__ = ["AdmissionFinding", "AdmissionScope", "Check", "Level", "Rules", "checks", "judge"]

SHARED = frozenset({"base", "hosts", "levels"})


@cache
def checks() -> Mapping[str, Check]:
    """Every check by its id, in the order of the files' names."""
    return {module.CHECK.id: module.CHECK for module in modules_of(__name__, apart=SHARED)}


def judge(manifests: Iterable[Manifest], place: AdmissionScope, rules: Rules) -> Iterator[AdmissionFinding]:
    """What the checks find in the objects, with its level; nothing of a check that is allowed."""
    active = [(check, rules.level(check.id)) for check in checks().values()]
    for manifest in manifests:
        for check, level in active:
            if level is not Level.ALLOW:
                for where in check.find(manifest, place):
                    yield AdmissionFinding(check.id, check.title, level, ref_of(manifest), where)
