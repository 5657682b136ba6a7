"""Make things exist in a simulated cluster; each function answers with the object as the API server keeps it.

Names, labels and annotations are those that Kubernetes and the CSI drivers write. Times are days ago.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from providers.demo.kubernetes.kinds import BY_OBJECT, Kind
from providers.demo.kubernetes.store import Store, time_of
from providers.demo.kubernetes.table import DEFAULT

Json = dict[str, Any]
EBS, AZURE, PD = "ebs.csi.aws.com", "disk.csi.azure.com", "pd.csi.storage.gke.io"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
BOUND = "pv.kubernetes.io/bind-completed"
CLAIM, VOLUME = BY_OBJECT["v1", "PersistentVolumeClaim"], BY_OBJECT["v1", "PersistentVolume"]
STATEFUL_SET = BY_OBJECT["apps/v1", "StatefulSet"]
INGRESS = BY_OBJECT["networking.k8s.io/v1", "Ingress"]
STORAGE_CLASS = BY_OBJECT["storage.k8s.io/v1", "StorageClass"]


def ebs(handle: str, **attributes: str) -> Json:
    """A volume of the EBS CSI driver; `handle` is `vol-...`."""
    return _csi(EBS, handle, {"storage.kubernetes.io/csiProvisionerIdentity": "1714-ebs.csi.aws.com", **attributes})


def azure_disk(handle: str, **attributes: str) -> Json:
    """A volume of the Azure disk CSI driver; `handle` is the disk's ARM id, `attributes` the class's parameters."""
    return _csi(AZURE, handle, {"requestedsizegib": "10", "skuname": "Premium_LRS", **attributes})


def pd(handle: str, **attributes: str) -> Json:
    """A volume of the PD CSI driver; `handle` is `projects/P/zones/Z/disks/D`."""
    return _csi(
        PD, handle, {"storage.kubernetes.io/csiProvisionerIdentity": "1714-pd.csi.storage.gke.io", **attributes}
    )


def csi(driver: str, handle: str, **attributes: str) -> Json:
    """A volume of any CSI driver."""
    return _csi(driver, handle, attributes)


def _csi(driver: str, handle: str, attributes: Mapping[str, str]) -> Json:
    held = {"volumeAttributes": dict(attributes)} if attributes else {}
    return {"csi": {"driver": driver, "volumeHandle": handle, "fsType": "ext4", **held}}


class Cluster:
    """One cluster's objects, in a server's store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def put(self, api: str, kind: str, name: str, namespace: str = "", *, days: float = 30.0, **body: Any) -> Json:
        """An object of any kind; `metadata` in `body` is added to its own."""
        own = {"name": name} | ({"namespace": namespace} if namespace else {})
        metadata = {**own, "creationTimestamp": time_of(days), **body.pop("metadata", {})}
        if namespace and namespace not in self._namespaces():
            self.namespace(namespace)
        return self.store.put({"apiVersion": api, "kind": kind, "metadata": _filled(metadata), **_filled(body)})

    def change(self, kind: Kind, name: str, namespace: str = "", **changes: Any) -> Json:
        """Merge `changes` into an object. Raises KeyError."""
        return self.store.change(kind, name, namespace, **changes)

    def delete(self, kind: Kind, name: str, namespace: str = "") -> None:
        """Take an object away."""
        self.store.delete(kind, name, namespace)

    def _namespaces(self) -> set[str]:
        return {each.name[1] for each in self.store.objects(BY_OBJECT["v1", "Namespace"])[0]}

    def namespace(self, name: str, **labels: str) -> Json:
        """A namespace."""
        named = {"kubernetes.io/metadata.name": name, **labels}
        spec, status = {"finalizers": ["kubernetes"]}, {"phase": "Active"}
        return self.put("v1", "Namespace", name, metadata={"labels": named}, spec=spec, status=status, days=700)

    # ------------------------------------------------------------ storage

    def storage_class(
        self,
        name: str,
        provisioner: str = EBS,
        parameters: Mapping[str, str] | None = None,
        *,
        default: bool = False,
        reclaim: str = "Delete",
        days: float = 400.0,
        annotations: Mapping[str, str] | None = None,
    ) -> Json:
        """A storage class."""
        said = {**({DEFAULT: "true"} if default else {}), **(annotations or {})}
        return self.put(
            "storage.k8s.io/v1",
            "StorageClass",
            name,
            days=days,
            metadata={"annotations": said},
            provisioner=provisioner,
            parameters=dict(parameters or {}),
            reclaimPolicy=reclaim,
            volumeBindingMode="WaitForFirstConsumer",
            allowVolumeExpansion=True,
        )

    def volume(
        self,
        name: str,
        source: Mapping[str, Any],
        *,
        claim: Json | None = None,
        storage_class: str = "gp3",
        size: int = 10,
        phase: str | None = None,
        reclaim: str = "Delete",
        zone: tuple[str, str] | None = None,
        provisioner: str | None = None,
        labels: Mapping[str, str] | None = None,
        days: float = 30.0,
    ) -> Json:
        """A persistent volume; `size` in GiB, `claim` what it is bound to, `zone` the topology key and its value.
        `provisioner` is who made it (default: the CSI driver; "" for a person).
        """
        driver = source.get("csi", {}).get("driver", "") if provisioner is None else provisioner
        term = {"matchExpressions": [{"key": zone[0], "operator": "In", "values": [zone[1]]}]} if zone else {}
        spec = {
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": f"{size}Gi"},
            "persistentVolumeReclaimPolicy": reclaim,
            "storageClassName": storage_class,
            "volumeMode": "Filesystem",
            "claimRef": _reference(claim) if claim else None,
            "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}} if zone else None,
            **source,
        }
        metadata = {
            "annotations": {PROVISIONED_BY: driver} if driver else {},
            "finalizers": ["kubernetes.io/pv-protection"],
            "labels": dict(labels or {}),
        }
        status = {"phase": phase or ("Bound" if claim else "Available")}
        return self.put("v1", "PersistentVolume", name, metadata=metadata, spec=_filled(spec), status=status, days=days)

    def claim(
        self,
        namespace: str,
        name: str,
        *,
        storage_class: str | None = "gp3",
        size: int = 10,
        volume: str = "",
        phase: str | None = None,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        owner: Json | None = None,
        data_source: Mapping[str, str] | None = None,
        uid: str = "",
        days: float = 30.0,
    ) -> Json:
        """A claim; `storage_class` None names none, `volume` is the PV it is bound to, `uid` "" makes a new one."""
        modes, bound = ["ReadWriteOnce"], {BOUND: "yes"} if volume else {}
        spec = {
            "accessModes": modes,
            "resources": {"requests": {"storage": f"{size}Gi"}},
            "storageClassName": storage_class,
            "volumeMode": "Filesystem",
            "volumeName": volume or None,
            "dataSource": dict(data_source or {}) or None,
        }
        told = {"accessModes": modes, "capacity": {"storage": f"{size}Gi"}} if volume else {}
        metadata = {
            "annotations": {**bound, **(annotations or {})},
            "finalizers": ["kubernetes.io/pvc-protection"],
            "labels": dict(labels or {}),
            "ownerReferences": [_owner(owner)] if owner else [],
            "uid": uid,
        }
        spec = {field: value for field, value in spec.items() if value is not None}  # "" is a class: none at all
        status = {"phase": phase or ("Bound" if volume else "Pending"), **told}
        return self.put(
            "v1", "PersistentVolumeClaim", name, namespace, metadata=metadata, spec=spec, status=status, days=days
        )

    def bound(
        self,
        namespace: str,
        name: str,
        source: Mapping[str, Any],
        *,
        storage_class: str = "gp3",
        size: int = 10,
        labels: Mapping[str, str] | None = None,
        zone: tuple[str, str] | None = None,
        days: float = 30.0,
        volume: str = "",
        uid: str = "",
        data_source: Mapping[str, str] | None = None,
        provisioner: str | None = None,
    ) -> Json:
        """A claim and the volume a provisioner made for it, `pvc-UID` unless named; answers with the claim."""
        about: Json = {"storage_class": storage_class, "size": size, "days": days}
        asked: Json = {"labels": labels, "data_source": data_source, "uid": uid, **about}
        claim = self.claim(namespace, name, **asked)
        pv = volume or f"pvc-{claim['metadata']['uid']}"
        self.volume(pv, source, claim=claim, zone=zone, provisioner=provisioner, **about)
        return self.claim(namespace, name, volume=pv, **asked)

    def snapshot_content(
        self, name: str, handle: str, driver: str = EBS, *, of: str | None = None, policy: str = "Delete"
    ) -> Json:
        """A snapshot's content; `of` is the handle of the volume it was taken of, None for one made by hand."""
        source = {"volumeHandle": of} if of else {"snapshotHandle": handle}
        spec = {
            "deletionPolicy": policy,
            "driver": driver,
            "source": source,
            "volumeSnapshotRef": {"name": name, "namespace": "default"},
        }
        status = {"snapshotHandle": handle, "readyToUse": True, "restoreSize": 10 << 30} if of else {}
        return self.put("snapshot.storage.k8s.io/v1", "VolumeSnapshotContent", name, spec=spec, status=status)

    # ------------------------------------------------------------ workloads

    def stateful_set(
        self,
        namespace: str,
        name: str,
        *,
        replicas: int = 3,
        start: int = 0,
        templates: Iterable[tuple[str, str | None, int]] = (("data", "gp3", 10),),
        volumes: Sequence[Mapping[str, Any]] = (),
        days: float = 30.0,
    ) -> Json:
        """A StatefulSet; `templates` are claim templates (name, class, GiB), `volumes` those of the Pod's template."""
        claims = [_template(*each) for each in templates]
        mounts = [each["metadata"]["name"] for each in claims]
        spec = {
            "replicas": replicas,
            "serviceName": name,
            "selector": {"matchLabels": selector(name)},
            "template": _pod(name, volumes, mounts),
            "ordinals": {"start": start} if start else {},
            "volumeClaimTemplates": claims,
            "podManagementPolicy": "OrderedReady",
        }
        status = {"replicas": replicas, "readyReplicas": replicas, "observedGeneration": 1}
        metadata = {"labels": selector(name)}
        return self.put(
            "apps/v1", "StatefulSet", name, namespace, metadata=metadata, spec=_filled(spec), status=status, days=days
        )

    def deployment(
        self, namespace: str, name: str, volumes: Sequence[Mapping[str, Any]] = (), *, replicas: int = 2
    ) -> Json:
        """A Deployment; `volumes` are those of the Pod's template."""
        spec = {"replicas": replicas, "selector": {"matchLabels": selector(name)}, "template": _pod(name, volumes)}
        status = {"replicas": replicas, "readyReplicas": replicas}
        return self.put("apps/v1", "Deployment", name, namespace, spec=spec, status=status)

    def daemon_set(self, namespace: str, name: str, volumes: Sequence[Mapping[str, Any]] = ()) -> Json:
        """A DaemonSet."""
        spec = {"selector": {"matchLabels": selector(name)}, "template": _pod(name, volumes)}
        counts = ("currentNumberScheduled", "desiredNumberScheduled", "numberReady")
        status = {**dict.fromkeys(counts, 3), "numberMisscheduled": 0}
        return self.put("apps/v1", "DaemonSet", name, namespace, spec=spec, status=status)

    def cron_job(self, namespace: str, name: str, volumes: Sequence[Mapping[str, Any]] = ()) -> Json:
        """A CronJob."""
        pod = _pod(name, volumes)
        pod["spec"]["restartPolicy"] = "Never"
        spec = {"schedule": "17 3 * * *", "jobTemplate": {"spec": {"template": pod}}}
        return self.put("batch/v1", "CronJob", name, namespace, spec=spec)

    def node(self, name: str, provider_id: str, zone: str = "") -> Json:
        """A node."""
        labels = {"kubernetes.io/hostname": name} | ({"topology.kubernetes.io/zone": zone} if zone else {})
        return self.put("v1", "Node", name, metadata={"labels": labels}, spec={"providerID": provider_id})

    # ------------------------------------------------------------ edges and secrets

    def ingress(
        self, namespace: str, name: str, *hosts: str, tls: bool = True, annotations: Mapping[str, str] | None = None
    ) -> Json:
        """An Ingress of these hosts."""
        backend = {"service": {"name": name, "port": {"number": 80}}}
        paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
        spec = {
            "ingressClassName": "nginx",
            "rules": [{"host": host, "http": {"paths": paths}} for host in hosts],
            "tls": [{"hosts": list(hosts), "secretName": f"{name}-tls"}] if tls else [],
        }
        metadata = {"annotations": dict(annotations or {})}
        return self.put("networking.k8s.io/v1", "Ingress", name, namespace, metadata=metadata, spec=_filled(spec))

    def gateway(self, namespace: str, name: str, *listeners: Mapping[str, Any]) -> Json:
        """A Gateway; `listeners` as its spec has them."""
        spec = {"gatewayClassName": "istio", "listeners": [dict(each) for each in listeners]}
        return self.put("gateway.networking.k8s.io/v1", "Gateway", name, namespace, spec=spec)

    def load_balancer(
        self, namespace: str, name: str, *ports: int, annotations: Mapping[str, str] | None = None
    ) -> Json:
        """A Service of type LoadBalancer."""
        told = [{"name": f"p{port}", "port": port, "targetPort": 8080, "protocol": "TCP"} for port in ports]
        spec = {"type": "LoadBalancer", "selector": selector(name), "ports": told}
        return self.put("v1", "Service", name, namespace, metadata={"annotations": dict(annotations or {})}, spec=spec)

    def external_secret(self, namespace: str, name: str, store: str = "vault") -> Json:
        """An ExternalSecret of the External Secrets Operator."""
        spec = {
            "refreshInterval": "1h",
            "secretStoreRef": {"kind": "ClusterSecretStore", "name": store},
            "target": {"name": name},
        }
        status = {"conditions": [{"type": "Ready", "status": "True", "reason": "SecretSynced"}]}
        return self.put("external-secrets.io/v1", "ExternalSecret", name, namespace, spec=spec, status=status)

    def vault_static_secret(self, namespace: str, name: str) -> Json:
        """A VaultStaticSecret of the Vault Secrets Operator."""
        spec = {"mount": "kv", "type": "kv-v2", "path": name, "destination": {"name": name, "create": True}}
        return self.put("secrets.hashicorp.com/v1beta1", "VaultStaticSecret", name, namespace, spec=spec)

    def sealed_secret(self, namespace: str, name: str) -> Json:
        """A SealedSecret of Bitnami's controller."""
        spec = {"encryptedData": {"password": "AgBy3i4OJSWK+PiTySYZZA9rO43cGDEq"}, "template": {"type": "Opaque"}}
        return self.put("bitnami.com/v1alpha1", "SealedSecret", name, namespace, spec=spec)


