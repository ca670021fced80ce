"""PersistentVolumeClaims of the storage class "standard" (or of none) get a volume at once."""

from sandbox.controllers.base import Controller
from sandbox.meta import NamespacedName, Object, changed, deleting, kind_of, uid_of

STANDARD = "standard"


def storage_class(stamp: str) -> Object:
    """The default storage class."""
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": STANDARD, "annotations": annotations, "creationTimestamp": stamp},
        "provisioner": "test.slipway/simulated",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    }


def volume_for(claim: Object) -> Object:
    metadata, spec = claim["metadata"], claim["spec"]
    reference = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "uid": metadata["uid"]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"pvc-{metadata['uid']}"},
        "spec": {
            "accessModes": spec.get("accessModes") or ["ReadWriteOnce"],
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "claimRef": {**reference, "name": metadata["name"], "namespace": metadata["namespace"]},
            "csi": {"driver": "test.slipway", "volumeHandle": metadata["uid"]},
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": STANDARD,
        },
    }


class ClaimController(Controller):
    kind = "PersistentVolumeClaim"

    def see(self, event: str, obj: Object, old: Object | None) -> None:
        super().see(event, obj, old)
        if event == "DELETED" and kind_of(obj) == self.kind:
            self.cluster.loop.soon(self.release, uid_of(obj))

    def sync(self, key: NamespacedName) -> float | None:
        claim = self.view.get(self.kind, key)
        if claim is None or deleting(claim) or (claim.get("status") or {}).get("phase") == "Bound":
            return None
        wanted_class = claim["spec"].get("storageClassName", STANDARD)
        if wanted_class != STANDARD:
            self._refuse(claim, wanted_class)
            return None
        name = f"pvc-{uid_of(claim)}"
        if self.view.get("PersistentVolume", NamespacedName("", name)) is None:
            made = self.cluster.hands.create(volume_for(claim))
            self.cluster.hands.update_status(changed(made, status={"phase": "Bound"}))
        wanted = {**claim["spec"], "volumeName": name, "storageClassName": STANDARD}
        bound = self.cluster.hands.update(changed(claim, spec=wanted))
        self.cluster.hands.update_status(changed(bound, status=_bound(claim)))
        return None

    def _refuse(self, claim: Object, name: str) -> None:
        """Tells of a class that is not there; one that is there has no provisioner here."""
        if name and self.view.get("storage.k8s.io/StorageClass", NamespacedName("", name)) is None:
            words = f'storageclass.storage.k8s.io "{name}" not found'
            self.cluster.hands.event(claim, "Warning", "ProvisioningFailed", words, "persistentvolume-controller")

    def release(self, uid: object) -> None:
        """Deletes the volume of a claim that is gone."""
        volume = self.view.get("PersistentVolume", NamespacedName("", f"pvc-{uid}"))
        if volume is not None:
            self.cluster.hands.delete(volume)


def _bound(claim: Object) -> Object:
    return {
        "phase": "Bound",
        "accessModes": claim["spec"].get("accessModes") or ["ReadWriteOnce"],
        "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
    }
