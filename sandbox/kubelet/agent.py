"""The kubelets of all nodes, in the loop's one thread."""

from sandbox.behaviour import Behaviour
from sandbox.cluster import SimulatedCluster
from sandbox.images import Pulled, Puller
from sandbox.kubelet.pod import PodRun
from sandbox.kubelet.status import status_of
from sandbox.meta import NamespacedName, Object, changed, is_over, key_of, kind_of, uid_of
from sandbox.nodes import KubeletNode
from sandbox.store import StoreKey


class Kubelet:
    """Runs the pods that are bound to nodes. `real_time` keeps periods, graces and back-offs as they are said."""

    def __init__(self, cluster: SimulatedCluster, puller: Puller, *, real_time: bool = False) -> None:
        self.cluster, self.puller, self.real_time = cluster, puller, real_time
        self.clock = cluster.clock
        self._client = cluster.client("kubelet")
        self._nodes: dict[str, KubeletNode] = {}
        self._runs: dict[str, PodRun] = {}
        self._by_key: dict[NamespacedName, PodRun] = {}
        self.now = self.clock.seconds()

    def see(self, event: str, obj: Object, old: Object | None) -> None:
        """Takes Nodes and bound Pods in."""
        del old
        kind = kind_of(obj)
        if kind == "Node":
            self._see_node(event, obj)
        elif kind == "Pod" and obj["spec"].get("nodeName"):
            if event == "DELETED":
                self._forget(obj)
            else:
                self._see_pod(obj)

    def run_of(self, namespace: str, name: str) -> PodRun | None:
        """The running pod of a name; read by the threads that answer logs and proxies."""
        return self._by_key.get(NamespacedName(namespace, name))

    def lookup(self, kind: str, namespace: str, name: str) -> Object | None:
        return self.cluster.view.get(kind, NamespacedName(namespace, name))

    def usage(self, pod: Object, resource: str) -> float | None:
        """Millicores or bytes that a pod's behaviour says it uses; None where it does not run."""
        running = self.behaviours(pod)
        if not running:
            return None
        if resource == "cpu":
            return float(sum(behaviour.cpu_millicores for behaviour in running))
        return float(sum(behaviour.memory_mib for behaviour in running)) * 2**20

    def behaviours(self, pod: Object) -> list[Behaviour]:
        """How the running containers of a pod behave."""
        run = self._runs.get(uid_of(pod))
        return [item.behaviour for item in run.mains if item.running is not None] if run else []

    def pull(self, pod: Object, image: str) -> Pulled:
        del pod
        return self.puller.pull(image)

    def event(self, pod: Object, kind: str, reason: str, message: str, host: str, field: str) -> None:
        self.cluster.recorder.event(pod, kind, reason, message, "kubelet", host=host, field=field)

    def _see_node(self, event: str, obj: Object) -> None:
        name = obj["metadata"]["name"]
        if event == "DELETED":
            self._nodes.pop(name, None)
        elif name not in self._nodes:
            self._nodes[name] = KubeletNode(name, len(self._nodes))

    def _see_pod(self, obj: Object) -> None:
        run, node = self._runs.get(uid_of(obj)), self._nodes.get(obj["spec"]["nodeName"])
        self.now = self.clock.seconds()
        if run is None and node is not None and not is_over(obj):
            run = self._runs[uid_of(obj)] = PodRun(self, node, obj)
            self._by_key[key_of(obj)] = run
        elif run is not None:
            run.see(obj)
        if run is not None:
            self.cluster.loop.soon(self.step, run.uid)

    def _forget(self, obj: Object) -> None:
        run = self._runs.pop(uid_of(obj), None)
        if run is None:
            return
        run.halt()
        run.node.release([run.address] if run.address else [])
        if self._by_key.get(key_of(obj)) is run:
            del self._by_key[key_of(obj)]

    def step(self, uid: object) -> float | None:
        """Lets a pod do what is due, reports its status, and removes it when its time is over."""
        run = self._runs.get(str(uid))
        if run is None:
            return None
        self.now = self.clock.seconds()
        due = run.step()
        if run.dirty:
            self._report(run)
        if run.gone:
            self._remove(run)
            return None
        return None if due is None else max(0.0, due - self.now)

    def _report(self, run: PodRun) -> None:
        status = status_of(run)
        run.dirty = False
        current = self.cluster.store.get(StoreKey("", "Pod", *key_of(run.object)))
        if current is None or uid_of(current) != run.uid or status == current.get("status"):
            return
        self._client.update_status(changed(current, status=status))

    def _remove(self, run: PodRun) -> None:
        self._client.delete(run.object, grace=0, uid=run.uid)