def selector(workload: str) -> dict[str, str]:
    """The labels that a workload's Pods, and the claims of its templates, have."""
    return {"app.kubernetes.io/name": workload}


def _pod(name: str, volumes: Sequence[Mapping[str, Any]], mounts: Sequence[str] = ()) -> Json:
    mounted = [*mounts, *(str(volume["name"]) for volume in volumes)]
    container = {
        "name": "main",
        "image": f"registry.example/{name}:1.0",
        "volumeMounts": [{"name": each, "mountPath": f"/{each}"} for each in mounted],
    }
    spec: Json = {"containers": [_filled(container)], "volumes": [dict(volume) for volume in volumes]}
    return {"metadata": {"labels": selector(name)}, "spec": _filled(spec)}


def _template(name: str, storage_class: str | None, size: int) -> Json:
    """A claim template of a StatefulSet; without a class it gets the default one."""
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": f"{size}Gi"}},
        "volumeMode": "Filesystem",
        **({"storageClassName": storage_class} if storage_class is not None else {}),
    }
    head = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}}
    return {**head, "spec": spec, "status": {"phase": "Pending"}}


def _reference(claim: Json) -> Json:
    """As a PV's `claimRef` names the claim it is bound to."""
    metadata = claim["metadata"]
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim"} | {
        field: metadata[field] for field in ("namespace", "name", "uid", "resourceVersion")
    }


def _owner(body: Json) -> Json:
    """As `ownerReferences` names it."""
    metadata = body["metadata"]
    named = {"apiVersion": body["apiVersion"], "kind": body["kind"], "name": metadata["name"], "uid": metadata["uid"]}
    return {**named, "controller": True, "blockOwnerDeletion": True}


def _filled(body: Mapping[str, Any]) -> Json:
    """Without what is empty, as the API server leaves it out."""
    return {field: value for field, value in body.items() if value not in (None, {}, [], "")}
