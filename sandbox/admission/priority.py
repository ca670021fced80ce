"""PriorityClasses that pods name have to be there."""

from sandbox.admission.limits import is_pod_creation
from sandbox.admission_chain import Review
from sandbox.errors import forbidden
from sandbox.store import Store

BUILT_IN = frozenset({"system-cluster-critical", "system-node-critical"})


class Priority:
    """What a class gives a pod is not simulated: nothing here makes room for another."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def check(self, review: Review) -> None:
        """Refuses a pod whose class is not there, in the server's words."""
        if not is_pod_creation(review) or review.new is None:
            return
        name = review.new["spec"].get("priorityClassName")
        there = {each["metadata"]["name"] for each in self.store.list("scheduling.k8s.io", "PriorityClass", "")}
        if name and name not in BUILT_IN | there:
            raise forbidden("", review.kind.plural, review.name, f"no PriorityClass with name {name} was found")
